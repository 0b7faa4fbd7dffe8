"""What a liveness model says of a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NotJudged = Literal["too_tight", "too_small"]
"""Why a face cannot be judged: the photo ends too close to it, or it has too few pixels."""


@dataclass(frozen=True, slots=True)
class LivenessScore:
    """The score of one face.

    Attributes:
        score: 0 to 1, higher is more like a live person; None when the face cannot be judged.
        pack: tag of the liveness pack.
        reason: why there is no score; None when there is one.
    """

    score: float | None
    pack: str
    reason: NotJudged | None = None
