"""Scores of an identification experiment: computed once and written as a table, from which the metrics are computed.

The table is tab-separated UTF-8, one line per search, with the columns

    role          probe (mated search) or unknown (non-mated search)
    person        the person in the photo
    path          the photo
    outcome       ok, or why the photo gave no template (no_face, low_quality, ...): a failure to acquire
    best_person   the enrolled person with the highest score; empty without a template
    best_score    that score
    mate_score    the score of the person's own gallery entry; empty for strangers and without a template
    mate_rank     1 when no other person scores as high; ties count against the mate
    group         the value of the list's column that --group names; empty without one
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.consolidation import Consolidation, consolidate, scores_of
from evaluation.protocols import Entry
from evaluation.tables import read_score, read_table, shown_score, write_table
from evaluation.templates import TemplateResult
from faces.recognition import unit_rows

_COLUMNS = ("role", "person", "path", "outcome", "best_person", "best_score", "mate_score", "mate_rank", "group")


@dataclass(frozen=True, slots=True)
class ProbeScores:
    """One line of the table. Scores are -inf, and the rank 0, where there is nothing to compare."""

    mated: bool
    person: str
    path: str
    outcome: str
    best_person: str
    best_score: float
    mate_score: float
    mate_rank: int
    group: str = ""


def identification_scores(
    entries: Sequence[Entry], templates: Sequence[TemplateResult], how: Consolidation = "served"
) -> list[ProbeScores]:
    """Compare every probe and stranger with every enrolled person; exact, in blocks, so that memory is bounded."""
    together = list(zip(entries, templates, strict=True))
    gallery = consolidate(
        [
            (entry.person, made.template)
            for entry, made in together
            if entry.role == "gallery" and made.template is not None
        ],
        how,
    )
    searched = [(entry, made) for entry, made in together if entry.role != "gallery"]
    places = {person: i for i, person in enumerate(gallery.people)}
    usable = [made.template for _, made in searched if made.template is not None]
    probes = unit_rows(np.stack(usable)) if usable else np.empty((0, 0), dtype=np.float32)
    scores = scores_of(probes, gallery, how)
    return [
        _search(entry, made.code, None if made.template is None else next(scores), gallery.people, places)
        for entry, made in searched
    ]


def _search(
    entry: Entry, code: str, scores: NDArray[np.float32] | None, people: Sequence[str], places: Mapping[str, int]
) -> ProbeScores:
    """The line of one probe, whose scores with all people are float32 (p,); None without a template."""
    mated, about = entry.role == "probe", (entry.person, str(entry.path), code)
    if scores is None or not len(scores):
        return ProbeScores(mated, *about, "", -math.inf, -math.inf, 0, entry.group)
    best = int(scores.argmax())
    mate = places.get(entry.person) if mated else None
    mate_score, rank = (-math.inf, 0) if mate is None else (float(scores[mate]), int((scores >= scores[mate]).sum()))
    return ProbeScores(mated, *about, people[best], float(scores[best]), mate_score, rank, entry.group)


def write_scores(path: Path, searches: Sequence[ProbeScores]) -> None:
    """Write the table."""
    write_table(
        path,
        _COLUMNS,
        (
            (
                "probe" if search.mated else "unknown",
                search.person,
                search.path,
                search.outcome,
                search.best_person,
                shown_score(search.best_score),
                shown_score(search.mate_score),
                search.mate_rank or "",
                search.group,
            )
            for search in searches
        ),
    )


def read_scores(path: Path) -> list[ProbeScores]:
    """Read a table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> ProbeScores:
        return ProbeScores(
            row["role"] == "probe",
            row["person"],
            row["path"],
            row["outcome"],
            row["best_person"],
            read_score(row["best_score"]),
            read_score(row["mate_score"]),
            int(row["mate_rank"] or 0),
            row["group"],
        )

    return read_table(path, read, "evaluation identification")
