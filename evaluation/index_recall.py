"""Searches of an index compared with exact search: a table on disk, and recall computed from it alone.

The table is tab-separated UTF-8, one line per search, with the columns

    template     the row of the published templates that the probe comes from
    kind         left_out (the probe is the template, which is not its person's) or perturbed (the template, moved)
    wanted       the number of nearest people to find: 10, or all of a smaller gallery
    found_at_1   1 when the nearest is found; a tie with one will do
    found        the number of the ``wanted`` nearest that are found
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.intervals import shown, wilson
from evaluation.tables import read_table, write_table
from gallery.index.kinds.protocol import VectorIndex
from gallery.index.recall_gate import GroundTruth

_COLUMNS = ("template", "kind", "wanted", "found_at_1", "found")
KINDS = ("left_out", "perturbed")


@dataclass(frozen=True, slots=True)
class ComparedSearch:
    """One line of the table."""

    template: int
    kind: str
    wanted: int
    found_at_1: int
    found: int


def compare(truth: GroundTruth, index: VectorIndex) -> list[ComparedSearch]:
    """Make the searches of ``truth`` with an index."""
    wanted = truth.scores.shape[1]
    first, found = truth.found(index, 1), truth.found(index, wanted)
    return [
        ComparedSearch(int(row), KINDS[0] if left_out else KINDS[1], wanted, int(one), int(all_))
        for row, left_out, one, all_ in zip(truth.rows, truth.left_out, first, found, strict=True)
    ]


def write_searches(path: Path, searches: Sequence[ComparedSearch]) -> None:
    """Write the table."""
    write_table(path, _COLUMNS, ([getattr(one, name) for name in _COLUMNS] for one in searches))


def read_searches(path: Path) -> list[ComparedSearch]:
    """Read the table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> ComparedSearch:
        return ComparedSearch(int(row["template"]), row["kind"], *(int(row[name]) for name in _COLUMNS[2:]))

    return read_table(path, read, "evaluation search")


def recall(searches: Sequence[ComparedSearch]) -> dict[str, Any]:
    """Recall at 1, with its interval, and at 10 (docs/metrics.md); None without searches."""
    wanted = sum(one.wanted for one in searches)
    first = sum(one.found_at_1 for one in searches)
    return {
        "searches": len(searches),
        "recall_at_1": first / len(searches) if searches else None,
        "recall_at_1_interval": shown(wilson(first, len(searches))),
        "recall_at_10": sum(one.found for one in searches) / wanted if searches else None,
    }
