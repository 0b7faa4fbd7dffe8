"""Sheets as people have them: workbooks, answers of a form, columns with other names, links instead of files."""

import csv
import datetime
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from faces.embedder import FaceEmbedder
from indexer.pipeline.enrol_source import enrol_source
from indexer.sources import read_source
from indexer.sources.links.download_cache import DownloadCache
from indexer.sources.links.fetching import LinkRules
from indexer.sources.options import SourceOptions
from indexer.sources.values import Source
from presente.errors import InvalidInput
from presente.student_sheets.photo_places import photo_places
from tests.conftest import SAMPLE, Command, OpenGallery, on_sqlite
from tests.indexer.link_server import LinkServer, Reply

OWN = ["matricula", "nombre_del_alumno", "fotos"]
DRIVE = "https://drive.google.com/"


def workbook(path: Path, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def text(path: Path, *rows: list[Any]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


WRITERS = pytest.mark.parametrize(("write", "name"), [(workbook, "class.xlsx"), (text, "class.csv")])
Writer = Callable[..., Path]


def read(path: Path, columns: str | None = None) -> Source:
    return read_source(path, SourceOptions(columns=columns))


def refusal(path: Path, columns: str | None = None) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(path, columns)
    assert caught.value.fix
    return caught.value


@WRITERS
def test_both_kinds_give_the_same_students(tmp_path: Path, write: Writer, name: str) -> None:
    path = write(
        tmp_path / name,
        [*OWN, "clase", "fecha_de_registro"],
        ["A1", "Ana Ruiz", "a.jpg; b, c.jpg", "IA-101", "2026-08-03"],
        [],
        [175.0, "Luis", "/photos/l.jpg", 101.0, ""],
    )
    source = read(path)
    assert [(photo.student.matricula, photo.location) for photo in source.photos] == [
        ("A1", str(tmp_path / "a.jpg")),
        ("A1", str(tmp_path / "b, c.jpg")),
        ("175", "/photos/l.jpg"),
    ]
    first, *_, last = (photo.student for photo in source.photos)
    assert (first.clase, first.fecha_de_registro, first.kind) == ("IA-101", "2026-08-03", "student")
    assert (last.clase, last.fecha_de_registro) == ("101", "")
    assert source.fields == {"nombre_del_alumno", "clase", "fecha_de_registro"} and not source.notes


def test_dates_of_a_workbook(tmp_path: Path) -> None:
    moment = datetime.datetime(2026, 8, 3, 14, 33, 21, 500_000)
    rows = [moment, datetime.date(2026, 8, 4), "2026/8/5 2:33:21 p. m. GMT-6", None]
    path = workbook(
        tmp_path / "class.xlsx",
        [*OWN, "Marca temporal"],
        *([f"A{number}", "Ana", "a.jpg", value] for number, value in enumerate(rows)),
    )
    dates = [photo.student.fecha_de_registro for photo in read(path).photos]
    assert dates == ["2026-08-03 14:33:21", "2026-08-04", "2026-08-05", ""]


@WRITERS
def test_columns_are_guessed_and_the_report_says_which(tmp_path: Path, write: Writer, name: str) -> None:
    path = write(
        tmp_path / name,
        ["Marca temporal", "MATRÍCULA ", "Nombre completo", "Grupo", "Ingrese sus fotos", "¿Comentarios?"],
        ["2026-08-03", "A1", "Ana", "IA-101", "a.jpg", "ninguno"],
    )
    source = read(path)
    student = next(iter(source.photos)).student
    assert (student.matricula, student.nombre_del_alumno, student.clase) == ("A1", "Ana", "IA-101")
    assert student.fecha_de_registro == "2026-08-03"
    for guess in ("'MATRÍCULA' is matricula", "'Ingrese sus fotos' is fotos", "'Grupo' is clase", str(path)):
        assert guess in source.notes[0]


@pytest.mark.parametrize("heading", ["Nombre del alumno", "nombre", "NOMBRE COMPLETO", "Nombre_del_Alumno:"])
def test_names_differ_by_case_accents_and_spaces(tmp_path: Path, heading: str) -> None:
    source = read(text(tmp_path / "a.csv", ["matricula", heading, "Fotos"], ["A1", "Ana", "a.jpg"]))
    assert next(iter(source.photos)).student.nombre_del_alumno == "Ana"


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = text(
        tmp_path / "a.csv",
        ["ID", "Correo electrónico", "Nombre", "Nombre completo", "Fotos, de frente", "Fecha"],
        ["1", "ana@tec.mx", "Ana", "Ana Ruiz", "a.jpg", "3 de agosto"],
    )
    said = 'matricula=correo electronico, nombre_del_alumno=Nombre completo,"fotos=Fotos, de frente",fecha_de_registro='
    source = read(path, said)
    student = next(iter(source.photos)).student
    assert (student.matricula, student.nombre_del_alumno) == ("ana@tec.mx", "Ana Ruiz")
    assert student.fecha_de_registro == "" and "fecha_de_registro" not in source.fields and not source.notes


def test_columns_that_cannot_be_found(tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", ["Correo", "Nombre", "Fotos", "ID"], ["ana@tec.mx", "Ana", "a.jpg", "1"])
    error = refusal(path)
    assert error.code == "missing_column" and "matricula" in error.what and '--columns "matricula=Correo"' in error.fix
    error = refusal(path, "matricula=Mail")
    assert error.code == "missing_column" and "'Mail'" in str(error) and "'Correo'" in str(error)
    for said in ("matricula", "matricula=ID,nombre=Nombre", "matricula=ID,matricula=Correo", "=ID", ""):
        assert refusal(path, said).code == ("missing_column" if not said else "invalid_columns")
    twice = text(tmp_path / "b.csv", ["matricula", "Nombre", "Nombre completo", "Fotos"], ["A1", "Ana", "Ruiz", "a"])
    error = refusal(twice)
    assert error.code == "ambiguous_column" and "'Nombre', 'Nombre completo'" in str(error)
    assert '--columns "nombre_del_alumno=Nombre"' in error.fix
    same = text(tmp_path / "c.csv", [*OWN, "fotos"], ["A1", "Ana", "a", "b"])
    assert refusal(same).code == refusal(same, "fotos=fotos").code == "ambiguous_column"


def test_workbooks_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "class.xlsx"
    path.write_bytes(b"no workbook")
    assert refusal(path).code == "unreadable_sheet"
    workbook(path, OWN, ["A1", "Ana", "a.jpg"])
    path.write_bytes(path.read_bytes()[:2000])
    assert refusal(path).code == "unreadable_sheet"
    assert refusal(workbook(path)).code == "empty_source"
    rows = read(workbook(path, OWN, ["A1", "Ana", "a.jpg"], [], ["A1", "Eva", "b.jpg"], [None, "Ana", "a.jpg"])).refused
    assert [(row.line, row.code) for row in rows] == [(4, "duplicate_matricula"), (5, "invalid_student")]
    (undated,) = read(workbook(path, [*OWN, "Marca temporal"], ["A1", "Ana", "a.jpg", "tres de agosto"])).refused
    assert "tres de agosto" in undated.reason and '"fecha_de_registro="' in undated.reason
    old = tmp_path / "class.xls"
    old.touch()
    assert refusal(old).code == "unknown_source"


def test_a_workbook_with_flipped_bytes_is_read_or_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "class.xlsx", OWN, *([f"A{number}", "Ana " * 3, "a.jpg"] for number in range(300)))
    whole, chance, refused = path.read_bytes(), random.Random(1), 0
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read(path)
        except InvalidInput:
            refused += 1
    assert 50 < refused < 200


@pytest.mark.parametrize(
    ("cell", "places"),
    [
        ("a.jpg", ["a.jpg"]),
        ("a b.jpg; c, d.jpg;\ne.jpg", ["a b.jpg", "c, d.jpg", "e.jpg"]),
        ("https://x/a.jpg, https://x/b.jpg", ["https://x/a.jpg", "https://x/b.jpg"]),
        ("https://x/a.jpg,https://x/b,c.jpg", ["https://x/a.jpg", "https://x/b,c.jpg"]),
        ("http://x/1;https://x/2\nHTTP://x/3 4.jpg", ["http://x/1", "https://x/2", "HTTP://x/3", "4.jpg"]),
        ("photos/a.jpg; https://x/b.jpg", ["photos/a.jpg", "https://x/b.jpg"]),
        ("drive.google.com/open?id=1, " + DRIVE + "open?id=2", [DRIVE + "open?id=1", DRIVE + "open?id=2"]),
        ("file:///etc/passwd", ["file:///etc/passwd"]),
        (" ; ,", []),
        ("a.jpg, b.jpg,", ["a.jpg", "b.jpg"]),
        ("", []),
    ],
)  # fmt: skip
def test_several_photos_in_a_cell(cell: str, places: list[str]) -> None:
    assert photo_places(cell) == places


# -- links, from the sheet to the gallery ------------------------------------------------------------------------------


def jpeg(number: int) -> bytes:
    return (SAMPLE / "strangers" / f"{number:02d}.jpg").read_bytes()


@on_sqlite
def test_a_form_with_drive_links(
    tmp_path: Path, web: LinkServer, embedder: FaceEmbedder, open_gallery: OpenGallery, store_url: str
) -> None:
    drive = web.address + "/uc"

    def shares(name: str, *replies: Reply) -> str:
        web.tell(f"/uc?export=download&confirm=t&id={name}", *replies)
        return f"{DRIVE}open?id={name}"

    direct = web.tell("/download?id=moved", Reply(body=jpeg(2)))
    page = b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>"
    moved = Reply(303, headers={"Location": direct})
    good = f"{shares('plain', Reply(503), Reply(body=jpeg(1)))}, {shares('moved', moved)}"
    bad = {
        shares("page", Reply(body=page, headers={"Content-Type": "text/html; charset=utf-8"})): "not_shared",
        shares("gone", Reply(404)): "link_failed",
        shares("slow", Reply(body=jpeg(3), pause_s=5)): "link_failed",
        shares("huge", Reply(body=bytes(3_000_000))): "too_many_bytes",
        shares("text", Reply(body=b"not a photo")): "not_an_image",
    }
    path = workbook(
        tmp_path / "form.xlsx",
        ["Marca temporal", "Matrícula", "Nombre completo", "Ingrese sus fotos"],
        [datetime.datetime(2026, 8, 3, 9, 30), 175.0, "Ana Ruiz", good],
        [
            datetime.datetime(2026, 8, 3, 9, 31),
            176.0,
            "Luis Paz",
            ", ".join([*bad, shares("fourth", Reply(body=jpeg(4)))]),
        ],
    )
    rules = LinkRules(
        max_bytes=2_000_000, private=True, attempts=2, read_s=0.3, backoff_s=0.01, total_s=10, drive=drive
    )
    gallery = open_gallery(embedder.pack.threshold, embedder.pack.dim, embedder.pack.tag)

    def run() -> Any:
        source = read_source(path, read_link=DownloadCache(tmp_path / "downloads", rules).read)
        return enrol_source(
            source, embedder, gallery, 2, lambda *_: None, force=True
        )  # the photos are of several people

    report = run()
    assert (report.done, {item.location: item.code for item in report.refused}) == (3, bad)
    students = {found.student.matricula: found for found in gallery.store.students()}
    assert {name: found.images for name, found in students.items()} == {"175": 2, "176": 1}
    assert students["175"].student.fecha_de_registro == "2026-08-03 09:30:00"
    asked = len(web.asked)
    again = run()
    assert (again.done, again.already) == (0, 3)
    assert not any("plain" in path or "moved" in path or "fourth" in path for path in web.asked[asked:])


@on_sqlite
def test_links_by_the_command_line_and_erasure(command: Command, tmp_path: Path, web: LinkServer) -> None:
    link = web.tell("/a.jpg", Reply(body=jpeg(1)))
    path = workbook(tmp_path / "class.xlsx", ["ID", "Nombre", "Fotos"], [7.0, "Ana", link])
    words = ("indexer", "add", path, "--columns", "matricula=ID", "--json")
    refused = command(*words)
    assert refused.returncode == 1 and json.loads(refused.stdout)["reasons"] == {"link_refused": 1} and not web.asked
    done = command(*words, PRESENTE_PRIVATE_LINKS="true")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["done"] == 1, "guessed columns are no failure"
    assert "'Nombre' is nombre_del_alumno" in report["notes"][0]
    readable = command("indexer", "add", path, "--columns", "matricula=ID", PRESENTE_PRIVATE_LINKS="true")
    assert "columns were guessed" in readable.stdout and len(web.asked) == 1
    downloads = tmp_path / "cache" / "downloads"
    assert any(file.read_bytes() == jpeg(1) for file in downloads.rglob("*") if file.is_file())
    assert command("indexer", "remove", "7").returncode == 0
    assert not downloads.exists(), "no photo outlives the erasure of its student"


@on_sqlite
def test_unsuitable_options_are_refused(command: Command, tmp_path: Path) -> None:
    sheet = SAMPLE / "students.csv"
    for words, code in (
        ((sheet, "--partition", "train"), "unsuitable_option"),
        ((sheet, "--landmarks"), "unsuitable_option"),
        ((SAMPLE / "students", "--columns", "matricula=ID"), "unsuitable_option"),
        ((SAMPLE / "students", "--kind", "celeba"), "missing_images"),
        ((SAMPLE / "students", "--kind", "sheet"), "wrong_kind"),
        ((sheet, "--kind", "lfw"), "wrong_kind"),
        ((sheet, "--kind", "zip"), "invalid choice"),
        ((sheet, "--partition", "some"), "invalid choice"),
    ):
        done = command("indexer", "add", *words)
        assert done.returncode == 2 and code in done.stderr and not done.stdout, words
    assert not (tmp_path / "index").exists()
