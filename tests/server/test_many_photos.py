"""Several photos in one request: each has its own answer, all together or a line for each as it is ready."""

import base64
import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from presente.errors import Busy
from presente.recognition import MAX_CANDIDATES, Identified, IdentifyQuery, identify
from server.requests.fields import MAX_PHOTOS
from server.service import Service
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ANA, ATTENDANCE, EVA, JPEG, KEYS, PROBE, STRANGER, enrol, photo, problem

LINES = {"Accept": "application/x-ndjson"}
BROKEN = b"\xff\xd8 no photo"
GROUP = (SAMPLE / "groups" / "group_01.jpg").read_bytes()

pytestmark = on_sqlite


def form(*photos: bytes) -> dict[str, Any]:
    return {"image": [(io.BytesIO(content), f"{number}.jpg") for number, content in enumerate(photos)]}


def timeless(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply without what is another in each request."""
    return {name: value for name, value in reply.items() if name not in ("timings_ms", "request_id")}


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def alone(client: FlaskClient) -> list[dict[str, Any]]:
    """What Ana's, Eva's and a stranger's photos are answered with, each in a request of its own."""
    enrol(client, ANA)
    enrol(client, EVA)
    return [client.post("/v1/identify", data=each, headers=JPEG).get_json() for each in (PROBE, photo(EVA), STRANGER)]


def test_each_photo_has_the_answer_that_it_has_alone(client: FlaskClient, alone: list[dict[str, Any]]) -> None:
    photos = PROBE, photo(EVA), STRANGER
    encoded = [base64.b64encode(each).decode() for each in photos]
    for sent in (
        client.post("/v1/identify", data=form(*photos)),
        client.post("/v1/identify", json={"images": encoded}),
    ):
        body = sent.get_json()
        assert set(body) == {"request_id", "pack", "photos"}
        assert (body["pack"], body["request_id"]) == ("sample", sent.headers["X-Request-Id"])
        assert [each["photo"] for each in body["photos"]] == [0, 1, 2]
        assert [timeless(each["result"]) for each in body["photos"]] == list(map(timeless, alone))
        assert [each["problem"] for each in body["photos"]] == [None] * 3
        assert all(each["result"]["request_id"] == body["request_id"] for each in body["photos"])


def test_one_photo_is_answered_as_it_always_was(client: FlaskClient, alone: list[dict[str, Any]]) -> None:
    expected = timeless(alone[0])
    assert timeless(client.post("/v1/identify", data=form(PROBE)).get_json()) == expected
    assert timeless(client.post("/v1/identify", json={"images": [base64.b64encode(PROBE).decode()]}).get_json()) == (
        expected
    )
    for accept in ("*/*", "application/json", "application/json, application/x-ndjson;q=0.5"):
        reply = client.post("/v1/identify", data=PROBE, headers=JPEG | {"Accept": accept})
        assert reply.content_type == "application/json" and timeless(reply.get_json()) == expected


@pytest.mark.parametrize("accept", [{}, LINES], ids=["json", "lines"])
def test_a_photo_that_cannot_be_read_fails_no_other(
    client: FlaskClient, alone: list[dict[str, Any]], accept: dict[str, str]
) -> None:
    reply = client.post("/v1/identify", data=form(BROKEN, PROBE, b"", photo(EVA)), headers=accept)
    assert reply.status_code == 200
    answers = lines(reply.text) if accept else reply.get_json()["photos"]
    assert [each["photo"] for each in answers] == [0, 1, 2, 3]
    assert [each["result"] and timeless(each["result"]) for each in answers] == [
        None, timeless(alone[0]), None, timeless(alone[1])
    ]  # fmt: skip
    problems = [each["problem"] for each in answers]
    assert [each and (each["status"], each["code"]) for each in problems] == [
        (415, "not_an_image"), None, (400, "empty_image"), None
    ]  # fmt: skip
    assert problems[0]["request_id"] == reply.headers["X-Request-Id"]
    problem(client.post("/v1/identify", data=BROKEN, headers=JPEG), 415, "not_an_image")  # alone it is the request's


def test_lines_come_for_one_photo_too(client: FlaskClient, alone: list[dict[str, Any]]) -> None:
    reply = client.post("/v1/identify", data=PROBE, headers=JPEG | LINES)
    assert reply.content_type == "application/x-ndjson" and reply.text.endswith("\n")
    (line,) = lines(reply.text)
    assert (line["photo"], timeless(line["result"]), line["problem"]) == (0, timeless(alone[0]), None)


def test_a_line_is_sent_before_the_next_photo_is_read(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    answer = Service.identify

    def counted(service: Service, content: bytes, query: IdentifyQuery) -> Identified:
        read.append(content)
        if content == STRANGER:
            raise Busy("busy", "The server is reading other photos.", "Send it again in a moment.")
        return answer(service, content, query)

    monkeypatch.setattr(Service, "identify", counted)
    builder = EnvironBuilder("/v1/identify", method="POST", data=form(PROBE, STRANGER, GROUP), headers=[*LINES.items()])
    app: Flask = client.application
    pieces, status, _ = run_wsgi_app(app, builder.get_environ(), buffered=False)
    assert status == "200 OK"
    for number, content in enumerate((PROBE, STRANGER, GROUP), start=1):
        line = json.loads(next(iter(pieces)))
        assert read[-1] == content and len(read) == number == line["photo"] + 1
        assert (line["problem"] is not None and line["problem"]["code"]) == ("busy" if content == STRANGER else False)


def test_how_many_photos_a_request_may_have(client: FlaskClient) -> None:
    assert MAX_PHOTOS == 16
    most = client.post("/v1/identify?faces=largest&detail=portrait", data=form(*[STRANGER] * MAX_PHOTOS))
    assert len(most.get_json()["photos"]) == MAX_PHOTOS
    assert "at most 16" in problem(client.post("/v1/identify", data=form(*[PROBE] * 17)), 400, "too_many_photos")
    without: list[dict[str, Any]] = [{"images": []}, {}]
    for nothing in without:
        problem(client.post("/v1/identify", json=nothing), 400, "no_photos")
    problem(client.post("/v1/identify", data={}, content_type="multipart/form-data; boundary=x"), 400, "no_photos")
    problem(client.post("/v1/identify", json={"images": ["%%%"]}), 400, "invalid_base64")


def test_the_photos_of_a_request_share_its_candidates(
    alone: list[dict[str, Any]], gallery: Gallery, embedder: FaceEmbedder
) -> None:
    query = IdentifyQuery(k=1000)
    whole = identify(GROUP, embedder, gallery, query).faces
    assert len(whole) > 4 and {len(decision.candidates) for _, decision in whole} == {2}
    shared = identify(GROUP, embedder, gallery, query.among(MAX_CANDIDATES // len(whole))).faces
    assert {len(decision.candidates) for _, decision in shared} == {1}
    assert [decision.student for _, decision in shared] == [decision.student for _, decision in whole]


def test_no_line_names_a_stranger_below_the_threshold_of_the_gallery(serve: Serve, sample_gallery: None) -> None:
    """The policy is asked before the first photo is read, whatever the form of the answer."""
    running = serve(PRESENTE_API_KEYS=KEYS)
    head = JPEG | {"Accept": LINES["Accept"], "X-API-Key": ATTENDANCE}
    keyed = {name.replace("-", "_"): text for name, text in head.items()}
    refused = running.fetch("POST", "/v1/identify?threshold=0.1", STRANGER, **keyed)
    assert (refused.status, refused.json["code"]) == (403, "threshold_too_low")
    reply = running.fetch("POST", "/v1/identify", STRANGER, **keyed)
    (line,) = lines(reply.body.decode())
    assert reply.status == 200 and line["result"]["faces"][0]["nombre"] == "Desconocido"


@pytest.mark.parametrize("query", ["threshold=2", "k=0", "x=1"])
def test_a_wrong_parameter_is_the_request_s_own(client: FlaskClient, gallery: Gallery, query: str) -> None:
    assert client.post(f"/v1/identify?{query}", data=form(PROBE, STRANGER), headers=LINES).status_code == 400
