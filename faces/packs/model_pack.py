"""Model packs: which two ONNX files make templates, where they lie, which digests they must have, and their licence.

A pack is a folder in InsightFace's layout, ``NAME/*.onnx``: one detector with five landmarks (SCRFD or YuNet) and one
embedder. Other models in the folder are never opened by the runtime. A ``pack.json`` beside them may name the two files
and give ``dim``, ``threshold``, ``licence``, ``use`` and ``flip``, and for an embedder that is no ArcFace ``input``
(:class:`Preprocessing`). Published packs are known by name; in any other folder the two are told apart by their graphs,
and SFace is known by its digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faces.packs.description import LIVENESS_DESCRIPTION, POSE_DESCRIPTION, Preprocessing, read_description
from faces.packs.graph_shapes import output_dim, tell_apart
from faces.packs.precision_check import PrecisionCheck, passed_check, precision_folder
from faces.packs.published import PUBLISHED, PublishedPack
from presente.errors import PackError
from presente.files import sha256_file
from presente.installation import command_line

__all__ = [
    "DEFAULT_THRESHOLD",
    "ModelPack",
    "Preprocessing",
    "Terms",
    "find_folder",
    "find_pack",
    "installed",
    "load_pack",
    "terms_of",
]

DEFAULT_THRESHOLD = 0.42
"""Cosine from which a face is known when neither a calibration nor the pack gives a threshold.

It is meant for a class, not for a city: with an ArcFace MobileFaceNet and 80 enrolled people of LFW, 3 strangers in 200
reach 0.42. A larger gallery needs a higher one; docs/evaluation.md has the command that measures it.
"""


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A pack that is here and complete.

    Attributes:
        name: the pack's name, for people.
        detection, recognition: paths of the two ONNX files.
        dim: length of a template.
        threshold: cosine from which a face is known when nothing was calibrated.
        licence: terms of the weights.
        digest: SHA-256 (hex) over both files' digests, the preprocessing where it is declared, and the quantized graph
            where there is one: two packs with one name and other weights differ here.
        flip: a template is made of the face and of its mirror image together.
        preprocessing: None for an ArcFace, whose input is known.
        threshold_declared: whether ``pack.json`` gives the threshold; else it is :data:`DEFAULT_THRESHOLD`.
        folder: the pack's folder.
        check: the passed check of the precision that the pack is used in; None: it is used in f32.
    """

    name: str
    detection: Path
    recognition: Path
    dim: int
    threshold: float
    licence: str
    digest: str
    flip: bool = False
    preprocessing: Preprocessing | None = None
    threshold_declared: bool = False
    folder: Path = Path()
    check: PrecisionCheck | None = None

    @property
    def tag(self) -> str:
        """Name and the start of the digest, ``name@0123456789ab``, then ``+flip`` if so, and ``+bf16`` or ``+int8`` if
        that is the precision: what every template is stored with."""
        precision = f"+{self.check.precision}" if self.check else ""
        return f"{self.name}@{self.digest[:12]}{'+flip' if self.flip else ''}{precision}"

    @property
    def graph(self) -> Path:
        """The embedder's graph that is run: the quantized one, or :attr:`recognition`."""
        if self.check is None or not self.check.graph:
            return self.recognition
        return precision_folder(self.folder, self.check.precision) / self.check.graph

    @property
    def threshold_source(self) -> str:
        """Where the threshold comes from, for machines: ``pack NAME``, or ``default``."""
        return f"pack {self.name}" if self.threshold_declared else "default"

    def described_threshold(self, threshold: float, source: str) -> str:
        """A threshold and where it comes from, for people; a ``source`` that is not this pack's stands for itself."""
        if source != self.threshold_source:
            return f"{threshold:.4g} ({source})"
        if self.threshold_declared:
            return f"{threshold:.4g} (the threshold that pack {self.name} declares)"
        return f"{threshold:.4g} (the general default, because pack {self.name} declares no threshold)"


def find_pack(name: str, places: Iterable[Path]) -> Path:
    """The folder of a pack: ``name`` itself when it is a folder with ONNX files, else ``place/name``, first wins.

    Raises:
        PackError: ``pack_not_found``, with where it was looked for and the command that gets it.
    """
    return find_folder(
        name,
        places,
        PUBLISHED,
        f"Name one of {', '.join(sorted(PUBLISHED))} or sample, or a folder that holds a detector and an "
        "embedder as ONNX files",
    )


def find_folder(name: str, places: Iterable[Path], published: Container[str], otherwise: str) -> Path:
    """The folder of a pack of any kind, as for :func:`find_pack`.

    Args:
        name, places: likewise.
        published: names that can be pulled.
        otherwise: what to do about any other name, for the error.

    Raises:
        PackError: ``pack_not_found``.
    """
    searched = []
    for folder in (Path(name).expanduser(), *(Path(place).expanduser() / name for place in places)):
        if folder.is_dir() and any(folder.glob("*.onnx")):
            return folder.resolve()
        searched.append(str(folder))
    fix = f"{otherwise}; `{command_line('faces list')}` shows what is here."
    if name in published:
        fix = f"Pull it with `{command_line(f'faces pull {name}')}`."
    raise PackError("pack_not_found", f"There is no pack {name!r} in: {', '.join(dict.fromkeys(searched))}.", fix)


