"""``python -m benchmarks.fuzz``: wrong requests and damaged photos, from a seed, against a server of its own.

Every route of the application is tried, over the wire. What is asked of each reply is in ``benchmarks/fuzz_checks.py``.
A failure is printed with its number: ``--seed N --replay NUMBER`` makes the same request again and shows the answer.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.fuzz_checks import SLOW_S, Answer, Process, faults, waits
from benchmarks.fuzz_requests import ADMIN, ATTENDANCE, Requests, Sent
from presente.settings import ROOT

KEYS = f"admin:{ADMIN},attendance:{ATTENDANCE}"
_SHOWN = 20
"""Failures that are printed."""
_GROWTH_MB = 400
_DESCRIPTORS = 40
_LOG_PER_REQUEST = 400
Make = Callable[[], Sent]


class Client:
    """One connection to the server, opened again whenever it was closed."""

    def __init__(self, address: str) -> None:
        self.host = address
        name, _, port = address.rpartition(":")
        self._place = name, int(port)
        self._socket: socket.socket | None = None

    def send(self, sent: Sent) -> Answer:
        """Send a request; what came back."""
        raw = sent.raw(self.host)
        start = time.perf_counter()
        for attempt in (1, 2):
            fresh = self._socket is None
            try:
                return self._send(raw, sent.method, start)
            except (OSError, http.client.HTTPException) as exc:
                self.close()
                if fresh or attempt == 2 or isinstance(exc, TimeoutError):  # else: closed between two requests
                    return Answer(0, {}, b"", time.perf_counter() - start, f"{type(exc).__name__}: {exc}")
        raise AssertionError

    def _send(self, raw: bytes, method: str, start: float) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, timeout=3 * SLOW_S)
        with suppress(BrokenPipeError, ConnectionResetError):  # refused by the head alone: the reply is there
            self._socket.sendall(raw)
        reply = http.client.HTTPResponse(self._socket, method=method)
        reply.begin()
        body = reply.read()
        headers = {name.lower(): value for name, value in reply.headers.items()}
        if reply.will_close:
            self.close()
        return Answer(reply.status, headers, body, time.perf_counter() - start)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass
class FuzzResult:
    """What a run found."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    routes: set[str] = field(default_factory=set)
    busy: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    failures: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)

    def note(self, sent: Sent, answer: Answer) -> None:
        """Count a reply, and keep what is wrong with it."""
        self.requests += 1
        self.statuses[answer.status] += 1
        self.routes.add(sent.route)
        self.busy += waits(answer)
        if answer.seconds > self.slowest_s:
            self.slowest_s, self.slowest = answer.seconds, f"{sent.number} {sent.route}"
        for fault in faults(sent, answer):
            self.faults[f"{fault} of {sent.route}"] += 1
            self.failures.append(
                f"--replay {sent.number}: {fault}\n    {sent.route}: {sent.raw('HOST')[:300]!r}\n"
                f"    {answer.status} {answer.body[:300]!r}"
            )


