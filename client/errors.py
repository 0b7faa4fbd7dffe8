"""Errors: what the server answered, no answer, or an answer that is none of this API."""

from __future__ import annotations

from typing import Any

import msgspec


class PresenteError(Exception):
    """What every error of this package is.

    Attributes:
        may_have_been_done: an attempt of this call, which writes, ended so that the server may have carried it out:
            without an answer, or with one that does not say. What later attempts met does not change that. False: this
            call did nothing.
        idempotency_key: of a call that has one, the caller's or the one that was made. The same call with it is carried
            out once in all; with another key it may be carried out twice.
    """

    may_have_been_done: bool = False
    idempotency_key: str | None = None

    def __str__(self) -> str:
        """What happened, and how to find out whether it was done."""
        if not self.may_have_been_done:
            return self._happened()
        to_do = f": call again with idempotency_key={self.idempotency_key!r}" if self.idempotency_key else ""
        return f"{self._happened()} (it may have been done all the same{to_do})"

    def _happened(self) -> str:
        return super().__str__()


class NoAnswer(PresenteError):
    """The server could not be reached, or the connection ended before it had answered. See ``__cause__``."""


class UnexpectedAnswer(PresenteError):
    """The answer is none of this API's: the address leads elsewhere, or a proxy answered."""


class Problem(PresenteError):
    """The server refused, and said why (RFC 9457).

    Attributes:
        code: stable, for programs: ``student_not_found``.
        status: of HTTP.
        detail: what was wrong and what to do, for people.
        request_id: what the server's log has it under; empty for ``no_photos``, which is said before anything is sent.
        retry_after: seconds after which to ask again; None when the server did not say.
    """

    def __init__(self, code: str, status: int, detail: str, request_id: str, retry_after: float | None) -> None:
        super().__init__(code, status, detail, request_id, retry_after)
        self.code = code
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    def _happened(self) -> str:
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


_problem = msgspec.json.Decoder(_ProblemJson)


def problem_of(body: bytes, retry_after: float | None) -> Problem:
    """The error that a body of ``application/problem+json`` is.

    Raises:
        msgspec.MsgspecError: it is none.
    """
    found = _problem.decode(body)
    by_status = _BY_STATUS.get(found.status, Unavailable if found.status >= 500 else InvalidRequest)
    kind = _BY_CODE.get(found.code, by_status)
    return kind(found.code, found.status, found.detail, found.request_id, retry_after)


def concerns_one_photo(error: BaseException) -> bool:
    """Whether an error says something of a photo, and nothing of the next one."""
    one_photo: Any = {"empty_image", "too_many_bytes"}
    return isinstance(error, (PhotoRefused, OSError)) or (isinstance(error, Problem) and error.code in one_photo)


def concerns_every_photo(error: BaseException) -> bool:
    """Whether the next photo would be refused, too: for the key, a parameter or the class, and not for lack of time."""
    return isinstance(error, Problem) and not isinstance(error, Unavailable) and not concerns_one_photo(error)
