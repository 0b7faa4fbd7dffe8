"""A session over HTTP: a class meets, photos fill its roll, a person corrects it, and files come out of it."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from PIL import Image
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.access_roles import AccessRole
from presente.clock import Clock
from server.app import create_app
from server.operations.session_photos import PhotoExpiry
from server.service import Service, ServiceHandle
from tests.conftest import SAMPLE
from tests.server.conftest import Serve
from tests.server.people import guarded_app, key_of
from tests.server.sample import CLASS, DAY, GROUP, HERE, JPEG, MOVED, STUDENTS, THERE, asistencias, problem, twins

MEMBERS = sorted(
    student["matricula"] for student in STUDENTS if student["clase"] == CLASS and student["matricula"] != MOVED
)
ABSENT = [matricula for matricula in MEMBERS if matricula not in HERE]


class School:
    """The sample class at a moment of a Friday that the test chooses."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)  # 08:05 in Mexico City
        self.clock = Clock("America/Mexico_City", lambda: self.moment)

    def at(self, hours: int, minutes: int) -> None:
        """Set the clock to a time of the school's day."""
        self.moment = datetime(2026, 11, 20, hours + 6, minutes, tzinfo=UTC)


@pytest.fixture
def moment() -> School:
    return School()


@pytest.fixture
def client(school: Gallery, embedder: FaceEmbedder, tmp_path: Path, moment: School) -> FlaskClient:
    return client_at(school, embedder, tmp_path, moment)


def client_at(
    gallery: Gallery, embedder: FaceEmbedder, folder: Path, moment: School, keeps: bool = True
) -> FlaskClient:
    handle = ServiceHandle()
    export = PhotoExport(folder / "export")
    made = Service(embedder, gallery, export, export.forget, moment.clock, keeps_session_photos=keeps)
    handle.put(made)
    return create_app(handle, 4_000_000).test_client()


def begin(client: FlaskClient, **said: Any) -> int:
    """A session of the sample class that starts at 08:00, ten minutes after which a student is late; its id."""
    made = client.post("/v1/sessions", json={"clase": CLASS, "starts": "08:00", "late_after": 10, **said})
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"/v1/sessions/{made.get_json()['id']}"
    return int(made.get_json()["id"])


def send(client: FlaskClient, number: int, photo: bytes = GROUP, query: str = "", **headers: str) -> Any:
    reply = client.post(f"/v1/sessions/{number}/photos{query}", data=photo, headers=JPEG | headers)
    assert reply.status_code == 200, reply.text
    return reply.get_json()


def roll(client: FlaskClient, number: int) -> dict[str, str]:
    read = client.get(f"/v1/sessions/{number}").get_json()
    return {line["matricula"]: line["status"] for line in read["roll"]}


def line_of(client: FlaskClient, number: int, matricula: str) -> Any:
    read = client.get(f"/v1/sessions/{number}").get_json()
    return next(line for line in read["roll"] if line["matricula"] == matricula)


def say(client: FlaskClient, number: int, **said: Any) -> TestResponse:
    return client.post(f"/v1/sessions/{number}/entries", json=said)


def probe(matricula: str) -> bytes:
    return (SAMPLE / "probes" / matricula / "1.jpg").read_bytes()


