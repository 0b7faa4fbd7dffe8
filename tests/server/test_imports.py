"""Imports over HTTP: a sheet is looked at row by row, run in the background, and forgotten."""

import io
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gallery.gallery import Gallery
from server.imports.desk import ImportDesk
from server.imports.row_enrolment import enrol_row
from server.imports.upload import MOST_FILES
from server.service import Service
from tests.conftest import SAMPLE, on_sqlite
from tests.server.sample import ANA, EVA, HEADER, JPEG, PROBE, STRANGER, STUDENTS, enrol, line_of, photos, problem

ABRIL, OTHER = STUDENTS[2], STUDENTS[3]


def form(sheet: str, files: dict[str, bytes], name: str = "alumnos.csv") -> dict[str, Any]:
    sent = {name: sheet.encode(), **files}
    return {"file": [(io.BytesIO(content), path) for path, content in sent.items()]}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for path, content in files.items():
            package.writestr(path, content)
    return out.getvalue()


def upload(client: FlaskClient, sheet: str, files: dict[str, bytes], query: str = "", **headers: str) -> Any:
    reply = client.post(f"/v1/imports{query}", data=form(sheet, files), headers=headers)
    assert reply.status_code == 201, reply.text
    assert reply.headers["Location"] == f"/v1/imports/{reply.get_json()['id']}"
    return reply.get_json()


@pytest.fixture
def service(client: FlaskClient) -> Service:
    found: Service = client.application.extensions["presente"].get()
    return found


@pytest.fixture
def desk(service: Service) -> ImportDesk:
    assert service.imports is not None
    return service.imports


@pytest.fixture
def run(client: FlaskClient, service: Service, desk: ImportDesk) -> Callable[..., Any]:
    """Starts an import and does what the background thread does, here and now; the import afterwards."""

    def run_now(made: Any, **body: Any) -> Any:
        reply = client.post(f"/v1/imports/{made['id']}/run", json=body)
        assert (reply.status_code, reply.get_json()["state"]) == (202, "running"), reply.text
        desk.run_import(made["id"], partial(enrol_row, service))
        return client.get(f"/v1/imports/{made['id']}").get_json()

    return run_now


