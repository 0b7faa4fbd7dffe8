"""Sheets from the file to the gallery: rows that cannot be used, and all or nothing."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from faces.embedder import FaceEmbedder
from gallery.documents.values import Student
from indexer.pipeline.enrol_source import enrol_source
from indexer.sources.values import Source, SourcePhoto
from presente.composition import open_store
from tests.conftest import SAMPLE, Command, OpenGallery, on_sqlite
from tests.indexer.office import HEADER, NAMES, Row, book, csv_file


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """A folder with a sheet of four students: the second row is not usable, and the third one's photo shows no face."""
    for name, number in (("a", 1), ("b", 2), ("d", 3)):
        shutil.copy(SAMPLE / "strangers" / f"{number:02d}.jpg", tmp_path / f"{name}.jpg")
    (tmp_path / "c.jpg").write_text("not a photo")
    rows: list[Row] = [
        ["A1", "Ana", "IA-101", "a.jpg"],
        ["A2", None, "IA-101", "b.jpg"],
        ["A3", "Luz", "IA-101", "c.jpg"],
    ]
    book(tmp_path / "class.xlsx", NAMES, *rows, ["A4", "Sol", "IA-101", "d.jpg"])
    return tmp_path


def enrolled(store_url: str) -> set[str]:
    store = open_store(store_url)
    found = {each.student.matricula for each in store.students()}
    store.close()
    return found


