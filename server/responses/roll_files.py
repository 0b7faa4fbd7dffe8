"""A session's roll as a file: CSV, xlsx, and the CSV that Moodle's attendance activity imports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from presente.spreadsheet_cells import plain_cell
from server.operations.sessions import SessionRoll
from server.responses.sessions import roll_line_json, session_json

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OF_SESSION = ("fecha", "clase", "starts")
_OF_LINE = ("matricula", "nombre_del_alumno", "status", "since", "source", "note", "entry", "reason")


def _rows(roll: SessionRoll) -> Iterable[list[str | int]]:
    """The roll as rows of cells that no spreadsheet takes for formulas, after a row of names."""
    yield [*_OF_SESSION, *_OF_LINE]
    session = session_json(roll.stored)
    begin = [getattr(session, name) for name in _OF_SESSION]
    for line in map(roll_line_json, roll.lines):
        cells = [*begin, *(getattr(line, name) for name in _OF_LINE)]
        yield ["" if cell is None else cast("str | int", plain_cell(cell)) for cell in cells]


def roll_csv(roll: SessionRoll) -> str:
    """The roll as a spreadsheet opens it: with a byte order mark."""
    return "\ufeff" + _csv(_rows(roll))


def roll_xlsx(roll: SessionRoll) -> bytes:
    """The roll as a workbook of one sheet; every text is stored as text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("asistencia")
    sheet.freeze_panes = "A2"
    for row in _rows(roll):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value)
            if isinstance(value, str):
                cell.data_type = "s"  # openpyxl would take one that begins with = for a formula
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def roll_moodle(roll: SessionRoll, acronyms: Mapping[str, str]) -> str:
    """The roll as Moodle's attendance activity imports it into one of its sessions: user, scan time, status.

    The scan time is empty: where there is one, Moodle decides the status by it, and passes over the status. Students
    who wait for a person's decision are left out, so that Moodle keeps what it has.
    """
    rows: list[list[str | int]] = [["idnumber", "scantime", "status"]]
    for line in roll.lines:
        if line.status in acronyms:
            rows.append([cast("str", plain_cell(line.student.matricula)), "", acronyms[line.status]])
    return _csv(rows)


def _csv(rows: Iterable[list[str | int]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
