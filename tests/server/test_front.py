"""What stands between the network and the application: stalled clients, too many of them, and heads of two meanings.

Attackers come from 127.0.0.2, so that the second client has another address.
"""

import asyncio
import contextlib
import http.client
import json
import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from presente.errors import Busy
from server.front.connections import Connections, address_of
from server.front.intake import Intake
from tests.conftest import SAMPLE, Command, environment_in, on_sqlite
from tests.server.conftest import Running, Serve, start_server

PROBE = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()
ADMIN, ATTENDANCE = "admin-0123456789abcdef", "attendance-0123456789"
STALLED_HEAD = b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b"


def port_of(running: Running) -> int:
    return int(running.address.rsplit(":", 1)[1])


@contextlib.contextmanager
def holding(running: Running, count: int, sent: bytes, source: str = "127.0.0.2") -> Iterator[list[socket.socket]]:
    """Connections that send something and then nothing; those that are closed on us stay in the list."""
    with contextlib.ExitStack() as cleanup:
        held = []
        for _ in range(count):
            connection = cleanup.enter_context(socket.socket())
            connection.settimeout(10)
            connection.bind((source, 0))
            connection.connect(("127.0.0.1", port_of(running)))
            with contextlib.suppress(OSError):
                connection.sendall(sent)
            held.append(connection)
        yield held


def answers(running: Running) -> None:
    """A second client is served."""
    assert running.fetch("GET", "/livez").status == 200
    assert running.fetch("POST", "/v1/identify", PROBE, Content_Type="image/jpeg").status == 200