def test_the_usable_rows_are_enrolled_and_all_refusals_are_in_one_report(
    command: Command, office: Path, store_url: str
) -> None:
    done = command("indexer", "add", office / "class.xlsx", "--report", office / "report.txt", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and enrolled(store_url) == {"A1", "A4"}
    counts = [report[name] for name in ("photos", "done", "refused", "refused_rows", "left", "withheld")]
    assert counts == [3, 2, 1, 1, 0, False]
    assert [(each["line"], each["code"]) for each in report["refusals"]] == [
        (3, "invalid_student"),
        (None, "not_an_image"),
    ]
    assert report["reasons"] == {"invalid_student": 1, "not_an_image": 1}
    text = (office / "report.txt").read_text()
    assert "rows of the sheet that were refused: 1" in text and f"{office / 'class.xlsx'}, line 3" in text


def test_all_or_nothing(command: Command, office: Path, store_url: str) -> None:
    sheet = office / "class.xlsx"
    done = command("indexer", "add", sheet, "--all-or-nothing", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and enrolled(store_url) == set()
    assert report["withheld"] and (report["done"], report["left"]) == (0, 2)
    assert {each["code"] for each in report["refusals"]} == {"invalid_student", "not_an_image"}
    assert "nothing was enrolled" in command("indexer", "add", sheet, "--all-or-nothing").stdout
    status = json.loads(command("indexer", "status", "--json").stdout)
    assert (status["students"], status["indexed"]) == (0, 0)
    book(sheet, NAMES, ["A1", "Ana", "IA-101", "a.jpg"], ["A4", "Sol", "IA-101", "d.jpg; b.jpg"])
    one_stranger = json.loads(command("indexer", "add", sheet, "--all-or-nothing", "--json").stdout)
    assert one_stranger["withheld"] == bool(one_stranger["refusals"])
    book(sheet, NAMES, ["A1", "Ana", "IA-101", "a.jpg"], ["A4", "Sol", "IA-101", "d.jpg"])
    done = command("indexer", "add", sheet, "--all-or-nothing", "--json")
    assert done.returncode == 0 and enrolled(store_url) == {"A1", "A4"}
    report = json.loads(done.stdout)
    assert (report["photos"], report["done"], report["already"], report["withheld"]) == (2, 2, 0, False)


@on_sqlite
def test_a_sheet_of_which_no_row_can_be_used_says_so(command: Command, tmp_path: Path, store_url: str) -> None:
    sheet = csv_file(tmp_path / "a.csv", HEADER + "A1,,IA-101,a.jpg\nA2,Eva,IA-101,\n")
    done = command("indexer", "add", sheet, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and enrolled(store_url) == set()
    assert (report["photos"], report["refused_rows"]) == (0, 2) and "Traceback" not in done.stderr


@on_sqlite
def test_what_the_photos_show_is_foreseen(command: Command, tmp_path: Path, store_url: str) -> None:
    """All or nothing also compares the photos of a student with each other, and knows those that are stored."""
    for name, number in (("a", 1), ("b", 2)):
        shutil.copy(SAMPLE / "strangers" / f"{number:02d}.jpg", tmp_path / f"{name}.jpg")
    ana = sorted((SAMPLE / "students").glob("*/*.jpg"))[:3]
    for number, path in enumerate(ana):
        shutil.copy(path, tmp_path / f"ana{number}.jpg")
    sheet = csv_file(
        tmp_path / "a.csv", HEADER + "A1,Ana,IA-101,ana0.jpg;ana1.jpg;ana2.jpg;b.jpg\nA2,Eva,IA-101,a.jpg\n"
    )
    report = json.loads(command("indexer", "add", sheet, "--all-or-nothing", "--json").stdout)
    assert report["reasons"] == {"different_person": 1} and report["withheld"] and enrolled(store_url) == set()
    csv_file(sheet, HEADER + "A1,Ana,IA-101,ana0.jpg\n")
    assert command("indexer", "add", sheet).returncode == 0
    csv_file(sheet, HEADER + "A1,Ana Ruiz,IA-101,ana0.jpg\nA2,,IA-101,a.jpg\n")
    report = json.loads(command("indexer", "add", sheet, "--all-or-nothing", "--json").stdout)
    assert (report["already"], report["students_updated"], report["withheld"]) == (1, 0, True)
    store = open_store(store_url)
    assert [each.student.nombre_del_alumno for each in store.students()] == ["Ana"], "no field was written either"
    store.close()
    csv_file(sheet, HEADER + "A1,Ana Ruiz,IA-101,ana0.jpg\nA2,Eva,IA-101,a.jpg\n")
    report = json.loads(command("indexer", "add", sheet, "--all-or-nothing", "--json").stdout)
    assert (report["done"], report["already"], report["students_updated"]) == (1, 1, 1)


@on_sqlite
@pytest.mark.parametrize(
    ("gone", "interrupted_at", "ended", "warned"),
    [
        (True, None, (1, 1, None), True),  # a photo that is there only the first time
        (False, 3, (2, 0, "interrupted"), True),  # Ctrl-C after the first commit
        (True, 3, (0, 1, "interrupted"), False),  # Ctrl-C before it
        (False, None, (2, 0, None), False),
    ],
)
def test_a_part_that_was_enrolled_after_all_is_said(
    embedder: FaceEmbedder,
    open_gallery: OpenGallery,
    gone: bool,
    interrupted_at: int | None,
    ended: tuple[int, int, str | None],
    warned: bool,
) -> None:
    contents = [(SAMPLE / "strangers" / f"{number:02d}.jpg").read_bytes() for number in (1, 2)]
    reads: list[bytes] = []
    steps: list[int] = []

    def read(content: bytes) -> bytes:
        reads.append(content)
        if gone and content == contents[1] and reads.count(content) == 2:
            raise FileNotFoundError
        return content

    def progress(count: int, refused: int = 0) -> None:
        steps.append(count)
        if len(steps) == interrupted_at:
            raise KeyboardInterrupt

    photos = [
        SourcePhoto(Student(f"A{number}", "Ana"), f"{number}.jpg", partial(read, content))
        for number, content in enumerate(contents)
    ]
    gallery = open_gallery(embedder.pack.threshold, embedder.pack.dim, embedder.pack.tag)
    report = enrol_source(Source("a", tuple(photos)), embedder, gallery, 1, progress, all_or_nothing=True)
    assert (report.done, report.refused_photos, report.stopped) == ended
    assert len(list(gallery.store.students())) == report.done and not report.withheld
    assert any("a part was enrolled" in warning for warning in report.warnings) == warned
