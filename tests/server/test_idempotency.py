"""Every POST that records, and PATCH of an entry, is carried out once per Idempotency-Key, and alike."""

import base64
import io
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pymongo import MongoClient

from faces.embedder import FaceEmbedder
from gallery.documents.attendance import EntryFilter
from gallery.documents.request_keys import KEPT_DAYS, Claim
from gallery.gallery import Gallery
from presente.clock import Clock
from presente.recognition import digest_of
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import client_of
from tests.server.sample import (
    ANA,
    CLASS,
    DAY,
    EVA,
    GROUP,
    HERE,
    JPEG,
    PROBE,
    STRANGER,
    asistencias,
    enrol,
    problem,
    say,
    send,
    twins,
)

KEY = {"Idempotency-Key": "c0ffee-1"}
PHOTO = base64.b64encode((SAMPLE / ANA["fotos"].split(";")[0]).read_bytes()).decode()
OTHER_PHOTO = base64.b64encode(PROBE).decode()
NEW = {"matricula": "N1", "nombre_del_alumno": "Nadia", "clase": "IA-101", "image": PHOTO}


@pytest.fixture
def people(client: FlaskClient) -> FlaskClient:
    """Of a server that knows two students."""
    enrol(client, ANA)
    enrol(client, EVA)
    return client


def state(matricula: str = ANA["matricula"], status: str = "present", **more: str) -> dict[str, str]:
    return {"matricula": matricula, "status": status, **more}


def keyed(client: FlaskClient, body: dict[str, str], query: str = f"clase={CLASS}&fecha={DAY}") -> Any:
    return client.post(f"/v1/attendance?{query}", json=body, headers=KEY)


def entries(gallery: Gallery) -> list[tuple[int | None, str]]:
    stored = gallery.store.attendance.entries(EntryFilter())
    return [(each.entry.subject, each.entry.status) for each in stored]


def at_once(count: int, ask: Callable[[], Any]) -> list[Any]:
    """The answers to the same request from several clients at once."""
    answers: list[Any] = []
    start = threading.Barrier(count)

    def work() -> None:
        start.wait()
        answers.append(ask())

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers


# -- what a person says --------------------------------------------------------------------------------------------


def test_a_retry_does_not_undo_what_was_said_since(people: FlaskClient, gallery: Gallery) -> None:
    first = keyed(people, state())
    assert first.status_code == 201
    rejected = say(people, ANA["matricula"], "rejected").get_json()
    again = keyed(people, state())
    assert (again.status_code, again.get_json()) == (201, rejected)  # it says what holds
    assert [status for _, status in entries(gallery)] == ["present", "rejected"]
    assert asistencias(people, ANA["matricula"]) == 0


def test_a_statement_that_had_nothing_to_add_is_remembered_too(people: FlaskClient, gallery: Gallery) -> None:
    held = say(people, ANA["matricula"]).get_json()
    assert keyed(people, state()).get_json() == held
    say(people, ANA["matricula"], "rejected")
    assert keyed(people, state()).get_json()["status"] == "rejected"
    problem(keyed(people, state(EVA["matricula"])), 409, "idempotency_key_reused")
    assert [status for _, status in entries(gallery)] == ["present", "rejected"]


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (state(EVA["matricula"]), f"clase={CLASS}&fecha={DAY}"),
        (state(status="rejected"), f"clase={CLASS}&fecha={DAY}"),
        (state(note="tarde"), f"clase={CLASS}&fecha={DAY}"),
        (state(), f"clase={CLASS}&fecha=2026-11-19"),
        (state(), f"clase=IA-999&fecha={DAY}"),
        (state(), f"clase={CLASS}"),
    ],
)
def test_a_key_is_of_one_statement(people: FlaskClient, gallery: Gallery, body: dict[str, str], query: str) -> None:
    keyed(people, state())
    before = entries(gallery)
    problem(keyed(people, body, query), 409, "idempotency_key_reused")
    assert entries(gallery) == before
    assert keyed(people, dict(reversed(state().items()))).status_code == 201  # the same members in another order


def test_the_same_statement_from_many_at_once_is_one_entry(people: FlaskClient, gallery: Gallery) -> None:
    answers = at_once(8, lambda: keyed(people.application.test_client(), state()))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["id"] for answer in answers}) == len(entries(gallery)) == 1
    assert asistencias(people, ANA["matricula"]) == 1


def test_different_statements_with_one_key_at_once(people: FlaskClient, gallery: Gallery) -> None:
    bodies = [state(), state(EVA["matricula"])] * 4
    answers = at_once(8, lambda: keyed(people.application.test_client(), bodies.pop()))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 4 + [409] * 4 and len(entries(gallery)) == 1


