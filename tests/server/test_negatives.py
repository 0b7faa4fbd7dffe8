"""``/v1/students/<matricula>/negatives``: a face that is not the student is not taken for the student again."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from presente.composition import open_store
from tests.server.conftest import client_of
from tests.server.sample import ANA, EVA, JPEG, PROBE, STRANGER, enrol, photos, problem

LOW = -0.99
"""A threshold at which every stranger is taken for someone."""


def identified(client: FlaskClient, photo: bytes = STRANGER, threshold: float = LOW) -> dict[str, object]:
    found = client.post(f"/v1/identify?threshold={threshold}&k=5", data=photo, headers=JPEG).get_json()["faces"][0]
    return dict(found)


def of(name: str) -> str:
    return f"/v1/students/{name}/negatives"


@pytest.fixture
def school(client: FlaskClient) -> FlaskClient:
    for student in (ANA, EVA):
        assert enrol(client, student).status_code == 201
    return client


def test_a_face_is_told_apart_until_that_is_taken_back(
    school: FlaskClient, gallery: Gallery, store_url: str, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    before, own = identified(school), identified(school, PROBE)
    wrong = str(before["matricula"])
    (other,) = {ANA["matricula"], EVA["matricula"]} - {wrong}
    told = school.post(of(wrong), data=STRANGER, headers=JPEG)
    said = told.get_json()
    assert told.status_code == 201 and said["matricula"] == wrong
    assert said["score"] == pytest.approx(before["score"], abs=1e-5)
    assert (said["source"], said["session"]) == ("identify", None)
    assert school.post(of(wrong), data=STRANGER, headers=JPEG).get_json()["id"] == said["id"]
    after = identified(school)
    assert (after["decision"], after["matricula"], after["reason"]) == ("known", other, None)
    rest = [each for each in before["candidates"] if each["matricula"] != wrong]  # type: ignore[attr-defined]
    assert [{**each, "rank": 1} for each in rest] == after["candidates"]
    assert identified(school, PROBE) == own  # Ana's own photo is known as before
    school.post(of(other), data=STRANGER, headers=JPEG)
    nobody = identified(school)
    assert (nobody["decision"], nobody["nombre"], nobody["reason"]) == ("unknown", "Desconocido", "told_apart")
    assert identified(school, threshold=0.99)["reason"] == "below_threshold"  # who is not named is not left out
    verified = school.post(f"/v1/verify?matricula={wrong}&threshold={LOW}", data=STRANGER, headers=JPEG).get_json()
    assert (verified["same_person"], verified["reason"]) == (False, "told_apart") and verified["score"] > LOW
    assert school.get(of(wrong)).get_json()["negatives"] == [
        {name: said[name] for name in ("id", "at", "source", "session")}
    ]
    second = Gallery(
        open_store(store_url), GenerationStore(tmp_path / "i2"), gallery.pack, gallery.dim, gallery.settings
    )
    assert identified(client_of(second, embedder, tmp_path / "second"))["reason"] == "told_apart"
    second.close()
    assert school.delete(f"{of(wrong)}/{said['id']}").status_code == 204
    assert identified(school)["matricula"] == wrong
    problem(school.delete(f"{of(wrong)}/{said['id']}"), 404, "negative_not_found")
    problem(school.delete(f"{of(other)}/{said['id']}"), 404, "negative_not_found")


def test_what_is_refused(school: FlaskClient) -> None:
    name = ANA["matricula"]
    problem(school.post(of("nadie"), data=STRANGER, headers=JPEG), 404, "student_not_found")
    problem(school.get(of("nadie")), 404, "student_not_found")
    assert "1 faces" in problem(school.post(f"{of(name)}?face=2", data=STRANGER, headers=JPEG), 404, "face_not_found")
    own = school.post(of(name), data=photos(ANA)[0], headers=JPEG)
    assert "move it" in problem(own, 409, "photo_is_enrolled")
    problem(school.post(f"{of(name)}?face=0", data=STRANGER, headers=JPEG), 400, "invalid_face")
    assert school.get(of(name)).get_json() == {"matricula": name, "negatives": []}


def test_a_search_leaves_out_who_is_told_apart_above_the_gallerys_threshold(
    school: FlaskClient, gallery: Gallery, embedder: FaceEmbedder
) -> None:
    """A search has no decision, but its clients make one: they would repeat the mistake."""
    face = embedder.embed(embedder.read_faces(STRANGER).faces[:1])[0].template
    ask, own = {"embeddings": [face.tolist()], "k": 2}, gallery.settings
    (before,) = school.post("/v1/search", json=ask).get_json()["results"]
    school.post(of(before[0]["matricula"]), data=STRANGER, headers=JPEG)
    assert school.post("/v1/search", json=ask).get_json()["results"] == [before]  # no one would be named
    gallery.settings = replace(own, threshold=LOW)
    (after,) = school.post("/v1/search", json=ask).get_json()["results"]
    assert after == [{**before[1], "rank": 1}]