def answers_of(running: Running, sent: bytes, more: bytes = b"") -> bytes:
    """All that comes back until the server closes, or says nothing more for a while after a whole answer."""
    with socket.create_connection(("127.0.0.1", port_of(running)), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            if more:
                connection.sendall(more)
            while chunk := connection.recv(65536):
                received += chunk
                if whole(received):
                    connection.settimeout(0.3)
        return received


def whole(received: bytes) -> bool:
    """Whether an answer is complete."""
    head, end, body = received.partition(b"\r\n\r\n")
    announced = re.search(rb"^content-length: *(\d+)", head, re.MULTILINE | re.IGNORECASE)
    return bool(end) and len(body) >= int(announced[1] if announced else 0)


def statuses(received: bytes) -> list[int]:
    """Of every answer on a connection."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def code_of(received: bytes) -> str:
    return str(json.loads(received.partition(b"\r\n\r\n")[2])["code"])


# -- a client that waits costs other clients nothing ---------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize(
    ("count", "sent"),
    [
        (8, STALLED_HEAD),
        (200, STALLED_HEAD),
        (200, b""),
        (50, b"POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000\r\n\r\nabc"),
    ],
    ids=["heads", "many heads", "silent", "bodies"],
)
def test_stalled_clients_do_not_keep_others_waiting(serve: Serve, count: int, sent: bytes) -> None:
    running = serve()
    with holding(running, count, sent):
        answers(running)


@on_sqlite
def test_a_thousand_silent_connections_under_a_small_limit_of_descriptors(serve: Serve, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))  # ours, for the other ends
    running = serve(descriptors=1024)
    with holding(running, 1000, b""):
        answers(running)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    log = (tmp_path / "server.log").read_text()
    assert "Too many open files" not in log and len(log) < 100_000


@on_sqlite
def test_a_slow_head_and_a_slow_body_end(serve: Serve) -> None:
    running = serve()
    slow_body = b"POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n"
    with holding(running, 1, STALLED_HEAD) as (head,), holding(running, 1, slow_body) as (body,):
        ended = {}

        def trickle(name: str, connection: socket.socket) -> None:
            connection.settimeout(1)
            received, started = b"", time.monotonic()
            while time.monotonic() - started < 40:
                with contextlib.suppress(TimeoutError):
                    chunk = connection.recv(4096)
                    received += chunk
                    if not chunk:
                        break
                with contextlib.suppress(OSError):
                    connection.sendall(b"a" if name == "head" else b"")
            ended[name] = received

        threads = [threading.Thread(target=trickle, args=each) for each in (("head", head), ("body", body))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses(ended["head"]) == statuses(ended["body"]) == [408]
    assert code_of(ended["head"]) == code_of(ended["body"]) == "request_timeout"


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_client_that_does_not_read_its_answer_keeps_no_other_client(serve: Serve, command: Command) -> None:
    running = serve()
    with holding(running, 40, b"GET /get-students HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 10):
        answers(running)


def test_a_connection_that_is_answered_stays_and_the_longest_waiting_goes() -> None:
    class One:
        def __init__(self, address: str) -> None:
            self.address, self.open = address, True

        def evict(self) -> None:
            self.open = False

    table = Connections(6)
    crowd = [One("10.0.0.1") for _ in range(3)]
    others = [One(f"10.0.1.{i}") for i in range(3)]
    assert all(table.add(each) for each in [*crowd, *others])
    table.move(crowd[0], "answer")
    table.move(crowd[1], "body")
    late = One("10.0.0.2")
    assert table.add(
        late
    )  # the table is full: the address with most connections makes room, those without a head first
    assert [each.open for each in [*crowd, *others, late]] == [True, True, False, True, True, True, True]
    table.remove(others[0])
    again = One("10.0.0.1")
    assert table.add(again) and len(table) == 6
    assert table.add(One("10.0.0.1")) and not again.open and crowd[1].open  # three of six are one address's most
    more = One("10.0.0.1")
    table.move(crowd[1], "answer")
    assert table.add(more)
    table.move(more, "answer")
    assert not table.add(One("10.0.0.1"))  # all three are being answered
    for each in [*crowd, *others, late, again, more]:
        table.remove(each)
    assert address_of("2001:db8:1:2:3::4") == address_of("2001:db8:1:2::") != address_of("2001:db8:1:3::")
    assert address_of("::ffff:10.0.0.1") == address_of("10.0.0.1")


# -- framing -------------------------------------------------------------------------------------------------------


HOST = b"Host: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /v1/search HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: CHUNKED\r\n\r\n", 411),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 411),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n", 411),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: 4, 4\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: +0\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: 0x4\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length : 4\r\n\r\n", 400),
        (b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1 evil\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: \r\n\r\n", 400),
        (b"GET http://evil.example/livez HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET http://[:::::]/ HTTP/1.1\r\nHost: [:::::]\r\n\r\n", 400),
        (b"GET http://[::/livez HTTP/1.1\r\nHost: [::\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b" folded: x\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\n" + HOST + b"\n", 400),
        (b"GET /livez HTTP/9.9\r\n" + HOST + b"\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: b\x00c\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 150 + b"\r\n", 431),
        (b"GET /livez?" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 70_000, 431),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n", 200),
        (b"GET http://127.0.0.1/livez HTTP/1.1\r\n" + HOST + b"\r\n", 200),
        (b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n", 200),
    ],
)
def test_a_head_of_two_meanings_is_refused_and_nothing_after_it_is_read(
    front: Running, head: bytes, status: int
) -> None:
    smuggled = b"0\r\n\r\nGET /readyz HTTP/1.1\r\n" + HOST + b"\r\n"
    received = answers_of(front, head) if status == 200 else answers_of(front, head, smuggled)
    assert statuses(received) == [status], received
    if status != 200:
        problem = json.loads(received.partition(b"\r\n\r\n")[2])
        assert problem["status"] == status and problem["request_id"].encode() in received.partition(b"\r\n\r\n")[0]
        assert b"connection: close" in received.lower()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all heads: none of them may change it."""
    folder = tmp_path_factory.mktemp("front")
    running = start_server(environment_in(folder, f"sqlite:///{folder}/gallery.db"), folder)
    yield running
    alive = running.fetch("GET", "/livez").status
    running.kill()
    assert alive == 200 and "Traceback" not in (folder / "server.log").read_text()


def test_no_request_is_read_out_of_a_body(front: Running) -> None:
    inner = b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n"
    refused = b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(inner)
    got = answers_of(front, refused, inner)
    assert statuses(got) == [404]
    got = answers_of(front, b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(inner), inner)
    assert statuses(got) == [200] and b"connection: close" in got.lower()


@pytest.mark.parametrize(
    "behind",
    [
        b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 150 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127",
        b"\x16\x03\x01",
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n") * 5000,
    ],
)
def test_what_comes_behind_a_request_is_not_heard_until_that_is_answered(front: Running, behind: bytes) -> None:
    received = answers_of(front, b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n" + behind)
    assert statuses(received) == [200] and b'"status":"ready"' in received.replace(b" ", b"")
    assert front.fetch("GET", "/livez").status == 200


def test_one_request_after_the_other_on_one_connection(front: Running) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port_of(front), timeout=10)) as connection:
        for path, status in (("/livez", 200), ("/nowhere", 404), ("/readyz", 200), ("/livez", 200)):
            connection.request("GET", path)
            reply = connection.getresponse()
            assert reply.status == status and reply.read() and not reply.will_close


def test_who_has_said_all_is_still_answered(front: Running) -> None:
    with socket.create_connection(("127.0.0.1", port_of(front)), timeout=10) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n")
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert statuses(received) == [200]