def test_a_photo_fills_the_roll(client: FlaskClient, moment: School) -> None:
    number = begin(client)
    empty = client.get(f"/v1/sessions/{number}").get_json()
    assert [line["matricula"] for line in empty["roll"]] == MEMBERS and len(ABSENT) > 1
    assert {line["status"] for line in empty["roll"]} == {"absent"}
    session = {name: empty["session"][name] for name in ("clase", "fecha", "starts", "ends", "late_after", "state")}
    assert session == {
        "clase": CLASS, "fecha": DAY, "starts": "08:00", "ends": None, "late_after": 10, "state": "open",
    }  # fmt: skip
    assert (empty["session"]["made_by"], empty["photos"]) == ("local", 0)
    taken = send(client, number)
    (photo,) = taken["photos"]
    assert (photo["number"], photo["kept"]) == (1, True)
    assert photo["counts"] == {"off_roster": 1, "present": len(HERE), "unknown": 1}
    assert {face["matricula"] for face in photo["faces"] if face["status"] == "off_roster"} == {MOVED}
    assert [line["matricula"] for line in taken["roll"]] == HERE
    for line in taken["roll"]:
        assert (line["status"], line["source"], line["photo"]) == ("present", "photo", 1)
        assert photo["faces"][line["face"] - 1]["matricula"] == line["matricula"] and line["score"] > 0
        assert line["since"] is not None and line["entry"] > 0
    counts = {"present": len(HERE), "late": 0, "excused": 0, "waiting": 0, "absent": len(ABSENT)}
    assert taken["counts"] == counts == client.get(f"/v1/sessions/{number}").get_json()["counts"]
    assert send(client, number)["roll"] == []
    moment.at(8, 11)
    late = send(client, number, probe(ABSENT[0]))
    assert [(line["matricula"], line["status"], line["photo"]) for line in late["roll"]] == [(ABSENT[0], "late", 2)]
    assert [asistencias(client, each) for each in (HERE[0], ABSENT[0], ABSENT[1])] == [1, 1, 0]
    student = client.get(f"/v1/students/{ABSENT[0]}").get_json()
    assert student["asistencias_por_clase"] == {CLASS: 1}


def test_the_list_of_attendance_has_the_sessions(client: FlaskClient) -> None:
    one, two = begin(client), begin(client, starts="10:00")
    assert client.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}", json={"matricula": HERE[0]}).status_code == 201
    send(client, one)
    say(client, two, matricula=HERE[0], status="late")
    say(client, two, matricula=ABSENT[0], status="excused", note="médico")
    listed = client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}").get_json()
    mine = [(line["session"], line["status"]) for line in listed["attendance"] if line["matricula"] == HERE[0]]
    assert mine == [(None, "present"), (one, "present"), (two, "late")]
    assert listed["present"] == len(HERE) + 2
    walked, query = [], ""
    while True:
        page = client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}&limit=2{query}").get_json()
        walked += page["attendance"]
        if page["next_cursor"] is None:
            break
        query = f"&cursor={page['next_cursor']}"
    assert walked == listed["attendance"]
    absent = [line["matricula"] for line in listed["attendance"] if line["status"] == "absent"]
    assert absent == ABSENT[1:] and asistencias(client, HERE[0]) == 2


def test_a_class_meets_once_at_a_time(client: FlaskClient) -> None:
    number = begin(client, note="examen", ends="09:30", source="camera")
    again = client.post("/v1/sessions", json={"clase": CLASS, "starts": "08:00"})
    assert str(number) in problem(again, 409, "session_exists")
    problem(client.post("/v1/sessions", json={"clase": "no-such-class"}), 404, "class_not_found")
    problem(client.post("/v1/sessions", json={"clase": CLASS, "fecha": "2026-11-21"}), 400, "invalid_fecha")
    problem(client.post("/v1/sessions", json={}), 400, "missing_field")
    for wrong in ({"starts": "8:00"}, {"starts": "08:00:00"}, {"starts": "09:00", "ends": "09:00"}, {"late_after": -1}):
        problem(client.post("/v1/sessions", json={"clase": CLASS, **wrong}), 400, "invalid_times")
    problem(client.get("/v1/sessions/999999"), 404, "session_not_found")
    keyed = {"Idempotency-Key": "k1"}
    made = [client.post("/v1/sessions", json={"clase": CLASS, "starts": "11:00"}, headers=keyed) for _ in range(2)]
    assert [reply.status_code for reply in made] == [201, 201] and made[0].get_json() == made[1].get_json()


