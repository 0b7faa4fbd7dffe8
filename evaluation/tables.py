"""Tables of scores on disk: tab-separated UTF-8 with one header line."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from presente.errors import InvalidInput
from presente.installation import command_line

_Row = TypeVar("_Row")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def read_table(path: Path, read: Callable[[dict[str, str]], _Row], made_by: str) -> list[_Row]:
    """Read a table back, row by row.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [read(row) for row in csv.DictReader(stream, delimiter="\t")]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as exc:
        raise InvalidInput(
            "unreadable_scores",
            f"{path} is not a table of scores ({exc}).",
            f"Make one with `{command_line(made_by)}`.",
        ) from exc


def shown_score(score: float) -> str:
    """A score with all its digits; nothing for -inf, which is no score."""
    return "" if math.isinf(score) else repr(score)


def read_score(text: str) -> float:
    """The score that :func:`shown_score` wrote."""
    return float(text) if text else -math.inf
