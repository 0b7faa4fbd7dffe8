"""``pose.json``: what a pose pack's folder says about its model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from faces.declared_network import NetworkInput
from faces.packs.description import POSE_DESCRIPTION
from faces.pose.keypoints import COCO
from presente.errors import PackError

NEEDED = ("nose", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist")
"""Keypoints without which no raised hand can be told."""


class PoseOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of what a model gives.

    Attributes:
        form: ``movenet``: (1, 1, k, 3), y, x and score as shares; ``simcc``: RTMPose's two outputs, along x and along
            y; ``heatmap``: (n, k, rows, columns).
        split_ratio: SimCC's values per pixel of the input.
    """

    form: Literal["movenet", "simcc", "heatmap"]
    split_ratio: Annotated[float, msgspec.Meta(gt=0, le=16)] = 2.0


class PoseDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole ``pose.json``.

    Attributes:
        model: the ONNX file's name in the folder.
        input, output: of the model.
        keypoints: names in the model's order, those of COCO where it has them; ``coco``: COCO's 17.
        name: of the pack, when it is not the folder's.
        sha256: of the model file, hex; empty: any file of this name.
        licence, use: of the weights.
        about: for people.
    """

    model: str
    input: NetworkInput
    output: PoseOutput
    keypoints: Literal["coco"] | tuple[str, ...] = "coco"
    name: str = ""
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""
    licence: str = "not stated"
    use: Literal["anyone", "research only", "not stated"] = "not stated"
    about: str = ""

    def __post_init__(self) -> None:
        """Refuse a path, and keypoints that cannot be used."""
        if Path(self.model).name != self.model or not self.model.endswith(".onnx"):
            raise ValueError("model must be the name of an ONNX file in the folder")
        if len(set(self.order)) != len(self.order):
            raise ValueError("keypoints must have different names")
        if missing := [name for name in NEEDED if name not in self.order]:
            raise ValueError(f"keypoints lack {', '.join(missing)}")

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the model's keypoints in its order."""
        return COCO if self.keypoints == "coco" else tuple(self.keypoints)


_DECODER = msgspec.json.Decoder(PoseDescription)  # described now, by one thread: presente/struct_types.py


def read_pose_description(folder: Path) -> PoseDescription | None:
    """What a folder's ``pose.json`` says; None when there is no such file.

    Raises:
        PackError: ``pack_invalid``.
    """
    path = folder / POSE_DESCRIPTION
    try:
        return _DECODER.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as exc:
        raise PackError("pack_invalid", f"{path} cannot be used: {exc}.", "Correct it or delete it.") from exc
