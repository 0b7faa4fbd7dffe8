"""Liveness packs: which ONNX files tell live faces from photos of faces, where they lie, their digests and licence.

A liveness pack is a folder with models and a ``liveness.json``
(:class:`faces.liveness.description.LivenessDescription`); published packs are known by name without one. They lie in
the places of the face packs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from faces.liveness.description import LivenessDescription, read_liveness_description
from faces.liveness.published import PUBLISHED_LIVENESS
from faces.packs.model_pack import Terms, find_folder
from presente.errors import PackError
from presente.files import sha256_file
from presente.installation import command_line


@dataclass(frozen=True, slots=True)
class LivenessPack:
    """A liveness pack that is here and complete.

    Attributes:
        name: for people.
        files: the ONNX files, in the order of the description's models.
        description: what they take and give.
        digest: SHA-256 (hex) over the files' digests and all that is declared and decides on a score or a decision.
    """

    name: str
    files: tuple[Path, ...]
    description: LivenessDescription
    digest: str

    @property
    def tag(self) -> str:
        """Name and the start of the digest, ``name@0123456789ab``."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def terms(self) -> Terms:
        """The licence of the weights, and who may use them."""
        return Terms(self.description.licence, self.description.use)


def liveness_description(folder: Path) -> LivenessDescription | None:
    """What a folder's ``liveness.json`` says, or what is published of a pack of its name; None: it is no liveness pack.

    Raises:
        PackError: ``pack_invalid``.
    """
    described = read_liveness_description(folder)
    if described is None and folder.name in PUBLISHED_LIVENESS:
        return PUBLISHED_LIVENESS[folder.name].description
    return described


def load_liveness_pack(name: str, places: Iterable[Path]) -> LivenessPack:
    """Find a liveness pack, and check its files.

    Args:
        name: of a folder in one of the places, or a folder.
        places: where packs lie, the first that has it wins.

    Raises:
        PackError: ``pack_not_found``, ``pack_incomplete``, ``pack_invalid``, ``checksum_mismatch``;
            ``unsuitable_model`` when it is a pack of another kind.
    """
    names = f"Name sample_liveness or one of {', '.join(sorted(PUBLISHED_LIVENESS))}, or a folder with a liveness.json"
    folder = find_folder(name, places, PUBLISHED_LIVENESS, names)
    described = liveness_description(folder)
    if described is None:
        raise PackError(
            "unsuitable_model",
            f"{folder} is no liveness pack: it has no liveness.json.",
            f"Name a liveness pack (`{command_line('faces list')}` shows which are here), or describe the model there.",
        )
    files = tuple(folder / model.file for model in described.models)
    if missing := [str(file) for file in files if not file.is_file()]:
        raise PackError(
            "pack_incomplete",
            f"Liveness pack {name!r} lacks {', '.join(missing)}.",
            f"Put the file there, or pull the pack with `{command_line(f'faces pull {folder.name}')}`.",
        )
    digests = [sha256_file(file) for file in files]
    for model, file, digest in zip(described.models, files, digests, strict=True):
        if model.sha256 and digest != model.sha256:
            raise PackError(
                "checksum_mismatch",
                f"{file} has SHA-256 {digest}, expected {model.sha256}.",
                "Put the right file there; a model of your own needs a liveness.json with its own sha256, or without "
                "one.",
            )
    parts = [
        [digest, each.crop, each.input, each.output] for digest, each in zip(digests, described.models, strict=True)
    ]
    declared = msgspec.json.encode([parts, described.threshold, described.least_face])
    return LivenessPack(described.name or folder.name, files, described, hashlib.sha256(declared).hexdigest())
