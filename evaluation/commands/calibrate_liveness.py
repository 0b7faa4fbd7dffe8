"""``calibrate --bpcer``: from which score is a face called live, so that at most so many live people are held up?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation import liveness_rates
from evaluation.experiment import Experiment
from evaluation.intervals import shown
from evaluation.liveness_scores import JudgedPresentation, judge_photos
from evaluation.presentations import read_bona_fide
from gallery.documents.access_log import AccessAction
from gallery.threshold.liveness_calibration import (
    KEPT,
    LivenessCalibration,
    photos_needed,
    refused_of,
    store_liveness_calibration,
)
from presente import cli, composition
from presente.command_log import CommandLog
from presente.errors import InvalidInput
from presente.settings import Settings

FEWEST_PEOPLE = 10
"""Whom a check refuses depends on the person most: fewer people say nothing about others."""


def calibrate_liveness(bpcer: float, bona_fide: Path, settings: Settings, output: cli.Output) -> int:
    """Judge photos of live people, and store the threshold that refuses at most so many of them.

    Raises:
        InvalidInput: ``invalid_bpcer``, ``unreadable_folder``; ``too_few_photos``, ``too_few_people``.
    """
    liveness_rates.check_bpcer(bpcer)
    photos = read_bona_fide(bona_fide)
    _check_enough(len(photos), len({photo.person for photo in photos}), bpcer, None)
    reader = composition.open_liveness_reader(settings)
    experiment = Experiment(settings, output, reader)
    with output.bar(len(photos), "photo") as progress:
        judged = judge_photos(photos, experiment.embedder, settings.workers, progress)
    made = calibration_of(judged, bpcer, reader.pack.tag)
    store = composition.open_own_store(settings)
    try:
        store_liveness_calibration(store, made)
        log = CommandLog(store.access_log, composition.open_clock(settings), settings.access_log)
        log.write(AccessAction.CALIBRATED, detail="liveness")
    finally:
        store.close()
    result = {
        "liveness_pack": made.pack,
        "bpcer_asked": bpcer,
        "threshold": made.threshold(bpcer),
        "pack_threshold": reader.threshold,
        "bpcer": refused_of(made.photos, bpcer) / made.photos,
        "bpcer_interval": shown((made.low, made.high)),
        "photos": made.photos,
        "people": made.people,
        "not_judged": made.not_judged,
        "reasons": liveness_rates.reasons(judged),
        "made_at": made.made_at,
    }
    output.result(result, lines(result))
    return cli.DONE


def calibration_of(judged: list[JudgedPresentation], bpcer: float, pack: str) -> LivenessCalibration:
    """The calibration by judged photos of live people.

    Raises:
        InvalidInput: ``too_few_photos``, ``too_few_people``.
    """
    scored = [one for one in judged if one.is_judged]
    people = len({one.person for one in scored})
    reasons = ", ".join(f"{code}: {count}" for code, count in liveness_rates.reasons(judged).items())
    _check_enough(len(scored), people, bpcer, reasons)
    lowest = sorted(one.score for one in scored)
    low, high = liveness_rates.rates_at(judged, lowest[refused_of(len(scored), bpcer)]).bpcer.interval
    return LivenessCalibration(
        pack=pack,
        target=bpcer,
        photos=len(scored),
        people=people,
        lowest=tuple(lowest[: max(KEPT, refused_of(len(scored), bpcer) + 1)]),
        low=low,
        high=high,
        not_judged=len(judged) - len(scored),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _check_enough(photos: int, people: int, bpcer: float, reasons: str | None) -> None:
    """Refuse too few photos or people; ``reasons``: why others could not be judged, None before any was."""
    are = "are there" if reasons is None else "can be judged"
    without = f" ({reasons})" if reasons else ""
    if photos < photos_needed(bpcer):
        raise InvalidInput(
            "too_few_photos",
            f"{photos} photos of live people {are}{without}, and BPCER {bpcer:g} needs {photos_needed(bpcer)}.",
            "Give more photos, taken as the service will take them, with some background around the face; or ask for a "
            "higher rate.",
        )
    if people < FEWEST_PEOPLE:
        raise InvalidInput(
            "too_few_people",
            f"The photos that {are}{without} are of {people} people, and {FEWEST_PEOPLE} are needed.",
            "Give photos of more people: one folder per person, or single files of different people.",
        )


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a calibration of liveness."""
    low, high = result["bpcer_interval"]
    yield (
        f"{result['photos']} photos of {result['people']} live people got a score by {result['liveness_pack']}, "
        f"{result['not_judged']} got none" + "".join(f", {code}: {count}" for code, count in result["reasons"].items())
    )
    yield (
        f"kept with the gallery: threshold {result['threshold']:.4f} for BPCER {result['bpcer_asked']:g} (the pack's "
        f"own is {result['pack_threshold']:.4g}); the true BPCER there is from {low:.2g} to {high:.2g} (95 % interval)"
    )
