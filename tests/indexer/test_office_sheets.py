"""Ugly sheets: each is made here as an office program makes it, and comes out as a person would read it."""

import datetime
import io
import random
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from gallery.documents.values import Consent
from indexer.sources import read_source
from indexer.sources.options import SourceOptions
from indexer.sources.values import Source
from presente.errors import InvalidInput
from presente.student_sheets import columns
from presente.student_sheets.dates import read_date
from tests.indexer.office import HEADER, NAMES, Row, book, csv_file


def people(source: Source) -> list[tuple[str, str, str, str]]:
    """(matricula, name, class, name of the photo) of every photo."""
    return [
        (photo.student.matricula, photo.student.nombre_del_alumno, photo.student.clase, Path(photo.location).name)
        for photo in source.photos
    ]


def refused(source: Source) -> dict[int, str]:
    return {row.line: row.code for row in source.refused}


def reason(source: Source, line: int) -> str:
    return next(row.reason for row in source.refused if row.line == line)


def student(number: int, *more: Any) -> Row:
    return [f"A{number}", f"Ana {number}", "IA-101", f"{number}.jpg", *more]


def right(*numbers: int) -> list[tuple[str, str, str, str]]:
    return [(f"A{number}", f"Ana {number}", "IA-101", f"{number}.jpg") for number in numbers]


# -- the cells of workbooks --------------------------------------------------------------------------------------------


def test_cells_without_a_usable_value_refuse_their_rows_by_name(tmp_path: Path) -> None:
    bad: list[tuple[int, Any, str]] = [
        (3, "=CONCATENATE(A2,1)", "save it there"),
        (1, "#N/A", "#N/A"),
        (2, True, "TRUE"),
        (0, 1234567890123456, "15 digits"),
        (0, datetime.date(2026, 1, 3), "format the column as text"),
        (2, datetime.datetime(2026, 2, 1), "2026-02-01"),
        (2, datetime.time(10, 30), "10:30"),
        (0, "1.2E+05", "digits were lost"),
        (1, "#¡REF!", "#¡REF!"),
        (3, "########", "####"),
    ]
    rows = [student(number) for number in range(len(bad) + 1)]
    for row, (column, value, _) in zip(rows, bad, strict=False):
        row[column] = value
    source = read_source(book(tmp_path / "a.xlsx", NAMES, *rows))
    assert people(source) == right(len(bad))
    for line, (column, _, word) in enumerate(bad, start=2):
        said = reason(source, line)
        assert said.startswith(f"{'ABCD'[column]}{line} ({NAMES[column]}) ") and word.lower() in said.lower(), said
    assert set(refused(source).values()) == {"unusable_cell"}


def test_faults_in_columns_that_are_not_used_refuse_nothing(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [*NAMES, "total"], student(1, "=1+1"), student(2, "#N/A"), student(3, True))
    assert people(read_source(path)) == right(1, 2, 3) and not read_source(path).refused


def test_a_formula_with_its_value_is_the_value(tmp_path: Path) -> None:
    """Excel writes an empty result as a text; only a formula without any result was not computed."""
    path = book(tmp_path / "a.xlsx", NAMES, ['="A"&1', "Ana 1", '=""', "1.jpg"])
    for name, old, new in (
        ("xl/worksheets/sheet1.xml", '<f>"A"&amp;1</f><v></v>', '<f>"A"&amp;1</f><v>A1</v>'),
        ("xl/worksheets/sheet1.xml", '<f>""</f><v></v>', '<f>""</f><v></v>'),
    ):
        replace_in(path, name, old, new)
    replace_in(path, "xl/worksheets/sheet1.xml", '<c r="A2">', '<c r="A2" t="str">')
    replace_in(path, "xl/worksheets/sheet1.xml", '<c r="C2">', '<c r="C2" t="str">')
    source = read_source(path)
    assert people(source) == [("A1", "Ana 1", "", "1.jpg")] and not source.refused


