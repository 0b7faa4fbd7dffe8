"""``python -m benchmarks.fuzz``: wrong requests and damaged photos, from a seed, against a server of its own.

Every route of the application is tried, over HTTP. ``benchmarks/fuzz_checks.py`` has the checks of each reply.
A failure is printed with its number: ``--seed N --replay NUMBER`` makes the same request again and shows the answer.
The gallery is a file of its own, unless ``--store`` names another; a variable does not: nonsense is written into it.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks import common
from benchmarks.fuzz_checks import SLOW_S, Answer, faults, waits
from benchmarks.fuzz_requests import ADMIN, ATTENDANCE, Requests, Sent
from benchmarks.processes import ServerProcess
from benchmarks.servers import served
from presente.installation import IMPORT_ROOT as ROOT

KEYS = f"admin:{ADMIN},attendance:{ATTENDANCE}"
_SHOWN = 20
"""Failures that are printed."""
_GROWTH_MB = 400
_DESCRIPTORS = 40
_LOG_PER_REQUEST = 400
MakeRequest = Callable[[], Sent]


class Client:
    """One connection to the server, opened again whenever it was closed."""

    def __init__(self, address: str) -> None:
        self.host = address
        name, _, port = address.rpartition(":")
        self._place = name, int(port)
        self._socket: socket.socket | None = None

    def send(self, sent: Sent) -> Answer:
        """Send a request, and return the reply."""
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
    """The findings of a run."""

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
        """Count a reply, and keep its faults."""
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


def run(make: Sequence[MakeRequest], address: str, process: ServerProcess, clients: int) -> FuzzResult:
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


def made(seed: int, requests: int, files: int) -> tuple[Requests, list[MakeRequest]]:
    """Everything that a run sends: odd requests, then damaged photos of each format; the place is the number."""
    requester = Requests(
        seed, [path.read_bytes() for path in sorted((ROOT / "data_sample" / "probes").rglob("*.jpg"))[:4]]
    )

    def odd(number: int) -> MakeRequest:
        return lambda: requester.odd(number)

    def file(number: int, form: str) -> MakeRequest:
        return lambda: requester.file(number, form)

    making = [odd(number) for number in range(requests)]
    for form in requester.files:
        making += [file(len(making) + number, form) for number in range(files)]
    return requester, making


def agree(outcome: FuzzResult, environment: Mapping[str, str]) -> None:
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


def replay(numbers: Sequence[int], making: Sequence[MakeRequest], address: str) -> None:
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
    arguments.add_argument("--replay", type=int, nargs="+", default=[], help="numbers of requests to send again")
    given = arguments.parse_args()
    making = made(given.seed, given.requests, given.files)[1]
    store = {"PRESENTE_STORE": given.setting_store} if given.setting_store else {}
    with served(given, PRESENTE_API_KEYS=KEYS, **store) as server:
        if given.replay:
            replay(given.replay, making, server.address)
            print(server.process.log.read_text(encoding="utf-8")[-4000:])
            return 0
        outcome = run(making, server.address, server.process, given.clients)
        agree(outcome, server.environment)
    result = common.about_this_run(given.seed) | summary(outcome)
    common.publish(result, given.json, lines(outcome))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