def test_unread_answers_keep_no_place(serve: Serve) -> None:
    running = serve(descriptors=128)  # room for 64
    ask = b"GET /console/libraries/charts.js HTTP/1.1\r\n" + HOST + b"\r\n"
    with contextlib.ExitStack() as cleanup:
        for source in ("127.0.0.2", "127.0.0.3"):
            for _ in range(34):
                connection = cleanup.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                connection.bind((source, 0))
                connection.connect(("127.0.0.1", port_of(running)))
                for _ in range(2):
                    with contextlib.suppress(OSError):
                        connection.sendall(ask * 15)
                    time.sleep(0.02)
        answers(running)
    assert running.stop() == 0


def test_the_bytes_of_bodies_are_counted_right() -> None:
    async def run() -> tuple[list[bytes | BaseException], int]:
        intake = Intake(2000)
        slow: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        slow.put_nowait({"type": "http.request", "body": b"a", "more_body": True})

        async def whole() -> dict[str, object]:
            return {"type": "http.request", "body": bytes(900), "more_body": False}

        first = asyncio.create_task(intake.read(slow.get, 600, "slow"))
        await asyncio.sleep(0.05)
        second = await intake.read(whole, 900, "quick")
        slow.put_nowait({"type": "http.request", "body": bytes(599), "more_body": False})  # its last is one too many
        ends = await asyncio.gather(first, return_exceptions=True)
        intake.release(len(second), "quick")
        return list(ends), intake.held_bytes

    ends, held = asyncio.run(run())
    assert isinstance(ends[0], Busy) and held == 0


def test_who_asks_before_sending_is_answered_before_sending(front: Running) -> None:
    head = b"POST /v1/identify HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: "
    assert answers_of(front, head + b"10\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    assert answers_of(front, head + b"999999999\r\n\r\n").startswith(b"HTTP/1.1 413 ")


@on_sqlite
def test_a_header_with_an_underscore_is_not_the_one_with_a_hyphen(serve: Serve) -> None:
    running = serve(PRESENTE_API_KEYS=f"attendance:{ATTENDANCE},admin:{ADMIN}")

    def status(*lines: str) -> int:
        head = "\r\n".join(["GET /v1/status HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""])
        return statuses(answers_of(running, head.encode()))[0]

    assert status(f"X-API-Key: {ATTENDANCE}") == 200
    assert status(f"X_API_Key: {ATTENDANCE}") == 401
    assert status(f"X-API-Key: {ATTENDANCE}", f"X-API-Key: {ADMIN}") == 400
    assert status(f"X-API-Key: {ATTENDANCE}", f"X-API-Key: {ATTENDANCE}") == 400
    assert status(f"X-API-Key: {ATTENDANCE}", f"Authorization: Bearer {ADMIN}") == 400
    assert status(f"X-API-Key: {ATTENDANCE}", "Authorization: Basic cHJveHk6cHJveHk=") == 200


# -- keys and the log ----------------------------------------------------------------------------------------------


@on_sqlite
def test_wrong_keys_slow_down_per_address_and_do_not_fill_the_log(serve: Serve, tmp_path: Path) -> None:
    running = serve(PRESENTE_API_KEYS=f"attendance:{ATTENDANCE}")

    def asked(key: str, source: str) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(running), source_address=(source, 0), timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/status", headers={"X-API-Key": key})
            reply = connection.getresponse()
            reply.read()
            return reply.status, reply.headers["Retry-After"]

    told = [asked(f"wrong-key-number-{i:04}", "127.0.0.2") for i in range(40)]
    assert told[0] == (401, None) and set(told) == {(401, None), (429, "5")}
    assert sum(status == 401 for status, _ in told) <= 15
    assert asked(ATTENDANCE, "127.0.0.2")[0] == 200  # a client that shares the address is not locked out
    assert asked("wrong-key-number-0001", "127.0.0.3")[0] == 401
    log = (tmp_path / "server.log").read_text()
    assert "a wrong key from 127.0.0.2" in log and "wrong-key-number" not in log
    assert log.count("\n") < 100


def test_every_answer_says_what_browsers_may_do_with_it(front: Running) -> None:
    for path in ("/", "/livez", "/v1/status", "/nowhere"):
        headers = {name.lower(): text for name, text in front.fetch("GET", path).headers.items()}
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "no-store" in headers["cache-control"] or path == "/", path


@pytest.mark.parametrize("origin", ["ftp://127.0.0.1", "null", "chrome-extension://127.0.0.1", "https://evil.example"])
def test_the_scheme_of_an_origin_counts(front: Running, origin: str) -> None:
    host = f"127.0.0.1:{port_of(front)}"
    assert front.fetch("GET", "/v1/status", Origin=origin.replace("127.0.0.1", host)).status == 403
    assert front.fetch("GET", "/v1/status", Origin=f"http://{host}").status == 200
    behind_tls = {"X_Forwarded_Proto": "https"}
    assert front.fetch("GET", "/v1/status", None, Origin=f"https://{host}", **behind_tls).status == 200
    assert front.fetch("GET", "/v1/status", None, Origin=f"http://{host}", **behind_tls).status == 403
