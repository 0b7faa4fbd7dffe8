"""``liveness.json``: what a liveness pack's folder says about its models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from faces.declared_network import NetworkInput
from faces.packs.description import LIVENESS_DESCRIPTION
from presente.errors import PackError

_LEAST_SEEN = 0.5
"""A part that reaches further beyond the photo would be filled with what is not there, and be far larger than it."""

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class CropRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a photo a model sees.

    Attributes:
        around: ``box``: the detector's box; ``square``: a square of the box's longer side, about its middle;
            ``landmarks``: the square of ArcFace's aligned crop, which turns with the face.
        scale: how many times as wide and high as that the part is.
        beyond: what is done where the photo ends. ``shrink``: the scale is reduced until the part is no larger than the
            photo, and the part is moved into it; ``reflect``: the photo is mirrored; ``repeat``: its last pixels are
            repeated.
        resize: how the part becomes the input. ``linear``: between four pixels, as most projects have it;
            ``area``: by averaging where it is reduced, and by Lanczos where it is enlarged.
        least_seen: share of what is asked for that the photo must show, from 0 to 1, so that the face can be judged: of
            the scale with ``shrink``, else of the part's area.
    """

    around: Literal["box", "square", "landmarks"]
    scale: Annotated[float, msgspec.Meta(ge=0.5, le=8)]
    beyond: Literal["shrink", "reflect", "repeat"]
    resize: Literal["linear", "area"] = "linear"
    least_seen: _Share = 0.7

    def __post_init__(self) -> None:
        """Refuse what cannot be cut."""
        if self.around == "landmarks" and (self.beyond, self.resize) != ("repeat", "linear"):
            raise ValueError("a crop around landmarks is warped: it has beyond repeat and resize linear")
        if self.beyond != "shrink" and self.least_seen < _LEAST_SEEN:
            raise ValueError(f"least_seen must be {_LEAST_SEEN} or more, unless beyond is shrink")


class LivenessOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model gives for a face.

    Attributes:
        form: ``logits`` become probabilities by softmax, a single one by the logistic function; ``probabilities`` are
            taken as they are.
        classes: how many numbers per face.
        live: which of them is that of a live face, from 0.
    """

    form: Literal["logits", "probabilities"]
    classes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    live: Annotated[int, msgspec.Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        """Refuse a class that is not there."""
        if self.live >= self.classes:
            raise ValueError("live must be below classes: classes are counted from 0")


class LivenessModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of a pack.

    Attributes:
        file: the ONNX file's name in the folder.
        crop, input, output: what it sees, takes and gives.
        sha256: of the file, hex; empty: any file of this name.
    """

    file: str
    crop: CropRule
    input: NetworkInput
    output: LivenessOutput
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""

    def __post_init__(self) -> None:
        """Refuse a path, and an input that is no square where the crop is one."""
        if Path(self.file).name != self.file or not self.file.endswith(".onnx"):
            raise ValueError("file must be the name of an ONNX file in the folder")
        if self.crop.around == "landmarks" and self.input.height != self.input.width:
            raise ValueError("a crop around landmarks is a square, and the input is not")


class LivenessDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole ``liveness.json``.

    Attributes:
        models: whose scores are averaged.
        threshold: score from which a face counts as live where nothing was calibrated.
        least_face: pixels of a face's shorter side from which it can be judged.
        name: of the pack, when it is not the folder's.
        licence, use: of the weights.
        about: for people.
    """

    models: Annotated[tuple[LivenessModel, ...], msgspec.Meta(min_length=1, max_length=8)]
    threshold: _Share
    least_face: Annotated[int, msgspec.Meta(ge=1, le=512)] = 40
    name: str = ""
    licence: str = "not stated"
    use: Literal["anyone", "research only", "not stated"] = "not stated"
    about: str = ""

    def __post_init__(self) -> None:
        """Refuse the same file twice."""
        if len({model.file for model in self.models}) != len(self.models):
            raise ValueError("models must be different files")


_DECODER = msgspec.json.Decoder(LivenessDescription)  # described now, by one thread: presente/struct_types.py


def read_liveness_description(folder: Path) -> LivenessDescription | None:
    """What a folder's ``liveness.json`` says; None when there is no such file.

    Raises:
        PackError: ``pack_invalid``.
    """
    path = folder / LIVENESS_DESCRIPTION
    try:
        return _DECODER.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as exc:
        raise PackError("pack_invalid", f"{path} cannot be used: {exc}.", "Correct it or delete it.") from exc
