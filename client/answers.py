"""What a server's answer to a call means: its result, or an error."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import httpx
import msgspec

from .address import shown_address
from .calls import Call
from .errors import NoAnswer, PresenteError, UnexpectedAnswer, problem_of

Result = TypeVar("Result")

Outcome: TypeAlias = httpx.Response | httpx.RequestError
"""What came of a request: a response that was read, or none that could be."""

_SHOWN = 200
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError)
"""What bytes raise that are no JSON, no UTF-8, nested without end, or without a member."""


_LATER = frozenset({429, 502, 503, 504})
"""Statuses that say: later. 502 and 504 are those of a proxy whose server did not answer."""
_NEVER_SENT = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)
"""What a request is that cannot be sent as it is, now or later."""


def may_pass(outcome: Outcome) -> bool:
    """Whether the same request may be answered a little later."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _LATER
    return isinstance(outcome, httpx.TransportError) and not isinstance(outcome, _NEVER_SENT)


_NOTHING_DONE = frozenset({"busy", "not_ready"})
"""Codes of 503 that say that the server did not begin."""
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, *_NEVER_SENT)


def may_be_done(outcome: Outcome) -> bool:
    """Whether the server may have carried out a request with this outcome, which is not the result.

    A refusal by the API is none; the fault of a server or of a proxy (502, 504, a page) does not say.
    """
    if not isinstance(outcome, httpx.Response):
        return not isinstance(outcome, _NOT_CONNECTED)
    if outcome.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return outcome.is_success or outcome.is_server_error
    try:
        return problem_of(outcome.content, None).code not in _NOTHING_DONE
    except _UNREADABLE:
        return True


def is_answer(call: Call[Result], response: httpx.Response) -> bool:
    """Whether a response answers a call, and does not refuse it."""
    refused = response.headers.get("Content-Type", "").startswith("application/problem+json")
    return response.is_success or (response.status_code in call.also and not refused)


def result_of(call: Call[Result], response: httpx.Response) -> Result:
    """The result that a response is.

    Raises:
        UnexpectedAnswer: it is none of this call's.
    """
    if call.no_content and (response.status_code != httpx.codes.NO_CONTENT or response.content):
        raise UnexpectedAnswer(f"{_described(response)} is no answer of this API: it is 204, without a body")
    try:
        return call.read(response.content)
    except _UNREADABLE as exc:
        raise UnexpectedAnswer(f"{_described(response)} is no answer of this API ({exc})") from exc


def error_of(outcome: Outcome, retry_after: float | None, address: str) -> PresenteError:
    """The error that a refusal, another service's answer, or no answer is.

    Args:
        outcome: of the last attempt.
        retry_after: seconds for which the response asks.
        address: of the server, as a message may show it.
    """
    error: PresenteError
    if isinstance(outcome, httpx.DecodingError):
        error = UnexpectedAnswer(f"the answer of {address} cannot be read: {outcome}")
        error.__cause__ = outcome
    elif isinstance(outcome, _NEVER_SENT):  # its text may quote a header, and a header has the key
        error = NoAnswer(f"the request to {address} cannot be sent: {type(outcome).__name__}")
    elif not isinstance(outcome, httpx.Response):
        error = NoAnswer(f"no answer from {address}: {type(outcome).__name__} {outcome}".rstrip())
        error.__cause__ = outcome
    else:
        try:
            return problem_of(outcome.content, retry_after)
        except _UNREADABLE as exc:
            error = UnexpectedAnswer(f"{_described(outcome)} is no problem of this API")
            error.__cause__ = exc
    return error


def _described(response: httpx.Response) -> str:
    shown = response.content.decode("utf-8", "replace")[:_SHOWN]  # whatever charset it claims
    return f"{response.status_code} from {shown_address(response.request.url)}: {shown!r}"
