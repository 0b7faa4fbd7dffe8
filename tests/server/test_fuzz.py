"""Wrong requests and damaged photos, over the wire: a short run of ``benchmarks.fuzz`` against each store.

``PRESENTE_TEST_FUZZ=30000`` makes it a long one.
"""

import os
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz_checks import Answer, faults
from benchmarks.fuzz_requests import Sent
from benchmarks.processes import ServerProcess
from benchmarks.servers import UNLIMITED
from tests.conftest import Command
from tests.server.conftest import Serve
from tests.server.declared_answers import undeclared_anywhere

pytestmark = pytest.mark.untraced

REQUESTS = int(os.environ.get("PRESENTE_TEST_FUZZ", "600"))


def faults_and_undeclared(sent: Sent, answer: Answer) -> list[str]:
    """What is wrong with a reply, also by what its route declares."""
    found = list(faults(sent, answer))
    if 200 <= answer.status < 300:
        kind = answer.headers.get("content-type", "")
        found.append(undeclared_anywhere(sent.method, sent.target, answer.status, kind, answer.body))
    return [fault for fault in found if fault]


@pytest.mark.usefixtures("sample_gallery")
def test_nothing_that_is_sent_breaks_the_server(
    serve: Serve,
    command: Command,
    tmp_path: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fuzz, "faults", faults_and_undeclared)
    running = serve(PRESENTE_API_KEYS=fuzz.KEYS, **UNLIMITED)
    process = ServerProcess(running.process.pid, tmp_path / "server.log")
    requester, making = fuzz.made(seed=1, requests=REQUESTS, files=REQUESTS // 20)
    outcome = fuzz.run(making, running.address.removeprefix("http://"), process, clients=2)
    assert running.fetch("GET", "/livez").status == 200
    running.stop()
    fuzz.agree(outcome, environment)
    assert not outcome.failures, "\n".join(outcome.failures[:10])
    assert outcome.requests == len(making) and outcome.statuses[200] > REQUESTS // 10
    if REQUESTS >= 600:
        assert {f"{method} {rule}" for method, rule in requester.routes} <= outcome.routes


def test_the_same_seed_and_number_make_the_same_request() -> None:
    one, other = (fuzz.made(seed=7, requests=60, files=5)[1] for _ in range(2))
    assert [make().raw("h") for make in one] == [make().raw("h") for make in reversed(list(reversed(other)))]
    assert len({make().raw("h") for make in one}) > 70
    assert one[3]().raw("h") != fuzz.made(seed=8, requests=4, files=0)[1][3]().raw("h")


def test_what_is_wrong_with_a_reply_is_seen() -> None:
    sent = Sent(1, "POST /x", "POST", "/x", (), b"Zq" * 4000)

    def seen(status: int, body: bytes, kind: str = "application/json", seconds: float = 0.1, **more: str) -> str:
        headers = {"content-type": kind, "x-request-id": "r"} | {
            name.replace("_", "-"): text for name, text in more.items()
        }
        return "; ".join(faults(sent, Answer(status, headers, body, seconds)))

    problem = b'{"type": "about:blank", "title": "t", "status": 503, "detail": "d", "code": "%s", "request_id": "r"}'
    of_problem = "application/problem+json"
    assert seen(200, b"{}") == ""
    assert seen(503, problem % b"busy", of_problem, retry_after="1") == ""
    assert "status 503" in seen(503, problem % b"store_unavailable", of_problem, retry_after="1")
    assert "status 503" in seen(503, problem % b"busy", of_problem)
    assert "status or request_id" in seen(400, problem % b"x", of_problem)
    assert "an error of type" in seen(400, b"<html>", "text/html")
    assert "not JSON" in seen(200, b'{"a": NaN}') and "not JSON" in seen(200, b"{")
    assert "30.5 s" in seen(200, b"{}", seconds=30.5)
    assert "file path" in seen(200, b'"/home/ana/var/gallery.db"') and seen(200, b'"/v1/students/a"') == ""
    assert "object address" in seen(200, b'"<x at 0x7f00aa11>"') and "module name" in seen(200, b'"PIL.x"')
    assert "stack trace" in seen(200, b'"Traceback (most"')
    assert "repeats" in seen(200, b'"' + b"Zq" * 400 + b'"')
    assert "no reply" in "; ".join(faults(sent, Answer(0, {}, b"", 0.1, "reset")))