def test_sessions_are_listed_and_changed(client: FlaskClient) -> None:
    numbers = [
        begin(client, fecha=fecha, starts=starts) for fecha in ("2026-11-18", DAY) for starts in ("08:00", "10:00")
    ]
    listed = client.get(f"/v1/sessions?clase={CLASS}").get_json()
    assert [each["id"] for each in listed["sessions"]] == numbers[::-1] and listed["next_cursor"] is None
    first = client.get("/v1/sessions?limit=3").get_json()
    rest = client.get(f"/v1/sessions?limit=3&cursor={first['next_cursor']}").get_json()
    assert first["sessions"] + rest["sessions"] == listed["sessions"] and rest["next_cursor"] is None
    problem(client.get(f"/v1/sessions?limit=3&clase={CLASS}&cursor={first['next_cursor']}"), 400, "invalid_cursor")
    assert [each["id"] for each in client.get("/v1/sessions?desde=2026-11-19").get_json()["sessions"]] == numbers[:1:-1]
    problem(client.get("/v1/sessions?clase=no-such-class"), 404, "class_not_found")
    path = f"/v1/sessions/{numbers[0]}"
    changed = client.patch(path, json={"ends": "09:00", "late_after": None, "note": "laboratorio"}).get_json()[
        "session"
    ]
    assert (changed["ends"], changed["late_after"], changed["note"]) == ("09:00", None, "laboratorio")
    assert str(numbers[1]) in problem(client.patch(path, json={"starts": "10:00", "ends": None}), 409, "session_exists")
    problem(client.patch(path, json={"ends": "07:00"}), 400, "invalid_times")
    problem(client.patch(path, json={"state": "gone"}), 400, "invalid_field")
    assert client.post(f"{path}/close").get_json()["session"]["state"] == "closed"
    assert [each["id"] for each in client.get("/v1/sessions?state=closed").get_json()["sessions"]] == numbers[:1]
    for refused in (
        client.post(f"{path}/photos", data=GROUP, headers=JPEG),
        say(client, numbers[0], matricula=HERE[0]),
        client.post(f"{path}/undo", json={"photo": 1}),
    ):
        problem(refused, 409, "session_closed")
    assert client.patch(path, json={"state": "open"}).status_code == 200
    assert say(client, numbers[0], matricula=HERE[0]).status_code == 200


def test_a_new_session_takes_its_times_from_the_timetable(client: FlaskClient, moment: School) -> None:
    meetings = [
        {"weekday": 5, "starts": "08:00", "ends": "09:30", "late_after": 15},
        {"weekday": 5, "starts": "12:00"},
        {"weekday": 1, "starts": "08:00", "late_after": 5},
    ]
    path = f"/v1/classes/{CLASS}/timetable"
    put = client.put(path, json={"meetings": meetings}).get_json()
    assert [(each["weekday"], each["starts"]) for each in put["timetable"]] == [
        (1, "08:00"),
        (5, "08:00"),
        (5, "12:00"),
    ]
    made = client.post("/v1/sessions", json={"clase": CLASS}).get_json()
    assert (made["fecha"], made["starts"], made["ends"], made["late_after"]) == (DAY, "08:00", "09:30", 15)
    moment.at(11, 50)
    noon = client.post("/v1/sessions", json={"clase": CLASS, "late_after": 3}).get_json()
    assert (noon["starts"], noon["ends"], noon["late_after"]) == ("12:00", None, 3)
    other = client.post("/v1/sessions", json={"clase": CLASS, "fecha": "2026-11-16", "late_after": None}).get_json()
    assert (other["starts"], other["ends"], other["late_after"]) == ("08:00", None, None)
    thursday = client.post("/v1/sessions", json={"clase": CLASS, "fecha": "2026-11-19"}).get_json()
    assert (thursday["starts"], thursday["ends"], thursday["late_after"]) == ("11:50", None, None)
    listed = client.get("/v1/classes").get_json()["classes"]
    mine = next(each for each in listed if each["clase"] == CLASS)
    assert (mine["students"], mine["sessions"], mine["open_sessions"]) == (len(MEMBERS), 4, 4)
    assert mine["timetable"] == put["timetable"]
    page = client.get("/v1/classes?limit=1").get_json()
    rest = client.get(f"/v1/classes?cursor={page['next_cursor']}").get_json()
    assert page["classes"] + rest["classes"] == listed and rest["next_cursor"] is None
    for wrong in (
        [{"weekday": 8, "starts": "08:00"}],
        [{"weekday": 1, "starts": "25:00"}],
        [{"weekday": 1, "starts": "08:00"}] * 2,
        [{"weekday": 1, "starts": "08:00", "late_after": -1}],
        [{"starts": "08:00"}],
        "lunes",
    ):
        problem(client.put(path, json={"meetings": wrong}), 400, "invalid_times")
    assert client.put(path, json={"meetings": []}).get_json()["timetable"] == []


