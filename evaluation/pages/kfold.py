"""The report of ``kfold``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import kfold, metrics, plots
from evaluation.intervals import wilson
from evaluation.pages.glossary import terms
from evaluation.pages.parts import Figure, ReportPage, ReportTable, Tile, count, percent, score
from evaluation.pages.searches import Mark, cmc_figure, false_names, misses, score_figures
from evaluation.scores import ProbeScores, read_scores

_SPLITS = {
    "photos": "by photos: a person tried in one fold may be enrolled with other photos",
    "people": "by people: no one is in two folds, and half of each fold's people are strangers",
    "holdout": "as the notebook did: 70 of 100 photos of each person enrolled, the others tried",
}
_SHOWN = {
    "accuracy": "Accuracy",
    "precision_weighted": "Precision, weighted",
    "recall_weighted": "Recall, weighted",
    "rank1": "Rank-1",
    "fnir": "FNIR",
    "fpir": "FPIR",
}
_LAST_RANK = 10


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the folds' scores files; ``result`` describes the run."""
    threshold = float(result["folds"][0]["figures"]["threshold"])
    folds = [read_scores(out / Path(fold["scores"]).name) for fold in result["folds"]]
    figures = [kfold.figures(searches, threshold) for searches in folds]
    over = kfold.mean_and_spread(figures)
    together = [search for searches in folds for search in searches]
    mated = any(search.mated for search in together)
    return ReportPage(
        title="Cross-validation: how much do the figures vary with the split?",
        lead=[
            f"{count(result['photos'], 'photo')} of {count(result['people'], 'person', 'people')}, split "
            f"{_SPLITS[result['split']]}. Pipeline: {result['pipeline'].strip()}, threshold "
            f"{result.get('threshold_described', score(threshold))}."
        ],
        tiles=[
            Tile(percent(over[name]["mean"]), f"{label}, mean", f"± {percent(over[name]['std'])}, {len(folds)} folds")
            for name, label in _SHOWN.items()
            if name in over and not name.endswith("_weighted")
        ],
        doubts=[
            "Scores, ROC, DET and CMC put the searches of all folds together, though each fold has its own gallery."
            if len(folds) > 1
            else "One split is one draw: how much the figures vary with it is not known."
        ],
        tables=[
            _folds(result, folds, figures, over),
            *(_people(searches, threshold) for searches in folds if result["split"] == "holdout"),
        ],
        figures=[
            _fold_figure(figures),
            *score_figures(together, [Mark("threshold", threshold, _rates(together, threshold))]),
            *([cmc_figure(together, _LAST_RANK)] if mated else []),
        ],
        cases=[misses(together, threshold), false_names(together, threshold)],
        result=result,
        terms=terms("Accuracy", "Precision and recall", "Rank-k", "FPIR", "FNIR", "FTE", "FTA", "Score", "Interval"),
    )


def _rates(searches: Sequence[ProbeScores], threshold: float) -> tuple[float, float] | None:
    """FPIR and FNIR of all folds together, where there are both kinds of search and a stranger is named."""
    if len({search.mated for search in searches}) < 2:
        return None
    fpir = metrics.fpir_at(searches, threshold)
    return (fpir, metrics.fnir_at(searches, threshold)) if fpir else None


def _folds(
    result: dict[str, Any],
    folds: Sequence[Sequence[ProbeScores]],
    figures: Sequence[dict[str, Any]],
    over: dict[str, dict[str, float]],
) -> ReportTable:
    rows = [
        (
            str(fold["fold"]),
            f"{fold['enrolled']:,}",
            f"{found['probes']:,}",
            f"{found['strangers']:,}",
            f"{fold['fte']:,} / {metrics.failures_to_acquire(searches):,}",
            *(percent(found[name]) for name in _SHOWN),
        )
        for fold, searches, found in zip(result["folds"], folds, figures, strict=True)
    ]
    for label, kind in (("Mean", "mean"), ("Standard deviation", "std")):
        rows.append((label, "", "", "", "", *(percent(over[name][kind]) if name in over else "–" for name in _SHOWN)))
    head = ("Fold", "Enrolled photos", "Probes", "Strangers", "FTE / FTA", *_SHOWN.values())
    return ReportTable("Folds", head, rows)


def _people(searches: Sequence[ProbeScores], threshold: float) -> ReportTable:
    rows = [
        (person, percent(row["precision"]), percent(row["recall"]), percent(row["f1-score"]), f"{row['support']:.0f}")
        for person, row in kfold.per_person(searches, threshold).items()
        if isinstance(row, dict)
    ]
    return ReportTable("By person", ("Person", "Precision", "Recall", "F1", "Photos"), rows)


def _fold_figure(figures: Sequence[dict[str, Any]]) -> Figure:
    trials = [found["probes"] + found["strangers"] for found in figures]
    dots = [
        plots.Dot(f"Fold {number}", found["accuracy"], wilson(round(found["accuracy"] * of), of))
        for number, (found, of) in enumerate(zip(figures, trials, strict=True))
    ]
    return Figure(
        "folds",
        "Accuracy by fold",
        "Lines: 95 % intervals.",
        "Accuracy of each fold: " + ", ".join(percent(found["accuracy"]) for found in figures) + ".",
        plots.dots([("accuracy", dots)], "Accuracy", "Accuracy by fold"),
    )
