"""The checks of every reply in a fuzz run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from benchmarks.fuzz_requests import Sent

SLOW_S = 30.0
_LARGEST_REPLY = 8_000_000
_LARGEST_PROBLEM = 6_000
"""Of the first page's routes a problem says its detail three times."""
_ECHO = 600
"""Characters of what was sent that no reply repeats in one piece; a note of 500 is told again on purpose."""
_MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}
_TELLS = {
    "stack trace": re.compile(r"Traceback|File \"|, line \d+"),
    "object address": re.compile(r" at 0x[0-9a-fA-F]{5,}"),
    "file path": re.compile(r"(?<![\w/.])/(?:home|tmp|root|usr|var|opt|etc|work|srv|mnt|proc|private|Users)/[\w.-]"),
    "module name": re.compile(
        r"\b(?:werkzeug|flask|numpy(?!\.save)|PIL|sqlite3|pymongo|bson|onnxruntime(?=[./])|cv2|cheroot|faiss|site-packages|tokenize)\b"
    ),
}
_WAITING = {"busy", "request_in_progress"}
"""Codes of a 503 that are right under load."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: ``status`` 0 when there was none."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    error: str = ""


def faults(sent: Sent, answer: Answer) -> list[str]:
    """The faults of a reply; none when all is well."""
    found: list[str] = []
    if answer.seconds > SLOW_S:
        found.append(f"it took {answer.seconds:.1f} s")
    if answer.status == 0:
        return [*found, f"no reply ({answer.error})"]
    if answer.status >= 500 and answer.status != HTTPStatus.NOT_IMPLEMENTED and not waits(answer):
        found.append(f"status {answer.status}")
    text = answer.body.decode("utf-8", "replace")
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    told = {what for what, pattern in _TELLS.items() if pattern.search(text + head)}
    if sent.target.partition("?")[0] == "/v1/settings" and answer.status == HTTPStatus.OK:
        told.discard("file path")  # an admin asks where things lie
    found += [f"{what} in the reply" for what in sorted(told)]
    if len(answer.body) > _LARGEST_REPLY or len(head) > 4000:
        found.append(f"the reply has {len(answer.body)} bytes, its head {len(head)}")
    if _echoes(sent, text) or _echoes(sent, head):
        found.append("the reply repeats what was sent")
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status >= 400 and kind != "application/problem+json" and sent.method != "HEAD":
        found.append(f"an error of type {kind!r}")
    if kind.endswith("json") and sent.method != "HEAD":
        found += _json_faults(answer, kind)
    if "x-request-id" not in answer.headers:
        found.append("no X-Request-Id")
    return found


def waits(answer: Answer) -> bool:
    """Whether a reply says, as it should, that the server is busy."""
    if answer.status != 503 or "retry-after" not in answer.headers:
        return False
    try:
        return json.loads(answer.body).get("code") in _WAITING
    except ValueError:
        return False


def _json_faults(answer: Answer, kind: str) -> list[str]:
    try:
        body = json.loads(answer.body.decode("utf-8"), parse_constant=_refuse)
    except ValueError as exc:
        return [f"the reply is not JSON ({exc})"]
    if kind != "application/problem+json":
        return []
    found = []
    if not isinstance(body, dict) or not set(body) >= _MEMBERS:
        return ["the problem lacks members"]
    if body["status"] != answer.status or body["request_id"] != answer.headers.get("x-request-id"):
        found.append("the problem's status or request_id is another than the reply's")
    if len(answer.body) > _LARGEST_PROBLEM:
        found.append(f"the problem has {len(answer.body)} bytes")
    return found


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _echoes(sent: Sent, text: str) -> bool:
    if len(text) < _ECHO:
        return False
    whole = sent.raw("").decode("utf-8", "replace")
    step = max(1, len(whole) // 300)
    return any(whole[place : place + _ECHO] in text for place in range(0, len(whole) - _ECHO, step))
