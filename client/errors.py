"""Errors: what the server answered, no answer, or an answer that is none of this API."""

from __future__ import annotations

from typing import Any

import msgspec


class PresenteError(Exception):
    """What every error of this package is."""


class NoAnswer(PresenteError):
    """The server could not be reached, or the connection ended before it had answered. See ``__cause__``.

    A call that writes with a key was tried again with the same key; whether it was carried out in the end is not known.
    Call again with the same ``idempotency_key`` to find out.
    """


class UnexpectedAnswer(PresenteError):
    """The answer is none of this API's: the address leads elsewhere, or a proxy answered."""


class Problem(PresenteError):
    """The server refused, and said why (RFC 9457).

    Attributes:
        code: stable, for programs: ``student_not_found``.
        status: of HTTP.
        detail: what was wrong and what to do, for people.
        request_id: what the server's log has it under.
        retry_after: seconds after which to ask again; None when the server did not say.
    """

    def __init__(self, code: str, status: int, detail: str, request_id: str, retry_after: float | None) -> None:
        super().__init__(code, status, detail, request_id, retry_after)
        self.code = code
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Code, status and detail."""
        return f"{self.code} ({self.status}): {self.detail}"


class InvalidRequest(Problem):
    """400, 405, 408, 411, 413, 431, ``consent_missing``: the request cannot be carried out as it is."""


class NotAllowed(Problem):
    """401 or 403: the key is missing or unknown, or its role does not suffice."""


class NotFound(Problem):
    """404: no such student, class or entry."""


class Conflict(Problem):
    """409: it does not go with what is stored: the student exists, or the photo shows another person."""


class PhotoRefused(Problem):
    """415 or 422: the photo cannot be used, or shows no face."""


class Unavailable(Problem):
    """429, or 500 and above: the server cannot do it now. ``retry_after`` says when to ask again."""


_BY_STATUS: dict[int, type[Problem]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    415: PhotoRefused,
    422: PhotoRefused,
    429: Unavailable,
}


_BY_CODE: dict[str, type[Problem]] = {"consent_missing": InvalidRequest}
"""A 422 that no other photo would mend."""


class _ProblemJson(msgspec.Struct):
    status: int
    detail: str
    code: str
    request_id: str


def problem_of(body: bytes, retry_after: float | None) -> Problem:
    """The error that a body of ``application/problem+json`` is.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    found = msgspec.json.decode(body, type=_ProblemJson)
    by_status = _BY_STATUS.get(found.status, Unavailable if found.status >= 500 else InvalidRequest)
    kind = _BY_CODE.get(found.code, by_status)
    return kind(found.code, found.status, found.detail, found.request_id, retry_after)


def concerns_one_photo(error: BaseException) -> bool:
    """Whether an error says something of a photo, and nothing of the next one."""
    one_photo: Any = {"empty_image", "too_many_bytes"}
    return isinstance(error, (PhotoRefused, OSError)) or (isinstance(error, Problem) and error.code in one_photo)
