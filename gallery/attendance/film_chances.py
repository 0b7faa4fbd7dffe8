"""How far the threshold is raised for a film, in which one stranger may get many chances. Pure.

What is one face all through a film is decided once. What was not found to be one face, because no two views of it
were alike enough, is decided several times, and a stranger who passes often gets as many chances. Appearances that
were seen at the same time are different people; so one person has at most one of each appearance and of those that
never share a moment with it. The greatest such number is how many chances one stranger may have had, and the threshold
is the one at which a stranger with so many chances is named as often as one with a single photo.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint

FPIR = 0.01
"""The rate at which a stranger of a film may be named, where the gallery's threshold was not calibrated for a rate."""
_UNFITTED = math.log(100 / FPIR)
"""Where nothing could be fitted: a threshold is taken to hold for that rate among a hundred people."""

Spans = Sequence[tuple[float, float]]


def most_chances(appearances: Sequence[Spans]) -> int:
    """In how many of a film's appearances, each given by when it was seen, one person may be; 1 at least."""
    most = 1
    for own in appearances:
        most = max(most, 1 + sum(not _share_time(own, other) for other in appearances if other is not own))
    return most


def film_threshold(point: OperatingPoint, curve: CalibrationCurve | None, chances: int) -> float:
    """The score from which an appearance is a person: at least that of a photo.

    Args:
        point: that of a photo.
        curve: a calibration of the gallery, stored or fitted for this; None where it cannot be fitted.
        chances: of :func:`most_chances`.
    """
    if chances <= 1:
        return point.threshold
    if curve is None:
        return min(1.0, point.threshold * math.sqrt(1 + math.log(chances) / _UNFITTED))
    return max(point.threshold, curve.threshold((point.target or FPIR) / chances, point.people))


def _share_time(spans: Spans, others: Spans) -> bool:
    return any(start <= to and since <= end for start, end in spans for since, to in others)
