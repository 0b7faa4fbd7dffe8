"""What an index finds of what exact search finds: a table on disk, and recall from it alone.

The table is tab-separated UTF-8, one line a search, with the columns

    template     the row of the published templates that the probe comes from
    kind         left_out (the template itself, which is not an answer) or perturbed (the template, moved)
    wanted       how many nearest there are to find: 10, or all others of a smaller gallery
    found_at_1   1 when the nearest is found; a tie with it will do
    found        how many of the nearest ``wanted`` are
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
class Tested:
    """One line of the table."""

    template: int
    kind: str
    wanted: int
    found_at_1: int
    found: int


def ask(exam: GroundTruth, index: VectorIndex) -> list[Tested]:
    """Ask an index what exact search has answered."""
    wanted = exam.scores.shape[1]
    first, found = exam.found(index, 1), exam.found(index, wanted)
    return [
        Tested(int(row), KINDS[0] if left_out else KINDS[1], wanted, int(one), int(all_))
        for row, left_out, one, all_ in zip(exam.rows, exam.left_out, first, found, strict=True)
    ]


def write_tested(path: Path, searches: Sequence[Tested]) -> None:
    """Write the table."""
    write_table(path, _COLUMNS, ([getattr(one, name) for name in _COLUMNS] for one in searches))


def read_tested(path: Path) -> list[Tested]:
    """Read it back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> Tested:
        return Tested(int(row["template"]), row["kind"], *(int(row[name]) for name in _COLUMNS[2:]))

    return read_table(path, read, "evaluation search")


def recall(searches: Sequence[Tested]) -> dict[str, Any]:
    """Recall at 1, with its interval, and at 10 (docs/metrics.md); None without searches."""
    wanted = sum(one.wanted for one in searches)
    first = sum(one.found_at_1 for one in searches)
    return {
        "searches": len(searches),
        "recall_at_1": first / len(searches) if searches else None,
        "recall_at_1_interval": shown(wilson(first, len(searches))),
        "recall_at_10": sum(one.found for one in searches) / wanted if searches else None,
    }
