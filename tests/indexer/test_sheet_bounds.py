"""Small sheets that would take gigabytes: each is refused in little memory, and the error names the bound."""

import dataclasses
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from indexer.sources import read_source
from presente.errors import InvalidInput
from presente.student_sheets import table, workbook
from presente.student_sheets.bounds import BOUNDS
from tests import programs
from tests.conftest import ROOT
from tests.indexer.office import book

pytestmark = pytest.mark.untraced

MEMORY = 400_000_000
"""Bytes of address space in addition to what Python and the modules take."""

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEAD = f'<worksheet xmlns="{MAIN}"><sheetData>'
END = "</sheetData></worksheet>"
LETTERS = [f"{first}{second}" for first in "BCDEFGH" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
NAMES = ("matricula", "nombre_del_alumno", "clase", "fotos")


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def header() -> str:
    return f'<row r="1">{"".join(cell(f"{letter}1", name) for letter, name in zip("ABCD", NAMES, strict=True))}</row>'


def student(row: int, more: str = "") -> str:
    texts = (f"A{row}", f"Ana {row}", "IA-101", f"{row}.jpg")
    cells = "".join(cell(f"{letter}{row}", text) for letter, text in zip("ABCD", texts, strict=True))
    return f'<row r="{row}">{cells}{more}</row>'


def package(sheet: str | bytes, strings: str = "", styles: str = "", more: dict[str, bytes] | None = None) -> bytes:
    parts: dict[str, str | bytes] = {
        "_rels/.rels": f'<Relationships><Relationship Id="a" Type="{RELS}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELS}"><sheets><sheet name="S" r:id="s"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        + "".join(
            f'<Relationship Id="{key}" Type="{RELS}/{kind}" Target="{place}"/>'
            for key, kind, place in (
                ("s", "worksheet", "worksheets/sheet1.xml"),
                ("t", "sharedStrings", "sharedStrings.xml"),
                ("u", "styles", "styles.xml"),
            )
        )
        + "</Relationships>",
        "xl/worksheets/sheet1.xml": sheet,
        **({"xl/sharedStrings.xml": strings} if strings else {}),
        **({"xl/styles.xml": styles} if styles else {}),
        **(more or {}),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return stream.getvalue()


def far_cells(rows: int, value: str = "<v>1</v>") -> bytes:
    """One cell in the last column of every row: 5.6 KB for 200 rows."""
    lines = "".join(student(row, f'<c r="XFD{row}">{value}</c>') for row in range(2, rows + 2))
    return package(HEAD + header() + lines + END)


def lying(content: bytes) -> bytes:
    """The same package with a directory that declares every part to be small."""
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content = content[: at + 24] + (100).to_bytes(4, "little") + content[at + 28 :]
        at = content.find(b"PK\x01\x02", at + 4)
    return content


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPE = f'<!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]>'
BIG = b"x" * 1_000_000

BOMBS: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "a far cell per row": ("xlsx", lambda: far_cells(20_000), "sheet_too_large", "column 256"),
    "far rows": (
        "xlsx",
        lambda: package(HEAD + header() + "".join(student(r) for r in range(2, 100_100)) + END),
        "sheet_too_large",
        "100,000 rows",
    ),
    "wide rows": (
        "xlsx",
        lambda: package(HEAD + header() + "".join(student(r, cell(f"IV{r}", "x")) for r in range(2, 20_000)) + END),
        "sheet_too_large",
        "2,000,000 cells",
    ),
    "spaces": (
        "xlsx",
        lambda: package(HEAD.encode() + b" " * 300_000_000 + END.encode()),
        "sheet_too_large",
        "100,000,000 bytes",
    ),
    "spaces, and a directory that lies": (
        "xlsx",
        lambda: lying(package(HEAD.encode() + b" " * 300_000_000 + END.encode())),
        "sheet_too_large|unreadable_sheet",
        "",
    ),
    "empty cells": ("xlsx", lambda: package(HEAD + "<c/>" * 4_100_000 + END), "sheet_too_large", "4,000,000 elements"),
    "a deep tree": ("xlsx", lambda: package("<a>" * 1_000_000), "sheet_too_large", "64 deep"),
    "one long tag": (
        "xlsx",
        lambda: package(b'<worksheet a="' + BIG * 50 + b'"/>'),
        "sheet_too_large",
        "one of its tags",
    ),
    "one long comment": ("xlsx", lambda: package(b"<w><!--" + BIG * 50), "sheet_too_large", "one of its tags"),
    "a long shared string": (
        "xlsx",
        lambda: package(HEAD + header() + END, f"<sst><si><t>{'x' * 40_000}</t></si></sst>"),
        "sheet_too_large",
        "32,767 characters",
    ),
    "a long text": (
        "xlsx",
        lambda: package(HEAD + header() + student(2, cell("E2", "x" * 40_000_000)) + END),
        "sheet_too_large",
        "32,767 characters",
    ),
    "one string shared by all cells": (
        "xlsx",
        lambda: package(
            HEAD
            + header()
            + "".join('<row><c t="s"><v>0</v></c><c t="s"><v>0</v></c></row>' for _ in range(50_000))
            + END,
            f"<sst><si><t>{'Ñ' * 32_000}</t></si></sst>",
        ),
        "sheet_too_large",
        "50,000,000 characters",
    ),
    "many merged cells": (
        "xlsx",
        lambda: package(
            HEAD
            + header()
            + student(2)
            + "</sheetData><mergeCells>"
            + '<mergeCell ref="A2:A1048576"/>' * 200_000
            + "</mergeCells></worksheet>"
        ),
        "sheet_too_large",
        "merges cells",
    ),
    "cells merged over all rows": (
        "xlsx",
        lambda: package(
            HEAD
            + header()
            + student(2, "".join(cell(f"{letter}2", "x") for letter in LETTERS))
            + "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(3, 100_000))
            + "</sheetData><mergeCells>"
            + "".join(f'<mergeCell ref="{letter}2:{letter}100000"/>' for letter in LETTERS)
            + "</mergeCells></worksheet>"
        ),
        "sheet_too_large",
        "2,000,000 cells",
    ),
    "one cell merged many times": (
        "xlsx",
        lambda: package(
            HEAD
            + header()
            + "".join(student(row) for row in range(2, 20_000))
            + "</sheetData><mergeCells>"
            + '<mergeCell ref="E2:E20000"/><mergeCell ref="C2:C20000"/>' * 20_000
            + "</mergeCells></worksheet>"
        ),
        "sheet_too_large",
        "2,000,000 cells",
    ),
    "many parts": (
        "xlsx",
        lambda: package(HEAD + END, more={f"x/{n}": b"" for n in range(3_000)}),
        "sheet_too_large",
        "2,000 parts",
    ),
    "laughing entities": (
        "xlsx",
        lambda: package(
            f'{DOCTYPE}<worksheet><sheetData><row><c t="str"><v>&l9;</v></c></row></sheetData></worksheet>'
        ),
        "unreadable_sheet",
        "entities",
    ),
    "an outer entity": (
        "xlsx",
        lambda: package('<!DOCTYPE w SYSTEM "file:///etc/passwd"><worksheet/>'),
        "unreadable_sheet",
        "entities",
    ),
    "a part outside": (
        "xlsx",
        lambda: package(HEAD + END).replace(b"worksheets/sheet1.xml", b"../../../etc/pass.xml"),
        "unreadable_sheet",
        "",
    ),
    "one long line": ("csv", lambda: b"a" * 30_000_000, "sheet_too_large", "1,000,000 characters"),
    "columns": ("csv", lambda: b"," * 10_000_000, "sheet_too_large", "1,000,000 characters"),
    "columns in one short line": ("csv", lambda: b",x" * 400_000, "sheet_too_large", "column 256"),
    "a line of quoted line breaks": ("csv", lambda: b'"a\n",' * 5_000_000, "sheet_too_large", "1,000,000 characters"),
    "a quote that never ends": ("csv", lambda: b'matricula,"' + b"x\n" * 10_000_000, "sheet_too_large", "rows"),
    "rows": ("csv", lambda: b"a,b,c,d\n" * 200_000, "sheet_too_large", "100,000 rows"),
    "empty rows": ("csv", lambda: b"\n" * 3_000_000, "empty_source", "is empty"),
    "NULs": ("csv", lambda: bytes(20_000_000), "unreadable_sheet", "NULs"),
    "UTF-16 NULs": ("csv", lambda: b"\xff\xfe" + bytes(20_000_000), "unreadable_sheet", "utf-32"),
    "UTF-16": ("csv", lambda: b"\xff\xfe" + b"a\0" * 14_000_000, "sheet_too_large", "1,000,000 characters"),
    "bytes": ("csv", lambda: b"a,b\n" * 9_000_000, "sheet_too_large", "32,000,000 bytes"),
    "bytes that are not text": ("csv", lambda: b"\x81" * 20_000_000, "unreadable_sheet", "byte 0"),
}

