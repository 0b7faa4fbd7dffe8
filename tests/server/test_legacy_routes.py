"""The first React page: the calls it makes, as a browser sends them, and what it finds in the answers."""

import base64
import hashlib
import io
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from gallery.gallery import Gallery
from server.legacy.requests import iso_date
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.server.conftest import Reply, Running, Serve
from tests.server.sample import ADMIN, ANA, ATTENDANCE, EVA, STUDENTS, photo, upload

PAGE = "http://localhost:3000"


def from_page(running: Running, method: str, path: str, body: object = None, key: str = ADMIN) -> Reply:
    """A call of the page's script: the browser asks first what the page may send, and believes what it is told."""
    send = {"Origin": PAGE, "Authorization": f"Bearer {key}"}
    if body is not None:
        send["Content_Type"] = "application/json"
    asking = {"Access_Control_Request_Method": method, "Access_Control_Request_Headers": "authorization,content-type"}
    told = running.fetch("OPTIONS", path, None, Origin=PAGE, **asking)
    assert told.status == 204 and told.headers["Access-Control-Allow-Origin"] == PAGE
    assert method in told.headers["Access-Control-Allow-Methods"]
    for name in ("Authorization", "Content-Type"):
        assert name in told.headers["Access-Control-Allow-Headers"]
    reply = running.fetch(method, path, None if body is None else json.dumps(body).encode(), **send)
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE  # or the script may not read it
    return reply


