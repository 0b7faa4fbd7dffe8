"""Replies about the calibration: the threshold in force, the curve behind it, and what other rates would mean."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gallery.threshold.calibration import CalibrationCurve
from presente.face_json import JsonObject
from server.operations.calibration import CalibrationState, RatePoint


class RatePointJson(JsonObject, frozen=True, kw_only=True):
    """What holding to a score means when all students are searched."""

    threshold: float
    fpir_asked: Annotated[
        float | None, Meta(description="The rate that would give it, as PUT takes it; null for any other score.")
    ]
    fpir: Annotated[float, Meta(description="Share of strangers who reach it: who would be named.")]
    fpir_low: Annotated[float, Meta(description="Of the 95 % interval of the fit.")]
    fpir_high: float
    doubt: Annotated[str, Meta(description="Why the searches do not support this rate; empty when they do.")]
    missed: Annotated[
        float | None,
        Meta(description="Share of stored photos that score below it with the student's others; null: not measured."),
    ]


class StoredCalibrationJson(JsonObject, frozen=True, kw_only=True):
    """The curve that is stored with the gallery."""

    pack: str
    score: Annotated[str, Meta(description="The version of a person's score that it was fitted to.")]
    made_at: str
    fpir: Annotated[float, Meta(description="The rate that was asked for.")]
    people: Annotated[int, Meta(description="Students who were enrolled then.")]
    searches: Annotated[int, Meta(description="Searches of strangers that it was fitted to.")]
    subjects: Annotated[int, Meta(description="Of how many people.")]
    sources: Annotated[dict[str, int], Meta(description="How many searches came from where.")]
    enrolled_twice: Annotated[int, Meta(description="People who seemed to be enrolled twice, and were left out.")]
    is_stale: Annotated[bool, Meta(description="Whether there are twice as many students now, or half as many.")]


class CalibrationReply(JsonObject, frozen=True, kw_only=True):
    """The threshold in force, and the calibration."""

    threshold: float
    threshold_source: str
    people: Annotated[int, Meta(description="Students whom a stranger is compared with now.")]
    rate_is_used: Annotated[
        bool, Meta(description="Whether the stored rate gives the threshold; else a setting gives it.")
    ]
    warning: Annotated[str, Meta(description="What a person should know; empty when all is well.")]
    calibration: Annotated[StoredCalibrationJson | None, Meta(description="Null: nothing is stored that holds.")]
    now: Annotated[RatePointJson | None, Meta(description="The threshold in force; null without a calibration.")]
    rates: Annotated[list[RatePointJson], Meta(description="What usual rates would give.")]
    curve: Annotated[list[RatePointJson], Meta(description="From the lowest threshold to the highest.")]
    own_photos: Annotated[
        int, Meta(description="Stored photos that missed was measured with, by the last calibration job; 0: none.")
    ]


def calibration_reply(state: CalibrationState) -> CalibrationReply:
    """The threshold in force, and the calibration."""
    return CalibrationReply(
        threshold=state.point.threshold,
        threshold_source=state.point.source,
        people=state.point.people,
        rate_is_used=state.rate_is_used,
        warning=state.point.warning(),
        calibration=None if state.curve is None else _stored_json(state.curve, state.point.people),
        now=None if state.now is None else _point_json(state.now),
        rates=[_point_json(each) for each in state.rates],
        curve=[_point_json(each) for each in state.points],
        own_photos=state.own_photos,
    )


def _stored_json(curve: CalibrationCurve, people: int) -> StoredCalibrationJson:
    return StoredCalibrationJson(
        pack=curve.pack,
        score=curve.score,
        made_at=curve.made_at,
        fpir=curve.target,
        people=curve.people,
        searches=curve.searches,
        subjects=curve.subjects,
        sources=dict(curve.sources),
        enrolled_twice=curve.enrolled_twice,
        is_stale=curve.stale(people),
    )


def _point_json(point: RatePoint) -> RatePointJson:
    return RatePointJson(
        threshold=point.threshold,
        fpir_asked=point.asked,
        fpir=_rounded(point.fpir),
        fpir_low=_rounded(point.low),
        fpir_high=_rounded(point.high),
        doubt=point.doubt,
        missed=point.missed,
    )


def _rounded(rate: float) -> float:
    """A rate to six significant digits: that of the threshold for 0.001 is 0.001."""
    return float(f"{rate:.6g}")