def test_every_row_is_shown_before_and_enrolled_as_shown(
    client: FlaskClient, gallery: Gallery, run: Callable[..., Any], tmp_path: Path
) -> None:
    assert enrol(client, ANA).status_code == enrol(client, EVA).status_code == 201
    first, *_ = photos(ABRIL)
    sheet = (
        HEADER
        + line_of(ANA, "ana.jpg")  # 2: the same
        + line_of(EVA, "eva.jpg", clase="IB-900")  # 3: another class
        + line_of(ABRIL, "fotos/abril.jpg", "fotos/missing.jpg")  # 4: new, and one photo was not sent
        + line_of(OTHER, "nowhere.jpg")  # 5: no photo was sent
        + "X1,Sin Foto,IA-101,2026-01-01,\n"  # 6
        + "X2,Fuera,IA-101,2026-01-01,../../etc/passwd\n"  # 7
        + "X3,Liga,IA-101,2026-01-01,https://example.org/a.jpg\n"  # 8
        + "X4,Fecha,IA-101,32/13/2026,ana.jpg\n"  # 9
    )
    files = {"ana.jpg": photos(ANA)[0], "eva.jpg": photos(EVA)[0], "fotos/abril.jpg": first}
    before = gallery.store.counts()
    made = upload(client, sheet, files)
    assert gallery.store.counts() == before
    assert made["state"] == "ready" and made["next_cursor"] is None
    assert {each["field"]: each["column"] for each in made["columns"]}["fotos"] == "fotos"
    rows = {row["line"]: row for row in made["rows"]}
    assert {line: (row["change"], row["problem"]) for line, row in rows.items()} == {
        2: ("same", ""),
        3: ("changed", ""),
        4: ("new", ""),
        5: (None, "photo_missing"),
        6: (None, "no_photos"),
        7: (None, "outside_sheet_folder"),
        8: (None, "photo_is_link"),
        9: (None, "invalid_student"),
    }
    assert rows[3]["changes"] == [{"field": "clase", "stored": EVA["clase"], "sheet": "IB-900"}]
    assert rows[4]["warnings"] == ["photo_missing"]
    assert [(each["place"], each["problem"]) for each in rows[4]["photos"]][1] == ("fotos/missing.jpg", "photo_missing")
    assert "32/13/2026" in rows[9]["text"] and rows[9]["field"] == "fecha_de_registro"
    said = [rows[9][name] for name in ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")]
    assert said == ["X4", "Fecha", "IA-101", "32/13/2026"] and [each["place"] for each in rows[9]["photos"]] == [
        "ana.jpg"
    ]
    assert str(tmp_path) not in str(made)  # where files lie is no one's business

    problem(client.post(f"/v1/imports/{made['id']}/run", json={"rows": [2, 5, 99]}), 400, "unknown_rows")
    done = run(made)
    assert done["state"] == "done"
    outcomes = {row["line"]: row["outcome"] and row["outcome"]["result"] for row in done["rows"]}
    assert outcomes == {2: "same", 3: "changed", 4: "enrolled", **dict.fromkeys(range(5, 10))}
    assert (done["counts"]["chosen"], done["counts"]["done"], done["counts"]["refused"]) == (3, 3, 0)
    assert client.get(f"/v1/students/{EVA['matricula']}").get_json()["clase"] == "IB-900"
    assert gallery.store.counts().students == 3
    (face,) = client.post("/v1/identify", data=first, headers=JPEG).get_json()["faces"]
    assert face["matricula"] == ABRIL["matricula"]
    assert not list((tmp_path / "imports").rglob("photos/*"))  # the uploaded files went when it had run
    problem(client.post(f"/v1/imports/{made['id']}/run", json={}), 409, "import_started")


def test_a_row_is_refused_alone_and_so_is_a_photo(
    client: FlaskClient, gallery: Gallery, run: Callable[..., Any]
) -> None:
    assert enrol(client, ANA).status_code == 201
    sheet = HEADER + line_of(ANA, "stranger.jpg") + line_of(EVA, "eva.jpg", "broken.jpg") + line_of(ABRIL, "broken.jpg")
    files = {"stranger.jpg": STRANGER, "eva.jpg": photos(EVA)[0], "broken.jpg": b"no photo at all"}
    rows = {row["line"]: row["outcome"] for row in run(upload(client, sheet, files))["rows"]}
    assert (rows[2]["result"], rows[2]["code"]) == ("refused", "different_person")
    assert rows[3]["result"] == "enrolled"
    assert [(each["place"], each["code"]) for each in rows[3]["photos"]] == [("broken.jpg", "not_an_image")]
    assert (rows[4]["result"], rows[4]["code"]) == ("refused", "not_an_image")
    assert {each.student.matricula: each.images for each in gallery.store.students()} == {
        ANA["matricula"]: len(photos(ANA)),
        EVA["matricula"]: 1,
    }


@on_sqlite
def test_rows_of_one_student_are_joined_and_one_who_is_enrolled_elsewhere_is_warned_of(
    client: FlaskClient, gallery: Gallery, run: Callable[..., Any]
) -> None:
    assert enrol(client, ANA).status_code == 201
    twice, long = line_of(EVA, "eva.jpg"), "N" * 252
    sheet = (
        HEADER
        + twice  # 2
        + line_of(ANA, "ana.jpg", matricula="Z9")  # 3: her face, another matricula
        + twice  # 4: again
        + line_of(EVA, "eva.jpg", nombre_del_alumno="Otra")  # 5: disagrees
        + line_of(ABRIL, "eva.jpg", nombre_del_alumno=long)  # 6
    )
    made = upload(client, sheet, {"eva.jpg": photos(EVA)[0], "ana.jpg": photos(ANA)[0]})
    rows = {row["line"]: row for row in made["rows"]}
    assert list(rows) == [2, 3, 5, 6] and rows[2]["joined"] == [4]
    assert [each["place"] for each in rows[2]["photos"]] == ["eva.jpg"]  # named twice, stored once
    assert (rows[5]["problem"], rows[5]["first"], rows[5]["nombre_del_alumno"]) == ("duplicate_matricula", 2, "Otra")
    assert (rows[6]["field"], rows[6]["nombre_del_alumno"]) == ("nombre_del_alumno", long)
    done = {row["line"]: row["outcome"] for row in run(made)["rows"]}
    assert done[2]["warnings"] == [] and done[3]["warnings"] == ["possible_duplicate"]
    assert ANA["matricula"] not in str(done)  # who it is, the record says: an erasure need not look here
    lookalikes = client.get("/v1/students/Z9/lookalikes").get_json()["students"]
    assert [each["matricula"] for each in lookalikes] == [ANA["matricula"]]
    assert client.delete(f"/v1/students/{EVA['matricula']}").status_code == 204
    left = client.get(f"/v1/imports/{made['id']}").get_json()["rows"]
    assert [row["line"] for row in left] == [3, 6]  # her refused row is gone, too


@on_sqlite
def test_chosen_rows_pages_and_columns(client: FlaskClient, run: Callable[..., Any]) -> None:
    sheet = "ID,Alumno,Foto\nA1,Ana,a.jpg\nA2,Eva,b.jpg\nA3,Abril,c.jpg\n"
    files = {"a.jpg": photos(ANA)[0], "b.jpg": photos(EVA)[0], "c.jpg": photos(ABRIL)[0]}
    reply = client.post("/v1/imports", data=form(sheet, files))
    assert "ID" in problem(reply, 400, "missing_column")
    made = upload(client, sheet, files, "?columns=matricula%3DID")
    assert {each["field"]: each["column"] for each in made["columns"]} == {
        "matricula": "ID",
        "nombre_del_alumno": "Alumno",
        "fotos": "Foto",
    }
    assert any("Alumno" in note for note in made["notes"])
    lines: list[list[int]] = []
    cursor: str | None = ""
    while cursor is not None:
        page: Any = client.get(f"/v1/imports/{made['id']}?limit=2&cursor={cursor}").get_json()
        lines.append([row["line"] for row in page["rows"]])
        cursor = page["next_cursor"]
    assert lines == [[2, 3], [4]]
    done = run(made, rows=[3])
    assert [row["outcome"] and row["outcome"]["result"] for row in done["rows"]] == [None, "enrolled", None]
    assert [each["matricula"] for each in client.get("/v1/students").get_json()["students"]] == ["A2"]


@on_sqlite
def test_a_zip_of_a_folder(client: FlaskClient, run: Callable[..., Any]) -> None:
    sheet = (HEADER + line_of(ANA, "Fotos\\ANA.jpg") + line_of(EVA, "eva.jpg")).encode()
    content = {
        "curso/alumnos.csv": sheet,
        "curso/fotos/ana.jpg": photos(ANA)[0],
        "curso/fotos/eva.jpg": photos(EVA)[0],
        "__MACOSX/curso/._alumnos.csv": b"x",
    }
    sent = {"data": zipped(content), "headers": {"Content-Type": "application/zip"}}
    made = client.post("/v1/imports", **sent).get_json()
    assert [(row["change"], row["problem"]) for row in made["rows"]] == [("new", ""), ("new", "")]
    assert [row["outcome"]["result"] for row in run(made)["rows"]] == ["enrolled"] * 2


@on_sqlite
def test_what_an_upload_is_refused_for(client: FlaskClient, tmp_path: Path) -> None:
    def post(content: bytes) -> TestResponse:
        return client.post("/v1/imports", data=content, headers={"Content-Type": "application/zip"})

    sheet, good = (HEADER + line_of(ANA, "a.jpg")).encode(), photos(ANA)[0]
    problem(post(b"no zip"), 400, "invalid_archive")
    for outside in ("../a.jpg", "/etc/a.jpg", "x/../../a.jpg", "..\\a.jpg", "C:\\a.jpg"):
        problem(post(zipped({"s.csv": sheet, outside: good})), 400, "invalid_archive")
    problem(post(zipped({"a.jpg": good})), 400, "no_sheet")
    problem(post(zipped({"s.csv": sheet, "t.csv": sheet})), 400, "several_sheets")
    problem(post(zipped({"s.csv": sheet, "bomb.jpg": b"\0" * 40_000_000})), 413, "too_many_bytes")
    problem(post(zipped({"s.csv": sheet} | {f"{i}.jpg": b"" for i in range(MOST_FILES)})), 400, "invalid_archive")
    problem(post(zipped({"s.csv": HEADER.encode()})), 400, "empty_source")
    problem(post(zipped({"s.xlsx": b"PK\x03\x04 no workbook"})), 400, "unreadable_sheet")
    problem(client.post("/v1/imports", data=sheet, headers={"Content-Type": "text/csv"}), 415, "unsupported_media_type")
    problem(client.post("/v1/imports", data={"sheet": (io.BytesIO(sheet), "s.csv")}), 400, "unknown_field")
    problem(client.post("/v1/imports", data=form(HEADER, {}, "../s.csv")), 400, "invalid_archive")
    problem(client.post("/v1/imports?columns=a%3Db", data=form(sheet.decode(), {})), 400, "invalid_columns")
    assert not [path for path in tmp_path.glob("imports/*") if path.is_dir()]  # nothing of them was kept
    problem(client.get(f"/v1/imports/{'0' * 32}"), 404, "import_not_found")
    problem(client.get("/v1/imports/..%2F..%2Fx"), 404, "not_found")


def test_a_retry_makes_no_second_import(client: FlaskClient, tmp_path: Path) -> None:
    sheet, files = HEADER + line_of(ANA, "a.jpg"), {"a.jpg": photos(ANA)[0]}
    first = upload(client, sheet, files, **{"Idempotency-Key": "k1"})
    assert upload(client, sheet, files, **{"Idempotency-Key": "k1"}) == first
    assert len([path for path in (tmp_path / "imports").iterdir() if path.is_dir()]) == 1
    changed = form(HEADER + line_of(EVA, "a.jpg"), files)
    other = client.post("/v1/imports", data=changed, headers={"Idempotency-Key": "k1"})
    problem(other, 409, "idempotency_key_reused")
    assert client.delete(f"/v1/imports/{first['id']}").status_code == 204
    problem(client.delete(f"/v1/imports/{first['id']}"), 404, "import_not_found")
    assert [path.name for path in (tmp_path / "imports").iterdir()] == [".lock"]


# -- what must not stay ----------------------------------------------------------------------------------------------


def kept(folder: Path) -> bytes:
    """Every byte of the folder of imports."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_erasure_takes_the_students_rows_and_photos(
    client: FlaskClient, gallery: Gallery, run: Callable[..., Any], tmp_path: Path
) -> None:
    assert enrol(client, ANA).status_code == 201
    folder = tmp_path / "imports"
    sheet = HEADER + line_of(ANA, "ana.jpg") + line_of(EVA, "eva.jpg")
    made = upload(client, sheet, {"ana.jpg": PROBE, "eva.jpg": photos(EVA)[0]})
    assert PROBE in kept(folder) and ANA["nombre_del_alumno"].encode() in kept(folder)
    assert client.delete(f"/v1/students/{ANA['matricula']}").status_code == 204
    left = kept(folder)
    assert PROBE not in left and ANA["nombre_del_alumno"].encode() not in left and ANA["matricula"].encode() not in left
    assert [row["matricula"] for row in run(made)["rows"]] == [EVA["matricula"]]
    assert [each.student.matricula for each in gallery.store.students()] == [EVA["matricula"]]
    # After it has run, what came of the row goes, too.
    assert client.delete(f"/v1/students/{EVA['matricula']}").status_code == 204
    assert EVA["nombre_del_alumno"].encode() not in kept(folder)
    assert client.get(f"/v1/imports/{made['id']}").get_json()["rows"] == []


def test_what_another_process_erased_goes_too(client: FlaskClient, gallery: Gallery, desk: ImportDesk) -> None:
    assert enrol(client, ANA).status_code == 201
    sheet = HEADER + line_of(ANA, "ana.jpg", clase="IB-1") + line_of(EVA, "eva.jpg")
    made = upload(client, sheet, {"ana.jpg": PROBE, "eva.jpg": photos(EVA)[0]})
    desk.forget_erased(gallery.store)
    assert len(desk.status(made["id"]).plan.rows) == 2  # Eva was never enrolled, and may be
    gallery.store.remove([ANA["matricula"]])
    desk.forget_erased(gallery.store)
    assert [row.matricula for row in desk.status(made["id"]).plan.rows] == [EVA["matricula"]]


@on_sqlite
def test_nothing_is_kept_for_more_than_a_day(client: FlaskClient, gallery: Gallery, tmp_path: Path) -> None:
    clock = [datetime(2026, 11, 20, 8, tzinfo=UTC)]
    desk = ImportDesk(tmp_path / "own", lambda: clock[0])
    files = {"s.csv": (HEADER + line_of(ANA, "a.jpg")).encode(), "a.jpg": PROBE}
    from server.imports.upload import UploadedFile

    number = desk.add([UploadedFile(*each) for each in files.items()], None, gallery).plan.id
    clock[0] += timedelta(hours=23)
    assert desk.status(number).plan.rows
    clock[0] += timedelta(hours=1)
    desk.sweep()
    assert [path.name for path in (tmp_path / "own").iterdir()] == [".lock"] and kept(tmp_path / "own") == b""


# -- a restart -------------------------------------------------------------------------------------------------------


def test_imports_are_listed_latest_first_without_whom_they_name(
    client: FlaskClient, run: Callable[..., Any], desk: ImportDesk
) -> None:
    desk._now = lambda: datetime(2026, 11, 26, 18, tzinfo=UTC)
    later = upload(client, HEADER + line_of(ANA, "a.jpg") + line_of(EVA, "no.jpg"), {"a.jpg": photos(ANA)[0]})
    desk._now = lambda: datetime(2026, 11, 26, 12, tzinfo=UTC)
    earlier = upload(client, HEADER + line_of(ABRIL, "b.jpg"), {"b.jpg": photos(ABRIL)[0]})
    run(earlier)
    listed = client.get("/v1/imports").get_json()
    assert [(each["id"], each["state"]) for each in listed["imports"]] == [
        (later["id"], "ready"),
        (earlier["id"], "done"),
    ]
    assert (listed["imports"][0]["counts"]["new"], listed["imports"][0]["counts"]["problems"]) == (1, 1)
    assert listed["next_cursor"] is None and ANA["matricula"] not in str(listed)
    first = client.get("/v1/imports?limit=1").get_json()
    rest = client.get("/v1/imports", query_string={"limit": 1, "cursor": first["next_cursor"]}).get_json()
    assert first["imports"] + rest["imports"] == listed["imports"] and rest["next_cursor"] is None
    client.delete(f"/v1/imports/{later['id']}")
    assert [each["id"] for each in client.get("/v1/imports").get_json()["imports"]] == [earlier["id"]]


def test_an_import_goes_on_after_a_restart(
    client: FlaskClient, service: Service, gallery: Gallery, desk: ImportDesk, tmp_path: Path
) -> None:
    students = [ANA, EVA, ABRIL]
    sheet = HEADER + "".join(line_of(each, f"{each['matricula']}.jpg") for each in students)
    made = upload(client, sheet, {f"{each['matricula']}.jpg": photos(each)[0] for each in students})
    assert client.post(f"/v1/imports/{made['id']}/run", json={}).status_code == 202

    class Killed(BaseException):
        pass

    seen: list[int] = []

    def until_the_second(row: Any, *others: Any) -> Any:
        outcome = enrol_row(service, row, *others)
        seen.append(row.line)
        if len(seen) == 2:  # enrolled, and its outcome is not written
            raise Killed
        return outcome

    with pytest.raises(Killed):
        desk.run_import(made["id"], until_the_second)
    (tmp_path / "imports" / ("f" * 32) / "photos").mkdir(parents=True)  # an upload that was cut off
    again, finished = ImportDesk(tmp_path / "imports"), threading.Event()

    def row_by_row(row: Any, *others: Any) -> Any:
        seen.append(row.line)
        if row.line == 4:
            finished.set()
        return enrol_row(service, row, *others)

    again.work(row_by_row)
    assert finished.wait(60)
    again.stop()
    again.run_import(made["id"], row_by_row)
    rows = client.get(f"/v1/imports/{made['id']}").get_json()["rows"]
    assert [row["outcome"]["result"] for row in rows] == ["enrolled"] * 3
    assert seen == [2, 3, 3, 4]
    assert gallery.store.counts().students == gallery.store.counts().images == 3
    assert again._folder.ids() == [made["id"]]


def test_rows_that_were_enrolled_are_in_the_access_log(
    client: FlaskClient, service: Service, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(service.access_log, "record", lambda events: written.extend(events))
    run(upload(client, HEADER + line_of(ANA, "a.jpg"), {"a.jpg": photos(ANA)[0]}))
    (event,) = [event for event in written if event.detail == "import"]
    assert (event.action, event.caller, event.about) == ("enrolled", "local", (ANA["matricula"],))


def test_the_sample_sheet_is_understood_as_the_indexer_does(client: FlaskClient) -> None:
    sheet = (SAMPLE / "students.csv").read_text(encoding="utf-8")
    firsts = [each["fotos"].split(";")[0] for each in STUDENTS]
    made = upload(client, sheet, {name: (SAMPLE / name).read_bytes() for name in firsts})
    assert [row["matricula"] for row in made["rows"]] == [each["matricula"] for each in STUDENTS]
    assert {row["change"] for row in made["rows"]} == {"new"}


@pytest.mark.parametrize(
    ("header", "query", "code"),
    [
        ("matricula,nombre,x\n", "", "missing_column"),
        ("matricula,alumno,nombre,fotos\n", "", "ambiguous_column"),
        (HEADER, "?columns=edad=x", "invalid_columns"),
    ],
)
def test_what_is_wrong_with_a_sheet_names_no_place_on_the_server(
    client: FlaskClient, tmp_path: Path, header: str, query: str, code: str
) -> None:
    said = problem(client.post(f"/v1/imports{query}", data=form(header + "1,2,3,4\n", {})), 400, code)
    assert "sheet.csv" not in said and str(tmp_path) not in said and "--columns" not in said