def exported(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def file_of(student: dict[str, str], number: int) -> str:
    return f"{student['matricula']}_{hashlib.sha256(photo(student, number)).hexdigest()[:12]}.jpg"


def test_its_calls_are_answered_as_it_expects(serve: Serve, command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    settings = {"PRESENTE_EXPORT": str(folder)}
    running = serve(PRESENTE_API_KEYS=f"admin:{ADMIN},attendance:{ATTENDANCE}", PRESENTE_CORS_ORIGINS=PAGE, **settings)
    for student, number in ((ANA, 0), (ANA, 1), (EVA, 0)):
        reply = from_page(running, "POST", "/upload", upload(student, number, asistencias=0, extra={"x": [1]}))
        assert (reply.status, reply.json) == (200, {"message": "Image uploaded successfully"})

    listed = from_page(running, "GET", "/get-students", key=ATTENDANCE)
    lines = listed.json
    assert listed.status == 200 and len({line.pop("_id") for line in lines}) == 2
    assert lines == [
        {
            "matricula": student["matricula"],
            "nombre_del_alumno": student["nombre_del_alumno"],
            "clase": student["clase"],
            "fecha_de_registro": "2026-11-21T15:04:05.000Z",
            "asistencias": 0,
            "participaciones": 0,
        }
        for student in (ANA, EVA)
    ]
    for student in (ANA, EVA):  # enrolled for real
        probe = (SAMPLE / "probes" / student["matricula"] / "1.jpg").read_bytes()
        found = running.fetch("POST", "/v1/identify", probe, X_API_Key=ATTENDANCE, Content_Type="image/jpeg").json
        assert [face["matricula"] for face in found["faces"]] == [student["matricula"]]

    elsewhere = {"folder": str(tmp_path / "elsewhere"), "path": "../../elsewhere"}
    for saved, skipped in ((3, 0), (0, 3)):
        reply = from_page(running, "POST", "/save_all_images?folder=elsewhere", elsewhere)
        assert reply.status == 200
        assert reply.json == {"message": "All images saved successfully", "saved": saved, "skipped": skipped}
        assert exported(folder) == {file_of(ANA, 0), file_of(ANA, 1), file_of(EVA, 0)}
    assert (folder / file_of(ANA, 1)).read_bytes() == photo(ANA, 1) and not (tmp_path / "elsewhere").exists()

    for path, body in (("/upload", upload(ANA)), ("/save_all_images", None)):
        refused = from_page(running, "POST", path, body, key=ATTENDANCE)
        assert refused.status == 403 and refused.json["message"] == refused.json["error"] == refused.json["detail"]
    unknown = from_page(running, "GET", "/get-students", key="nobody-0123456789abc")
    assert unknown.status == 401 and "key" in unknown.json["message"]

    # No photo outlives its student's deletion, by whichever program.
    erased = running.fetch("DELETE", f"/v1/students/{ANA['matricula']}", X_API_Key=ADMIN)
    assert erased.status == 204 and exported(folder) == {file_of(EVA, 0)}
    assert command("indexer", "remove", EVA["matricula"], **settings).returncode == 0
    assert exported(folder) == set()


def test_an_erasure_that_was_cut_off_is_finished_at_the_next_start(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    running = serve()
    from_own_page = {"Content_Type": "application/json", "Origin": running.address}
    for student in (ANA, EVA):
        running.fetch("POST", "/upload", json.dumps(upload(student)).encode(), **from_own_page)
    assert running.fetch("POST", "/save_all_images").json["saved"] == 2
    running.kill()
    folder = tmp_path / "var" / "export"
    assert exported(folder) == {file_of(ANA, 0), file_of(EVA, 0)}
    command("indexer", "remove", ANA["matricula"], PRESENTE_EXPORT=str(tmp_path / "not-there"))  # and then it dies
    serve()
    assert exported(folder) == {file_of(EVA, 0)}


def test_the_same_student_again_adds_a_photo_and_updates_the_fields(client: FlaskClient, gallery: Gallery) -> None:
    assert client.post("/upload", json=upload(ANA)).status_code == 200
    assert client.post("/upload", json=upload(ANA, 0)).status_code == 200
    assert client.post("/upload", json=upload(ANA, 1, clase="IA-999", fecha_de_registro="5/3/2026")).status_code == 200
    stored = gallery.student(ANA["matricula"])
    assert (stored.images, stored.student.clase, stored.student.fecha_de_registro) == (2, "IA-999", "2026-03-05")


@on_sqlite
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T15:04:05.000Z", "2026-11-21T15:04:05.000Z"),
        ("21/11/2026", "2026-11-21"),
        ("1/2/2026", "2026-02-01"),
        (" 01/02/2026 ", "2026-02-01"),
        ("11/21/2026", None),
        ("31/02/2026", None),
        ("21/11/26", None),
        ("Sat Nov 21 2026", None),
        (20261121, None),
    ],
)
def test_dates_as_browsers_write_them(client: FlaskClient, gallery: Gallery, given: object, stored: str | None) -> None:
    reply = client.post("/upload", json=upload(ANA, fecha_de_registro=given))
    if stored is None:
        assert reply.status_code == 400 and "fecha_de_registro" in reply.get_json()["message"]
        assert gallery.store.counts().students == 0
    else:
        assert reply.status_code == 200
        assert gallery.student(ANA["matricula"]).student.fecha_de_registro == iso_date(str(given)) == stored


@on_sqlite
def test_a_date_that_is_not_sent_is_today_and_a_type_that_is_not_said_is_json(
    client: FlaskClient, gallery: Gallery
) -> None:
    body = upload(ANA, fecha_de_registro=None)
    assert client.post("/upload", data=json.dumps(body), content_type="text/plain;charset=UTF-8").status_code == 200
    assert gallery.student(ANA["matricula"]).student.fecha_de_registro.startswith("20")


def _blank() -> str:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


@on_sqlite
@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"matricula": ""}, 400, "missing_field"),
        ({"nombre_del_alumno": None}, 400, "missing_field"),
        ({"matricula": "a/b"}, 400, "invalid_student"),
        ({"clase": 7}, 400, "invalid_field"),
        ({"image": None}, 400, "no_photos"),
        ({"image": ""}, 400, "empty_image"),
        ({"image": "data:image/jpeg;base64,%%%"}, 400, "invalid_base64"),
        ({"image": _blank()}, 422, "no_face"),
    ],
)
def test_its_errors_are_where_it_looks_for_them(
    client: FlaskClient, gallery: Gallery, changed: dict[str, object], status: int, code: str
) -> None:
    reply = client.post("/upload", json={**upload(ANA), **changed})
    body = reply.get_json()
    assert (reply.status_code, body["code"], reply.content_type) == (status, code, "application/problem+json")
    assert body["message"] == body["error"] == body["detail"] and body["request_id"] == reply.headers["X-Request-Id"]
    assert gallery.store.counts().students == gallery.store.counts().images == 0


@on_sqlite
def test_other_routes_errors_are_as_they_were(client: FlaskClient) -> None:
    assert "message" not in client.get("/v1/students/nobody").get_json()
    assert client.post("/upload", data="[1]", content_type="application/json").get_json()["code"] == "invalid_json"


@on_sqlite
def test_all_students_are_listed_not_a_page_of_them(
    client: FlaskClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.service._PAGE", 2)
    for student in STUDENTS[:5]:
        client.post("/upload", json=upload(student))
    listed = [document["matricula"] for document in client.get("/get-students").get_json()]
    assert listed == sorted(student["matricula"] for student in STUDENTS[:5])


@on_sqlite
def test_an_export_that_cannot_be_cleared_is_an_error_and_can_be_asked_again(
    client: FlaskClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/upload", json=upload(ANA))
    client.post("/save_all_images")
    folder = client.application.extensions["presente"].get().export.folder
    with monkeypatch.context() as broken:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        broken.setattr(Path, "unlink", refuse)
        reply = client.delete(f"/v1/students/{ANA['matricula']}")
        assert (reply.status_code, reply.get_json()["code"]) == (507, "export_unwritable")
    assert len(exported(folder)) == 1
    assert client.delete(f"/v1/students/{ANA['matricula']}").status_code == 404  # gone, and now the file too
    assert exported(folder) == set()