def test_a_refused_request_does_not_take_its_key(people: FlaskClient, gallery: Gallery) -> None:
    problem(keyed(people, state("A0")), 404, "student_not_found")
    problem(keyed(people, state(note="a\x00b")), 400, "invalid_field")
    problem(keyed(people, state(), "fecha=2026-11-20"), 400, "missing_parameter")
    problem(keyed(people, state(), f"clase={CLASS}&fecha=2999-01-01"), 400, "invalid_fecha")
    assert keyed(people, state()).status_code == 201


def test_nothing_is_left_of_the_requests_about_who_was_erased(people: FlaskClient, gallery: Gallery) -> None:
    keyed(people, state(note="secreto"))
    keyed_eva = people.post(
        f"/v1/attendance?clase={CLASS}", json=state(EVA["matricula"]), headers={"Idempotency-Key": "e"}
    )
    assert keyed_eva.status_code == 201
    people.delete(f"/v1/students/{ANA['matricula']}")
    problem(keyed(people, state(note="secreto")), 404, "student_not_found")
    probe = Claim(KEY["Idempotency-Key"], "another", datetime.now(UTC).isoformat(timespec="seconds"))
    assert gallery.store.request_keys.claim(probe, ()) == probe  # no request has it
    kept = gallery.store.request_keys.claim(Claim("e", "another", probe.at), ())
    assert kept.done and not kept.first and kept.digest != "another"


