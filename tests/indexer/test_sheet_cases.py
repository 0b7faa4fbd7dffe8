"""Sheets as offices make them: those of ../shared/cases/sheets, each with the right answer, and others like them."""

import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from faces.embedder import FaceEmbedder
from indexer.pipeline.enrol_source import enrol_source
from indexer.sources import read_source
from indexer.sources.values import Source
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, SHARED, OpenGallery

CASES = SHARED / "cases" / "sheets"
HEADER = "matricula,nombre_del_alumno,clase,fotos\n"

RIGHT: dict[str, tuple[list[tuple[str, str, str]], tuple[str, ...]]] = {
    "leading-zeros.xlsx": ([("00123", "Ana Uno", "IA-101"), ("00007", "Beto Dos", "IA-101")], ()),
    "merged-class.xlsx": (
        [
            ("A1", "Ana Uno", "IA-101"),
            ("A2", "Beto Dos", "IA-101"),
            ("A3", "Caro Tres", "IA-101"),
            ("A4", "Dani Cuatro", "IA-102"),
        ],
        (),
    ),
    "title-row.xlsx": ([("A1", "Ana Uno", "IA-101")], ("line 1", "passed over")),
    "nbsp-name.xlsx": ([("A1", "Ana Uno", "IA-101"), ("A2", "Beto Dos", "IA-101")], ()),
    "dates.xlsx": (
        [("A1", "Ana Uno", "IA-101"), ("A2", "Beto Dos", "IA-101"), ("A3", "Caro Tres", "IA-101")],
        (),
    ),
    "hidden-row-two-sheets.xlsx": (
        [("A1", "Ana Uno", "IA-101"), ("A2", "Beto Dos", "IA-101")],
        ("hidden rows", ": 3", "the sheet", "was read, and not"),
    ),
    "excel-sep-line.csv": ([("A1", "Ana Núñez", "IA-101")], ()),
    "cp1252.csv": ([("A1", "Ana Núñez", "IA-101")], ("Windows-1252",)),
    "utf16.csv": ([("A1", "Ana Núñez", "IA-101")], ()),
    "nfc-nfd.csv": ([("Ñ-1", "Íñigo Uno", "IA-101")], ("more photos", "line 3")),
    "quoted-newline.csv": ([("A1", "Uno, Ana", "IA-101")], ()),
}


def people(source: Source) -> list[tuple[str, str, str]]:
    students = dict.fromkeys(photo.student for photo in source.photos)
    return [(each.matricula, each.nombre_del_alumno, each.clase) for each in students]


