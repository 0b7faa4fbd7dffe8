"""What a film shows: faces that were followed through it, and hands that they raised. Times are seconds of the film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.liveness.evidence import evidence_of
from faces.liveness.values import LivenessScore
from faces.quality import Quality


@dataclass(frozen=True, slots=True)
class FilmView:
    """One look at a face.

    Attributes:
        at_s: when.
        box: x1, y1, x2, y2 in pixels of the upright frame.
        quality: how good the view is, greater is better: what the choice of views goes by.
        thumbnail: the face, JPEG.
        liveness: what a liveness pack says of it; None where that was not asked.
        measured: of the face in the frame.
    """

    at_s: float
    box: tuple[float, float, float, float]
    quality: float
    thumbnail: bytes
    liveness: LivenessScore | None = None
    measured: Quality | None = None


@dataclass(frozen=True, slots=True)
class FilmAppearance:
    """Someone who was followed through a film, in one piece or in several that were found to be one face.

    Attributes:
        vector: one template of the best views together, float32 (d,), length 1.
        views: the views that it was made of, the best first.
        spans: from when to when the face was seen, in order; they do not overlap.
        looks: in how many frames it was seen.
    """

    vector: NDArray[np.float32]
    views: tuple[FilmView, ...]
    spans: tuple[tuple[float, float], ...]
    looks: int

    @property
    def liveness(self) -> LivenessScore | None:
        """How live the face looks by all views together; None where that was not asked."""
        return evidence_of([view.liveness for view in self.views])

    @property
    def first_s(self) -> float:
        """When it was first seen."""
        return self.spans[0][0]

    @property
    def last_s(self) -> float:
        """When it was last seen."""
        return self.spans[-1][1]


@dataclass(frozen=True, slots=True)
class FilmRaise:
    """A hand that was raised, once or both at once.

    Attributes:
        appearance: whose it was: place in :attr:`FilmReading.appearances`.
        from_s: when it went up.
        to_s: when it went down, or was last seen.
    """

    appearance: int
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class FilmReading:
    """What was read of a film.

    Attributes:
        duration_s: from its first to its last frame, whatever its header claims.
        claimed_s: how long its header says that it is; None when it does not say.
        width, height: pixels of an upright frame as it was looked at.
        frames: how many were decoded.
        looked_at: in how many of them faces were looked for.
        appearances: in order of their first sight.
        raises: in order of time; None when hands were not looked for.
        damaged: whether parts of it could not be decoded.
    """

    duration_s: float
    width: int
    height: int
    frames: int
    looked_at: int
    appearances: tuple[FilmAppearance, ...]
    raises: tuple[FilmRaise, ...] | None = None
    damaged: bool = False
    claimed_s: float | None = None