def test_a_person_corrects_and_takes_back(client: FlaskClient) -> None:
    number = begin(client)
    send(client, number)
    said = say(client, number, matricula=HERE[0], status="absent", note="salió").get_json()
    (line,) = said["roll"]
    assert (line["matricula"], line["status"], line["source"], line["note"]) == (HERE[0], "absent", "hand", "salió")
    assert said["counts"]["present"] == len(HERE) - 1 and asistencias(client, HERE[0]) == 0
    undone = client.post(f"/v1/sessions/{number}/undo", json={"entry": line["entry"]}).get_json()
    assert [(each["matricula"], each["status"], each["photo"]) for each in undone["roll"]] == [(HERE[0], "present", 1)]
    gone = client.post(f"/v1/sessions/{number}/undo", json={"photo": 1}).get_json()
    assert [each["matricula"] for each in gone["roll"]] == HERE and gone["counts"]["absent"] == len(MEMBERS)
    assert asistencias(client, HERE[1]) == 0
    (photo,) = client.get(f"/v1/sessions/{number}/photos").get_json()["photos"]
    assert photo["undone"] and not any(face["entries"] for face in photo["faces"])
    send(client, number)
    assert not client.get(f"/v1/sessions/{number}/photos").get_json()["photos"][0]["undone"]
    assert asistencias(client, HERE[1]) == 1
    for wrong, code in (({}, "missing_field"), ({"photo": 1, "entry": 1}, "missing_field")):
        problem(client.post(f"/v1/sessions/{number}/undo", json=wrong), 400, code)
    problem(client.post(f"/v1/sessions/{number}/undo", json={"photo": 9}), 404, "photo_not_found")
    problem(client.post(f"/v1/sessions/{number}/undo", json={"entry": 999999}), 404, "entry_not_found")
    problem(say(client, number), 400, "missing_field")
    problem(say(client, number, matricula=None, photo=None, face=None), 400, "missing_field")
    problem(say(client, number, matricula=HERE[0], photo=1), 400, "missing_field")
    problem(say(client, number, matricula=HERE[0], status="rejected"), 400, "invalid_status")
    problem(say(client, number, matricula="no-one"), 404, "student_not_found")


def test_a_face_is_settled_with_a_tap(
    client: FlaskClient, school: Gallery, embedder: FaceEmbedder, moment: School
) -> None:
    twins(school, embedder)
    number = begin(client)
    taken = send(client, number, probe(STUDENTS[0]["matricula"]))
    if not any(line["status"] == "waiting" for line in taken["roll"]):
        taken = send(client, number, (SAMPLE / STUDENTS[0]["fotos"].split(";")[0]).read_bytes())
    photo = taken["photos"][0]
    (face,) = photo["faces"]
    assert face["status"] == "ambiguous"
    waiting = {line["matricula"] for line in taken["roll"] if line["status"] == "waiting"}
    assert {"T1", "T2"} <= waiting
    moment.at(8, 30)
    settled = say(client, number, matricula="T2", photo=photo["number"], face=1).get_json()
    now = roll(client, number)
    assert now["T2"] == "present" and {now[each] for each in waiting - {"T2"}} == {"absent"}  # it came at 08:05
    assert {line["matricula"] for line in settled["roll"]} == waiting
    shown = client.get(f"/v1/sessions/{number}/photos").get_json()["photos"][-1]["faces"][0]
    assert (shown["status"], shown["matricula"]) == ("present", "T2")
    entry = line_of(client, number, "T2")["entry"]
    client.post(f"/v1/sessions/{number}/undo", json={"entry": entry})
    assert {roll(client, number)[each] for each in waiting} == {"waiting"}
    say(client, number, photo=photo["number"], face=1)
    assert {roll(client, number)[each] for each in waiting} == {"absent"}
    shown = client.get(f"/v1/sessions/{number}/photos").get_json()["photos"][-1]["faces"][0]
    assert (shown["status"], shown["matricula"], shown["nombre"]) == ("unknown", None, "Desconocido")
    assert {each["matricula"] for each in shown["candidates"]} >= {"T1", "T2"}
    problem(say(client, number, matricula="T1", photo=photo["number"], face=2), 404, "face_not_found")
    problem(say(client, number, matricula="T1", photo=99, face=1), 404, "photo_not_found")


