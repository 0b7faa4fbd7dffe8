"""``pack.json``: what a pack's folder says about its two models."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from presente.errors import PackError

_ALIGNED = 112
"""Side, in pixels, of a face that is aligned by its landmarks."""

POSE_DESCRIPTION, LIVENESS_DESCRIPTION = "pose.json", "liveness.json"
"""A folder with one of these files is a pose pack or a liveness pack: what else is in it makes no templates."""

USES = ("anyone", "research only")
"""Who may use a pack, as far as the licence of its weights says; "not stated" where none is given."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an embedder that is no ArcFace wants a face.

    Attributes:
        size: side of its input in pixels.
        mean, scale: of a pixel v it is given (v - mean) / scale.
        colours: their order.
        crop: which part of the photo; ``box``: the detector's box, stretched to a square; ``landmarks``: the face
            aligned by its five landmarks, as for an ArcFace, 112 pixels per side.
        margin: what is added around the box, both sides together, in pixels of the input.
    """

    size: int
    mean: float
    scale: float
    colours: Literal["rgb", "bgr"]
    crop: Literal["box", "landmarks"]
    margin: float

    @classmethod
    def read(cls, described: Any) -> Preprocessing:
        """From the value of ``input`` in ``pack.json``.

        Raises:
            ValueError: a member is missing, unknown or out of range.
        """
        names = [one.name for one in fields(cls)]
        if not isinstance(described, dict) or sorted(described) != sorted(names):
            raise ValueError(f"'input' must be an object with {', '.join(names)}")
        numbers = [described[name] for name in ("size", "mean", "scale", "margin")]
        if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
            raise ValueError("size, mean, scale and margin of 'input' must be numbers")
        made = cls(**described)
        if not (isinstance(made.size, int) and 0 <= made.margin < made.size and made.scale > 0):
            raise ValueError("'input' must have a whole size above its margin, and a scale above 0")
        if made.colours not in ("rgb", "bgr") or made.crop not in ("box", "landmarks"):
            raise ValueError("'input' must have colours rgb or bgr, and crop box or landmarks")
        if made.crop == "landmarks" and (made.size, made.margin) != (_ALIGNED, 0):
            raise ValueError(f"'input' with crop landmarks must have size {_ALIGNED} and margin 0")
        return made


def read_description(folder: Path) -> dict[str, Any]:
    """The checked members of a folder's ``pack.json``; empty when there is no such file.

    Raises:
        PackError: ``pack_invalid``.
    """
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
        if described.get("use", USES[0]) not in USES:
            raise ValueError(f"'use' must be one of {', '.join(USES)}")
        if "input" in described:
            Preprocessing.read(described["input"])
        if not -1 <= described.get("threshold", 0) <= 1:
            raise ValueError("'threshold' must be a cosine, from -1 to 1")
        return described
    except (ValueError, OSError) as exc:
        raise PackError("pack_invalid", f"{path} cannot be used: {exc}.", "Correct it or delete it.") from exc
