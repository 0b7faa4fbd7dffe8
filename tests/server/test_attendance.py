"""A class photo becomes attendance: once, of this class, and a person has the last word."""

import base64
import csv
import io
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack
from gallery.documents.attendance import EntryFilter
from gallery.documents.values import Consent, Enrolment, Student
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente.composition import open_store
from presente.recognition import enrolled_photo
from tests.server.conftest import client_of
from tests.server.sample import (
    ANA,
    CLASS,
    CLASS_OF,
    DAY,
    EVA,
    HERE,
    JPEG,
    MOVED,
    PROBE,
    STRANGER,
    asistencias,
    enrol,
    present,
    problem,
    say,
    send,
    twins,
)


def test_a_group_photo_is_the_attendance_and_counts_once(client: FlaskClient, school: Gallery) -> None:
    assert len(HERE) == 8 and {CLASS_OF[matricula] for matricula in HERE} == {CLASS}
    for number in range(2):
        reply = send(client).get_json()
        assert {face["recorded"] for face in reply["faces"] if face["status"] == "present"} == {number == 0}
        assert sorted(face["matricula"] for face in reply["faces"] if face["status"] == "present") == HERE
        assert sorted(face["matricula"] for face in reply["faces"] if face["status"] == "off_roster") == [MOVED]
        unknown = [face for face in reply["faces"] if face["status"] == "unknown"]
        assert [(face["nombre"], face["matricula"], face["entries"]) for face in unknown] == [("Desconocido", None, [])]
        assert reply["counts"] == {"off_roster": 1, "present": len(HERE), "unknown": 1}
    assert present(client) == HERE
    assert [asistencias(client, matricula) for matricula in HERE] == [1] * len(HERE)
    assert asistencias(client, MOVED) == 0
    assert len(school.store.attendance.entries(EntryFilter())) == len(HERE)
    send(client, fecha="2026-11-19")
    assert asistencias(client, HERE[0]) == 2 and school.store.attendance.miscounted() == []


def test_a_student_of_two_classes_is_present_in_either(client: FlaskClient, school: Gallery) -> None:
    home = CLASS_OF[MOVED]
    reply = client.patch(f"/v1/students/{MOVED}", json={"otras_clases": [CLASS, home, CLASS]}).get_json()
    assert (reply["clase"], reply["otras_clases"]) == (home, [CLASS])
    taken = send(client).get_json()
    assert sorted(face["matricula"] for face in taken["faces"] if face["status"] == "present") == sorted([*HERE, MOVED])
    assert MOVED in present(client) and asistencias(client, MOVED) == 1
    for clase in (CLASS, home):
        listed = client.get(f"/v1/attendance?clase={clase}&fecha=2026-11-18").get_json()["attendance"]
        assert MOVED in {line["matricula"] for line in listed}
        students = client.get(f"/v1/students?clase={clase}").get_json()["students"]
        assert MOVED in {found["matricula"] for found in students}
    moved = client.patch(f"/v1/students/{MOVED}", json={"clase": CLASS}).get_json()  # a move, and no class twice
    assert (moved["clase"], moved["otras_clases"]) == (CLASS, [])
    assert client.patch(f"/v1/students/{MOVED}", json={"otras_clases": "IA-101"}).status_code == 400


def test_an_entry_explains_itself(client: FlaskClient, school: Gallery) -> None:
    reply = send(client).get_json()
    seen = next(face for face in reply["faces"] if face["matricula"] == HERE[0])
    listed = client.get(f"/v1/attendance?clase={CLASS}&matricula={HERE[0]}").get_json()["attendance"]
    (entry,) = listed
    assert entry["id"] == seen["entries"][0]["id"] and entry["source"] == "photo"
    assert entry["score"] == seen["score"] and entry["box"] == seen["box"]
    assert entry["threshold"] == reply["threshold"] == school.settings.threshold
    assert entry["generation"] == school.index.generation and entry["pack"] == school.pack
    stored = school.store.attendance.entry(entry["id"])
    assert stored is not None and stored.entry.face is not None
    (batch,) = school.store.templates([entry["template"]])
    assert batch.subjects[0] == stored.entry.subject
    vector, subject = stored.entry.face.vector, stored.entry.subject
    assert school.compare(vector, HERE[0]) == pytest.approx(entry["score"], abs=1e-5)
    assert subject is not None
    nearest = float(batch.vectors[0] @ vector)  # the template is the evidence, the score that of all of the student's
    assert nearest == pytest.approx(float((school.templates_of(subject) @ vector).max()), abs=1e-5)