def test_a_key_is_free_again_after_a_while(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    start = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    times = [start]
    client = client_of(gallery, embedder, tmp_path, Clock("America/Mexico_City", lambda: times[-1]))
    enrol(client, ANA)
    enrol(client, EVA)
    keyed(client, state())
    times.append(start + timedelta(days=KEPT_DAYS - 1))
    problem(keyed(client, state(EVA["matricula"])), 409, "idempotency_key_reused")
    times.append(start + timedelta(days=KEPT_DAYS + 1))
    assert keyed(client, state(EVA["matricula"])).status_code == 201


def test_a_retry_after_midnight_is_about_the_day_of_the_first(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    evening = datetime(2026, 11, 21, 5, 59, 50, tzinfo=UTC)  # ten seconds before midnight in Mexico City
    times = [evening]
    client = client_of(gallery, embedder, tmp_path, Clock("America/Mexico_City", lambda: times[-1]))
    made = [client.post("/v1/students", json=NEW, headers={"Idempotency-Key": "n"}).get_json()["student"]]
    statement = state("N1")
    first = [keyed(client, statement, f"clase={CLASS}").get_json()]
    took_part = [
        client.post("/v1/participations", json={"matricula": "N1"}, headers={"Idempotency-Key": "p"}).get_json()
    ]
    photo = {"Idempotency-Key": "f"}
    taken = [client.post("/v1/attendance?clase=IA-101", data=PROBE, headers=JPEG | photo).get_json()["fecha"]]
    times.append(evening + timedelta(seconds=20))
    first.append(keyed(client, statement, f"clase={CLASS}").get_json())
    took_part.append(
        client.post("/v1/participations", json={"matricula": "N1"}, headers={"Idempotency-Key": "p"}).get_json()
    )
    made.append(client.post("/v1/students", json=NEW, headers={"Idempotency-Key": "n"}).get_json()["student"])
    taken.append(client.post("/v1/attendance?clase=IA-101", data=PROBE, headers=JPEG | photo).get_json()["fecha"])
    assert first[0] == first[1] and first[0]["fecha"] == "2026-11-20"
    assert took_part[0] == took_part[1] and took_part[0]["fecha"] == "2026-11-20"
    assert made[0]["fecha_de_registro"] == made[1]["fecha_de_registro"] == "2026-11-20"
    assert taken == ["2026-11-20"] * 2
    assert keyed(client, statement, f"clase={CLASS}").status_code == 201


# -- PATCH, participations, photos ---------------------------------------------------------------------------------


def test_settling_an_entry(client: FlaskClient, gallery: Gallery, embedder: FaceEmbedder) -> None:
    twins(gallery, embedder)
    send(client, PROBE)
    one, other = (stored.id for stored in gallery.store.attendance.entries(EntryFilter()))

    def resolve(number: int, status: str = "present") -> Any:
        return client.patch(f"/v1/attendance/{number}", json={"status": status}, headers=KEY)

    first = resolve(one)
    assert [entry["status"] for entry in first.get_json()["entries"]] == ["present", "rejected"]
    assert resolve(one).get_json() == first.get_json()
    problem(resolve(other), 409, "idempotency_key_reused")
    problem(resolve(one, "rejected"), 409, "idempotency_key_reused")
    client.patch(f"/v1/attendance/{one}", json={"status": "rejected"})
    client.patch(f"/v1/attendance/{other}", json={"status": "present"})
    before = entries(gallery)
    again = resolve(one)
    assert again.status_code == 200
    assert [entry["status"] for entry in again.get_json()["entries"]] == ["rejected", "present"]
    assert entries(gallery) == before
    at_once(
        8,
        lambda: client.application.test_client().patch(
            f"/v1/attendance/{one}", json={}, headers={"Idempotency-Key": "8"}
        ),
    )
    assert len(entries(gallery)) == len(before) + 1
    gallery.remove(["T1", "T2"])
    problem(resolve(one), 404, "entry_not_found")


def test_participations(people: FlaskClient, gallery: Gallery) -> None:
    body = {"matricula": ANA["matricula"], "fecha": DAY, "note": "bien"}

    def post(**other: str) -> Any:
        return people.application.test_client().post("/v1/participations", json=body | other, headers=KEY)

    answers = at_once(8, post)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    for other in (
        {"matricula": EVA["matricula"]},
        {"fecha": "2026-11-19"},
        {"kind": "x"},
        {"note": ""},
        {"clase": "Y"},
    ):
        problem(post(**other), 409, "idempotency_key_reused")
    people.delete(f"/v1/participations/{answers[0].get_json()['id']}")
    assert post().get_json() == answers[0].get_json()  # what was taken back stays so
    assert people.get(f"/v1/students/{ANA['matricula']}").get_json()["participaciones"] == 0
    problem(keyed(people, state()), 409, "idempotency_key_reused")  # nor is it one of another route
    people.delete(f"/v1/students/{ANA['matricula']}")
    problem(post(), 404, "student_not_found")


def test_a_class_photo(client: FlaskClient, school: Gallery) -> None:
    first = send(client, headers=KEY).get_json()
    for student in HERE[:2]:
        say(client, student, "rejected")
    before = entries(school)
    again = send(client, headers=KEY)
    assert again.status_code == 200 and entries(school) == before
    assert again.get_json()["counts"] == first["counts"]
    for other in (
        send(client, PROBE, headers=KEY),
        send(client, clase="IA-201", headers=KEY),
        send(client, fecha="2026-11-19", headers=KEY),
        client.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}&threshold=0.9", data=GROUP, headers=JPEG | KEY),
        keyed(client, state(HERE[0])),
    ):
        problem(other, 409, "idempotency_key_reused")
    encoded = {"image": base64.b64encode(GROUP).decode()}
    assert keyed(client, encoded).status_code == 200  # the same photo, sent another way
    assert entries(school) == before


def test_a_photo_that_showed_no_student_records_none_later(client: FlaskClient, gallery: Gallery) -> None:
    """It was taken before a student was enrolled; the retry takes no attendance anew."""
    enrol(client, EVA, clase=CLASS)
    first = send(client, PROBE, headers=KEY).get_json()
    assert [face["status"] for face in first["faces"]] == ["unknown"]
    enrol(client, ANA, clase=CLASS)
    again = send(client, PROBE, headers=KEY).get_json()
    assert entries(gallery) == [] and not any(face["recorded"] for face in again["faces"])
    assert [face["recorded"] for face in send(client, PROBE).get_json()["faces"]] == [True]


# -- enrolment -----------------------------------------------------------------------------------------------------


def post_student(client: FlaskClient, **other: str) -> Any:
    return client.post("/v1/students", json=NEW | other, headers=KEY)


def test_enrolling(client: FlaskClient, gallery: Gallery) -> None:
    first = post_student(client)
    again = post_student(client)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Location"] == first.headers["Location"]
    for part in ("student", "photos"):
        assert again.get_json()[part] == first.get_json()[part]
    for other in ({"matricula": "N2"}, {"nombre_del_alumno": "X"}, {"image": OTHER_PHOTO}, {"fecha_de_registro": DAY}):
        problem(post_student(client, **other), 409, "idempotency_key_reused")
    problem(client.post("/v1/students", json=NEW), 409, "student_exists")
    problem(client.post("/v1/students", json=NEW, headers={"Idempotency-Key": "b"}), 409, "student_exists")
    assert (
        client.post("/v1/students", json=NEW | {"matricula": "N3"}, headers={"Idempotency-Key": "b"}).status_code == 201
    )
    client.patch("/v1/students/N1", json={"clase": "IA-202"})
    assert post_student(client).get_json()["student"]["clase"] == "IA-202"
    assert gallery.store.counts().students == 2


def test_enrolling_with_a_form(client: FlaskClient) -> None:
    """Its boundary is another one at every attempt."""

    def post(name: str = "Nadia") -> Any:
        fields = {"matricula": "N1", "nombre_del_alumno": name, "image": (io.BytesIO(STRANGER), "a.jpg")}
        return client.post("/v1/students", data=fields, headers=KEY)

    assert [post().status_code, post().status_code] == [201, 201]
    problem(post("Nora"), 409, "idempotency_key_reused")


def test_an_enrolment_that_was_refused_can_be_mended_under_its_key(client: FlaskClient) -> None:
    problem(post_student(client, matricula="a/b"), 400, "invalid_student")
    problem(post_student(client, matricula=""), 400, "missing_field")
    problem(post_student(client, image=base64.b64encode(b"no photo").decode()), 415, "not_an_image")
    assert post_student(client).status_code == 201


def test_enrolling_at_once(client: FlaskClient, gallery: Gallery) -> None:
    answers = at_once(6, lambda: post_student(client.application.test_client()))
    codes = {(answer.status_code, answer.get_json().get("code")) for answer in answers}
    assert (201, None) in codes and codes <= {(201, None), (503, "request_in_progress")}
    assert post_student(client).status_code == 201
    assert (gallery.student("N1").images, gallery.store.counts().students) == (1, 1)


def test_an_enrolment_whose_answer_was_cut_off_is_answered(client: FlaskClient, store_url: str) -> None:
    """The process died after the student was stored and before the request was marked as done."""
    post_student(client)
    undo(store_url)
    again = post_student(client)
    assert again.status_code == 201 and again.get_json()["student"]["images"] == 1
    undo(store_url)
    client.patch("/v1/students/N1", json={"nombre_del_alumno": "Otra"})
    problem(post_student(client), 409, "student_exists")  # it is not the one that was asked for


def undo(store_url: str) -> None:
    """Make every request one that was begun and not finished."""
    if store_url.startswith("mongodb"):
        with MongoClient[dict[str, Any]](store_url) as client:
            done = client.get_default_database().requests.update_many({}, {"$set": {"done": False}}).matched_count
    else:
        with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as db, db:
            done = db.execute("UPDATE requests SET done = 0").rowcount
    assert done == 1


def test_more_photos_of_a_student(people: FlaskClient, gallery: Gallery) -> None:
    path = f"/v1/students/{ANA['matricula']}/images"
    first = people.post(path, data=PROBE, headers=JPEG | KEY)
    gallery.take_photos(ANA["matricula"], [digest_of(PROBE)])
    again = people.post(path, data=PROBE, headers=JPEG | KEY)
    assert (again.status_code, again.get_json()["photos"]) == (201, first.get_json()["photos"])
    assert digest_of(PROBE) not in gallery.store.digests(ANA["matricula"])  # it was taken away since
    problem(people.post(path, data=STRANGER, headers=JPEG | KEY), 409, "idempotency_key_reused")
    elsewhere = f"/v1/students/{EVA['matricula']}/images"
    problem(people.post(elsewhere, data=PROBE, headers=JPEG | KEY), 409, "idempotency_key_reused")


def test_the_first_pages_upload(client: FlaskClient) -> None:
    assert client.post("/upload", json=NEW, headers=KEY).status_code == 200
    client.patch("/v1/students/N1", json={"clase": "IA-202"})
    again = client.post("/upload", json=NEW, headers=KEY)
    assert (again.status_code, again.get_json()) == (200, {"message": "Image uploaded successfully"})
    assert client.get("/v1/students/N1").get_json()["clase"] == "IA-202"
    problem(client.post("/upload", json=NEW | {"clase": "X"}, headers=KEY), 409, "idempotency_key_reused")
    problem(client.post("/v1/students", json=NEW, headers=KEY), 409, "idempotency_key_reused")


@on_sqlite
@pytest.mark.parametrize("key", ["ñ", "a b", "x" * 201])
def test_a_key_that_is_none(people: FlaskClient, key: str) -> None:
    wrong = {"Idempotency-Key": key}
    body = {"matricula": ANA["matricula"]}
    number = say(people, ANA["matricula"]).get_json()["id"]
    for answer in (
        people.post("/v1/students", json=NEW, headers=wrong),
        people.post(f"/v1/students/{ANA['matricula']}/images", data=PROBE, headers=JPEG | wrong),
        people.post("/upload", json=NEW, headers=wrong),
        people.post(f"/v1/attendance?clase={CLASS}", json=body, headers=wrong),
        people.post(f"/v1/attendance?clase={CLASS}", data=PROBE, headers=JPEG | wrong),
        people.post("/v1/participations", json=body, headers=wrong),
        people.patch(f"/v1/attendance/{number}", json={}, headers=wrong),
    ):
        assert problem(answer, 400, "invalid_idempotency_key")
