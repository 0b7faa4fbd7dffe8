"""A result as data and as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from evaluation import metrics
from evaluation.protocols import Entry
from evaluation.scores import Search
from evaluation.templates import OK, Outcome

RANKS = (1, 2, 3, 5, 10)


def identification_result(searches: Sequence[Search], fpirs: Sequence[float]) -> dict[str, Any]:
    """What the scores say: closed set, open set, failures to acquire."""
    strangers = sum(not search.mated for search in searches)
    points = [metrics.open_set(searches, fpir) for fpir in fpirs] if strangers else []
    return {
        "probes": sum(search.mated for search in searches),
        "strangers": strangers,
        "fta": metrics.failures_to_acquire(searches),
        "rank1": round(metrics.rank_rate(searches, 1), 6),
        "cmc": {str(rank): round(metrics.rank_rate(searches, rank), 6) for rank in RANKS},
        "open_set": [
            {
                "fpir_asked": point.fpir_asked,
                "fpir": point.fpir,
                "fnir": point.fnir,
                "threshold": point.threshold,
                "resolved": point.resolved,
            }
            for point in points
        ],
    }


def enrolment_result(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How the gallery was filled: subjects, photos, failures to enrol, and every photo that gave no template."""
    gallery = [(entry, outcome) for entry, outcome in zip(entries, outcomes, strict=True) if entry.role == "gallery"]
    failed = [
        {"path": str(entry.path), "role": entry.role, "code": outcome.code}
        for entry, outcome in zip(entries, outcomes, strict=True)
        if outcome.code != OK
    ]
    return {
        "subjects": len({entry.person for entry, _ in gallery}),
        "gallery_photos": len(gallery),
        "fte": sum(outcome.code != OK for _, outcome in gallery),
        "reasons": dict(Counter(failure["code"] for failure in failed)),
        "without_template": failed,
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """An identification result for people."""
    yield (
        f"pack {result['pack']}: {result['subjects']} people enrolled with {result['gallery_photos']} photos, "
        f"{result['probes']} probes, {result['strangers']} strangers, in {result['seconds']} s"
    )
    yield f"failures to enrol {result['fte']}, failures to acquire {result['fta']}"
    for failure in result["without_template"][:20]:
        yield f"  {failure['path']}: {failure['code']}"
    yield "rank   " + "  ".join(f"{rank}: {rate:.4f}" for rank, rate in result["cmc"].items())
    for point in result["open_set"]:
        doubt = "" if point["resolved"] else "   (too few strangers to show this rate)"
        yield (
            f"FPIR {point['fpir_asked']:g} asked, {point['fpir']:.4f} reached at threshold "
            f"{point['threshold']:.4f}: FNIR {point['fnir']:.4f}{doubt}"
        )
    yield f"scores in {result['scores']}"
