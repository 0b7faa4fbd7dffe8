"""No cell of a list is a formula, in whichever language a spreadsheet opens it."""

import csv
import io
import re
import unicodedata

import pytest

from gallery.documents.values import Student
from presente.spreadsheet_cells import plain_cell
from server.operations.attendance_lists import AttendanceLine
from server.responses.attendance_csv import as_csv

FORMULA = "=HYPERLINK(A1)"
STARTS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212\u207c"
BLANKS = ["", " ", "\t", "\r", "\n", "\u00a0", "\u3000", "\u200b", "\ufeff", '"', '""', "'", "(", ' \t\u00a0"']
BEFORE = [*BLANKS, "; ", ";", "a;", "a,", "a\t", 'a;"', "a;\u00a0", "a\r\n", "a|", "a,;", "a\u2028", "a;;;", 'a",']


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("sign", STARTS)
def test_no_piece_of_a_cell_begins_with_a_sign(before: str, sign: str) -> None:
    text = f"{before}{sign}cmd|' /C calc'!A0"
    kept = str(plain_cell(text))
    for piece in re.split(r"[;,|\t\r\n\u2028]", kept):
        seen = re.sub(r"^[^\w'=+@\uff0b-]*", "", piece)
        first = unicodedata.normalize("NFKC", seen[:1])
        assert first not in ("=", "+", "-", "@", "\u2212"), (text, kept)
    assert kept.replace("'", "") == text.replace("'", ""), "nothing else is changed"


@pytest.mark.parametrize(
    "text",
    ["Ana Ruiz", "Ruiz, Ana; grupo 2", "a-b", "IA-101", "2026-11-20", "ana@tec.mx", "1+1", "(nota)", ""],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert plain_cell(text) == text


def test_numbers_stay_numbers() -> None:
    assert plain_cell(-0.25) == -0.25 and plain_cell(None) is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_attendance_list_in_every_language(delimiter: str) -> None:
    names = [f"Ana;{FORMULA}", f'"{FORMULA}', f"\u00a0{FORMULA}", f"a;\u00a0\uff1d1+1;{FORMULA}", f"Ana\t{FORMULA}"]
    lines = [
        AttendanceLine(Student(f"-{number}", name), None, f"x;{FORMULA}", "2026-11-20")
        for number, name in enumerate(names)
    ]
    text = "".join(as_csv(lines))
    assert text.startswith("\ufeff")
    for row in csv.reader(io.StringIO(text[1:]), delimiter=delimiter):
        for cell in row:
            first = re.sub(r"^[^\w'=+@-]*", "", unicodedata.normalize("NFKC", cell))[:1]
            assert first not in tuple("=+-@"), cell