SCRIPT = """
import json, resource, sys
from pathlib import Path
from indexer.sources import read_source
from presente.errors import InvalidInput
import openpyxl, openpyxl.styles.numbers, openpyxl.utils.datetime, unicodedata, encodings.cp1252
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]),) * 2)
def peak():  # ru_maxrss would be that of the parent
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
before = peak()
try:
    found = {"code": "read", "what": str(len(read_source(sys.argv[1]).photos))}
except InvalidInput as error:
    found = {"code": error.code, "what": str(error)}
found["grown_mb"] = peak() - before
print(json.dumps(found))
"""


def read_apart(path: Path) -> dict[str, object]:
    """Read a sheet in a process with limited memory."""
    done = programs.run(["-c", SCRIPT, path, str(MEMORY)], ROOT, os.environ)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_the_bound_in_little_memory(tmp_path: Path, name: str) -> None:
    kind, make, codes, message = BOMBS[name]
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(make())
    found = read_apart(path)
    assert found["code"] in codes.split("|") and message in str(found["what"]), found
    assert len(str(found["what"])) < 1000
    assert float(str(found["grown_mb"])) < 250, found


def test_a_workbook_of_far_cells_takes_little_memory(tmp_path: Path) -> None:
    """Such a workbook of 5.6 KB once took 81 MB, and one of 20,000 rows 8 GB."""
    for rows in (200, 20_000):
        path = tmp_path / f"{rows}.xlsx"
        path.write_bytes(far_cells(rows))
        found = read_apart(path)
        assert found["code"] == "sheet_too_large" and float(str(found["grown_mb"])) < 50, found
        path.write_bytes(far_cells(rows, ""))  # cells that are only coloured have no value
        found = read_apart(path)
        assert (found["code"], found["what"]) == ("read", str(rows)) and float(str(found["grown_mb"])) < 150, found


