"""From a call to its result: which requests to send, how long to wait between them, and what the reply means.

Nothing here sends or waits: :func:`steps` says what is to be done next and is told what came of it, so that the client
that blocks and the one that awaits do the same.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

import httpx

from .address import shown_address
from .answers import Outcome, error_of, is_answer, may_be_done, may_pass, result_of
from .calls import Call
from .errors import PresenteError, UnexpectedAnswer
from .retries import Retries, seconds_of
from .settings import Settings

Result = TypeVar("Result")

Step: TypeAlias = httpx.Request | float
"""What is to be done next: send this, or wait so many seconds."""


def steps(
    call: Call[Result], settings: Settings, clock: Callable[[], float] = time.monotonic
) -> Generator[Step, Outcome | None, Result]:
    """Do a call: yields what to do, takes what came of it, returns the result.

    Args:
        call: what to do.
        settings: how the server is reached.
        clock: seconds, by which patience ends.

    Raises:
        Problem: the server refused.
        NoAnswer: it did not answer.
        UnexpectedAnswer: what it answered is none of the API.
    """
    key = (call.key or str(uuid.uuid4())) if call.repeatable == "keyed" else None  # one for all attempts
    try:
        return (yield from _attempts(call, settings, key, clock))
    except PresenteError as error:
        error.idempotency_key = key
        raise


def _attempts(
    call: Call[Result], settings: Settings, key: str | None, clock: Callable[[], float]
) -> Generator[Step, Outcome | None, Result]:
    headers = settings.headers | ({} if key is None else {"Idempotency-Key": key})
    retries = settings.retries if call.repeatable != "once" else Retries(attempts=1)
    started, attempt, may_have_been_done = clock(), 1, False
    while True:
        outcome = yield _request(call, settings.address, headers)
        assert outcome is not None  # a request was to be sent
        may_have_been_done |= call.writes and may_be_done(outcome)
        if isinstance(outcome, httpx.Response) and is_answer(call, outcome):
            try:
                return result_of(call, outcome)
            except UnexpectedAnswer as unexpected:
                unexpected.may_have_been_done = may_have_been_done
                raise
        retry_after = seconds_of(outcome.headers.get("Retry-After")) if isinstance(outcome, httpx.Response) else None
        wait_s = retries.wait_s(attempt, clock() - started, retry_after) if may_pass(outcome) else None
        if wait_s is None:
            error = error_of(outcome, retry_after, shown_address(settings.address))
            error.may_have_been_done = may_have_been_done
            raise error
        yield wait_s
        attempt += 1


def _request(call: Call[Result], address: str, headers: dict[str, str]) -> httpx.Request:
    url = httpx.URL(address + call.path, params=dict(call.query) or None)
    if call.photos or call.fields:
        files = [("image", (f"{number}.jpg", photo)) for number, photo in enumerate(call.photos)]
        return httpx.Request(call.method, url, headers=headers, data=dict(call.fields), files=files)
    if call.body is None:
        return httpx.Request(call.method, url, headers=headers)
    content, kind = call.body
    return httpx.Request(call.method, url, headers=headers | {"Content-Type": kind}, content=content)
