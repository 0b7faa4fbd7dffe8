"""An enrolment over HTTP is refused, or says so, when a photo shows another person."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente.composition import open_store
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import client_of
from tests.server.sample import ANA, EVA, JPEG, PROBE, STRANGER, STUDENTS, enrol, photos, problem, upload

IMAGES = f"/v1/students/{ANA['matricula']}/images"
GROUP = (SAMPLE / "groups" / "group_01.jpg").read_bytes()
WHERE = {
    each["matricula"]: each["box"]
    for each in json.loads((SAMPLE / "groups" / "groups.json").read_text())["group_01.jpg"]
}


def enrol_all(client: FlaskClient) -> None:
    for student in STUDENTS:
        assert enrol(client, student).status_code == 201


def new(client: FlaskClient, *contents: bytes, matricula: str = "N1", query: str = "") -> TestResponse:
    files = [(io.BytesIO(content), f"{number}.jpg") for number, content in enumerate(contents)]
    return client.post(
        f"/v1/students{query}", data={"matricula": matricula, "nombre_del_alumno": "Nueva", "image": files}
    )


@pytest.mark.parametrize("whole_class", [False, True])
def test_a_photo_of_another_person_is_refused_and_nothing_is_stored(
    client: FlaskClient, gallery: Gallery, whole_class: bool
) -> None:
    enrol_all(client) if whole_class else enrol(client, ANA)
    before = gallery.store.counts()
    detail = problem(client.post(IMAGES, data=STRANGER, headers=JPEG), 409, "different_person")
    assert ANA["matricula"] in detail and "force=true" in detail and "Nothing was stored" in detail
    others = photos(STUDENTS[1])[0]
    detail = problem(client.post(IMAGES, data=others, headers=JPEG), 409, "different_person")
    assert (EVA["matricula"] in detail) == whole_class  # whom it shows instead
    both = {"image": [(io.BytesIO(PROBE), "1.jpg"), (io.BytesIO(STRANGER), "2.jpg")]}
    assert "Photo 2 " in problem(client.post(IMAGES, data=both), 409, "different_person")
    assert gallery.store.counts() == before
    found = client.post("/v1/identify", data=STRANGER, headers=JPEG).get_json()["faces"][0]
    assert found["decision"] == "unknown"

    reply = client.post(f"{IMAGES}?force=true", data=STRANGER, headers=JPEG)
    assert reply.status_code == 201 and gallery.store.counts().images == before.images + 1


def test_the_students_face_is_taken_of_a_group_though_others_are_larger(
    client: FlaskClient, embedder: FaceEmbedder
) -> None:
    enrol(client, ANA)
    prominent = embedder.read_portrait(GROUP)[1].face.box
    reply = client.post(IMAGES, data=GROUP, headers=JPEG)
    assert reply.status_code == 201
    (face,) = reply.get_json()["photos"]
    assert face["box"] == pytest.approx(WHERE[ANA["matricula"]], abs=15)
    assert face["box"] != pytest.approx(list(prominent), abs=15)
    absent = STUDENTS[-1]
    assert absent["matricula"] not in WHERE
    enrol(client, absent)
    path = f"/v1/students/{absent['matricula']}/images"
    problem(client.post(path, data=GROUP, headers=JPEG), 409, "different_person")


def test_one_face_under_two_matriculas_is_said(client: FlaskClient, gallery: Gallery) -> None:
    enrol_all(client)
    assert all(gallery.student(student["matricula"]).student.aviso == "" for student in STUDENTS)
    reply = new(client, PROBE)
    assert reply.status_code == 201
    (warning,) = reply.get_json()["warnings"]
    score, fpir = warning.pop("score"), warning.pop("fpir")
    assert 0.8 <= score <= 1 and 0 <= fpir < 0.001
    assert warning == {
        "code": "possible_duplicate",
        "matricula": ANA["matricula"],
        "nombre_del_alumno": ANA["nombre_del_alumno"],
        "photo": 1,
    }
    assert reply.get_json()["student"]["aviso"] == "possible_duplicate"
    assert client.patch("/v1/students/N1", json={"aviso": ""}).get_json()["aviso"] == ""

    second = photos(ANA)[1]  # more photos of a student who is there say it, too, and keep another aviso
    for aviso in ("", "image_fallback"):
        client.patch("/v1/students/N1", json={"aviso": aviso})
        body = client.post("/v1/students/N1/images", data=second, headers=JPEG).get_json()
        assert [each["matricula"] for each in body["warnings"]] == [ANA["matricula"]]
        assert body["student"]["aviso"] == (aviso or "possible_duplicate")
    assert new(client, STRANGER, matricula="N2").get_json()["warnings"] == []


def test_duplicates_are_refused_or_allowed_where_that_is_set(client: FlaskClient, gallery: Gallery) -> None:
    enrol(client, ANA)
    gallery.settings = replace(gallery.settings, duplicates="refuse")
    detail = problem(new(client, PROBE), 409, "possible_duplicate")
    assert ANA["matricula"] in detail and gallery.store.counts().students == 1
    assert client.post(IMAGES, data=PROBE, headers=JPEG).status_code == 201  # the student's own
    forced = new(client, PROBE, query="?force=true")
    assert forced.status_code == 201 and len(forced.get_json()["warnings"]) == 1
    gallery.settings = replace(gallery.settings, duplicates="allow")
    allowed = new(client, photos(ANA)[0], matricula="N3").get_json()
    assert (allowed["warnings"], allowed["student"]["aviso"]) == ([], "")


@on_sqlite
def test_photos_of_a_new_student_must_agree(client: FlaskClient, gallery: Gallery) -> None:
    one, two = photos(EVA)[:2]
    detail = problem(new(client, STRANGER, one, two), 409, "different_person")
    assert detail.startswith("Photo 1 does not show") and "photos 2 and 3 of this request" in detail
    detail = problem(new(client, one, STRANGER), 409, "different_person")
    assert detail.startswith("Photo 2 does not show")
    assert gallery.store.counts().students == 0
    assert new(client, STRANGER, one, two, query="?force=true").status_code == 201


@on_sqlite
def test_requests_to_enrol_are_read_strictly(client: FlaskClient) -> None:
    problem(new(client, PROBE, query="?force=yes"), 400, "invalid_force")
    problem(new(client, PROBE, query="?forced=true"), 400, "unknown_parameter")
    enrol(client, ANA)
    problem(client.post(f"{IMAGES}?force=1", data=PROBE, headers=JPEG), 400, "invalid_force")


def test_the_first_pages_upload_changes_no_student_whom_the_photo_does_not_show(
    client: FlaskClient, gallery: Gallery
) -> None:
    client.post("/upload", json=upload(ANA))
    before = gallery.student(ANA["matricula"])
    wrong = {**upload(EVA), "matricula": ANA["matricula"], "clase": "IA-999"}
    reply = client.post("/upload", json=wrong)
    detail = problem(reply, 409, "different_person")
    assert reply.get_json()["message"] == reply.get_json()["error"] == detail and "force" not in detail
    assert gallery.student(ANA["matricula"]) == before
    same_name = {**upload(EVA, nombre_del_alumno=ANA["nombre_del_alumno"]), "matricula": ANA["matricula"]}
    problem(client.post("/upload", json=same_name), 409, "different_person")
    assert gallery.student(ANA["matricula"]) == before

    assert client.post("/upload", json=upload(ANA, 1, nombre_del_alumno="Ana", clase="IA-102")).status_code == 200
    after = gallery.student(ANA["matricula"])
    assert (after.images, after.student.nombre_del_alumno, after.student.clase) == (2, "Ana", "IA-102")


def test_the_first_pages_upload_for_a_student_without_a_template_goes_by_the_name(
    client: FlaskClient, gallery: Gallery
) -> None:
    client.post("/upload", json=upload(ANA))
    digests = gallery.store.digests(ANA["matricula"])
    gallery.take_photos(ANA["matricula"], digests)
    before = gallery.student(ANA["matricula"])
    assert before.templates == 0
    wrong = {**upload(EVA), "matricula": ANA["matricula"]}
    assert ANA["nombre_del_alumno"] in problem(client.post("/upload", json=wrong), 409, "different_person")
    assert gallery.student(ANA["matricula"]) == before
    name = f"  {ANA['nombre_del_alumno'].upper()}".replace(" ", "  ").strip()
    assert client.post("/upload", json=upload(ANA, nombre_del_alumno=name, clase="IA-7")).status_code == 200
    assert gallery.student(ANA["matricula"]).student.clase == "IA-7"


@on_sqlite
def test_the_first_pages_upload_of_a_known_face_sets_the_aviso(client: FlaskClient, gallery: Gallery) -> None:
    client.post("/upload", json=upload(ANA))
    assert client.post("/upload", json={**upload(ANA, 1), "matricula": "N1"}).status_code == 200
    assert gallery.student("N1").student.aviso == "possible_duplicate"


def test_of_two_who_enrol_one_face_at_once_one_is_refused(client: FlaskClient, gallery: Gallery) -> None:
    gallery.settings = replace(gallery.settings, duplicates="refuse")
    own = photos(ANA)

    def one(number: int) -> int:
        return new(client.application.test_client(), own[number], matricula=f"N{number}").status_code

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(one, range(4))) == [201, 409, 409, 409]
    assert gallery.store.counts().students == 1


@pytest.mark.real
def test_real_faces(real_pack: ModelPack, real_faces: Path, tmp_path: Path) -> None:
    """People of LFW: second photos of their own and of each other, and third ones under new matriculas."""
    embedder = FaceEmbedder(real_pack)
    settings = GallerySettings(real_pack.threshold, "test")
    store = open_store(f"sqlite:///{tmp_path}/real.db")
    gallery = Gallery(store, GenerationStore(tmp_path / "i"), real_pack.tag, real_pack.dim, settings)
    client = client_of(gallery, embedder, tmp_path)
    people = [each for each in sorted((real_faces / "lfw").iterdir()) if each.is_dir() and len([*each.iterdir()]) > 2]
    chosen = people[:: len(people) // 30][:30]
    shots = {person.name: [path.read_bytes() for path in sorted(person.iterdir())[:3]] for person in chosen}
    for name, (first, _, _) in shots.items():
        reply = new(client, first, matricula=name)
        assert reply.status_code == 201 and reply.get_json()["warnings"] == []
    names = list(shots)
    taken = []
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        path = f"/v1/students/{name}/images"
        problem(client.post(path, data=shots[other][1], headers=JPEG), 409, "different_person")
        if client.post(path, data=shots[name][1], headers=JPEG).status_code == 201:
            taken.append(name)
    assert set(names) - set(taken) <= {"Victoria_Beckham"}  # in dark glasses
    found = [
        new(client, third, matricula=f"again {name}").get_json()["warnings"] for name, (_, _, third) in shots.items()
    ]
    assert sum(bool(each) and each[0]["matricula"] == name for each, name in zip(found, names, strict=True)) >= 28
    gallery.close()