def test_a_sparse_file_of_fifty_gigabytes_is_not_read(tmp_path: Path) -> None:
    for kind in ("csv", "xlsx"):
        path = tmp_path / f"huge.{kind}"
        with path.open("wb") as stream:
            stream.truncate(50 * 2**30)
        assert read_apart(path)["code"] == "sheet_too_large"


def test_as_many_students_as_a_university_has(tmp_path: Path) -> None:
    rows = range(2, 20_002)
    (tmp_path / "all.xlsx").write_bytes(package(HEAD + header() + "".join(map(student, rows)) + END))
    lines = [",".join(NAMES), *(f"A{row},Ana {row},IA-101,{row}.jpg" for row in rows)]
    (tmp_path / "all.csv").write_text("\n".join(lines))
    for kind in ("csv", "xlsx"):
        assert len(read_source(tmp_path / f"all.{kind}").photos) == len(rows) < BOUNDS.rows


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_pipe_and_a_device_are_not_sheets(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / f"pipe.{kind}")
    (tmp_path / f"zero.{kind}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(InvalidInput) as caught:
            read_source(tmp_path / f"{name}.{kind}")
        assert caught.value.code == "unreadable_sheet"


def test_a_package_with_other_compression_is_refused(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(package(HEAD + END))) as whole, zipfile.ZipFile(stream, "w", method) as packed:
            for name in whole.namelist():
                packed.writestr(name, whole.read(name))
        (tmp_path / "class.xlsx").write_bytes(stream.getvalue())
        with pytest.raises(InvalidInput, match="compressed in a way"):
            read_source(tmp_path / "class.xlsx")


@pytest.mark.parametrize(
    ("bound", "value", "said"),
    [("characters", 100, "100 characters"), ("rows", 3, "3 rows"), ("cells", 15, "15 cells")],
)
def test_the_sheets_of_a_workbook_count_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, said: str
) -> None:
    """Each sheet is within the bound, and both together are not."""
    bounds = dataclasses.replace(BOUNDS, **{bound: value})
    monkeypatch.setattr(table, "BOUNDS", bounds)
    monkeypatch.setattr(table, "read_worksheets", lambda content: workbook.read_worksheets(content, bounds))
    rows = [["no"] * 4, ["x" * 15] * 4]
    read_tables = table.read_tables
    assert len(list(read_tables(book(tmp_path / "one.xlsx", *rows)))) == 1
    made = openpyxl.load_workbook(tmp_path / "one.xlsx")
    made.copy_worksheet(made["Sheet"])
    made.save(tmp_path / "two.xlsx")
    with pytest.raises(InvalidInput, match=said) as caught:
        list(read_tables(tmp_path / "two.xlsx"))
    assert caught.value.code == "sheet_too_large"
