"""The calibration for requests: what is stored, what each rate gives and costs here, and which rate holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gallery.gallery import Gallery
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint, operating_point
from gallery.threshold.own_photos import share_below
from presente.errors import Conflict, NotFound
from server.service import Service

RATES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
"""Rates that the reply has the threshold of."""
_POINTS = 61
"""Points of the curve."""
_MOST, _LEAST = 0.3, 0.00003
"""The rates between which the curve is drawn."""


@dataclass(frozen=True, slots=True)
class RatePoint:
    """What holding to a score means.

    Attributes:
        threshold: the score.
        fpir, low, high: the share of strangers who reach it, and the 95 % interval of that.
        doubt: why the searches do not support that rate; empty when they do.
        missed: the share of photos of students that score below it with the student's other photos; None: not measured.
        asked: the rate that would give it; None for any other score.
    """

    threshold: float
    fpir: float
    low: float
    high: float
    doubt: str
    missed: float | None
    asked: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """The threshold in force, and what is known of it.

    Attributes:
        point: the threshold when all students are searched.
        rate_is_used: whether the stored rate decides; else the settings give a score or a rate of their own.
        curve: what is stored; None for nothing.
        now: the threshold as a point of the curve; None without one.
        rates, points: the usual rates, and the curve from the highest rate to the lowest.
        own_photos: how many photos of students were compared with others of the same student; 0: not measured.
    """

    point: OperatingPoint
    rate_is_used: bool
    curve: CalibrationCurve | None
    now: RatePoint | None
    rates: tuple[RatePoint, ...]
    points: tuple[RatePoint, ...]
    own_photos: int


def calibration_state(service: Service) -> CalibrationState:
    """What holds now."""
    gallery = service.gallery
    point, curve = gallery.operating_point(), gallery.calibration()[1]
    own, own_photos = _own_photos(gallery)
    used = gallery.settings.target == "stored"
    if curve is None:
        return CalibrationState(point, used, None, None, (), (), own_photos)
    rates = _rates(gallery, curve, point.people, own)
    highest, lowest = (curve.threshold(rate, point.people) for rate in (_MOST, _LEAST))
    step = (lowest - highest) / (_POINTS - 1)
    points = [_at(curve, highest + place * step, point.people, own) for place in range(_POINTS)]
    now = _at(curve, point.threshold, point.people, own, point.target)
    return CalibrationState(point, used, curve, now, tuple(rates), tuple(points), own_photos)


def _rates(gallery: Gallery, curve: CalibrationCurve, people: int, own: Sequence[float]) -> list[RatePoint]:
    """What the usual rates give, down to the first for which no score is high enough. One that the searches do not
    support gives no less than the pack's own threshold."""
    found = []
    for rate in RATES:
        held = operating_point(rate, gallery.settings.threshold, "", curve, people)
        found.append(_at(curve, held.threshold, people, own, rate))
        if curve.threshold(rate, people) >= 1:
            break
    return found


def set_rate(service: Service, fpir: float) -> CalibrationState:
    """Let the stored curve give the threshold for another rate.

    Raises:
        NotFound: ``calibration_not_found``.
        Conflict: ``threshold_is_set``.
    """
    gallery = service.gallery
    curve = gallery.calibration()[1]
    if gallery.settings.target != "stored":
        raise Conflict(
            "threshold_is_set",
            f"The threshold comes from {gallery.settings.threshold_source}, and the stored rate has no effect.",
            "Take PRESENTE_THRESHOLD out of the settings and restart, or change it there.",
        )
    if curve is None:
        raise NotFound(
            "calibration_not_found",
            gallery.unused_calibration() or "The gallery is not calibrated.",
            'POST /v1/jobs {"kind": "calibrate", "fpir": ...} first.',
        )
    gallery.store_calibration(replace(curve, target=fpir))
    return calibration_state(service)


def _at(
    curve: CalibrationCurve, threshold: float, people: int, own: Sequence[float], rate: float | None = None
) -> RatePoint:
    fpir = curve.fpir(threshold, people)
    low, high = curve.interval(threshold, people)
    asked = fpir if rate is None else rate
    doubt = curve.doubt(asked, people) if 0 < asked < 0.5 else ""
    return RatePoint(threshold, fpir, low, high, doubt, share_below(own, threshold), rate)


def _own_photos(gallery: Gallery) -> tuple[list[float], int]:
    """The scores of photos of students with others of the same student, as the last calibration by a job with this pack
    has kept them, and how many photos there were."""
    job = gallery.store.jobs.latest_done("calibrate")
    result = {} if job is None or job.end is None else job.end.result
    if result.get("pack") != gallery.pack:
        return [], 0
    return list(result["own_scores"]), int(result["own_photos"])
