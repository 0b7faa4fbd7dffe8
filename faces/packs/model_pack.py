"""Model packs: which two ONNX files make templates, where they lie, what they must hash to, who may use them.

A pack is a folder in InsightFace's layout, ``NAME/*.onnx``: one SCRFD detector with five landmarks and one ArcFace
embedder. Other models in the folder are never opened by the runtime. A ``pack.json`` beside them may name the two files
and give ``dim``, ``threshold``, ``licence`` and ``flip``, and for an embedder that is no ArcFace ``input``
(:class:`Preprocessing`). InsightFace's own packs are known by name; in any other folder the two are told apart by the
shapes of their graphs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from presente.errors import PackError
from presente.files import sha256_file
from presente.installation import command_line

GENERIC_THRESHOLD = 0.42
"""Cosine from which a face is known when neither a calibration nor the pack says better.

For a class, not a city: with an ArcFace MobileFaceNet and 80 enrolled people of LFW, 3 strangers in 200 reach 0.42. A
larger gallery needs a higher one; see docs/evaluation.md for the command that measures it.
"""

_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
_RESEARCH_ONLY = "InsightFace pretrained models: non-commercial research purposes only"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One ONNX file of a published pack: its name in the archive, SHA-256 (hex) and size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class PublishedPack:
    """A pack that can be pulled: the archive's address, the two files wanted from it, and its terms."""

    name: str
    url: str
    detection: ModelFile
    recognition: ModelFile
    dim: int
    licence: str = _RESEARCH_ONLY


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an embedder that is no ArcFace wants a face.

    Attributes:
        size: side of its input in pixels.
        mean, scale: of a pixel v it is given (v - mean) / scale.
        colours: their order.
        crop: what of the photo: ``box`` is the detector's box, stretched to a square.
        margin: how much is added around the box, both sides together, in pixels of the input.
    """

    size: int
    mean: float
    scale: float
    colours: Literal["rgb", "bgr"]
    crop: Literal["box"]
    margin: float

    @classmethod
    def read(cls, described: Any) -> Preprocessing:
        """From ``pack.json``; ``ValueError`` when it does not say just this."""
        names = [one.name for one in fields(cls)]
        if not isinstance(described, dict) or sorted(described) != sorted(names):
            raise ValueError(f"'input' must be an object with {', '.join(names)}")
        numbers = [described[name] for name in ("size", "mean", "scale", "margin")]
        if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            raise ValueError("size, mean, scale and margin of 'input' must be numbers")
        made = cls(**described)
        if not (isinstance(made.size, int) and 0 <= made.margin < made.size and made.scale > 0):
            raise ValueError("'input' must have a whole size above its margin, and a scale above 0")
        if made.colours not in ("rgb", "bgr") or made.crop != "box":
            raise ValueError("'input' must have colours rgb or bgr, and crop box")
        return made


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A pack that is here and complete.

    Attributes:
        name: what people call it.
        detection, recognition: paths of the two ONNX files.
        dim: length of a template.
        threshold: cosine that the pack suggests when nothing was calibrated.
        licence: terms of the weights.
        digest: SHA-256 (hex) over both files' digests, and the preprocessing where it is declared: two packs with one
            name and other weights differ here.
        flip: a template is that of the face and of its mirror image together.
        preprocessing: None for an ArcFace, whose input is known.
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

    @property
    def tag(self) -> str:
        """Name and the start of the digest, ``name@0123456789ab``, then ``+flip`` if so: what every template is stored
        with."""
        return f"{self.name}@{self.digest[:12]}{'+flip' if self.flip else ''}"


_DET_10G = ("5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91", 16_923_827)
_DET_25G = ("041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9", 3_292_009)
_DET_500M = ("5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a", 2_524_817)
_R50 = ("4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43", 174_383_860)
_MBF = ("9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f", 13_616_099)
_R100 = ("4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf", 260_665_334)


def _published(name: str, detection: ModelFile, recognition: ModelFile) -> PublishedPack:
    return PublishedPack(name, f"{_RELEASE}/{name}.zip", detection, recognition, dim=512)


PUBLISHED: Mapping[str, PublishedPack] = {
    pack.name: pack
    for pack in (
        _published("buffalo_l", ModelFile("det_10g.onnx", *_DET_10G), ModelFile("w600k_r50.onnx", *_R50)),
        _published("buffalo_m", ModelFile("det_2.5g.onnx", *_DET_25G), ModelFile("w600k_r50.onnx", *_R50)),
        _published("buffalo_s", ModelFile("det_500m.onnx", *_DET_500M), ModelFile("w600k_mbf.onnx", *_MBF)),
        _published("buffalo_sc", ModelFile("det_500m.onnx", *_DET_500M), ModelFile("w600k_mbf.onnx", *_MBF)),
        _published("antelopev2", ModelFile("scrfd_10g_bnkps.onnx", *_DET_10G), ModelFile("glintr100.onnx", *_R100)),
    )
}
"""InsightFace's packs. Digests are those that several independent users of the release publish."""