def load_pack(name: str, places: Iterable[Path], precision: str = "f32") -> ModelPack:
    """Find a pack and its two files, and check them.

    Args:
        name: as for :func:`find_pack`.
        places: likewise.
        precision: ``f32``, or ``bf16`` or ``int8`` if the pack has passed the check of it.

    Raises:
        PackError: ``pack_not_found``, ``pack_incomplete``, ``pack_invalid`` or ``checksum_mismatch``;
            ``unsuitable_model`` when it is a pack of another kind.
        ConfigError: ``precision_unchecked``, ``precision_outdated``.
    """
    folder = find_pack(name, places)
    pack = _read_pack(name, folder)
    if precision == "f32":
        return pack
    check = passed_check(folder, name, precision, pack.digest)
    digest = hashlib.sha256(f"{pack.digest}\n{check.graph_sha256}".encode()).hexdigest()
    return replace(pack, check=check, digest=digest)


def _read_pack(name: str, folder: Path) -> ModelPack:
    for file, kind in ((POSE_DESCRIPTION, "pose"), (LIVENESS_DESCRIPTION, "liveness")):
        if (folder / file).exists():
            raise PackError(
                "unsuitable_model",
                f"{folder} is a {kind} pack, which makes no templates.",
                f"Name a face pack; `{command_line('faces list')}` shows which are here.",
            )
    described = read_description(folder)
    published = PUBLISHED.get(folder.name)
    if described:
        detection, recognition = folder / str(described["detection"]), folder / str(described["recognition"])
    elif published and (folder / published.recognition.name).exists():
        detection, recognition = folder / published.detection.name, folder / published.recognition.name
    else:
        detection, recognition = tell_apart(folder)
    terms = terms_of(folder)
    missing = [str(path) for path in (detection, recognition) if not path.is_file()]
    if missing:
        raise PackError(
            "pack_incomplete",
            f"Pack {name!r} lacks {', '.join(missing)}.",
            f"Put the file there, or pull the pack with `{command_line(f'faces pull {folder.name}')}`.",
        )
    digests = [sha256_file(path) for path in (detection, recognition)]
    if published and not described:
        _check_digests(published, (detection, recognition), digests)
    preprocessing = Preprocessing.read(described["input"]) if "input" in described else _known_input(digests[1])
    if preprocessing is not None:
        digests.append(repr(preprocessing))
    return ModelPack(
        name=str(described.get("name", folder.name)),
        detection=detection,
        recognition=recognition,
        dim=int(described["dim"]) if "dim" in described else output_dim(recognition),
        threshold=float(described.get("threshold", DEFAULT_THRESHOLD)),
        licence=terms.licence,
        digest=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
        flip=bool(described.get("flip", False)),
        preprocessing=preprocessing,
        threshold_declared="threshold" in described,
        folder=folder,
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """The licence of a pack's weights, and who may use them: ``anyone``, ``research only`` or ``not stated``."""

    licence: str
    use: str


def terms_of(folder: Path) -> Terms:
    """The terms of the pack in a folder, from its ``pack.json`` or, for a published pack, as published.

    Raises:
        PackError: ``pack_invalid``.
    """
    described = read_description(folder)
    published = None if described else PUBLISHED.get(folder.name)
    otherwise = Terms(published.licence, published.use) if published else Terms("not stated", "not stated")
    return Terms(str(described.get("licence", otherwise.licence)), str(described.get("use", otherwise.use)))


def _known_input(digest: str) -> Preprocessing | None:
    """What a published embedder with this digest takes; None for an ArcFace and for all others."""
    return next((pack.preprocessing for pack in PUBLISHED.values() if pack.recognition.sha256 == digest), None)


def installed(places: Sequence[Path]) -> list[tuple[str, Path]]:
    """(name, folder) of every pack folder in the given places, first place first."""
    found: dict[str, Path] = {}
    for place in places:
        for folder in sorted(Path(place).expanduser().glob("*/")):
            if any(folder.glob("*.onnx")):
                found.setdefault(folder.name, folder.resolve())
    return list(found.items())


def _check_digests(published: PublishedPack, paths: Sequence[Path], digests: Sequence[str]) -> None:
    for wanted, path, digest in zip((published.detection, published.recognition), paths, digests, strict=True):
        if path.name == wanted.name and digest != wanted.sha256:
            raise PackError(
                "checksum_mismatch",
                f"{path} has SHA-256 {digest}, {published.name}'s is {wanted.sha256}.",
                f"Delete it and run `{command_line(f'faces pull {published.name}')}`; a model of your own belongs in "
                "a folder with another name.",
            )