def test_photos_are_kept_while_the_session_is_open(client: FlaskClient) -> None:
    number = begin(client)
    faces = send(client, number)["photos"][0]["faces"]
    path = f"/v1/sessions/{number}/photos"
    (photo,) = client.get(path).get_json()["photos"]
    with Image.open(io.BytesIO(GROUP)) as sent:
        assert (photo["width"], photo["height"]) == sent.size
    assert [face["box"] for face in photo["faces"]] == [[round(x, 1) for x in face["box"]] for face in faces]
    assert [(face["status"], face["matricula"]) for face in photo["faces"]] == [
        (face["status"], face["matricula"]) for face in faces
    ]
    assert all(each["status"] == "present" for face in photo["faces"] for each in face["entries"])
    kept = client.get(f"{path}/1")
    assert kept.content_type == "image/jpeg" and "no-store" in kept.headers["Cache-Control"]
    with Image.open(io.BytesIO(kept.data)) as copy:
        assert copy.format == "JPEG" and max(copy.size) <= 1600 and not copy.getexif()
    problem(client.get(f"{path}/2"), 404, "photo_not_found")
    client.post(f"/v1/sessions/{number}/close")
    problem(client.get(f"{path}/1"), 404, "photo_not_found")
    (photo,) = client.get(path).get_json()["photos"]
    assert (photo["number"], photo["kept"], photo["faces"], photo["width"]) == (1, False, [], 0)
    assert client.get(f"/v1/sessions/{number}").get_json()["photos"] == 1


def test_a_photo_says_that_it_was_there_and_goes_when_it_is_taken_back(client: FlaskClient) -> None:
    number = begin(client)
    path = f"/v1/sessions/{number}"
    blank = io.BytesIO()
    Image.new("RGB", (640, 480), "gray").save(blank, "JPEG")
    sent = [send(client, number, photo)["photos"][0] for photo in (GROUP, blank.getvalue(), GROUP)]
    assert [(photo["number"], photo["repeated"]) for photo in sent] == [(1, False), (2, False), (1, True)]
    shown = client.get(f"{path}/photos").get_json()["photos"]
    assert [(photo["kept"], bool(photo["faces"])) for photo in shown] == [(True, True), (True, False)]
    for photo in (2, 1):
        assert client.post(f"{path}/undo", json={"photo": photo}).status_code == 200
        problem(client.get(f"{path}/photos/{photo}"), 404, "photo_not_found")
    (again,) = send(client, number)["photos"]
    assert (again["number"], again["repeated"], again["kept"]) == (1, True, True)
    assert client.get(f"{path}/photos/1").status_code == 200
    assert {roll(client, number)[matricula] for matricula in HERE} == {"present"}


def test_a_large_photo_is_kept_small(client: FlaskClient) -> None:
    with Image.open(io.BytesIO(GROUP)) as group:
        large = io.BytesIO()
        group.resize((group.width * 2, group.height * 2)).save(large, "JPEG", quality=80)
        size = group.width * 2, group.height * 2
    assert max(size) > 1600
    number = begin(client)
    send(client, number, large.getvalue())
    (photo,) = client.get(f"/v1/sessions/{number}/photos").get_json()["photos"]
    assert (photo["width"], photo["height"]) == size
    with Image.open(io.BytesIO(client.get(f"/v1/sessions/{number}/photos/1").data)) as copy:
        assert max(copy.size) == 1600


