"""Tables as CSV files that a spreadsheet opens: with a byte order mark, and no cell that is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from presente.spreadsheet_cells import plain_cell

_BYTES_AT_ONCE = 64 * 1024
Cell = str | int | float | None


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A table, some lines at a time. None is an empty cell."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow("" if cell is None else plain_cell(cell) for cell in row)
        if out.tell() > _BYTES_AT_ONCE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
