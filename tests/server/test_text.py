"""Text over HTTP: one student however the name is spelled, and none without an address."""

import base64
import io
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from tests.conftest import SAMPLE, enrolment, unit
from tests.server.sample import problem

COMPOSED, APART = "Ñ-1", "N\u0303-1"
CLASS = "IA\u0301-1"
PHOTO = (SAMPLE / "students" / "A0178" / "1.jpg").read_bytes()


def post(client: FlaskClient, **fields: str) -> TestResponse:
    whole = {"matricula": APART, "nombre_del_alumno": "Jose\u0301\u00a0Ruiz", "clase": CLASS, **fields}
    return client.post("/v1/students?force=true", data={**whole, "image": (io.BytesIO(PHOTO), "a.jpg")})


def test_one_student_in_every_spelling(client: FlaskClient, gallery: Gallery) -> None:
    made = post(client)
    assert made.status_code == 201 and made.headers["Location"] == f"/v1/students/{quote(COMPOSED)}"
    problem(post(client, matricula=COMPOSED), 409, "student_exists")
    problem(post(client, matricula=f"\u200b{COMPOSED}\u00a0"), 409, "student_exists")
    for spelled in (COMPOSED, APART, f"{APART}\u00a0", f"\ufeff{COMPOSED}"):
        found = client.get(f"/v1/students/{quote(spelled)}")
        assert found.status_code == 200, ascii(spelled)
        assert found.get_json()["nombre_del_alumno"] == "José Ruiz" and found.get_json()["matricula"] == COMPOSED
        for query in ({"clase": CLASS}, {"q": spelled}, {"q": "Jose\u0301\u00a0"}):
            assert len(client.get(f"/v1/students?{urlencode(query)}").get_json()["students"]) == 1, query
    by_json = {"matricula": APART, "status": "present", "note": "llego\u0301\u00a0tarde"}
    entry = client.post(f"/v1/attendance?clase={quote(CLASS)}", json=by_json)
    assert entry.status_code == 201 and entry.get_json()["clase"] == "IÁ-1"
    assert entry.get_json()["note"] == "llegó tarde"
    took = client.post("/v1/participations", json={"matricula": APART, "clase": CLASS, "kind": "expuso\u200b"})
    assert took.get_json()["kind"] == "expuso" and took.get_json()["clase"] == "IÁ-1"
    assert client.get(f"/v1/attendance?matricula={quote(APART)}").get_json()["present"] == 1
    verified = client.post(f"/v1/verify?matricula={quote(APART)}", data=PHOTO, content_type="image/jpeg")
    assert verified.status_code == 200 and verified.get_json()["same_person"]
    more = client.post(f"/v1/students/{quote(APART)}/images", data=PHOTO, content_type="image/jpeg")
    assert more.status_code == 201
    changed = client.patch(f"/v1/students/{quote(APART)}", json={"otras_clases": ["B\u0301"], "clase": "\u00a0C\u0327"})
    assert (changed.get_json()["clase"], changed.get_json()["otras_clases"]) == ("Ç", ["B\u0301"])
    sent = {"matricula": APART, "nombre_del_alumno": "Jose\u0301 Ruiz", "image": base64.b64encode(PHOTO).decode()}
    assert client.post("/upload", json=sent).status_code == 200
    assert gallery.store.counts().students == 1
    assert client.delete(f"/v1/students/{quote(APART)}").status_code == 204
    assert gallery.store.counts().students == 0


@pytest.mark.parametrize("matricula", [".", "..", "\u200b.\u00a0", "a/b", "\u00a0", "A\x001", "A\x1b1"])
def test_a_matricula_without_an_address_is_refused(client: FlaskClient, gallery: Gallery, matricula: str) -> None:
    code = "missing_field" if matricula == "\u00a0" else "invalid_student"
    problem(post(client, matricula=matricula), 400, code)
    assert gallery.store.counts().students == 0


@pytest.mark.parametrize("matricula", ["...", "%2F", "a%2e", "?q=1", "#", "a b", "\\", ";x", "+", "&", "-", "ñ"])
def test_every_other_matricula_is_reached_by_the_address_that_enrolling_gave(
    client: FlaskClient, matricula: str
) -> None:
    made = post(client, matricula=matricula)
    assert made.status_code == 201
    assert client.get(made.headers["Location"]).get_json()["matricula"] == matricula
    assert client.delete(made.headers["Location"]).status_code == 204


def test_what_was_stored_in_another_form_stays_within_reach(client: FlaskClient, gallery: Gallery) -> None:
    vectors = unit(np.random.default_rng(3).normal(size=(2, gallery.dim)))
    gallery.store.claim_pack(gallery.pack, gallery.dim)
    for matricula, vector in zip((APART, COMPOSED), vectors, strict=True):
        made = enrolment(matricula, vector)
        gallery.store.enrol([Enrolment(Student(matricula, f"Nombre {matricula}", "IA-101"), made.photos)])
    for matricula in (APART, COMPOSED):
        assert client.get(f"/v1/students/{quote(matricula)}").get_json()["matricula"] == matricula
    page = client.get("/v1/students?limit=1").get_json()
    rest = client.get(f"/v1/students?cursor={quote(page['next_cursor'])}").get_json()
    assert {page["students"][0]["matricula"], rest["students"][0]["matricula"]} == {APART, COMPOSED}
    gallery.merge(COMPOSED, APART)
    assert gallery.store.counts().students == 1
    assert client.get(f"/v1/students/{quote(APART)}").get_json()["matricula"] == COMPOSED