@pytest.mark.parametrize("how", ["time", "erasure"])
def test_copies_go_with_time_and_with_a_person(client: FlaskClient, moment: School, how: str) -> None:
    number = begin(client)
    send(client, number)
    path = f"/v1/sessions/{number}/photos/1"
    if how == "time":
        moment.moment += timedelta(hours=47)
        assert client.get(path).status_code == 200
        moment.moment += timedelta(hours=2)
    else:
        assert (
            client.delete(f"/v1/students/{ABSENT[0]}").status_code == 204
        )  # no one found her, and yet she may be on it
    problem(client.get(path), 404, "photo_not_found")
    assert client.get(f"/v1/sessions/{number}/photos").get_json()["photos"][0]["kept"] is False
    undone = client.post(f"/v1/sessions/{number}/undo", json={"photo": 1}).get_json()
    assert [line["matricula"] for line in undone["roll"]] == HERE


def test_no_copy_is_kept_where_none_is_wanted(
    school: Gallery, embedder: FaceEmbedder, tmp_path: Path, moment: School
) -> None:
    client = client_at(school, embedder, tmp_path, moment, keeps=False)
    number = begin(client)
    taken = send(client, number)
    assert [photo["kept"] for photo in taken["photos"]] == [False] and len(taken["roll"]) == len(HERE)
    face = line_of(client, number, HERE[0])["face"]
    say(client, number, matricula=ABSENT[0], photo=1, face=face)
    assert (roll(client, number)[HERE[0]], roll(client, number)[ABSENT[0]]) == ("absent", "present")
    problem(client.get(f"/v1/sessions/{number}/photos/1"), 404, "photo_not_found")
    problem(say(client, number, matricula=ABSENT[0], photo=1, face=99), 404, "face_not_found")


def test_a_setting_that_keeps_nothing_erases_what_was_kept(
    client: FlaskClient, school: Gallery, moment: School
) -> None:
    number = begin(client)
    send(client, number)
    moment.moment += timedelta(minutes=1)
    PhotoExpiry(school.store, moment.clock, keeps=True).stop()
    assert school.store.session_photos.content(number, 1) is not None
    PhotoExpiry(school.store, moment.clock, keeps=False).stop()
    assert school.store.session_photos.content(number, 1) is None


def test_several_photos_come_in_every_form(client: FlaskClient) -> None:
    number = begin(client)
    one, two = probe(HERE[0]), probe(ABSENT[0])
    form = {"image": [(io.BytesIO(one), "1.jpg"), (io.BytesIO(two), "2.jpg")]}
    taken = client.post(f"/v1/sessions/{number}/photos", data=form).get_json()
    assert [photo["number"] for photo in taken["photos"]] == [1, 2]
    assert [line["matricula"] for line in taken["roll"]] == sorted([HERE[0], ABSENT[0]])
    sent = {"images": [base64.b64encode(each).decode() for each in (GROUP, two)]}
    more = client.post(f"/v1/sessions/{number}/photos", json=sent).get_json()
    assert [photo["number"] for photo in more["photos"]] == [3, 2]
    assert [line["matricula"] for line in more["roll"]] == HERE[1:]
    broken = {"image": [(io.BytesIO(probe(ABSENT[1])), "1.jpg"), (io.BytesIO(one[:2000]), "2.jpg")]}
    assert client.post(f"/v1/sessions/{number}/photos", data=broken).status_code == 422
    assert roll(client, number)[ABSENT[1]] == "absent"  # all photos are read before anything is recorded
    problem(client.post(f"/v1/sessions/{number}/photos", json={}), 400, "no_photos")


