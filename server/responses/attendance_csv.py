"""The attendance list as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from msgspec import UNSET

from presente.spreadsheet_cells import plain_cell
from server.operations.attendance_lists import AttendanceLine
from server.responses.attendance import attendance_line_json

_BYTES_AT_ONCE = 64 * 1024
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
)


def as_csv(lines: Iterable[AttendanceLine]) -> Iterator[str]:
    """The attendance list as a spreadsheet opens it, some lines at a time: with a byte order mark, and no cell that is
    a formula."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for line in lines:
        values = (getattr(attendance_line_json(line), name) for name in _COLUMNS)
        writer.writerow("" if value is UNSET else plain_cell(value) for value in values)
        if out.tell() > _BYTES_AT_ONCE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
