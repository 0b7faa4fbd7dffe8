"""Requests and replies are what their routes declare; and what is declared can become an OpenAPI document."""

import base64
import json
import logging
import random
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.errors import InvalidInput
from presente.face_json import JsonObject
from presente.recognition import enrolled_photo
from server.app import create_app
from server.requests import json_parser
from server.requests.validation import _code, declared
from server.service import ServiceHandle
from server.typed_routes import answers, kinds_of
from tests.conftest import ROOT, on_sqlite
from tests.server.declared_answers import undeclared
from tests.server.route_types import app, request_types, routes
from tests.server.sample import ANA, JPEG, PROBE, enrol, problem

PROBLEM = "application/problem+json"


def test_every_route_declares_what_it_answers_and_takes() -> None:
    for endpoint, types in routes():
        assert types.replies, endpoint
        methods = {method for rule in app.url_map.iter_rules(endpoint) for method in rule.methods or ()}
        takes_body = bool(methods & {"POST", "PATCH", "PUT"}) and endpoint not in (
            "first_page.save_all_images",
            "gallery_health.put_aside",
            "jobs.cancel",
            "login.logout",
            "sessions.close",
            "students.withdraw_consent",
        )
        assert (types.body is not None) == takes_body, endpoint


def test_every_parameter_and_field_is_described() -> None:
    kinds = request_types()
    assert len(kinds) > 12
    for kind in kinds:
        (_,), components = msgspec.json.schema_components([kind])
        for name, field in components[kind.__name__]["properties"].items():
            assert '"description"' in json.dumps(field) or "$ref" in field, (kind.__name__, name)


def test_every_reply_has_a_schema_that_refuses_other_members() -> None:
    replies = [reply for _, types in routes() for reply in (types.replies or {}).values()]
    kinds = [kind for reply in replies for kind in kinds_of(reply) if kind is not None]
    kinds += [types.streamed_line for _, types in routes() if types.streamed_line is not None]
    _, components = msgspec.json.schema_components(kinds)
    assert len(components) > 20
    for name, schema in components.items():
        assert schema["additionalProperties"] is False, name


def test_the_codes_of_every_field_are_documented() -> None:
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    parameters = {types.parameters for _, types in routes()}
    codes = set()
    for kind in request_types():
        for field in declared(kind).values():
            codes |= {
                field.rules.code,
                field.rules.out_of_bounds,
                field.rules.missing,
                _code(field, kind in parameters),
            }
    codes.discard("")
    assert {"invalid_k", "invalid_cohort", "invalid_field", "invalid_parameter", "missing_field"} < codes
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []


def test_bounds_and_formats_are_in_the_schema() -> None:
    def properties(name: str) -> dict[str, Any]:
        (kind,) = {kind for kind in request_types() if kind.__name__ == name}
        _, components = msgspec.json.schema_components([kind])
        found: dict[str, Any] = components[name]["properties"]
        return found

    identify = properties("IdentifyParameters")
    assert (identify["k"]["minimum"], identify["k"]["maximum"], identify["k"]["default"]) == (1, 1000, 5)
    assert identify["faces"]["enum"] == ["all", "largest"] and identify["cohort"]["type"] == "boolean"
    assert properties("AttendanceParameters")["fecha"]["anyOf"][0]["format"] == "date"
    assert properties("Resolution")["note"]["maxLength"] == 500


def test_a_reply_that_is_not_as_declared_is_found() -> None:
    """The check that every other test's client makes can fail."""

    def wrong(reply: dict[str, Any], path: str = "/livez", status: int = 200, kind: str = "application/json") -> str:
        return undeclared(app, "GET", path, status, kind, json.dumps(reply).encode())

    assert wrong({"status": "alive"}) == ""
    assert "unknown field" in wrong({"status": "alive", "more": 1})
    assert "Invalid enum value" in wrong({"status": "dead"})
    assert "missing" in wrong({"students": []}, "/v1/students")
    assert "does not declare" in wrong({}, status=201) and "answers with" in wrong({}, kind="text/html")
    problem = {
        "type": "about:blank",
        "title": "t",
        "status": 404,
        "detail": "d",
        "code": "student_not_found",
        "request_id": "r",
    }
    assert wrong(problem, "/v1/students/x", 404, "application/problem+json") == ""
    assert "does not declare the code" in wrong(problem | {"code": "entry_not_found"}, "/v1/students/x", 404, PROBLEM)
    assert "is 404 in" in wrong(problem, "/v1/students/x", 400, PROBLEM)
    assert "message" in wrong(problem, "/get-students", 404, "application/problem+json")
    assert "unknown field" in wrong(problem | {"message": ""}, "/v1/status", 404, "application/problem+json")