def replace_in(path: Path, part: str, old: str, new: str) -> None:
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    text = parts[part].decode().replace("<v />", "<v></v>").replace("<v/>", "<v></v>")
    assert old in text, text
    parts[part] = text.replace(old, new).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)


def test_numbers_as_programs_keep_them(tmp_path: Path) -> None:
    def formats(sheet: Worksheet) -> None:
        for row, number_format in enumerate(("00000", "General", "0.00E+00", '"B-"0000', "@"), start=2):
            sheet.cell(row, 1).number_format = number_format

    rows = [[value, "Ana", "IA-101", f"{value}.jpg"] for value in (123, 123.0, 120000, 45, "00123 ")]
    source = read_source(book(tmp_path / "a.xlsx", NAMES, *rows, change=formats))
    assert [each[0] for each in people(source)] == ["00123", "00123", "123", "120000", "B-0045"]
    assert not source.refused and "more photos of a student of an earlier line: line 6" in source.notes[0]


# -- the shape of workbooks --------------------------------------------------------------------------------------------


def test_a_list_as_a_secretary_makes_it(tmp_path: Path) -> None:
    """Title, empty line, numbers below the students, a group of merged cells, totals, the columns' names twice."""

    def merge(sheet: Worksheet) -> None:
        sheet.merge_cells("A1:E1")
        sheet.merge_cells("E4:E6")
        sheet.row_dimensions[5].hidden = True

    rows: list[Row] = [
        ["Instituto Tecnológico. Lista de asistencia"],
        [],
        ["No.", "Matrícula", "Nombre\n completo ", "Foto", "GRUPO", ""],
        [1, "A1", "Ana\u00a01", "1.jpg", "IA-101", ""],
        [2, "A2\u200b", " Ana  2", "2.jpg"],
        [3, "A3", "Ana\n3", "3.jpg"],
        ["No.", "Matrícula", "Nombre\n completo ", "Foto", "GRUPO"],
        [4, "A4", "Ana 4", "4.jpg", "IA-101", "", "nueva"],
        *([number] for number in range(5, 41)),
        ["Total:", "4 alumnos"],
    ]
    source = read_source(book(tmp_path / "a.xlsx", *rows, change=merge))
    assert people(source) == right(1, 2, 3, 4)
    assert refused(source) == {45: "invalid_student"}
    notes = "\n".join(source.notes)
    for said in (
        "title: line 1",
        "hidden rows were read, too: 5",
        "names: line 7",
        "nor photos: line 9",
        "name were passed",
    ):
        assert said in notes, (said, notes)


def test_merged_cells_give_no_student_what_is_anothers(tmp_path: Path) -> None:
    def merge(sheet: Worksheet) -> None:
        for cells in ("A2:A3", "B2:B3", "C2:C8", "B4:B5", "D6:D7"):
            sheet.merge_cells(cells)

    rows = [student(number) for number in (1, 1, 2, 3, 4, 5, 6)]
    rows[1][3] = "more.jpg"
    source = read_source(book(tmp_path / "a.xlsx", NAMES, *rows, change=merge))
    assert people(source) == [right(1)[0], ("A1", "Ana 1", "IA-101", "more.jpg"), *right(2, 4, 6)]
    assert refused(source) == {5: "unusable_cell", 7: "unusable_cell"}
    assert reason(source, 5).startswith("B5 (nombre_del_alumno) ") and reason(source, 7).startswith("D7 (fotos) ")


