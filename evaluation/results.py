"""Results: metrics as JSON has them, and as lines for people."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from evaluation import metrics, verification
from evaluation.intervals import shown, wilson
from evaluation.protocols import Entry
from evaluation.scores import ProbeScores
from evaluation.templates import OK, TemplateResult
from evaluation.verification import Comparison


def identification_result(
    searches: Sequence[ProbeScores],
    fpirs: Sequence[float],
    last_rank: int = 10,
    by_group: bool = False,
    deployed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The metrics of searches: closed set, open set, failures to acquire, and the same by group when asked.

    ``deployed`` has the threshold that is in force; the rates there are added to it.
    """
    strangers = sum(not search.mated for search in searches)
    probes = len(searches) - strangers
    rank1 = metrics.rank_rate(searches, 1)
    points = [metrics.open_set(searches, fpir) for fpir in fpirs] if strangers else []
    return {
        "probes": probes,
        "strangers": strangers,
        "fta": metrics.failures_to_acquire(searches),
        "rank1": round(rank1, 6),
        "rank1_interval": shown(wilson(round(rank1 * probes), probes)),
        "cmc": {str(rank): round(metrics.rank_rate(searches, rank), 6) for rank in range(1, last_rank + 1)},
        "open_set": [
            {
                **asdict(point),
                "dir": point.dir,
                "fpir_interval": shown(point.fpir_interval),
                "fnir_interval": shown(point.fnir_interval),
                **({"groups": _groups(searches, point.threshold)} if by_group else {}),
            }
            for point in points
        ],
        **({} if deployed is None else {"deployed": _at_deployed(searches, deployed)}),
    }


def _at_deployed(searches: Sequence[ProbeScores], deployed: dict[str, Any]) -> dict[str, Any]:
    """FPIR and FNIR at the threshold that is in force; None where there is no such search."""
    rates = metrics.rates_at(searches, deployed["threshold"])
    return deployed | {
        "fpir": rates.fpir,
        "fpir_interval": shown(rates.fpir_interval),
        "fnir": rates.fnir,
        "fnir_interval": shown(rates.fnir_interval),
    }


def _groups(searches: Sequence[ProbeScores], threshold: float) -> list[dict[str, Any]]:
    intervals = ("rank1_interval", "fnir_interval", "fpir_interval")
    rates = [asdict(rates) for rates in metrics.by_group(searches, threshold)]
    return [{**one, **{name: shown(one[name]) for name in intervals}} for one in rates]


def verification_result(
    comparisons: Sequence[Comparison], fars: Sequence[float], deployed: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The metrics of pairs; ``deployed`` as for :func:`identification_result`."""
    pairs = verification.columns_of(comparisons)
    folds = verification.accuracy_by_fold(pairs) if len(set(pairs.fold.tolist())) > 1 else []
    failures = verification.failures(comparisons)
    accuracies = [fold.accuracy for fold in folds]
    return {
        "pairs": len(comparisons),
        "mated": int(pairs.same.sum()),
        "non_mated": int((~pairs.same).sum()),
        "fta": len(failures),
        "without_template": [{"path": path, "code": code} for path, code in sorted(failures.items())],
        "accuracy": round(statistics.fmean(accuracies), 6) if folds else None,
        "accuracy_std": round(statistics.stdev(accuracies), 6) if folds else None,
        "accuracy_interval": shown(wilson(round(sum(fold.accuracy * fold.pairs for fold in folds)), len(comparisons)))
        if folds
        else None,
        "folds": [asdict(fold) for fold in folds],
        "eer": round(verification.equal_error_rate(pairs), 6),
        "eer_interval": shown(verification.equal_error_interval(pairs)),
        "tar_at_far": [_tar_point(verification.tar_at_far(pairs, far)) for far in fars],
        **({} if deployed is None else {"deployed": deployed | _pair_rates(pairs, deployed["threshold"])}),
    }


def _pair_rates(pairs: verification.ScoredPairs, threshold: float) -> dict[str, Any]:
    """FAR and TAR at a threshold."""
    far, tar = verification.accepted(pairs, threshold)
    return {
        "far": far.share,
        "far_interval": shown(far.interval),
        "tar": tar.share,
        "tar_interval": shown(tar.interval),
    }


def _tar_point(point: verification.TarPoint) -> dict[str, Any]:
    values = asdict(point)
    for name in ("far_interval", "tar_interval"):
        values[name] = None if values[name] is None else shown(values[name])
    return values


def enrolment_result(entries: Sequence[Entry], templates: Sequence[TemplateResult]) -> dict[str, Any]:
    """How the gallery was filled: subjects, photos, failures to enrol, and every photo that gave no template."""
    gallery = [(entry, made) for entry, made in zip(entries, templates, strict=True) if entry.role == "gallery"]
    failed = [
        {"path": str(entry.path), "role": entry.role, "code": made.code}
        for entry, made in zip(entries, templates, strict=True)
        if made.code != OK
    ]
    return {
        "subjects": len({entry.person for entry, _ in gallery}),
        "gallery_photos": len(gallery),
        "fte": sum(made.code != OK for _, made in gallery),
        "reasons": dict(Counter(failure["code"] for failure in failed)),
        "without_template": failed,
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of an identification result."""
    yield (
        f"pack {result['pack']}: {result['subjects']} people enrolled with {result['gallery_photos']} photos, "
        f"{result['probes']} probes, {result['strangers']} strangers, in {result['seconds']} s"
    )
    yield f"failures to enrol {result['fte']}, failures to acquire {result['fta']}"
    for failure in result["without_template"][:20]:
        yield f"  {failure['path']}: {failure['code']}"
    yield "rank   " + "  ".join(f"{rank}: {rate:.4f}" for rank, rate in result["cmc"].items())
    for point in result["open_set"]:
        yield _open_set_line(point)
        for one in point.get("groups", ()):
            yield (
                f"  {one['group'] or '(none)'}: {one['probes']} probes, FNIR {_share(one, 'fnir')}; "
                f"{one['strangers']} strangers, FPIR {_share(one, 'fpir')}"
            )
    deployed = result["deployed"]
    yield (
        f"at the threshold in force, {deployed['described']}: FNIR {_share(deployed, 'fnir')}, "
        f"FPIR {_share(deployed, 'fpir')}"
    )
    for variant in result["variants"]:
        yield (
            f"{variant['consolidation']}, {variant['enrolled_photos']} photos per person: "
            f"rank-1 {variant['rank1']:.4f}; " + "; ".join(_open_set_line(point) for point in variant["open_set"])
        )
    yield from written_lines(result)


def written_lines(result: dict[str, Any]) -> Iterator[str]:
    """Where a run's files are."""
    yield f"scores in {result['scores']}"
    yield f"report in {result['report']}"


def _open_set_line(point: dict[str, Any]) -> str:
    doubt = "" if point["resolved"] else "   (too few strangers to show this rate)"
    low, high = point["fnir_interval"]
    return (
        f"FPIR {point['fpir_asked']:g} asked, {point['fpir']:.4f} reached at threshold {point['threshold']:.4f}: "
        f"FNIR {point['fnir']:.4f} (95 %: {low:.4f} to {high:.4f}){doubt}"
    )


def _share(rates: dict[str, Any], name: str) -> str:
    if rates[name] is None:
        return "not measured"
    low, high = rates[f"{name}_interval"]
    return f"{rates[name]:.4f} ({low:.4f} to {high:.4f})"