def test_a_reply_of_an_undeclared_type_is_an_error() -> None:
    class One(JsonObject, frozen=True, kw_only=True):
        number: int

    app = Flask("x")

    @app.get("/<int:number>")
    @answers({200: One, 204: None})
    def view(number: int) -> Any:
        return {1: One(number=1), 2: None, 3: {"number": 3}}[number]

    client = app.test_client()
    client.application.testing = True
    assert client.get("/1").get_json() == {"number": 1} and client.get("/2").status_code == 204
    with pytest.raises(KeyError, match="dict"):
        client.get("/3")


# -- parsing -------------------------------------------------------------------------------------------------------

ATOMS = (
    "1", "-1", "1.5", "0.012345678901234567", '"x"', '""', '":"', '"a\\"b"', '"\\ud800"', '"\\u0041"', '"ñ"', "null",
    "true", "NaN", "1e999", "9" * 20, "9" * 21, "-" + "9" * 19, "-" + "9" * 20, "0." + "1" * 38, "0." + "1" * 39, "1e5",
    '"' + "0" * 50 + '"', "[]", "{}", "-0", "01", "1.", '"', '"\x01"', "1" * 41, "0.5" + "0" * 60,
)  # fmt: skip


def body_of(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth > 3 or kind < 0.5:
        return rng.choice(ATOMS)
    parts = [body_of(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 0.75:
        return f"[{','.join(parts)}]"
    names = [rng.choice(('"a"', '"b"', '"\\u0061"')) + rng.choice((":", " : ")) for _ in parts]
    return "{" + ",".join(name + part for name, part in zip(names, parts, strict=True)) + "}"


def test_the_quick_parser_and_the_strict_one_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(13)
    bodies = [body_of(rng).encode() for _ in range(20_000)]
    bodies += [body[: rng.randrange(len(body) + 1)] for body in bodies[:2000]]
    bodies += [(a * depth + "1" + b * depth).encode() for depth in range(28, 40) for a, b in ("[]", ('{"a":', "}"))]

    def outcome(parse: Any, body: bytes) -> str:
        try:
            return repr(parse(body))
        except InvalidInput as error:
            return f"{error.code} {error}"

    strict = [outcome(json_parser._parse_strictly, body) for body in bodies]
    slow: list[bytes] = []
    with monkeypatch.context() as watched:
        parse_strictly = json_parser._parse_strictly
        watched.setattr(json_parser, "_parse_strictly", lambda body: slow.append(body) or parse_strictly(body))
        assert [outcome(json_parser.parse, body) for body in bodies] == strict
    assert len(bodies) // 4 < len(slow) < len(bodies) * 3 // 4  # both ways were taken


def test_a_search_is_parsed_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> None:
        raise AssertionError("the standard library's parser is used")

    monkeypatch.setattr(json_parser, "_parse_strictly", refuse)
    rows = [[random.Random(1).gauss(0, 1)] * 512] * 64
    assert json_parser.parse(json.dumps({"embeddings": rows, "k": 5}).encode(), 500_000)["embeddings"] == rows
    photo = base64.b64encode(bytes(range(256)) * 1000).decode()
    assert json_parser.parse(json.dumps({"image": photo}).encode()) == {"image": photo}


@pytest.mark.parametrize(
    ("path", "sent", "code", "detail"),
    [
        ("/v1/search", {"embeddings": [[1]], "k": 1001}, "invalid_k", "whole number from 1 to 1000"),
        ("/v1/search", {"embeddings": [["1"]]}, "invalid_embeddings", "rows of numbers"),
        ("/v1/search", {"k": 1}, "invalid_embeddings", "embeddings is missing"),
        ("/v1/search?clase=", {"embeddings": [[1]]}, "invalid_parameter", "clase is empty"),
        ("/v1/identify?clase=", {"image": ""}, "invalid_parameter", "clase is empty"),
        ("/v1/students", {"matricula": "A", "nombre_del_alumno": 5}, "invalid_field", "nombre_del_alumno is 5"),
        ("/v1/students", {"matricula": "A"}, "missing_field", "nombre_del_alumno is missing"),
        ("/v1/students", {"matricula": "A", "nombre_del_alumno": "B", "images": "x"}, "invalid_field", "images"),
        ("/v1/students", {"matricula": "A", "nombre_del_alumno": "B", "images": ["x", 5]}, "invalid_base64", "images"),
        ("/v1/students", {"matricula": "A", "nombre_del_alumno": "B", "consentimiento": {}}, "invalid_consent", "{}"),
        (
            "/v1/students",
            {"matricula": "A", "nombre_del_alumno": "B", "consentimiento": {"fecha": 5, "texto": "x"}},
            "invalid_field",
            "fecha is 5. It must be a text",
        ),
        ("/v1/students", {"matricula": 1, "nombre_del_alumno": "B"}, "invalid_field", "matricula is 1. It must be"),
        ("/v1/students", {"nombre_del_alumno": "B"}, "missing_field", "Send it with the photo"),
        ("/v1/search", {"embeddings": [[0.1]] * 10_001}, "invalid_embeddings", "a list of at most 10000"),
        ("/v1/participations", {"matricula": "A", "kind": "x" * 101}, "invalid_field", "0 to 100 printable"),
        ("/v1/participations", {"matricula": "A", "fecha": "2026-13-01"}, "invalid_fecha", "a date like"),
        ("/v1/participations", {"kind": "x"}, "invalid_field", "matricula is missing"),
        ("/v1/attendance?clase=X", {"matricula": "A", "status": "late"}, "invalid_status", "one of present, rejected"),
    ],
)
def test_a_field_that_does_not_fit_has_its_own_code(
    client: FlaskClient, path: str, sent: dict[str, Any], code: str, detail: str
) -> None:
    assert detail in problem(client.post(path, json=sent), 400, code)


def test_a_value_that_looks_like_a_place_in_a_message_is_only_a_value(client: FlaskClient) -> None:
    odd = "x` - at `$.zzz`"
    for sent, code in (
        ({"matricula": "A", "status": odd}, "invalid_status"),
        ({"matricula": "A", odd: 1}, "unknown_field"),
    ):
        problem(client.post("/v1/attendance?clase=X", json=sent), 400, code)
    student = {"matricula": "A", "nombre_del_alumno": "B"}
    for consent in ({odd: 1}, {"fecha": "2026-01-01", "texto": "x", odd: {}}, odd):
        problem(client.post("/v1/students", json=student | {"consentimiento": consent}), 400, "invalid_consent")
    problem(client.get("/v1/attendance", query_string={"format": odd}), 400, "invalid_format")


def test_texts_are_brought_into_their_one_form_before_they_are_checked(client: FlaskClient) -> None:
    enrol(client, ANA)
    sent = {"matricula": f"\u00a0{ANA['matricula']} ", "note": "  muy\u00a0 bien "}
    assert client.post("/v1/participations", json=sent).get_json()["note"] == "muy bien"
    changed = client.patch(f"/v1/students/{ANA['matricula']}", json={"otras_clases": [" B\u00a01 "]}).get_json()
    assert changed["otras_clases"] == ["B 1"]


def test_the_fields_of_a_type_are_known_by_name() -> None:
    (kind,) = {kind for kind in request_types() if kind.__name__ == "EnrolmentFieldsAndPhotos"}
    assert list(declared(kind)) == [
        "matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento", "image", "images",
    ]  # fmt: skip


# -- what a newcomer meets -----------------------------------------------------------------------------------------


@on_sqlite
def test_a_missing_content_type_is_named(client: FlaskClient) -> None:
    enrol(client, ANA)
    path = f"/v1/students/{ANA['matricula']}"
    assert "no Content-Type" in problem(client.patch(path, data=b'{"clase": "X"}'), 400, "invalid_json")
    typed = {"Content-Type": "text/plain"}
    assert "not JSON's" in problem(client.patch(path, data=b"{}", headers=typed), 400, "invalid_json")
    body = json.dumps({"image": base64.b64encode(PROBE).decode()}).encode()
    assert "no Content-Type" in problem(client.post("/v1/identify", data=body), 415, "not_an_image")
    assert "no Content-Type" in problem(client.post("/v1/search", data=b'{"embeddings": []}'), 400, "invalid_npy")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "Content-Type" in problem(
        client.post("/v1/identify", data=PROBE, headers=form), 415, "unsupported_media_type"
    )
    assert client.post("/v1/identify", data=PROBE).status_code == 200  # a photo needs none


def test_loading_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(ServiceHandle(), 1000).test_client()
    with caplog.at_level(logging.INFO):
        problem(client.get("/v1/status"), 503, "not_ready")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert "/v1/status 503" in caplog.text


@on_sqlite
def test_an_empty_search_says_what_to_do(client: FlaskClient, gallery: Gallery, embedder: FaceEmbedder) -> None:
    def hint(query: str = "") -> str:
        reply = client.post(f"/v1/identify?{query}", data=PROBE, headers=JPEG).get_json()
        assert {face["reason"] == "empty_gallery" for face in reply["faces"]} == {reply["hint"] is not None}
        search = client.post(f"/v1/search?{query}", json={"embeddings": [[1.0] * gallery.dim]}).get_json()
        assert search["hint"] == reply["hint"]
        return reply["hint"] or ""

    assert "POST /v1/students" in hint()
    face = embedder.embed([embedder.portrait(embedder.decode(PROBE))])[0]
    photo = enrolled_photo(PROBE, "image/jpeg", "test", face, gallery.pack)
    gallery.enrol([Enrolment(Student("C1", "Cohort", kind="cohort"), (photo,))])
    assert "the cohort (1)" in hint() and "cohort=true" in hint() and hint("cohort=true") == ""
    gallery.store.enrol([Enrolment(Student("A1", "Ana", "IA-101"), ())])
    assert "class 'X'" in hint("clase=X") and "has a template" in hint("clase=IA-101")
    taken = client.post("/v1/attendance?clase=IA-101", data=PROBE, headers=JPEG).get_json()
    assert [face["status"] for face in taken["faces"]] == ["unknown"] and "IA-101" in taken["hint"]
