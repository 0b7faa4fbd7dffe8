"""The attendance list as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import UNSET

from server.operations.attendance_lists import AttendanceLine
from server.responses.attendance import attendance_line_json
from server.responses.csv_files import Cell, csv_table

_COLUMNS = (
    "fecha",
    "clase",
    "matricula",
    "nombre_del_alumno",
    "status",
    "source",
    "score",
    "threshold",
    "at",
    "note",
    "id",
    "reason",
)


def as_csv(lines: Iterable[AttendanceLine]) -> Iterator[str]:
    """The attendance list as a spreadsheet opens it, some lines at a time."""
    members = (attendance_line_json(line) for line in lines)
    return csv_table(_COLUMNS, ([_cell(getattr(line, name)) for name in _COLUMNS] for line in members))


def _cell(value: Any) -> Cell:
    return None if value is UNSET else value