def find_pack(name: str, places: Iterable[Path]) -> Path:
    """The folder of a pack: ``name`` itself when it is a folder with ONNX files, else ``place/name``, first wins.

    Raises:
        PackError: ``pack_not_found``, with where it was looked for and the command that gets it.
    """
    searched = []
    for folder in (Path(name).expanduser(), *(Path(place).expanduser() / name for place in places)):
        if folder.is_dir() and any(folder.glob("*.onnx")):
            return folder.resolve()
        searched.append(str(folder))
    if name in PUBLISHED:
        fix = f"Pull it with `{command_line(f'faces pull {name}')}`."
    else:
        fix = (
            f"Name one of {', '.join(sorted(PUBLISHED))} or sample, or a folder that holds an SCRFD and an ArcFace "
            f"ONNX file; `{command_line('faces list')}` shows what is here."
        )
    raise PackError("pack_not_found", f"There is no pack {name!r} in: {', '.join(searched)}.", fix)


def load_pack(name: str, places: Iterable[Path]) -> ModelPack:
    """Find a pack, settle which two files it is made of, and check them.

    Raises:
        PackError: ``pack_not_found``, ``pack_incomplete``, ``pack_invalid`` or ``checksum_mismatch``.
    """
    folder = find_pack(name, places)
    described = _read_description(folder)
    published = PUBLISHED.get(folder.name)
    if described:
        detection, recognition = folder / str(described["detection"]), folder / str(described["recognition"])
    elif published and (folder / published.recognition.name).exists():
        detection, recognition = folder / published.detection.name, folder / published.recognition.name
    else:
        detection, recognition = _tell_apart(folder)
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
    preprocessing = Preprocessing.read(described["input"]) if "input" in described else None
    if preprocessing is not None:
        digests.append(repr(preprocessing))
    return ModelPack(
        name=str(described.get("name", folder.name)),
        detection=detection,
        recognition=recognition,
        dim=int(described["dim"]) if "dim" in described else _output_dim(recognition),
        threshold=float(described.get("threshold", GENERIC_THRESHOLD)),
        licence=str(described.get("licence", published.licence if published else "not stated")),
        digest=hashlib.sha256("\n".join(digests).encode()).hexdigest(),
        flip=bool(described.get("flip", False)),
        preprocessing=preprocessing,
    )


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


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / "pack.json"
    if not path.exists():
        return {}
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(described, dict) or not {"detection", "recognition"} <= described.keys():
            raise ValueError("it must be an object with 'detection' and 'recognition'")
        for number in ("dim", "threshold"):
            if number in described and not isinstance(described[number], int | float):
                raise ValueError(f"{number!r} must be a number")
        if not isinstance(described.get("flip", False), bool):
            raise ValueError("'flip' must be true or false")
        if "input" in described:
            Preprocessing.read(described["input"])
        if not -1 <= described.get("threshold", 0) <= 1:
            raise ValueError("'threshold' must be a cosine, from -1 to 1")
        return described
    except (ValueError, OSError) as exc:
        raise PackError("pack_invalid", f"{path} cannot be used: {exc}.", "Correct it or delete it.") from exc


def _graph_shapes(path: Path) -> tuple[list[int | None], list[list[int | None]]]:
    """Shapes of the first input and of all outputs, None where a size is dynamic; weights are not kept."""
    import onnx

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as exc:  # protobuf's DecodeError has no stable import path across versions
        raise PackError("damaged_model", f"{path} is not an ONNX file ({exc}).", "Replace it.") from exc

    def shape(value: onnx.ValueInfoProto) -> list[int | None]:
        return [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]

    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    return shape(inputs[0]) if inputs else [], [shape(value) for value in graph.output]


def _tell_apart(folder: Path) -> tuple[Path, Path]:
    """SCRFD has nine outputs (five landmarks at three strides); ArcFace has one, from a fixed 112x112 input."""
    detectors, recognisers = [], []
    for path in sorted(folder.glob("*.onnx")):
        inputs, outputs = _graph_shapes(path)
        if len(outputs) == 9:
            detectors.append(path)
        elif len(outputs) == 1 and inputs[2:4] == [112, 112] and (outputs[0][-1] or 0) >= 64:
            recognisers.append(path)
    if len(detectors) != 1 or len(recognisers) != 1:
        raise PackError(
            "pack_incomplete",
            f"{folder} must hold one SCRFD detector with five landmarks and one 112x112 ArcFace "
            f"embedder; it holds {len(detectors)} and {len(recognisers)}.",
            'Remove the others, or name the two in a pack.json: {"detection": "...", "recognition": "..."}.',
        )
    return detectors[0], recognisers[0]


def _output_dim(recognition: Path) -> int:
    dim = _graph_shapes(recognition)[1][0][-1]
    if dim is None:
        raise PackError(
            "pack_invalid",
            f"{recognition} does not say how long its embeddings are.",
            'Give "dim" in a pack.json beside it.',
        )
    return dim