def test_the_list_names_who_is_absent_and_opens_in_a_spreadsheet(client: FlaskClient, school: Gallery) -> None:
    client.patch(f"/v1/students/{HERE[0]}", json={"nombre_del_alumno": '=HYPERLINK("http://x")'})
    send(client)
    lines = client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}").get_json()
    roster = sorted(matricula for matricula, clase in CLASS_OF.items() if clase == CLASS)
    assert [line["matricula"] for line in lines["attendance"]] == roster
    assert lines["present"] == len(HERE)
    for asked in (
        client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}&format=csv"),
        client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}", headers={"Accept": "text/csv"}),
    ):
        assert asked.mimetype == "text/csv" and asked.data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(asked.data.decode("utf-8-sig"))))
        assert [row["matricula"] for row in rows if row["status"] == "present"] == HERE
        assert [row["status"] for row in rows].count("absent") == len(roster) - len(HERE)
        assert next(row for row in rows if row["matricula"] == HERE[0])["nombre_del_alumno"][:2] == "'="
    everything = client.get("/v1/attendance?desde=2026-11-01&hasta=2026-11-30").get_json()
    assert everything["present"] == len(HERE) == len(everything["attendance"])


def test_a_persons_statement_holds_and_nothing_is_overwritten(client: FlaskClient, school: Gallery) -> None:
    first = next(face for face in send(client).get_json()["faces"] if face["matricula"] == HERE[0])
    number = first["entries"][0]["id"]
    resolved = client.patch(f"/v1/attendance/{number}", json={"status": "rejected", "note": "era su hermana"})
    (entry,) = resolved.get_json()["entries"]
    assert (entry["status"], entry["source"], entry["note"]) == ("rejected", "hand", "era su hermana")
    again = send(client).get_json()["faces"]
    assert HERE[0] not in [face["matricula"] for face in again]  # the very face that a person spoke of
    assert [face["reason"] for face in again if face["box"] == first["box"]] == ["told_apart"]
    assert HERE[0] not in present(client) and asistencias(client, HERE[0]) == 0
    missed = next(matricula for matricula, clase in CLASS_OF.items() if clase == CLASS and matricula not in HERE)
    assert say(client, missed, note="llegó tarde").status_code == 201
    assert (
        say(client, missed, note="llegó tarde").get_json()["id"]
        == say(client, missed, note="llegó tarde").get_json()["id"]
    )
    assert missed in present(client) and asistencias(client, missed) == 1
    history = client.get(f"/v1/attendance?matricula={HERE[0]}&history=true").get_json()["attendance"]
    assert [(line["status"], line["source"]) for line in history] == [("present", "photo"), ("rejected", "hand")]


def test_twins_are_left_to_a_person(client: FlaskClient, gallery: Gallery, embedder: FaceEmbedder) -> None:
    twins(gallery, embedder)
    (face,) = send(client, PROBE).get_json()["faces"]
    assert (face["status"], face["nombre"], face["reason"]) == ("ambiguous", "Desconocido", "two_people_too_close")
    assert {candidate["matricula"] for candidate in face["candidates"]} == {"T1", "T2"} and face["recorded"]
    assert present(client) == [] and asistencias(client, "T1") == 0
    (again,) = send(client, PROBE).get_json()["faces"]
    assert again["entries"] == face["entries"] and not again["recorded"]
    lines = client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}").get_json()["attendance"]
    assert [line["status"] for line in lines] == ["ambiguous"] * 2
    chosen = next(line["id"] for line in lines if line["matricula"] == "T2")
    resolved = client.patch(f"/v1/attendance/{chosen}", json={"status": "present"}).get_json()["entries"]
    assert [(entry["matricula"], entry["status"]) for entry in resolved] == [("T2", "present"), ("T1", "rejected")]
    assert present(client) == ["T2"] and (asistencias(client, "T1"), asistencias(client, "T2")) == (0, 1)