def test_a_request_with_a_key_records_once(client: FlaskClient, school: Gallery) -> None:
    number = begin(client)

    def form() -> dict[str, Any]:
        return {"image": [(io.BytesIO(each), "1.jpg") for each in (probe(HERE[0]), GROUP)]}

    keyed = {"Idempotency-Key": "k1"}
    first = client.post(f"/v1/sessions/{number}/photos", data=form(), headers=keyed).get_json()
    client.post(f"/v1/sessions/{number}/undo", json={"photo": 2})
    again = client.post(f"/v1/sessions/{number}/photos", data=form(), headers=keyed).get_json()
    assert [line["matricula"] for line in first["roll"]] == HERE
    assert {each for each, status in roll(client, number).items() if status == "present"} == {HERE[0]}
    assert [photo["number"] for photo in again["photos"]] == [1, 2]
    assert [photo["repeated"] for photo in first["photos"] + again["photos"]] == [False] * 4
    assert [photo["kept"] for photo in again["photos"]] == [True, False]  # nothing comes back that was taken back
    for _ in range(2):
        assert say(client, number, matricula=ABSENT[0], status="late").status_code == 200
    assert len(client.get(f"/v1/attendance?matricula={ABSENT[0]}&history=true").get_json()["attendance"]) == 1


def test_the_roll_as_files(client: FlaskClient, school: Gallery) -> None:
    formula = '=HYPERLINK("http://evil")'
    school.enrol([Enrolment(Student("=1+1", formula, CLASS), ())])
    number = begin(client)
    send(client, number)
    say(client, number, matricula=ABSENT[0], status="excused", note="@cita")
    say(client, number, matricula=ABSENT[1], status="late")
    path = f"/v1/sessions/{number}/roll"
    lines = client.get(path).get_json()["roll"]
    table = client.get(f"{path}?format=csv")
    assert table.mimetype == "text/csv" and f"sesion-{number}.csv" in table.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(table.data.decode("utf-8-sig"))))
    assert [row["status"] for row in rows] == [line["status"] for line in lines]
    assert {(row["clase"], row["fecha"], row["starts"]) for row in rows} == {(CLASS, DAY, "08:00")}
    by_name = {row["matricula"]: row for row in rows}
    assert by_name["'=1+1"]["nombre_del_alumno"] == "'" + formula and by_name[ABSENT[0]]["note"] == "'@cita"
    book = load_workbook(io.BytesIO(client.get(f"{path}?format=xlsx").data))
    (head, *cells) = [[cell.value for cell in row] for row in book.active.iter_rows()]  # type: ignore[union-attr]
    assert head == list(rows[0]) and [row[3] for row in cells] == [row["matricula"] for row in rows]
    assert {cell.data_type for row in book.active.iter_rows() for cell in row} <= {"s", "n", "inlineStr"}  # type: ignore[union-attr]
    moodle = client.get(f"{path}?format=moodle")
    assert not moodle.data.startswith(b"\xef\xbb\xbf")
    header, *marks = csv.reader(io.StringIO(moodle.data.decode()))
    assert header == ["idnumber", "scantime", "status"]
    said = {idnumber: (scanned, status) for idnumber, scanned, status in marks}
    assert said[HERE[0]] == ("", "P") and said[ABSENT[0]] == ("", "E") and said[ABSENT[1]] == ("", "L")
    assert said[ABSENT[2]] == ("", "A") and "'=1+1" in said
    spanish = client.get(f"{path}?format=moodle&acronyms=P,R,J,F").data.decode()
    assert f"{ABSENT[1]},,R" in spanish and f"{ABSENT[2]},,F" in spanish
    for wrong in ("P", "P,L,E,=A", "P,L,E,A,B"):
        problem(
            client.get(path, query_string={"acronyms": wrong, "format": "moodle"}),
            400,
            "invalid_parameter",
        )


def test_students_who_wait_are_not_told_to_moodle(client: FlaskClient, school: Gallery, embedder: FaceEmbedder) -> None:
    twins(school, embedder)
    number = begin(client)
    send(client, number, (SAMPLE / STUDENTS[0]["fotos"].split(";")[0]).read_bytes())
    assert roll(client, number)["T1"] == "waiting"
    assert "T1" not in client.get(f"/v1/sessions/{number}/roll?format=moodle").text


