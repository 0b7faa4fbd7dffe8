"""What erasing and merging would do is said before, and is what happens."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gallery.documents.access import AccessKey, Account, Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.recognition import digest_of
from tests.gallery.unknown_faces import unknown_face
from tests.server.sample import ANA, CLASS, DAY, EVA, JPEG, PROBE, enrol, photos, problem

OLD = "A9999"
GRANT = Grant(AccessRole.STUDENT, frozenset(), OLD)


@pytest.fixture
def school(client: FlaskClient, gallery: Gallery) -> FlaskClient:
    """Ana, with all photos; and under an old matricula with one of them, one more, and what is recorded."""
    for student in (ANA, EVA):
        assert enrol(client, student).status_code == 201
    fields = {"matricula": OLD, "nombre_del_alumno": ANA["nombre_del_alumno"], "clase": CLASS}
    files = [(io.BytesIO(content), "a.jpg") for content in (photos(ANA)[0], PROBE)]
    assert client.post("/v1/students?force=true", data={**fields, "image": files}).status_code == 201
    said = client.post(f"/v1/attendance?clase={CLASS}&fecha={DAY}", json={"matricula": OLD})
    assert said.status_code == 201, said.text
    assert client.post("/v1/participations", json={"matricula": OLD, "clase": CLASS, "fecha": DAY}).status_code == 201
    session = client.post("/v1/sessions", json={"clase": CLASS}).get_json()["id"]
    assert client.post(f"/v1/sessions/{session}/photos", data=PROBE, headers=JPEG).status_code == 200
    gallery.store.access.add_account(Account("ana", GRANT, "hash", True, "2026-01-01T00:00:00+00:00"))
    gallery.store.access.add_key(AccessKey("anas", "0" * 64, GRANT, "2026-01-01T00:00:00+00:00"))
    return client


HELD = {
    "matricula": OLD,
    "nombre_del_alumno": ANA["nombre_del_alumno"],
    "photos": 2,
    "templates": 2,
    "attendance_entries": 2,
    "participation_entries": 1,
    "accounts": 1,
    "keys": 1,
    "session_photos": 1,
    "unknown_faces": 1,
}


def test_what_an_erasure_takes_is_said_before(school: FlaskClient, gallery: Gallery) -> None:
    before = gallery.store.counts()
    template = gallery.templates_of(gallery.student(OLD).id)[0]
    seen = [replace(unknown_face(seed, pack=gallery.pack), vector=sign * template) for seed, sign in enumerate((1, -1))]
    gallery.store.unknowns.add([(face, 0) for face in seen])
    assert school.get(f"/v1/students/{OLD}/data").get_json()["unknown_faces"] == 1
    assert school.get(f"/v1/students/{OLD}/erasure").get_json() == HELD
    assert gallery.store.counts() == before  # reading it erases nothing
    assert school.delete(f"/v1/students/{OLD}").status_code == 204
    after = gallery.store.counts()
    assert (before.images - after.images, before.templates - after.templates) == (HELD["photos"], HELD["templates"])
    (session,) = school.get("/v1/sessions").get_json()["sessions"]
    assert [each["kept"] for each in school.get(f"/v1/sessions/{session['id']}/photos").get_json()["photos"]] == [False]
    assert not gallery.store.access.accounts() and not gallery.store.access.access_keys()
    assert gallery.store.unknowns.counts() == (1, 0, 1)
    problem(school.get(f"/v1/students/{OLD}/erasure"), 404, "student_not_found")


def merge(client: FlaskClient, query: str = "", **body: str) -> Any:
    reply = client.post(f"/v1/students/{OLD}/merge{query}", json=body)
    assert reply.status_code == 200, reply.text
    return reply.get_json()


def test_a_merge_does_what_its_dry_run_says(school: FlaskClient, gallery: Gallery, tmp_path: Path) -> None:
    school.post("/save_all_images")
    before, students = gallery.store.counts(), school.get("/v1/students").get_json()
    said = merge(school, "?dry_run=true", into=ANA["matricula"])
    assert (gallery.store.counts(), school.get("/v1/students").get_json()) == (before, students)
    assert said["gone"] == HELD | {"unknown_faces": 0} and (said["dry_run"], said["photos_in_both"]) == (True, 1)
    assert said["photos"] == len(photos(ANA)) + 1
    assert said["student"]["matricula"] == ANA["matricula"]

    done = merge(school, into=ANA["matricula"])
    assert done == {**said, "dry_run": False}
    problem(school.get(f"/v1/students/{OLD}"), 404, "student_not_found")
    kept = school.get(f"/v1/students/{ANA['matricula']}").get_json()
    assert {name: kept[name] for name in said["student"]} == said["student"]
    assert (kept["images"], kept["asistencias"], kept["participaciones"]) == (said["photos"], 2, 1)
    ids = {each["id"] for each in school.get(f"/v1/students/{ANA['matricula']}/images").get_json()["photos"]}
    assert ids == {digest_of(content) for content in (*photos(ANA), PROBE)}
    assert not list((tmp_path / "export").glob(f"{OLD}_*"))
    assert gallery.store.access.accounts() == []
    (face,) = school.post("/v1/identify?k=1000", data=PROBE, headers=JPEG).get_json()["faces"]
    assert face["matricula"] == ANA["matricula"] and OLD not in {each["matricula"] for each in face["candidates"]}


def test_what_a_merge_refuses(school: FlaskClient, gallery: Gallery) -> None:
    before = gallery.store.counts()
    for query in ("", "?dry_run=true"):
        path = f"/v1/students/{OLD}/merge{query}"
        problem(school.post(path, json={"into": OLD}), 400, "same_student")
        problem(school.post(path, json={"into": "NO-ONE"}), 404, "student_not_found")
        problem(school.post(path, json={}), 400, "missing_field")
        problem(school.post(f"/v1/students/NO-ONE/merge{query}", json={"into": OLD}), 404, "student_not_found")
    problem(school.post(f"/v1/students/{OLD}/merge?dry_run=maybe", json={"into": OLD}), 400, "invalid_dry_run")
    problem(school.post(f"/v1/students/{OLD}/merge?dryrun=true", json={"into": OLD}), 400, "unknown_parameter")
    assert gallery.store.counts() == before


def test_students_whom_the_stored_photos_show_are_named_as_they_are_now(school: FlaskClient) -> None:
    found = school.get(f"/v1/students/{OLD}/lookalikes").get_json()
    assert found["matricula"] == OLD
    assert [(each["matricula"], each["nombre_del_alumno"]) for each in found["students"]] == [
        (ANA["matricula"], ANA["nombre_del_alumno"])
    ]
    assert school.get(f"/v1/students/{EVA['matricula']}/lookalikes").get_json()["students"] == []
    assert school.delete(f"/v1/students/{ANA['matricula']}").status_code == 204
    assert school.get(f"/v1/students/{OLD}/lookalikes").get_json()["students"] == []
    problem(school.get("/v1/students/nobody/lookalikes"), 404, "student_not_found")
