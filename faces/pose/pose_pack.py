"""Pose packs: which ONNX file finds keypoints, where it lies, which digest it must have, and its licence.

A pose pack is a folder with a model and a ``pose.json`` (:class:`faces.pose.description.PoseDescription`); published
packs are known by name without one. They lie in the places of the face packs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from faces.packs.model_pack import Terms, find_folder
from faces.pose.description import PoseDescription, read_pose_description
from faces.pose.published import PUBLISHED_POSES
from presente.errors import PackError
from presente.files import sha256_file
from presente.installation import command_line


@dataclass(frozen=True, slots=True)
class PosePack:
    """A pose pack that is here and complete.

    Attributes:
        name: for people.
        model: the ONNX file.
        description: what it takes and gives.
        digest: SHA-256 (hex) over the file's digest and what is declared of its input and output.
    """

    name: str
    model: Path
    description: PoseDescription
    digest: str

    @property
    def tag(self) -> str:
        """Name and the start of the digest, ``name@0123456789ab``."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def terms(self) -> Terms:
        """The licence of the weights, and who may use them."""
        return Terms(self.description.licence, self.description.use)


def pose_description(folder: Path) -> PoseDescription | None:
    """What a folder's ``pose.json`` says, or what is published of a pack of its name; None: it is no pose pack.

    Raises:
        PackError: ``pack_invalid``.
    """
    described = read_pose_description(folder)
    if described is None and folder.name in PUBLISHED_POSES:
        return PUBLISHED_POSES[folder.name].description
    return described


def load_pose_pack(name: str, places: Iterable[Path]) -> PosePack:
    """Find a pose pack, and check its file.

    Args:
        name: of a folder in one of the places, or a folder.
        places: where packs lie, the first that has it wins.

    Raises:
        PackError: ``pack_not_found``, ``pack_incomplete``, ``pack_invalid``, ``checksum_mismatch``;
            ``unsuitable_model`` when it is a face pack.
    """
    names = f"Name sample_pose or one of {', '.join(sorted(PUBLISHED_POSES))}, or a folder with a pose.json"
    folder = find_folder(name, places, PUBLISHED_POSES, names)
    described = pose_description(folder)
    if described is None:
        raise PackError(
            "unsuitable_model",
            f"{folder} is no pose pack: it has no pose.json.",
            f"Name a pose pack (`{command_line('faces list')}` shows which are here), or describe the model there.",
        )
    model = folder / described.model
    if not model.is_file():
        raise PackError(
            "pack_incomplete",
            f"Pose pack {name!r} lacks {model}.",
            f"Put the file there, or pull the pack with `{command_line(f'faces pull {folder.name}')}`.",
        )
    digest = sha256_file(model)
    if described.sha256 and digest != described.sha256:
        raise PackError(
            "checksum_mismatch",
            f"{model} has SHA-256 {digest}, expected {described.sha256}.",
            "Put the right file there; a model of your own needs a pose.json with its own sha256, or without one.",
        )
    declared = msgspec.json.encode([described.input, described.output, described.order])
    return PosePack(
        name=described.name or folder.name,
        model=model,
        description=described,
        digest=hashlib.sha256(digest.encode() + declared).hexdigest(),
    )