def test_erasure_takes_the_face_out_of_the_entries(client: FlaskClient, school: Gallery, tmp_path: Path) -> None:
    send(client)
    stored = school.store.attendance.entries(EntryFilter(subject=school.student(HERE[0]).id))
    assert stored[0].entry.face is not None
    vector = stored[0].entry.face.vector.tobytes()
    database = tmp_path / "gallery.db"
    on_disk = database.exists()
    assert not on_disk or vector in database.read_bytes() + (tmp_path / "gallery.db-wal").read_bytes()
    assert client.delete(f"/v1/students/{HERE[0]}").status_code == 204
    lines = client.get(f"/v1/attendance?desde={DAY}&hasta={DAY}").get_json()
    assert lines["present"] == len(HERE)  # the count stays, without the person
    gone = [line for line in lines["attendance"] if line["matricula"] is None]
    assert [(line["nombre_del_alumno"], line["box"], line["score"]) for line in gone] == [(None, None, None)]
    for entry in school.store.attendance.entries(EntryFilter()):
        assert entry.entry.face is None or entry.entry.face.vector.tobytes() != vector
    if on_disk:
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or vector not in file.read_bytes(), file


def test_an_idempotency_key_is_honoured(client: FlaskClient, school: Gallery) -> None:
    first = send(client, headers={"Idempotency-Key": "clase-1"}).get_json()
    again = send(client, headers={"Idempotency-Key": "clase-1"}).get_json()
    assert [face["recorded"] for face in again["faces"]] == [face["recorded"] for face in first["faces"]]
    assert [face["entries"] for face in again["faces"]] == [face["entries"] for face in first["faces"]]
    problem(send(client, PROBE, headers={"Idempotency-Key": "clase-1"}), 409, "idempotency_key_reused")
    problem(send(client, fecha="2026-11-19", headers={"Idempotency-Key": "clase-1"}), 409, "idempotency_key_reused")
    problem(send(client, headers={"Idempotency-Key": "ñ"}), 400, "invalid_idempotency_key")
    assert len(school.store.attendance.entries(EntryFilter())) == len(HERE)


def test_participations_are_recorded_listed_and_counted(client: FlaskClient) -> None:
    enrol(client, ANA)
    enrol(client, EVA)
    body = {"matricula": ANA["matricula"], "fecha": DAY, "kind": "pregunta", "note": "muy bien"}
    made = client.post("/v1/participations", json=body, headers={"Idempotency-Key": "p1"})
    assert made.status_code == 201 and made.get_json()["clase"] == ANA["clase"]
    assert client.post("/v1/participations", json=body, headers={"Idempotency-Key": "p1"}).get_json() == made.get_json()
    other = client.post("/v1/participations", json=body | {"note": "otra"}, headers={"Idempotency-Key": "p1"})
    problem(other, 409, "idempotency_key_reused")
    second = client.post("/v1/participations", json=body).get_json()
    client.post("/v1/participations", json=body | {"matricula": EVA["matricula"]})
    listed = client.get(f"/v1/participations?matricula={ANA['matricula']}&fecha={DAY}").get_json()
    assert listed["count"] == 2 and [line["kind"] for line in listed["participations"]] == ["pregunta"] * 2
    assert client.get(f"/v1/students/{ANA['matricula']}").get_json()["participaciones"] == 2
    assert client.delete(f"/v1/participations/{second['id']}").status_code == 204
    assert client.delete(f"/v1/participations/{second['id']}").status_code == 204
    assert client.get(f"/v1/students/{ANA['matricula']}").get_json()["participaciones"] == 1
    assert client.get(f"/v1/participations?clase={ANA['clase']}").get_json()["count"] >= 1
    history = client.get(f"/v1/participations?matricula={ANA['matricula']}&history=true").get_json()
    assert [line["withdraws"] for line in history["participations"]] == [None, None, second["id"]]


