"""What happens in a session comes to those who follow it: server-sent events, to each what each may see."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from gallery.documents.jobs import JobProgress, JobRequest
from gallery.gallery import Gallery
from presente.composition import open_store
from presente.errors import Busy
from server.events import hub as hub_module
from server.events.hub import EventHub
from tests.conftest import on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.sample import ADMIN, GROUP, KEYS, problem

JSON, AT = "application/json", "2026-11-20T08:00:00+00:00"


class Stream:
    """The events of a session, as they come."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self._reply = reply

    def next(self) -> tuple[str, Any]:
        """The next event: its name and what it says."""
        name = ""
        for line in iter(self._reply.readline, b""):
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                return name, json.loads(line[6:])
        return "end", None


@contextmanager
def followed(running: Running, number: int, **headers: str) -> Iterator[Stream]:
    connection = http.client.HTTPConnection(running.address.removeprefix("http://"), timeout=30)
    with closing(connection):
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request("GET", f"/v1/sessions/{number}/events", headers=given)
        reply = connection.getresponse()
        assert (reply.status, reply.headers.get_content_type()) == (200, "text/event-stream")
        assert reply.readline().startswith(b"retry: ")
        yield Stream(reply)


@pytest.mark.usefixtures("sample_gallery")
def test_a_session_is_followed(serve: Serve, store_url: str) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)

    def ask(path: str, body: Any) -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "image/jpeg" if isinstance(body, bytes) else JSON
        reply = running.fetch("POST", path, sent, Content_Type=kind, X_API_Key=ADMIN)
        assert reply.status in (200, 201), reply.body
        return reply.json

    def key(role: str, **more: Any) -> str:
        return str(ask("/v1/keys", {"name": role, "role": role, **more})["key"])

    number = ask("/v1/sessions", {"clase": "IA-102", "starts": "00:00"})["id"]
    student = key("student", matricula="A0241")
    with followed(running, number, X_API_Key=ADMIN) as stream, followed(running, number, X_API_Key=student) as own:
        taken = ask(f"/v1/sessions/{number}/photos", GROUP)
        name, roll = stream.next()
        assert name == "roll" and roll["session"] == number and roll["counts"] == taken["counts"]
        assert roll["roll"] == taken["roll"]
        assert stream.next() == ("photos", {"numbers": [1]})
        name, line = own.next()
        assert name == "roll" and [each["matricula"] for each in line["roll"]] == ["A0241"]

        made = [ask("/v1/participations", {"matricula": each, "clase": "IA-102"}) for each in ("A0283", "A0241")]
        assert [stream.next() for _ in made] == [("participation", each) for each in made]
        assert own.next() == ("participation", made[1])  # of no one else, and no photo
        ask(f"/v1/sessions/{number}/undo", {"photo": 1})
        told: list[Any] = []
        undone: list[Any] = []
        while len(undone) < 9 or ("photos", {"numbers": []}) not in told:  # entries are written one after the other
            told.append(stream.next())
            undone += told[-1][1]["roll"] if told[-1][0] == "roll" else []
        assert {each["status"] for each in undone} == {"absent"} and len(undone) == 9
        assert {name for name, _ in told} == {"roll", "photos"}
        assert own.next()[0] == "roll"

        with closing(open_store(store_url)) as store:  # what another server writes
            job = store.jobs.add(JobRequest("film", {"session": number}, "key:x", "teacher", AT))
            name, film = stream.next()
            assert (name, film["id"], film["state"]) == ("film", job.number, "queued")
            assert store.jobs.take(job.number, "elsewhere 1 x", AT)
            store.jobs.note(job.number, JobProgress(30, 90, "seconds"), "2099-11-20T08:00:10+00:00")
            assert stream.next()[1]["progress"]["done"] == 30
            store.jobs.cancel(job.number)
        ask(f"/v1/sessions/{number}/close", {})
        told = [stream.next() for _ in range(2)]
        assert {name for name, _ in told} == {"film", "session"}
        assert next(said for name, said in told if name == "session")["state"] == "closed"
        name, closed = own.next()
        assert (name, closed["state"], closed["made_by"]) == ("session", "closed", "")
        assert running.stop() == 0  # at once, though someone listens
        assert stream.next() == own.next() == ("end", None)


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
def test_listeners_take_no_thread(serve: Serve) -> None:
    running = serve(PRESENTE_SERVER_THREADS="1")
    made = running.fetch("POST", "/v1/sessions", b'{"clase": "IA-101"}', Content_Type=JSON).json["id"]
    streams = [followed(running, made) for _ in range(5)]
    opened = [stream.__enter__() for stream in streams]
    assert len(opened) == 5 and running.ask("/v1/status")["subjects"] == 24
    for stream in streams:
        stream.__exit__(None, None, None)


@on_sqlite
def test_who_may_follow(client: FlaskClient, school: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    problem(client.get("/v1/sessions/9/events"), 404, "session_not_found")
    made = client.post("/v1/sessions", json={"clase": "IA-101", "starts": "08:00"}).get_json()["id"]
    assert client.get(f"/v1/sessions/{made}/events").data.startswith(b"retry: ")
    service = client.application.extensions["presente"].get()
    hub = EventHub()
    told: list[bytes | None] = []
    monkeypatch.setattr(hub_module, "MOST_OF_ONE", 1)
    listener = hub.listener(service, made, "one", records=True, names_callers=True)
    listener.start(told.append)
    with pytest.raises(Busy):
        hub.listener(service, made, "one", records=True, names_callers=True)
    other = hub.listener(service, made, "two", records=True, names_callers=True)
    listener.close()
    hub.listener(service, made, "one", records=True, names_callers=True).start(told.append)
    hub.close()
    assert told == [None]
    with pytest.raises(Busy):
        other.start(told.append)
    assert school.store.counts().students
