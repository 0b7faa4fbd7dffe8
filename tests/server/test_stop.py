"""A stop waits for answers that are under way, and ends those that take too long without an error in the log."""

import contextlib
import http.client
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response

from server.access.permissions import Permission, needs
from server.app import create_app
from server.front import serving
from server.front.serving import HttpServer
from server.service import ServiceHandle
from server.typed_routes import answers

Answered = Callable[[], Response]


def app_with(handle: ServiceHandle, answered: Answered) -> Flask:
    """An application with a route ``/slow``."""
    app = create_app(handle, 4_000_000)

    @needs(Permission.OPEN)
    @answers(str, streams="text/plain")
    def slow() -> Response:
        return answered()

    app.add_url_rule("/slow", "slow", slow)
    return app


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_STOP_S", 0.2)


def asked(http_server: HttpServer) -> http.client.HTTPConnection:
    http_server.start()
    connection = http.client.HTTPConnection("127.0.0.1", http_server.port, timeout=20)
    connection.request("GET", "/slow")
    return connection


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as an error, but for uvicorn's line that the time is over."""
    return [
        record.getMessage()
        for record in caplog.records
        if (record.levelno >= logging.ERROR or record.exc_info) and not record.getMessage().startswith("Cancel 1 ")
    ]


@pytest.mark.usefixtures("impatient")
def test_an_answer_in_pieces_is_cut_off_quietly_and_closed_once(caplog: pytest.LogCaptureFixture) -> None:
    go_on, ends = threading.Event(), []
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            yield b"first\n"
            go_on.wait(20)
            yield b"second\n"
        finally:
            ends.append(threading.current_thread().name)
            closed.set()

    app = app_with(ServiceHandle(), lambda: Response(pieces(), mimetype="text/plain"))
    http_server = HttpServer(app, "127.0.0.1", 0, 2, 1_000_000)
    with contextlib.closing(asked(http_server)) as connection, connection.getresponse() as reply:
        assert reply.readline() == b"first\n"
        http_server.stop()
        with pytest.raises((http.client.HTTPException, OSError)):
            reply.read()
    assert not ends  # its thread still makes the second
    go_on.set()
    assert closed.wait(20) and len(ends) == 1 and ends[0].startswith("http")
    assert not told(caplog)


@pytest.mark.usefixtures("impatient")
def test_what_fails_because_the_server_has_stopped_under_it_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handle, begun, go_on, ended = ServiceHandle(), threading.Event(), threading.Event(), threading.Event()

    def answered() -> Response:
        begun.set()
        go_on.wait(20)
        raise OSError(9, "Bad file descriptor")

    app = app_with(handle, answered)
    app.teardown_request(lambda _: ended.set())
    http_server = HttpServer(app, "127.0.0.1", 0, 2, 1_000_000)
    with contextlib.closing(asked(http_server)) as connection:
        assert begun.wait(20)
        http_server.stop()
        handle.put(None)
        go_on.set()
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
    assert ended.wait(20)
    assert not told(caplog)
    assert "cut off: the server stops" in caplog.text


def test_a_fault_of_a_running_server_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def answered() -> Response:
        raise OSError(9, "Bad file descriptor")

    reply = app_with(ServiceHandle(), answered).test_client().get("/slow")
    assert reply.status_code == 500 and any("unexpected" in each for each in told(caplog))
