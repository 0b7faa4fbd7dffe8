"""Requests that benchmarks send over and over to a server, and how long the answers take."""

from __future__ import annotations

import http.client
import io
import itertools
import json
import secrets
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import common

_MANY = 128
"""From so many embeddings on a client sends bytes of numpy."""


@dataclass(frozen=True)
class Request:
    """A request that is made over and over, with its bodies in turn."""

    method: str
    path: str
    bodies: tuple[bytes, ...] = (b"",)
    kind: str = "application/json"


@dataclass(frozen=True)
class Answered:
    """One answer: to which sort of request, and after how many seconds."""

    name: str
    seconds: float


Work = Callable[[int, int], tuple[str, Request, int]]
"""What a client asks at its n-th turn, given its number and n: a name, the request, and which of its bodies."""


def always(name: str, request: Request) -> Work:
    """The same request at every turn, with its bodies one after another."""
    return lambda _, turn: (name, request, turn)


def search_of(probes: int, dim: int, k: int = 5) -> Request:
    """A search for so many embeddings of no one, as a client with few sends them and one with many."""
    rows = np.random.default_rng(probes).standard_normal((probes, dim), dtype=np.float32)
    if probes < _MANY:
        body = json.dumps({"embeddings": rows.tolist(), "k": k}).encode()
        return Request("POST", "/v1/search", (body,))
    array = io.BytesIO()
    np.save(array, rows)
    return Request("POST", f"/v1/search?k={k}", (array.getvalue(),), "application/x-npy")


def cheap_requests(dim: int) -> dict[str, Request]:
    """Requests of every other sort: their cost is mostly the server's own."""
    return {
        "livez": Request("GET", "/livez"),
        "status": Request("GET", "/v1/status"),
        "students": Request("GET", "/v1/students?limit=20"),
        "search": search_of(1, dim),
        "search of 64": search_of(64, dim, k=1),
    }


def form(fields: Mapping[str, str], photo: bytes) -> tuple[bytes, str]:
    """A multipart form with one photo: body and content type."""
    edge = "benchmark-form"
    disposition = f"--{edge}\r\nContent-Disposition: form-data; name="
    texts = "".join(f'{disposition}"{name}"\r\n\r\n{text}\r\n' for name, text in fields.items())
    head = f'{disposition}"image"; filename="1.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = f"{texts}{head}".encode() + photo + f"\r\n--{edge}--\r\n".encode()
    return body, f"multipart/form-data; boundary={edge}"


def enrol_and_erase(photos: Sequence[bytes]) -> Work:
    """In turns a new student with one photo, and the same student's erasure. Work that ends early leaves students."""
    run = secrets.token_hex(3)  # no other work at the same server enrols the same

    def choose(client: int, turn: int) -> tuple[str, Request, int]:
        matricula = f"B{run}-{client:02d}-{turn // 2:06d}"
        if turn % 2:
            return "erase", Request("DELETE", f"/v1/students/{matricula}"), 0
        fields = {"matricula": matricula, "nombre_del_alumno": f"Persona {matricula}", "clase": "B-101"}
        body, kind = form(fields, photos[turn // 2 % len(photos)])
        return "enrol", Request("POST", "/v1/students?force=true", (body,), kind), 0

    return choose


def mixed(photos: Sequence[bytes], class_photo: bytes, clase: str, matriculas: Sequence[str]) -> Work:
    """Of ten requests six identify a photo, one enrols a student, one erases that student, one records a student's
    attendance by hand, and one takes the attendance of a class by a photo of it."""
    students = enrol_and_erase(photos)
    identify = Request("POST", "/v1/identify", tuple(photos), "image/jpeg")
    path = f"/v1/attendance?clase={clase}"
    by_photo = Request("POST", path, (class_photo,), "image/jpeg")
    by_hand = [
        Request("POST", path, (json.dumps({"matricula": each, "status": "present"}).encode(),)) for each in matriculas
    ]

    def choose(client: int, turn: int) -> tuple[str, Request, int]:
        lap, place = divmod(max(0, turn - client), 10)  # so that clients do not all do the same at once
        if place in (2, 7):
            return students(client, 2 * lap + (place == 7))
        if place == 4:
            return "attendance by photo", by_photo, 0
        if place == 9:
            return "attendance by hand", by_hand[lap % len(by_hand)], 0
        return "identify", identify, turn

    return choose


def ask(address: str, work: Work, client: int, stop_at: float, answered: list[Answered], turn: int = 0) -> None:
    """One client: request after request on one connection until the time is up."""
    connection = http.client.HTTPConnection(address, timeout=60)
    for n in itertools.count(turn):
        if n > turn and time.perf_counter() >= stop_at:
            break
        name, request, which = work(client, n)
        body = request.bodies[which % len(request.bodies)]
        start = time.perf_counter()
        connection.request(request.method, request.path, body or None, {"Content-Type": request.kind} if body else {})
        reply = connection.getresponse()
        content = reply.read()
        if reply.status >= 300:
            raise RuntimeError(f"{request.method} {request.path}: the server answered {reply.status}: {content!r}")
        answered.append(Answered(name, time.perf_counter() - start))
    connection.close()


def answers(address: str, work: Work, clients: int, seconds: float) -> tuple[list[Answered], float]:
    """What several clients were answered, and in how many seconds."""
    answered: list[Answered] = []
    failed: list[BaseException] = []

    def run(client: int, stop_at: float) -> None:
        try:
            ask(address, work, client, stop_at, answered)
        except BaseException as error:  # noqa: BLE001  # raised below
            failed.append(error)

    start = time.perf_counter()
    threads = [threading.Thread(target=run, args=(n, start + seconds)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return answered, time.perf_counter() - start


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile of some times, milliseconds."""
    return {
        "p50_ms": round(statistics.median(seconds) * 1000, 2),
        "p99_ms": round(common.percentile(seconds, 0.99) * 1000, 2),
    }


def measure(address: str, request: Request, clients: int, seconds: float) -> dict[str, float]:
    """Requests per second of all clients together, and the latency that one of them sees."""
    answered, took = answers(address, always("", request), clients, seconds)
    return {"requests_per_s": round(len(answered) / took, 1), **spread([each.seconds for each in answered])}


def compare(
    here: str, there: str, requests: dict[str, Request], clients: int, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Of each request the median requests per second of two servers that take turns, and their ratio."""

    def rate(address: str, request: Request) -> Callable[[], float]:
        return lambda: measure(address, request, clients, seconds)["requests_per_s"]

    return {name: beside(rate(here, each), rate(there, each), rounds) for name, each in requests.items()}


def beside(mine: Callable[[], float], theirs: Callable[[], float], rounds: int) -> dict[str, float]:
    """The medians of two rates that are measured in turns, and the median of their ratios."""
    pairs = [(mine(), theirs()) for _ in range(rounds)]
    return {
        "requests_per_s": round(statistics.median(first for first, _ in pairs), 2),
        "against_per_s": round(statistics.median(second for _, second in pairs), 2),
        "ratio": round(statistics.median(first / second for first, second in pairs), 2),
    }


def by_name(answered: Sequence[Answered]) -> dict[str, dict[str, Any]]:
    """How often each sort of request was answered, and its latency."""
    names = sorted({each.name for each in answered})
    times = {name: [each.seconds for each in answered if each.name == name] for name in names}
    return {name: {"n": len(times[name]), **spread(times[name])} for name in names}
