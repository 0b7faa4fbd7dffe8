"""Scores of an identification experiment: computed once, written as a table, read back by the metrics.

The table is tab-separated UTF-8, one line a search, with the columns

    role          probe (mated search) or unknown (non-mated search)
    person        who it is
    path          the photo
    outcome       ok, or why the photo gave no template (no_face, low_quality, ...): a failure to acquire
    best_person   the enrolled person with the highest score; empty without a template
    best_score    that score (cosine)
    mate_score    the score of the person's own gallery entry; empty for strangers and without a template
    mate_rank     1 when no other person scores as high; ties count against the mate
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.protocols import Entry
from evaluation.templates import Outcome
from presente.errors import InvalidInput

_COLUMNS = ("role", "person", "path", "outcome", "best_person", "best_score", "mate_score", "mate_rank")
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Search:
    """One line of the table. Scores are -inf, and the rank 0, where there is nothing to compare."""

    mated: bool
    person: str
    path: str
    outcome: str
    best_person: str
    best_score: float
    mate_score: float
    mate_rank: int


def identification_scores(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> list[Search]:
    """Compare every probe and stranger with every enrolled person, best template of each; exact, in blocks."""
    enrolled = [
        (entry.person, outcome.template)
        for entry, outcome in zip(entries, outcomes, strict=True)
        if entry.role == "gallery" and outcome.template is not None
    ]
    searched = [(entry, outcome) for entry, outcome in zip(entries, outcomes, strict=True) if entry.role != "gallery"]
    people = sorted({person for person, _ in enrolled})
    results: list[Search] = []
    for start in range(0, len(searched), _BLOCK):
        block = searched[start : start + _BLOCK]
        usable = [outcome.template for _, outcome in block if outcome.template is not None]
        scores = iter(person_scores(usable, enrolled, people))
        results += [
            _search(entry, outcome, next(scores) if outcome.template is not None else None, people)
            for entry, outcome in block
        ]
    return results


def person_scores(
    probes: Sequence[NDArray[np.float32]],
    enrolled: Sequence[tuple[str, NDArray[np.float32] | None]],
    people: Sequence[str],
) -> NDArray[np.float32]:
    """Best cosine of each probe with each person's templates: float32 (probes, people)."""
    if not probes or not enrolled:
        return np.full((len(probes), len(people)), -np.inf, dtype=np.float32)
    order = sorted(range(len(enrolled)), key=lambda i: enrolled[i][0])
    gallery = np.stack([template for template in (enrolled[i][1] for i in order) if template is not None])
    names = [enrolled[i][0] for i in order]
    starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    return np.asarray(np.maximum.reduceat(np.stack(probes) @ gallery.T, starts, axis=1), dtype=np.float32)


def _search(entry: Entry, outcome: Outcome, scores: NDArray[np.float32] | None, people: Sequence[str]) -> Search:
    mated = entry.role == "probe"
    if scores is None or not len(scores):
        return Search(mated, entry.person, str(entry.path), outcome.code, "", -math.inf, -math.inf, 0)
    best = int(scores.argmax())
    mate = np.searchsorted(people, entry.person) if mated and entry.person in people else None
    mate_score = -math.inf if mate is None else float(scores[mate])
    return Search(
        mated,
        entry.person,
        str(entry.path),
        outcome.code,
        people[best],
        float(scores[best]),
        mate_score,
        0 if mate is None else int((scores >= scores[mate]).sum()),
    )


def write_scores(path: Path, searches: Sequence[Search]) -> None:
    """Write the table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(_COLUMNS)
        for search in searches:
            writer.writerow(
                (
                    "probe" if search.mated else "unknown",
                    search.person,
                    search.path,
                    search.outcome,
                    search.best_person,
                    _shown(search.best_score),
                    _shown(search.mate_score),
                    search.mate_rank or "",
                )
            )


def read_scores(path: Path) -> list[Search]:
    """Read a table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                Search(
                    row["role"] == "probe",
                    row["person"],
                    row["path"],
                    row["outcome"],
                    row["best_person"],
                    _read(row["best_score"]),
                    _read(row["mate_score"]),
                    int(row["mate_rank"] or 0),
                )
                for row in csv.DictReader(stream, delimiter="\t")
            ]
    except (OSError, KeyError, ValueError, csv.Error) as exc:
        raise InvalidInput(
            "unreadable_scores",
            f"{path} is not a table of scores ({exc}).",
            "Make one with `python -m evaluation identification`.",
        ) from exc


def _shown(score: float) -> str:
    return "" if math.isinf(score) else repr(score)


def _read(text: str) -> float:
    return float(text) if text else -math.inf
