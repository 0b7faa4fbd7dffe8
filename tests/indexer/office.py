"""Sheets as office programs make them, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

HEADER = "matricula,nombre_del_alumno,clase,fotos\n"
NAMES = ["matricula", "nombre_del_alumno", "clase", "fotos"]
Row = list[Any]


def book(path: Path, *rows: Row, change: Callable[[Worksheet], object] = lambda _: None) -> Path:
    """A workbook with these rows, and what ``change`` does to its sheet."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(row)
    change(sheet)
    made.save(path)
    return path


def csv_file(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path
