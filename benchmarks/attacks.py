"""``python -m benchmarks.attacks``: how quickly a second client is served while the server is attacked, and the cost.

A server of its own process, with keys, under ``--descriptors``. Attackers come from 127.0.0.2 and go on for as long as
the second client asks, from 127.0.0.1: identify and ``/livez``, in turn. Quiet times are measured between the attacks,
so that each attack is compared with its own.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks import common, costly_images
from benchmarks.processes import peak
from benchmarks.servers import BenchmarkServer, served
from presente.installation import IMPORT_ROOT as ROOT

ATTENDANCE, ADMIN = "attendance-0123456789", "admin-0123456789abcdef"
_SOURCE = "127.0.0.2"
_PROBE = ROOT / "data_sample" / "probes" / "A0178" / "1.jpg"


# -- attackers -----------------------------------------------------------------------------------------------------


def connected(port: int) -> socket.socket:
    """A connection of an attacker's."""
    made = socket.socket()
    made.settimeout(20)
    made.bind((_SOURCE, 0))
    made.connect(("127.0.0.1", port))
    return made


def holding(count: int, first: bytes, more: bytes = b"") -> Callable[[int, threading.Event], None]:
    """Connections that send something, and then ``more`` now and then, or nothing; closed ones are opened again."""

    def is_open(held: socket.socket) -> bool:
        try:
            if more:
                held.sendall(more)
                return True
            held.setblocking(False)
            return bool(held.recv(4096))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def attack(port: int, stop: threading.Event) -> None:
        held: list[socket.socket] = []
        while not stop.wait(0.3):
            closed = [each for each in held if not is_open(each)]
            for each in closed:
                each.close()
                held.remove(each)
            for _ in range(count - len(held)):
                with contextlib.suppress(OSError):
                    made = connected(port)
                    made.sendall(first)
                    held.append(made)
        for each in held:
            each.close()

    return attack


def sending(body: bytes, at_once: int, path: str = "/v1/identify") -> Callable[[int, threading.Event], None]:
    """Several clients that hold a key and send the same, over and over, a tenth of a second after each answer."""

    def one(port: int, stop: threading.Event) -> None:
        while not stop.wait(0.1):
            with contextlib.suppress(OSError, http.client.HTTPException):
                _asked(port, "POST", path, body, ATTENDANCE, source=_SOURCE)

    return _several(one, at_once)


def guessing(per_second: int) -> Callable[[int, threading.Event], None]:
    """Wrong keys, so many per second."""

    def attack(port: int, stop: threading.Event) -> None:
        turn = 0
        while not stop.wait(1 / per_second):
            turn += 1
            with contextlib.suppress(OSError, http.client.HTTPException):
                _asked(port, "GET", "/v1/status", None, f"wrong-key-number-{turn:06}", source=_SOURCE)

    return attack


