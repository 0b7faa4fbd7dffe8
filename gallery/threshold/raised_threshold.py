"""How far a threshold is raised where a stranger gets more chances than with one photo. Pure."""

from __future__ import annotations

import math

from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint

FPIR = 0.01
"""The rate at which a stranger may be named, where the gallery's threshold was not calibrated for a rate."""
_AMONG = 100
"""Where nothing could be fitted, a threshold is taken to hold for :data:`FPIR` among so many people."""
_UNFITTED = math.log(_AMONG / FPIR)


def raised_threshold(point: OperatingPoint, curve: CalibrationCurve | None, chances: float) -> float:
    """The score at which a stranger with so many chances is named as often as one with a single photo.

    It is at least the threshold of a photo, and at most 1.

    Args:
        point: that of a photo.
        curve: a calibration of the gallery, stored or fitted for this; None where it cannot be fitted.
        chances: how many; up to 1 nothing is raised.
    """
    if chances <= 1:
        return point.threshold
    if curve is None:
        return min(1.0, point.threshold * math.sqrt(1 + math.log(chances) / _UNFITTED))
    return max(point.threshold, curve.threshold((point.target or FPIR) / chances, point.people))


def threshold_among(point: OperatingPoint, people: int) -> float:
    """The threshold where a face is compared with more people than the point is for: as raised for the chances that
    the others are."""
    held_for = _AMONG if point.curve is None else max(point.people, 1)
    return raised_threshold(point, point.curve, people / held_for)