def test_the_empty_sheet_of_a_template_is_not_the_list(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", NAMES)
    made = openpyxl.load_workbook(path)
    full = made.create_sheet("IA-102")
    full.append(NAMES)
    full.append(student(1))
    made.save(path)
    source = read_source(path)
    assert (
        people(source) == right(1) and not source.warnings and "'IA-102' was read, and not 'Sheet'" in source.notes[0]
    )


def test_thousands_of_empty_rows_and_styled_cells(tmp_path: Path) -> None:
    def style(sheet: Worksheet) -> None:
        for row in range(4, 3000):
            sheet.cell(row, 1).number_format = "00000"
            sheet.cell(row, 2).value = " \u00a0" if row % 2 else None

    source = read_source(book(tmp_path / "a.xlsx", NAMES, student(1), student(2), change=style))
    assert people(source) == right(1, 2) and not source.refused and not source.notes


def test_the_sheet_with_students_is_found_and_a_second_one_is_not_forgotten(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    cover = made.active
    assert isinstance(cover, Worksheet)
    cover.title = "Instrucciones"
    cover.append(["Llene la hoja de su grupo"])
    for number, name in enumerate(("IA-101", "IA-102"), start=1):
        made.create_sheet(name).append(NAMES)
        made[name].append(student(number))
    made.create_sheet("vieja").append(NAMES)
    made["vieja"].append(student(9))
    made["vieja"].sheet_state = "hidden"
    made.save(tmp_path / "a.xlsx")
    source = read_source(tmp_path / "a.xlsx")
    assert people(source) == right(1)
    assert "the sheet 'IA-101' was read, and not 'Instrucciones', 'IA-102', 'vieja'" in source.notes[0]
    (warning,) = source.warnings
    assert "'IA-102' has the columns of students, too" in warning


def test_a_column_that_is_there_twice_refuses_the_sheet(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_source(book(tmp_path / "a.xlsx", ["Lista"], [*NAMES, "Fotos"], student(1, "b.jpg")))
    assert caught.value.code == "ambiguous_column" and "'fotos', 'Fotos'" in str(caught.value)
    source = read_source(book(tmp_path / "b.xlsx", [*NAMES, "nota", "nota"], student(1, 5, 6)))
    assert people(source) == right(1)


def test_each_cell_is_compared_with_names_once_per_line_and_a_long_one_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: Counter[str] = Counter()

    def normalize(form: Literal["NFKD"], text: str) -> str:
        compared[text] += 1
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(columns, "unicodedata", SimpleNamespace(normalize=normalize))
    lines: list[Row] = [[*["x" * 30_000] * 100, "y" * columns.LONGEST_NAME, "y" * 201] for _ in range(12)]
    with pytest.raises(InvalidInput, match="no column matricula") as caught:
        read_source(book(tmp_path / "a.xlsx", *lines))
    assert compared["y" * columns.LONGEST_NAME] == 11, "once for each line that may name the columns"
    assert max(map(len, compared)) == columns.LONGEST_NAME
    assert len(str(caught.value)) < 10_000


def test_a_column_with_a_very_long_name_is_found_by_exactly_that_name(tmp_path: Path) -> None:
    question = "Suba tres fotos de frente. " * 10
    path = book(tmp_path / "a.xlsx", ["matricula", "nombre_del_alumno", "clase", question], student(1))
    with pytest.raises(InvalidInput, match="no column fotos"):
        read_source(path)
    assert people(read_source(path, SourceOptions(columns=f"fotos={question}"))) == right(1)


def test_names_in_two_columns_are_pointed_out(tmp_path: Path) -> None:
    rows: list[Row] = [["Nombre(s)", "Apellidos", "No. de control", "Fotografía"], ["Ana", "Ruiz", 175, "a.jpg"]]
    with pytest.raises(InvalidInput, match=r"no column nombre_del_alumno; it has 'Nombre\(s\)', 'Apellidos'"):
        read_source(book(tmp_path / "a.xlsx", *rows))
    rows[0][0] = "Nombre"
    source = read_source(book(tmp_path / "a.xlsx", *rows))
    assert people(source) == [("175", "Ana", "", "a.jpg")]
    assert "the names are those of 'Nombre' alone, without 'Apellidos'" in source.notes[1]


def test_a_form_that_a_student_answered_twice(tmp_path: Path) -> None:
    rows = [
        ["2026/8/3 2:33:21 p. m. GMT-6", "A1", "Ana", "a.jpg"],
        ["3/08/2026 14:33:21", "A2", "Eva", "b.jpg"],
        ["2026/8/4 9:00:00 a. m. GMT-6", "A1", "ANA", "c.jpg"],
        ["2026/8/5 9:00:00 a. m. GMT-6", "A1", "Ana", "d.jpg"],
    ]
    source = read_source(book(tmp_path / "a.xlsx", ["Marca temporal", "matricula", "Nombre", "Fotos"], *rows))
    assert [(each[0], each[3]) for each in people(source)] == [("A1", "a.jpg"), ("A1", "d.jpg"), ("A2", "b.jpg")]
    assert refused(source) == {4: "duplicate_matricula"}
    assert {photo.student.fecha_de_registro for photo in source.photos} == {"2026-08-03"}
    assert any("more photos of a student" in note and "line 5" in note for note in source.notes)


@pytest.mark.parametrize(
    ("first", "second", "taken", "noted"),
    [
        (",", "2026-08-15,si", ("2026-08-15", "si"), False),
        ("2026-08-15,si", ",", ("2026-08-15", "si"), False),
        ("2026-08-15,si", "2026-08-15,si", ("2026-08-15", "si"), False),
        ("2026-01-01,old", "2026-08-15,new", ("2026-08-15", "new"), True),
        ("2026-08-15,new", "2026-01-01,old", ("2026-08-15", "new"), True),
        ("2026-08-15,one", "2026-08-15,two", ("2026-08-15", "two"), True),
    ],
)
def test_the_consent_of_a_student_with_several_rows(
    tmp_path: Path, first: str, second: str, taken: tuple[str, str], noted: bool
) -> None:
    header = "matricula,nombre_del_alumno,fotos,consentimiento_fecha,consentimiento_texto\n"
    text = f"{header}A1,Ana,a.jpg,{first}\nA1,Ana,b.jpg,{second}\n"
    source = read_source(csv_file(tmp_path / "a.csv", text))
    assert [Path(photo.location).name for photo in source.photos] == ["a.jpg", "b.jpg"]
    assert {photo.student.consentimiento for photo in source.photos} == {Consent(*taken)}
    assert any("another consent" in note and "line 3" in note for note in source.notes) == noted


@pytest.mark.parametrize(
    ("dates", "taken"), [(("", "2026-08-15"), "2026-08-15"), (("2026-08-03", "2026-08-01"), "2026-08-03")]
)
def test_the_date_of_registration_is_that_of_the_first_row_that_has_one(
    tmp_path: Path, dates: tuple[str, str], taken: str
) -> None:
    first, second = dates
    text = f"matricula,nombre_del_alumno,fotos,fecha_de_registro\nA1,Ana,a.jpg,{first}\nA1,Ana,b.jpg,{second}\n"
    source = read_source(csv_file(tmp_path / "a.csv", text))
    assert [photo.student.fecha_de_registro for photo in source.photos] == [taken, taken]


# -- texts -------------------------------------------------------------------------------------------------------------


def line(number: int) -> str:
    return f"A{number},Ana {number},IA-101,{number}.jpg\n"


@pytest.mark.parametrize(
    ("bad", "lines"),
    [
        ('A9,"Ana 9,IA-101,9.jpg\n', {3: "malformed_row"}),  # swallows what follows, to the end
        ('A9,"Ana "la" 9",IA-101,9.jpg\n', {3: "malformed_row"}),
        ('A9,"Ana 9,IA-101,9.jpg\nA8,Ana 8",IA-101,8.jpg\n', {3: "unusable_cell"}),  # closed in the next line
        (
            'A9,"Ana 9,IA-101,9.jpg\nA7,Ana 7,IA-101,7.jpg\nA8,Ana 8",IA-101,8.jpg\n',
            {3: "malformed_row", 5: "malformed_row"},
        ),
        ('A9,Ana 9,IA-101,"9.jpg\nA8,Ana 8,IA-101,8.jpg"\n', {3: "malformed_row", 4: "malformed_row"}),
        ("A9,Ana, la nueve,IA-101,9.jpg\n", {3: "malformed_row"}),
        ("A9,IA-101,9.jpg\n", {3: "no_photos"}),
        ("1.2E+05,Ana 9,IA-101,9.jpg\n", {3: "unusable_cell"}),
        ("#N/A,Ana 9,IA-101,9.jpg\n", {3: "unusable_cell"}),
        ("A9,#¿NOMBRE?,IA-101,9.jpg\n", {3: "unusable_cell"}),
        ("A9,Ana\x07 9,IA-101,9.jpg\n", {3: "invalid_student"}),
        ("A/9,Ana 9,IA-101,9.jpg\n", {3: "invalid_student"}),
        (f"A9,{'Ana ' * 60},IA-101,9.jpg\n", {3: "invalid_student"}),
    ],
)  # fmt: skip
def test_a_bad_line_costs_no_other_line(tmp_path: Path, bad: str, lines: dict[int, str]) -> None:
    source = read_source(csv_file(tmp_path / "a.csv", HEADER + line(1) + bad + line(2) + line(3)))
    found = people(source)
    assert set(found) <= {*right(1, 2, 3), ("A7", "Ana 7", "IA-101", "7.jpg")}, "nothing of one line is in another"
    assert {*right(1, 2, 3)} <= set(found)
    assert refused(source) == lines
    assert ("A7" in {each[0] for each in found}) == ("A7" in bad)


def test_line_breaks_in_cells_that_are_meant(tmp_path: Path) -> None:
    text = (
        'matricula,nombre_del_alumno,clase,fotos,nota\nA1,"Ana\n1",IA-101,"1.jpg\n2.jpg;3.jpg",\n'
        'A2,Ana 2,IA-101,"https://x/1,\nhttps://x/2,https://x/3,https://x/4","Llegó tarde,\nsí"\n'
    )
    source = read_source(csv_file(tmp_path / "a.csv", text))
    assert [each[3] for each in people(source)] == ["1.jpg", "2.jpg", "3.jpg", "1", "2", "3", "4"]
    assert not source.refused
    semicolons = 'matricula;nombre_del_alumno;clase;fotos\nA1;Ana 1;IA-101;"1.jpg;2.jpg\n3.jpg;4.jpg;5.jpg;6.jpg"\n'
    assert len(people(read_source(csv_file(tmp_path / "b.csv", semicolons)))) == 6


def test_how_people_keep_zeros_in_a_csv(tmp_path: Path) -> None:
    text = (
        HEADER.replace(",", "|")
        + '="00123"|Ana|IA-101|1.jpg, 2.jpg\n"=""00007"""|Eva|IA-101|b, c.jpg\n=A1|Luz|IA-101|d.jpg\n'
    )
    source = read_source(csv_file(tmp_path / "a.csv", text))
    assert [(each[0], each[3]) for each in people(source)] == [
        ("00123", "1.jpg"),
        ("00123", "2.jpg"),
        ("00007", "b, c.jpg"),
    ]
    assert refused(source) == {4: "unusable_cell"} and "is a formula" in reason(source, 4)


def test_an_equals_sign_and_quotes_inside_a_cell_stay(tmp_path: Path) -> None:
    text = HEADER + 'A1,"Ana =""la"" Uno",IA-101,"https://h/p?n=""Ana"""\n'
    asked: list[str] = []
    source = read_source(csv_file(tmp_path / "a.csv", text), read_link=lambda link: asked.append(link) or b"")
    (photo,) = source.photos
    photo.read()
    assert photo.student.nombre_del_alumno == 'Ana ="la" Uno' and asked == ['https://h/p?n="Ana"']


def test_a_cell_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    source = read_source(csv_file(tmp_path / "a.csv", HEADER + "A1,Ana,IA-101,\x1b[2J\u202ex.jpg\n"))
    (photo,) = source.photos
    assert photo.location == str(tmp_path / "\\x1b[2J\\u202ex.jpg")


def test_encodings_that_are_not_named_in_the_file(tmp_path: Path) -> None:
    text = HEADER + "A1,Íñigo Núñez,IA-101,1.jpg\n"
    for encoding in ("utf-16-le", "utf-16-be"):
        assert people(read_source(csv_file(tmp_path / "a.csv", text, encoding)))[0][1] == "Íñigo Núñez"
    source = read_source(csv_file(tmp_path / "a.csv", text, "cp1252"))
    assert "Windows-1252" in source.notes[0] and "Íñigo" in source.notes[0]
    assert not read_source(csv_file(tmp_path / "dos.csv", text + "\x1a")).refused
    tabs = read_source(csv_file(tmp_path / "Texto Unicode.txt", text.replace(",", "\t"), "utf-16"))
    assert people(tabs)[0][1] == "Íñigo Núñez" and not tabs.notes


@pytest.mark.parametrize(
    ("text", "iso", "ambiguous"),
    [
        ("2026-08-15", "2026-08-15", False),
        ("15/08/2026", "2026-08-15", False),
        ("15.8.2026", "2026-08-15", False),
        ("15-08-2026 14:33", "2026-08-15", False),
        ("15/08/2026, 02:33 p. m.", "2026-08-15", False),
        ("03/04/2026", "2026-04-03", True),
        ("04/04/2026", "2026-04-04", False),
        ("2026/8/3 2:33:21 p. m. GMT-6", "2026-08-03", False),
        ("15 de agosto de 2026", "2026-08-15", False),
        ("1 de Septiembre del 2026", "2026-09-01", False),
        ("15-ago-2026", "2026-08-15", False),
        ("15 xyz 2026", "15 xyz 2026", False),
        ("15/08/26", "15/08/26", False),
    ],
)
def test_dates(text: str, iso: str, ambiguous: bool) -> None:
    date = read_date(text)
    assert (date.iso, date.is_ambiguous, date.fault) == (iso, ambiguous, "")


def test_the_month_first_is_refused_and_what_could_be_it_is_said(tmp_path: Path) -> None:
    rows = "A1,Ana,03/04/2026,a.jpg\nA2,Eva,08/15/2026,b.jpg\nA3,Luz,31/02/2026,c.jpg\n"
    text = f"matricula,nombre_del_alumno,fecha,fotos\n{rows}"
    source = read_source(csv_file(tmp_path / "a.csv", text))
    assert [photo.student.fecha_de_registro for photo in source.photos] == ["2026-04-03"]
    assert refused(source) == {3: "invalid_student", 4: "invalid_student"}
    assert "no month 15" in reason(source, 3) and "2026-02-31" in reason(source, 4)
    assert any("day first" in note and "line 2" in note for note in source.notes)


# -- files that are something else -------------------------------------------------------------------------------------


def test_what_a_file_is_follows_from_its_content(tmp_path: Path) -> None:
    disguised = book(tmp_path / "a.xlsx", NAMES, student(1)).rename(tmp_path / "a.csv")
    assert people(read_source(disguised)) == right(1) and "is a workbook" in read_source(disguised).notes[0]
    text = csv_file(tmp_path / "b.xlsx", HEADER + line(1))
    assert people(read_source(text)) == right(1) and "is a text" in read_source(text).notes[0]


def opendocument() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", "<office/>")
    return stream.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OLE, "before 2007"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "password"),
        (opendocument(), "LibreOffice"),
        (b"\xef\xbb\xbf\r\n<html><table><tr><td>matricula", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"<?xml version='1.0'?><Workbook/>", "XML"),
        (b"PK\x03\x04" + bytes(100), "cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_other_kinds_of_file_are_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_source(tmp_path / name)
    assert caught.value.code == "unreadable_sheet" and said in str(caught.value) and caught.value.fix


@pytest.mark.parametrize("suffix", ["xls", "XLS", "ods", "numbers", "gsheet", "pdf"])
def test_other_suffixes_are_named(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(OLE)
    with pytest.raises(InvalidInput) as caught:
        read_source(tmp_path / f"a.{suffix}")
    assert caught.value.code == "unknown_source" and ".xlsx or as .csv" in caught.value.fix


# -- any cell ----------------------------------------------------------------------------------------------------------

PIECES = [
    "", " ", "\u00a0", '"', '""', ",", ";", "\t", "\n", "\r\n", "\r", "\x00", "\x1b[2J", "=", "=1+1", "#N/A", "1E5",
    "00123", "123.0", "A1", "A2", "Ñ", "N\u0303", "\u202e", "\ufeff", "\ud7ff", "\U0001f600", "x.jpg", "../x.jpg",
    "https://x/a", "drive.google.com/x", "matricula", "fotos", "TRUE", "31/12/2026", "12/31/2026", "2026-02-30",
    "0", "_x0000_", "_xD800_", "a" * 300, "\\", "/", ".", "~$", "99999999999999999999", "-1", "NaN", "inf", "1,234",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_cells_of_any_text_in_a_csv(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        rows = [student(number) for number in range(1, 6)]
        spoiled = chance.sample(range(1, 5), chance.choice([1, 2]))
        for number in spoiled:
            rows[number][chance.randrange(4)] = "".join(chance.choices(PIECES, k=chance.choice([1, 2, 4])))
        text = HEADER + "".join(",".join(row) + "\n" for row in rows)
        path = csv_file(tmp_path / "a.csv", text, chance.choice(["utf-8", "utf-8-sig", "utf-16"]))
        try:
            source = read_source(path)
        except InvalidInput as error:
            assert error.code == "unreadable_sheet" and "NUL" in str(error)
            continue
        whole = {tuple(row) for number, row in enumerate(rows) if number not in spoiled}
        found = people(source)
        named = {each[0] for each in found}
        for row in whole:  # a whole line is read as it is, or it is refused; its photo is no one else's
            owners = {each[0] for each in found if each[3] == row[3]}
            assert owners <= {row[0]}, (text, found)
        assert "A1" in named and all(row[0] in named or source.refused for row in whole), text


@pytest.mark.parametrize("seed", range(2))
def test_cells_of_any_value_in_a_workbook(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    values = [
        *(piece for piece in PIECES if not any(sign in piece for sign in "\x00\x1b")),
        0, 1.5, -3, 1e300, True, datetime.date(2026, 1, 2), datetime.time(1, 2), datetime.timedelta(3), "=A1", "=1/0",
    ]  # fmt: skip
    for _ in range(60):
        rows = [student(number) for number in range(1, 6)]
        for number in chance.sample(range(5), 2):
            rows[number][chance.randrange(4)] = chance.choice(values)
        path = book(tmp_path / "a.xlsx", NAMES, *rows)
        source = read_source(path)
        for number, row in enumerate(rows, start=1):
            owners = {each[0] for each in people(source) if each[3] == f"{number}.jpg"}
            assert len(owners) <= 1, (row, people(source))
        given = {unicodedata.normalize("NFC", str(row[0]).strip()).removesuffix(".0") for row in rows}
        assert {each[0] for each in people(source)} <= given, "no matricula is made up"
        assert len({row.line for row in source.refused}) == len(source.refused)
        refusals = (f"{row.location}{row.code}{row.reason}" for row in source.refused)
        for text in (*source.notes, *source.warnings, *refusals):
            text.encode()