def run(make: Sequence[Make], address: str, process: Process, clients: int) -> FuzzResult:
    """Send requests over several connections, and look at the server meanwhile."""
    outcome, lock, turn = FuzzResult(), threading.Lock(), iter(range(len(make)))
    logged, memory = process.logged(), [process.memory_mb()]
    started, most_open = time.perf_counter(), process.descriptors()
    before = most_open

    def work() -> None:
        nonlocal most_open
        client = Client(address)
        while True:
            with lock:
                number = next(turn, None)
            if number is None:
                break
            sent = make[number]()
            answer = client.send(sent)
            with lock:
                outcome.note(sent, answer)
                if outcome.requests % max(1, len(make) // 10) == 0:
                    memory.append(process.memory_mb())
                if outcome.requests % 100 == 0:
                    most_open = max(most_open, process.descriptors())
        client.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log_bytes = process.logged() - logged
    outcome.figures = {
        "seconds": round(time.perf_counter() - started, 1),
        "memory_mb": memory,
        "descriptors": {"before": before, "most": most_open},
        "log_bytes_per_request": round(log_bytes / max(1, outcome.requests)),
        "tracebacks_in_log": process.tracebacks(),
    }
    for wrong, what in (
        (memory[-1] - memory[len(memory) // 2] > _GROWTH_MB, f"memory grew: {memory} MB"),
        (most_open - before > _DESCRIPTORS, f"open files grew from {before} to {most_open}"),
        (log_bytes > _LOG_PER_REQUEST * outcome.requests, f"{log_bytes} bytes were logged"),
        (process.tracebacks() > 0, f"{process.tracebacks()} stack traces in the log"),
    ):
        if wrong:
            outcome.failures.append(what)
    return outcome


def made(seed: int, requests: int, files: int) -> tuple[Requests, list[Make]]:
    """Everything that a run sends: odd requests, then damaged photos of each format; the place is the number."""
    requester = Requests(
        seed, [path.read_bytes() for path in sorted((ROOT / "data_sample" / "probes").rglob("*.jpg"))[:4]]
    )

    def odd(number: int) -> Make:
        return lambda: requester.odd(number)

    def file(number: int, form: str) -> Make:
        return lambda: requester.file(number, form)

    making = [odd(number) for number in range(requests)]
    for form in requester.files:
        making += [file(len(making) + number, form) for number in range(files)]
    return requester, making


@contextmanager
def served(store: str) -> Iterator[tuple[str, Process, dict[str, str], Path]]:
    """A server of its own process over the sample class; address, process, its environment and folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PRESENTE_")} | {
            "PRESENTE_STORE": store or f"sqlite:///{folder}/gallery.db",
            "PRESENTE_INDEX": f"{folder}/index",
            "PRESENTE_EXPORT": f"{folder}/export",
            "PRESENTE_CACHE": f"{folder}/cache",
            "PRESENTE_API_KEYS": KEYS,
        }
        program = [sys.executable, "-m"]
        words = [*program, "indexer", "add", str(ROOT / "data_sample" / "students.csv"), "--json"]
        subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        log = folder / "server.log"
        with (
            log.open("w", encoding="utf-8") as stream,
            subprocess.Popen(
                [*program, "server", "--port", "0", "--json"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            ) as process,
        ):
            assert process.stdout is not None
            try:
                address = str(json.loads(process.stdout.readline())["address"]).removeprefix("http://")
                yield address, Process(process.pid, log), environment, folder
            finally:
                process.terminate()


def agree(outcome: FuzzResult, environment: dict[str, str]) -> None:
    """Ask ``verify`` whether documents, counts and index agree after a run."""
    words = [sys.executable, "-m", "indexer", "verify", "--json"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    outcome.figures["verify_agrees"] = done.returncode == 0
    if done.returncode:
        outcome.failures.append(f"verify: {done.stdout}{done.stderr}")


def summary(outcome: FuzzResult) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "requests": outcome.requests,
        "routes": len(outcome.routes),
        "statuses": {str(status): count for status, count in sorted(outcome.statuses.items())},
        "busy": outcome.busy,
        "slowest_s": round(outcome.slowest_s, 2),
        "slowest": outcome.slowest,
        **outcome.figures,
        "failed": len(outcome.failures),
        "faults": dict(outcome.faults.most_common(_SHOWN)),
        "failures": outcome.failures[:_SHOWN],
    }


def lines(outcome: FuzzResult) -> list[str]:
    """The figures of a run, for people."""
    found = summary(outcome)
    shown = found.pop("failures")
    return [*(f"{name}: {value}" for name, value in found.items()), *shown]


def replay(numbers: Sequence[int], making: Sequence[Make], address: str) -> None:
    """Send some requests again, one by one, and show them with their answers."""
    for number in numbers:
        sent = making[number]()
        answer = Client(address).send(sent)
        print(f"{number} {sent.route}\n{sent.raw('HOST')[:2000]!r}\n-> {answer.status} in {answer.seconds:.2f} s")
        print(f"{answer.headers}\n{answer.body[:2000]!r}\n{faults(sent, answer) or 'nothing wrong'}\n")


def main() -> int:
    """Send, look, print."""
    arguments = common.parser("python -m benchmarks.fuzz", __doc__ or "", "python -m benchmarks.fuzz --requests 30000")
    arguments.add_argument("--requests", type=int, default=30_000, help="odd requests")
    arguments.add_argument("--files", type=int, default=5_000, help="damaged photos of each format")
    arguments.add_argument("--clients", type=int, default=2, help="connections at once")
    arguments.add_argument("--store", default="", help="where the gallery is kept; default: a file of its own")
    arguments.add_argument("--replay", type=int, nargs="+", default=[], help="numbers of requests to send again")
    given = arguments.parse_args()
    making = made(given.seed, given.requests, given.files)[1]
    with served(given.store) as (address, process, environment, _):
        if given.replay:
            replay(given.replay, making, address)
            print(process.log.read_text(encoding="utf-8")[-4000:])
            return 0
        outcome = run(making, address, process, given.clients)
        agree(outcome, environment)
    result = common.about_this_run(given.seed) | summary(outcome)
    common.publish(result, given.json, lines(outcome))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