@pytest.fixture
def people(school: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[dict[str, FlaskClient]]:
    """A client of each role: the teacher is CLASS's, the student is one of it."""
    with guarded_app(school, embedder, tmp_path) as app:
        clients = {}
        for name, grant in {
            "admin": Grant(AccessRole.ADMIN),
            "teacher": Grant(AccessRole.TEACHER, frozenset({CLASS})),
            "viewer": Grant(AccessRole.VIEWER),
            "student": Grant(AccessRole.STUDENT, frozenset(), HERE[0]),
        }.items():
            clients[name] = app.test_client()
            clients[name].environ_base["HTTP_AUTHORIZATION"] = key_of(app, school, name, grant)["Authorization"]
        yield clients


def test_each_role_sees_its_part(people: dict[str, FlaskClient]) -> None:
    admin, teacher, viewer, student = (people[name] for name in ("admin", "teacher", "viewer", "student"))
    strange = {each["matricula"]: each["clase"] for each in STUDENTS if each["clase"] != CLASS}
    other = begin(admin, clase=next(iter(strange.values())), fecha=DAY)
    number = begin(teacher, fecha=DAY)
    photo = send(teacher, number)["photos"][0]
    assert [face["matricula"] for face in photo["faces"] if face["status"] == "off_roster"] == [None]
    shown = teacher.get(f"/v1/sessions/{number}/photos")
    assert MOVED not in shown.text and len(shown.get_json()["photos"][0]["faces"]) == len(THERE) + 1
    assert MOVED in admin.get(f"/v1/sessions/{number}/photos").text
    assert list(roll(viewer, number)) == MEMBERS
    mine = student.get(f"/v1/sessions/{number}").get_json()
    assert [(line["matricula"], line["status"]) for line in mine["roll"]] == [(HERE[0], "present")]
    assert mine["session"]["made_by"] == "" and mine["counts"]["present"] == 1
    assert teacher.get(f"/v1/sessions/{number}").get_json()["session"]["made_by"] == "key:teacher"
    table = student.get(f"/v1/sessions/{number}/roll?format=csv").text
    assert HERE[0] in table and HERE[1] not in table
    for caller in (teacher, student):
        problem(caller.get(f"/v1/sessions/{other}"), 404, "session_not_found")
        assert [each["id"] for each in caller.get("/v1/sessions").get_json()["sessions"]] == [number]
        assert [each["clase"] for each in caller.get("/v1/classes").get_json()["classes"]] == [CLASS]
    for path in (f"/v1/sessions/{number}/photos", f"/v1/sessions/{number}/photos/1"):
        for caller in (viewer, student):
            problem(caller.get(path), 403, "role_not_enough")
    problem(teacher.post("/v1/sessions", json={"clase": strange[next(iter(strange))]}), 403, "class_not_yours")
    problem(teacher.put("/v1/classes/IA-999/timetable", json={"meetings": []}), 403, "class_not_yours")
    problem(teacher.post(f"/v1/sessions/{other}/close"), 404, "session_not_found")
    problem(say(teacher, number, matricula=next(iter(strange))), 404, "student_not_found")


def test_a_teacher_corrects_and_takes_back_in_the_own_classes(people: dict[str, FlaskClient]) -> None:
    teacher = people["teacher"]
    number = begin(teacher, fecha=DAY)
    send(teacher, number)
    absent = next(each for each, status in roll(teacher, number).items() if status == "absent")
    assert say(teacher, number, matricula=absent, status="excused").status_code == 200
    assert say(teacher, number, photo=1, face=1).status_code == 200
    assert roll(teacher, number)[absent] == "excused"
    for what in ({"entry": line_of(teacher, number, absent)["entry"]}, {"photo": 1}):
        assert teacher.post(f"/v1/sessions/{number}/undo", json=what).status_code == 200
    assert set(roll(teacher, number).values()) == {"absent"}


def test_a_server_starts_with_the_setting_and_keeps_nothing(serve: Serve, sample_gallery: None) -> None:
    running = serve(PRESENTE_SESSION_PHOTOS="never")
    made = running.ask("/v1/sessions", json.dumps({"clase": CLASS}).encode(), "application/json")
    taken = running.ask(f"/v1/sessions/{made['id']}/photos", GROUP)
    assert [photo["kept"] for photo in taken["photos"]] == [False] and taken["counts"]["present"] > 0
