"""From a call to its result: which requests to send, how long to wait between them, and what the reply means.

Nothing here sends or waits: :func:`steps` says what is to be done next and is told what came of it, so that the client
that blocks and the one that awaits do the same.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import httpx

from .answers import Outcome, error_of, is_answer, may_pass, result_of
from .calls import Call
from .retries import DEFAULT_RETRIES, Retries, seconds_of

Result = TypeVar("Result")

KEY_VARIABLE = "PRESENTE_API_KEY"
CONNECT_S = 5.0

Step: TypeAlias = httpx.Request | float
"""What is to be done next: send this, or wait so many seconds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is reached.

    Attributes:
        address: ``http://127.0.0.1:8000``; may have a path, behind a proxy.
        key: sent with every request; None: that of the variable PRESENTE_API_KEY, if it is set; empty: none.
        timeout_s: seconds without a byte after which an attempt is given up.
        retries: how often and when a request is sent again.
    """

    address: str
    key: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0
    retries: Retries = DEFAULT_RETRIES

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        key = os.environ.get(KEY_VARIABLE, "") if self.key is None else self.key
        return {"User-Agent": "presente-client"} | ({"Authorization": f"Bearer {key}"} if key else {})

    @property
    def timeout(self) -> httpx.Timeout:
        """For each attempt."""
        return httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s))


def steps(call: Call[Result], settings: Settings) -> Generator[Step, Outcome | None, Result]:
    """Do a call: yields what to do, takes what came of it, returns the result.

    Raises:
        Problem: the server refused.
        NoAnswer: it did not answer.
        UnexpectedAnswer: what it answered is none of the API.
    """
    headers = settings.headers
    if call.repeatable == "keyed":
        headers["Idempotency-Key"] = call.key or str(uuid.uuid4())  # one for all attempts
    retries = settings.retries if call.repeatable != "once" else Retries(attempts=1)
    attempt = 1
    while True:
        outcome = yield _request(call, settings.address, headers)
        assert outcome is not None  # a request was to be sent
        if isinstance(outcome, httpx.Response) and is_answer(call, outcome):
            return result_of(call, outcome)
        retry_after = seconds_of(outcome.headers.get("Retry-After")) if isinstance(outcome, httpx.Response) else None
        wait_s = retries.wait_s(attempt, retry_after) if may_pass(outcome) else None
        if wait_s is None:
            raise error_of(outcome, retry_after, settings.address)
        yield wait_s
        attempt += 1


def _request(call: Call[Result], address: str, headers: dict[str, str]) -> httpx.Request:
    url = httpx.URL(address.rstrip("/") + call.path, params=dict(call.query) or None)
    if call.photos or call.fields:
        files = [("image", (f"{number}.jpg", photo)) for number, photo in enumerate(call.photos)]
        return httpx.Request(call.method, url, headers=headers, data=dict(call.fields), files=files)
    if call.body is None:
        return httpx.Request(call.method, url, headers=headers)
    content, kind = call.body
    return httpx.Request(call.method, url, headers=headers | {"Content-Type": kind}, content=content)