def test_wrong_requests_say_what_was_wrong(client: FlaskClient) -> None:
    enrol(client, ANA)
    problem(client.post(f"/v1/attendance?fecha={DAY}", data=PROBE, headers=JPEG), 400, "missing_parameter")
    problem(send(client, clase="IA-999"), 404, "class_not_found")
    problem(send(client, fecha="20/11/2026"), 400, "invalid_fecha")
    problem(send(client, fecha="2999-01-01"), 400, "invalid_fecha")
    problem(send(client, b"no photo", clase=ANA["clase"]), 415, "not_an_image")
    problem(client.get(f"/v1/attendance?fecha={DAY}&desde={DAY}"), 400, "invalid_fecha")
    problem(client.get("/v1/attendance?matricula=A0"), 404, "student_not_found")
    problem(client.get("/v1/attendance?klasse=1"), 400, "unknown_parameter")
    problem(client.get("/v1/attendance?format=xml"), 400, "invalid_format")
    problem(client.patch("/v1/attendance/77", json={"status": "present"}), 404, "entry_not_found")
    for unsaid in ({}, {"note": "era su hermana"}):  # a note alone confirms nothing
        problem(client.patch("/v1/attendance/77", json=unsaid), 400, "missing_field")
    problem(client.patch("/v1/attendance/77?dry_run=true", json={"status": "present"}), 400, "unknown_parameter")
    problem(client.delete(f"/v1/students/{ANA['matricula']}?dry_run=true"), 400, "unknown_parameter")
    assert client.get(f"/v1/students/{ANA['matricula']}").status_code == 200
    problem(client.patch("/v1/attendance/77", json={"status": "late"}), 400, "invalid_status")
    problem(say(client, "A0"), 404, "student_not_found")
    problem(say(client, ANA["matricula"], note="a\x00b"), 400, "invalid_field")
    problem(client.delete("/v1/participations/77"), 404, "entry_not_found")
    problem(client.post("/v1/participations", json={"matricula": ""}), 400, "invalid_field")
    problem(client.post("/v1/participations", json={"matricula": "A1", "when": 1}), 400, "unknown_field")
    assert client.get("/v1/attendance").get_json() == {"attendance": [], "present": 0, "next_cursor": None}


def test_a_photo_of_strangers_only(client: FlaskClient, school: Gallery) -> None:
    reply = send(client, STRANGER).get_json()
    assert [(face["status"], face["nombre"]) for face in reply["faces"]] == [("unknown", "Desconocido")]
    encoded = base64.b64encode(STRANGER).decode()
    as_json = client.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}", json={"image": encoded}).get_json()
    assert [face["status"] for face in as_json["faces"]] == ["unknown"]
    assert present(client) == [] and school.store.attendance.entries(EntryFilter()) == []