FIELDS = ["matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "fotos"]


def make_workbooks(folder: Path) -> None:
    """The workbooks of the table, as openpyxl writes them."""
    students = [["A1", "Ana Uno"], ["A2", "Beto Dos"], ["A3", "Caro Tres"], ["A4", "Dani Cuatro"]]
    rows = [[*each, "IA-101", None, f"{photo}.jpg"] for each, photo in zip(students, "abcd", strict=True)]
    merged = [row[:] for row in rows]
    merged[1][2] = merged[2][2] = None
    merged[3][2] = "IA-102"
    dated = [[*row[:3], fecha, row[4]] for row, fecha in zip(rows, DATES, strict=False)]
    spaced = [["A1", "Ana\u00a0Uno", *rows[0][2:]], ["A2\u00a0", *rows[1][1:]]]
    cases: list[tuple[str, list[Any], Callable[[Worksheet], object]]] = [
        ("leading-zeros", [[123, *rows[0][1:]], [7, *rows[1][1:]]], show_zeros),
        ("merged-class", merged, lambda sheet: sheet.merge_cells("C2:C4")),
        ("nbsp-name", spaced, lambda _: None),
        ("dates", dated, lambda _: None),
        ("hidden-row-two-sheets", rows[:2], hide_and_add_notes),
        ("title-row", rows[:1], add_title),
    ]
    for name, lines, change in cases:
        book = openpyxl.Workbook()
        sheet = book.active
        assert isinstance(sheet, Worksheet)
        for line in (FIELDS, *lines):
            sheet.append(line)
        change(sheet)
        book.save(folder / f"{name}.xlsx")


DATES = ("2026-08-15", "15/08/2026", datetime.datetime(2026, 8, 15))


def show_zeros(sheet: Worksheet) -> None:
    for row in (2, 3):
        sheet.cell(row, 1).number_format = "00000"


def hide_and_add_notes(sheet: Worksheet) -> None:
    sheet.row_dimensions[3].hidden = True
    assert sheet.parent is not None
    sheet.parent.create_sheet("Notas").append(["Beto se dio de baja"])


def add_title(sheet: Worksheet) -> None:
    sheet.insert_rows(1)
    sheet.cell(1, 1).value = "Lista del grupo IA-101"
    sheet.merge_cells("A1:E1")


def make_texts(folder: Path) -> None:
    """The texts of the table, byte by byte."""
    ana = "matricula;nombre_del_alumno;clase;fotos\r\nA1;Ana Núñez;IA-101;a.jpg\r\n"
    twice = f"{HEADER}\u00d1-1,Íñigo Uno,IA-101,a.jpg\nN\u0303-1,Íñigo Uno,IA-101,b.jpg\n"
    for name, content in {
        "excel-sep-line": b"\xef\xbb\xbfsep=;\r\n" + ana.encode(),
        "cp1252": ana.encode("cp1252"),
        "utf16": b"\xff\xfe" + ana.replace(";", "\t").encode("utf-16-le"),
        "nfc-nfd": twice.encode(),
        "quoted-newline": f'{HEADER}A1,"Uno,\nAna",IA-101,a.jpg\n'.encode(),
    }.items():
        (folder / f"{name}.csv").write_bytes(content)


@pytest.fixture(params=["made", "shared"])
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with the cases, those that are made here or those of the shared folder, and four photos."""
    if request.param == "made":
        make_workbooks(tmp_path)
        make_texts(tmp_path)
    elif not CASES.is_dir():
        pytest.skip("the cases are not here (../shared/cases/sheets)")
    else:
        for path in CASES.iterdir():
            shutil.copy(path, tmp_path)
    for name, number in zip("abcd", range(1, 5), strict=True):
        shutil.copy(SAMPLE / "strangers" / f"{number:02d}.jpg", tmp_path / f"{name}.jpg")
    return tmp_path


def test_every_case_is_tried() -> None:
    if CASES.is_dir():
        found = {path.name for path in CASES.iterdir()} - {"README.md"}
        assert found == {*RIGHT}


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_comes_out_right(office: Path, name: str) -> None:
    wanted, said = RIGHT[name]
    source = read_source(office / name)
    assert people(source) == wanted
    assert all(photo.read() for photo in source.photos)
    notes = "\n".join(source.notes)
    assert all(word in notes for word in said) and bool(notes) == bool(said), notes
    if name == "dates.xlsx":
        assert {photo.student.fecha_de_registro for photo in source.photos} == {"2026-08-15"}


def test_what_is_read_is_what_is_stored(office: Path, embedder: FaceEmbedder, open_gallery: OpenGallery) -> None:
    gallery = open_gallery(embedder.pack.threshold, embedder.pack.dim, embedder.pack.tag)
    report = enrol_source(read_source(office / "merged-class.xlsx"), embedder, gallery, 2, lambda *_: None)
    assert report.done == 4
    stored = [found.student for found in gallery.store.students()]
    assert [(each.matricula, each.clase) for each in stored] == [
        ("A1", "IA-101"),
        ("A2", "IA-101"),
        ("A3", "IA-101"),
        ("A4", "IA-102"),
    ]


def test_two_spellings_of_a_folder_are_one_student(tmp_path: Path) -> None:
    for name in ("Ñ_1/a.jpg", "N\u0303_1/b.jpg", "O/c.jpg", "Ñ_1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    photos = read_source(tmp_path).photos
    assert sorted(photo.student.matricula for photo in photos) == ["O", *["Ñ_1"] * 3]
    assert {photo.student.nombre_del_alumno for photo in photos} == {"Ñ 1", "O"}
    assert all(Path(photo.location).is_file() for photo in photos), "a path keeps the spelling that it has"


def text(folder: Path, content: bytes) -> Path:
    (folder / "class.csv").write_bytes(content)
    return folder / "class.csv"


ROWS = (HEADER + "A1,Ana Núñez,IA-101,a.jpg\n").replace(",", ";")


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode("utf-16-le", "strict").join([b"\xff\xfe", b""]),
        b"\xfe\xff" + ROWS.encode("utf-16-be"),
        b"\xff\xfe\0\0" + ROWS.encode("utf-32-le"),
        ROWS.encode("utf-8-sig"),
        ROWS.replace("\n", "\r\n").encode(),
        ROWS.replace("\n", "\r").encode(),
        b"SEP=;\r\n" + ROWS.encode(),
        b"sep=|\n" + ROWS.replace(";", "|").encode(),
        ROWS.encode("cp1252"),
        ("\n\nGrupo;IA-101\n" + ROWS).encode(),
    ],
)
def test_texts_in_every_encoding(tmp_path: Path, content: bytes) -> None:
    assert people(read_source(text(tmp_path, content))) == [("A1", "Ana Núñez", "IA-101")]


def test_lines_are_named_as_the_person_sees_them(tmp_path: Path) -> None:
    source = read_source(text(tmp_path, b"sep=,\n" + f"Grupo\n{HEADER}A1,,,a.jpg\n".encode()))
    assert [row.line for row in source.refused] == [4]


def test_damaged_utf8_is_not_read_as_windows_1252(tmp_path: Path) -> None:
    broken = (HEADER + "A1,Ana Núñez,IA-101,a.jpg\nA2,Beto Ñ,IA-101,b.jpg\n").encode().replace(b"\xc3\x91", b"\xc3")
    with pytest.raises(InvalidInput) as caught:
        read_source(text(tmp_path, broken))
    assert caught.value.code == "unreadable_sheet" and "UTF-8" in caught.value.fix
    assert len(str(caught.value)) < 500


def test_values_of_a_workbook_as_people_write_them(tmp_path: Path) -> None:
    """Files that openpyxl writes, read by our reader."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append(["matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "fotos"])
    values = [
        (7, "Ana", 101.0, datetime.date(2026, 8, 4), "00000"),
        (12.5, "Eva", 12, datetime.datetime(2026, 8, 3, 14, 33, 21, 500_000), "General"),
        ("0012", "Luis ", "IA-1", None, "General"),
        (99_999_999_999_999, "Sol", "IA-2", datetime.datetime(2026, 8, 3), "0"),
        (123, "Mar", "IA-2", None, '"A"00000'),
        (1234567, "Paz", "IA-2", None, "00-0000;[Red]-00"),
        (5, "Luz", "IA-2", None, "\\A0_)"),
    ]
    for row, (matricula, name, clase, fecha, form) in enumerate(values, start=2):
        sheet.append([matricula, name, clase, fecha, "a.jpg"])
        sheet.cell(row, 1).number_format = form
    book.create_chartsheet("plot", 0)
    hidden = book.create_sheet("hidden", 0)
    hidden.sheet_state = "hidden"
    hidden.append(["not this"])
    book.save(tmp_path / "class.xlsx")
    students = [photo.student for photo in read_source(tmp_path / "class.xlsx").photos]
    assert [(each.matricula, each.clase, each.fecha_de_registro) for each in students] == [
        ("00007", "101", "2026-08-04"),
        ("12.5", "12", "2026-08-03 14:33:21"),
        ("0012", "IA-1", ""),
        ("99999999999999", "IA-2", "2026-08-03"),
        ("A00123", "IA-2", ""),
        ("123-4567", "IA-2", ""),
        ("5", "IA-2", ""),  # a format that is not understood
    ]