def chunking(total: int) -> Callable[[int, threading.Event], None]:
    """A body in one chunk, as large as that."""

    def attack(port: int, stop: threading.Event) -> None:
        head = f"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {ATTENDANCE}\r\n"
        head += f"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{total:x}\r\n"
        while not stop.is_set():
            with contextlib.suppress(OSError), connected(port) as made:
                made.sendall(head.encode())
                for _ in range(total // 1_000_000):
                    if stop.is_set():
                        break
                    made.sendall(bytes(1_000_000))

    return _several(attack, 2)


def _several(one: Callable[[int, threading.Event], None], count: int) -> Callable[[int, threading.Event], None]:
    def attack(port: int, stop: threading.Event) -> None:
        threads = [threading.Thread(target=one, args=(port, stop)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return attack


def attacks() -> dict[str, Callable[[int, threading.Event], None]]:
    """All of them."""
    head = b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    body = f"POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {ATTENDANCE}\r\nContent-Length: 200000\r\n\r\n"
    return {
        "200 unfinished heads": holding(200, head),
        "50 trickling heads": holding(50, head + b"X: ", b"a"),
        "1,000 silent connections": holding(1000, b""),
        "50 slow bodies": holding(50, body.encode(), b"a"),
        "50 wrong keys per second": guessing(50),
        "300 MB in one chunk": chunking(300_000_000),
        **{f"eight of {name}": sending(made, 8) for name, made in costly_images.all_kinds().items()},
    }


# -- the second client ---------------------------------------------------------------------------------------------


def _asked(port: int, method: str, path: str, body: bytes | None, key: str, source: str = "127.0.0.1") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(source, 0))
    with contextlib.closing(connection):
        kind = {"Content-Type": "application/octet-stream"} if body else {}
        connection.request(method, path, body, {"X-API-Key": key, **kind})
        reply = connection.getresponse()
        reply.read()
        return reply.status


def second_client(port: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of identify and of ``/livez``, and how many were not answered with 200."""
    photo = _PROBE.read_bytes()
    taken: dict[str, list[float]] = {"identify": [], "livez": []}
    failed = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, (method, path, body) in {
            "identify": ("POST", "/v1/identify", photo),
            "livez": ("GET", "/livez", None),
        }.items():
            start = time.perf_counter()
            try:
                failed += _asked(port, method, path, body, ATTENDANCE) != 200
            except (OSError, http.client.HTTPException):
                failed += 1
            taken[name].append((time.perf_counter() - start) * 1000)
        time.sleep(0.02)
    return {
        "identify_ms": round(statistics.median(taken["identify"]), 1),
        "identify_p95_ms": round(common.percentile(taken["identify"], 0.95), 1),
        "livez_ms": round(statistics.median(taken["livez"]), 1),
        "asked": len(taken["identify"]),
        "failed": failed,
    }


def under_attack(server: BenchmarkServer, name: str, seconds: float) -> dict[str, Any]:
    """The second client's figures before and during an attack, memory, and what the log grew by."""
    quiet = second_client(server.port, seconds / 2)
    log, memory = server.process.logged(), server.process.tree_memory_mb()
    words = [sys.executable, "-m", "benchmarks.attacks", "--attack", name, "--target", str(server.port)]
    start = time.perf_counter()
    with (
        peak(server.process.tree_memory_mb, 0.2) as most,
        subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as attacker,
    ):
        assert attacker.stdout is not None
        attacker.stdout.readline()  # it begins
        time.sleep(min(1.0, seconds))  # until it is at it
        during = second_client(server.port, seconds)
        attacker.communicate()
    time.sleep(min(3.0, seconds))
    took = time.perf_counter() - start
    return {
        "quiet": quiet,
        "during": during,
        "identify_times": round(during["identify_ms"] / quiet["identify_ms"], 2),
        "memory_before_mb": round(memory),
        "memory_most_mb": round(most[0]),
        "memory_after_mb": round(server.process.tree_memory_mb()),
        "log_bytes_per_s": round((server.process.logged() - log) / took),
    }


def _attack(name: str, port: int) -> int:
    """Attack until standard input ends."""
    stop = threading.Event()
    thread = threading.Thread(target=attacks()[name], args=(port, stop))
    thread.start()
    print("begun", flush=True)
    sys.stdin.read()
    stop.set()
    thread.join()
    return 0


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.attacks", __doc__ or "", "python -m benchmarks.attacks --seconds 10"
    )
    arguments.add_argument("--seconds", type=float, default=10.0, help="how long each attack lasts")
    arguments.add_argument("--descriptors", type=int, default=1024, help="how many files the server may have open")
    arguments.add_argument("--only", nargs="+", help="attacks whose names begin so")
    arguments.add_argument("--attack", help="be an attacker (the program starts itself so)")
    arguments.add_argument("--target", type=int, help="the port to attack, with --attack")
    given = arguments.parse_args()
    if given.attack is not None:
        return _attack(given.attack, given.target)
    names = [name for name in attacks() if not given.only or name.startswith(tuple(given.only))]
    keys = f"attendance:{ATTENDANCE},admin:{ADMIN}"
    with served(given, descriptors=given.descriptors, PRESENTE_API_KEYS=keys) as server:
        second_client(server.port, 2)
        found = {name: under_attack(server, name, given.seconds) for name in names}
    result: dict[str, Any] = {**common.about_this_run(given.seed), "attacks": found}
    common.publish(
        result,
        given.json,
        [
            f"{name}: identify {each['during']['identify_ms']} ms ({each['identify_times']} times the quiet "
            f"{each['quiet']['identify_ms']}), p95 {each['during']['identify_p95_ms']}, "
            f"livez {each['during']['livez_ms']} ms, "
            f"{each['during']['failed']} of {each['during']['asked']} failed; memory {each['memory_before_mb']} -> "
            f"{each['memory_most_mb']} -> {each['memory_after_mb']} MB; log {each['log_bytes_per_s']} bytes/s"
            for name, each in found.items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