def test_consent_is_kept_and_asked_for(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    own = gallery.settings
    gallery.settings = GallerySettings(own.threshold, own.threshold_source, consent_required=True)
    client = client_of(gallery, embedder, tmp_path)
    problem(enrol(client, ANA), 422, "consent_missing")
    assert gallery.store.counts().students == 0
    given = {"fecha": "2026-08-01", "texto": "aviso de privacidad 3"}
    problem(enrol(client, ANA, consentimiento="yes"), 400, "invalid_consent")
    problem(enrol(client, ANA, consentimiento='{"fecha": "ayer", "texto": "x"}'), 400, "invalid_student")
    assert enrol(client, ANA, consentimiento=json.dumps(given)).get_json()["student"]["consentimiento"] == given
    assert gallery.student(ANA["matricula"]).student.consentimiento == Consent(given["fecha"], given["texto"])
    more = client.post(f"/v1/students/{ANA['matricula']}/images", data=PROBE, headers=JPEG)
    assert more.status_code == 201  # it is on record
    taken_back = client.patch(f"/v1/students/{ANA['matricula']}", json={"consentimiento": None})
    assert taken_back.get_json()["consentimiento"] is None
    refused = client.post(f"/v1/students/{ANA['matricula']}/images", data=PROBE, headers=JPEG)
    problem(refused, 422, "consent_missing")
    body = {"matricula": "A2", "nombre_del_alumno": "Eva", "consentimiento": given}
    encoded = base64.b64encode(PROBE).decode()
    assert client.post("/v1/students", json=body | {"image": encoded}).status_code == 201


FACES_IN_GROUPS = {"bbt1.jpg": 4, "bbt2.jpg": 3, "bbt3.jpg": 5, "bbt4.jpg": 6, "bbt5.jpg": 5}
"""Faces that can be seen in each photo, counted by eye."""


def test_a_real_class_photo(real_pack: ModelPack, real_faces: Path, tmp_path: Path) -> None:
    """The groups of ../shared/faces, against the people enrolled beside them."""
    embedder = FaceEmbedder(real_pack)
    settings = GallerySettings(real_pack.threshold, "test")
    gallery = Gallery(
        open_store(f"sqlite:///{tmp_path}/real.db"),
        GenerationStore(tmp_path / "i"),
        real_pack.tag,
        real_pack.dim,
        settings,
    )
    people = sorted((real_faces / "group_enrolled").iterdir())
    for person in people:
        photos = [person] if person.is_file() else sorted(person.iterdir())
        made = []
        for path in photos:
            face = embedder.embed([embedder.portrait(embedder.decode(path.read_bytes()))])[0]
            made.append(enrolled_photo(path.read_bytes(), "image/jpeg", "test", face, real_pack.tag))
        gallery.enrol([Enrolment(Student(person.stem, person.stem, "real"), tuple(made))])
    client = client_of(gallery, embedder, tmp_path)
    for day, (photo, faces) in enumerate(FACES_IN_GROUPS.items(), start=1):
        content = (real_faces / "group" / photo).read_bytes()
        for recorded in (True, False):
            reply = send(client, content, "real", f"2026-11-{day:02d}").get_json()
            assert len(reply["faces"]) == faces
            seen = [face for face in reply["faces"] if face["status"] == "present"]
            assert {face["recorded"] for face in seen} == {recorded}
            assert reply["counts"].get("present", 0) + reply["counts"].get("unknown", 0) == faces
        assert sorted(face["matricula"] for face in seen) == present(client, f"clase=real&fecha=2026-11-{day:02d}")
    counted = {found.student.matricula: found.asistencias for found in gallery.store.students()}
    # Of 23 faces; one, bearded, is "Desconocido", and one scores 0.414, below the general default of 0.42.
    assert sum(counted.values()) == 21
    frequent = max(counted, key=lambda name: counted[name])
    client.delete(f"/v1/students/{frequent}")
    unknown = 0
    for day, photo in enumerate(FACES_IN_GROUPS, start=1):
        content = (real_faces / "group" / photo).read_bytes()
        reply = send(client, content, "real", f"2026-11-{day:02d}").get_json()
        assert not any(face["recorded"] or face["matricula"] == frequent for face in reply["faces"])
        unknown += reply["counts"].get("unknown", 0)
    assert unknown == counted[frequent] + 2  # a student who is not enrolled is no one
    kept = {found.student.matricula: found.asistencias for found in gallery.store.students()}
    assert kept == {name: count for name, count in counted.items() if name != frequent}
    gallery.close()
