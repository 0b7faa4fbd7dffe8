"""Writes the access log's lines of requests, before the reply is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC
from typing import TypeVar

from flask import Flask, Response, g, request

from gallery.documents.access import Account, Grant, grant_detail, loggable_name
from gallery.documents.access_log import DONE, AccessAction, AccessEvent
from presente.access_roles import AccessRole
from presente.clock import Clock
from presente.errors import PresenteError
from server.access.caller import NO_ONE, Caller
from server.access.proxies import client_address
from server.access_log.declaration import AccessNote, action_of, note_of_refused
from server.routes.common import authenticator
from server.service import Service, ServiceHandle

_Reply = TypeVar("_Reply")
INTERNAL_ERROR = "internal_error"
_STUDENT = "student"
"""What a line calls a student who asks: the line names the student among those whom it is about, where an erasure
reaches."""


def record_request(app: Flask, handle: ServiceHandle, response: Response) -> Response:
    """Write the line of the request that was answered, if its route declares one and the caller is known.

    Returns the response; or, when a change was done and its line cannot be written, that error as the response.
    """
    action, caller, service = action_of(app, request.endpoint), g.get("caller", NO_ONE), handle.loaded()
    note: AccessNote = g.get("access_note") or _unsaid(app, action)
    unknown = caller.role is AccessRole.NONE and note.action is not AccessAction.LOGIN_FAILED
    if action is None or service is None or unknown or request.method == "OPTIONS" or "access_recorded" in g:
        return response
    if response.status_code == 429:  # a caller who sends too much must not fill the disk
        return response
    outcome = note.outcome or DONE if response.status_code < 400 else g.get("problem_code", str(response.status_code))
    lines = [_event(caller, service.clock, note, outcome)]
    if lowered := g.get("lowered_threshold"):
        lowered_note = AccessNote(AccessAction.THRESHOLD_LOWERED, note.about, lowered)
        lines.insert(0, _event(caller, service.clock, lowered_note, outcome))
    try:
        service.access_log.record(lines)
    except PresenteError as error:
        g.pop("access_note", None)
        return app.make_response(app.handle_user_exception(error))
    return response


def recorded_when_sent(
    service: Service,
    action: AccessAction,
    replies: Iterable[_Reply],
    about: Callable[[_Reply], Iterable[str]],
    problem: Callable[[_Reply], str],
) -> Iterator[_Reply]:
    """The replies of a stream, as they are; when the last was sent, or the client has gone, the line is written. Its
    outcome is that of the first reply where none was answered.

    Args:
        service: whose log it is.
        action: what the request does.
        replies: what is streamed.
        about: gives the matriculas of the students whom a reply is about.
        problem: gives the code of the error that a reply says; empty when it says none.
    """
    event = _event(g.caller, service.clock, AccessNote(action), DONE)
    lowered = [
        _event(g.caller, service.clock, AccessNote(AccessAction.THRESHOLD_LOWERED, detail=detail), DONE)
        for detail in [g.pop("lowered_threshold", "")]
        if detail
    ]

    def each() -> Iterator[_Reply]:
        concerned, outcomes = list(event.about), []
        try:
            for reply in replies:
                concerned += about(reply)
                outcomes.append(problem(reply))
                yield reply
        except Exception:
            outcomes = [INTERNAL_ERROR]
            raise
        finally:
            outcome = outcomes[0] if outcomes and all(outcomes) else DONE
            lines = [replace(each, outcome=outcome) for each in (*lowered, event)]
            service.access_log.record([replace(line, about=tuple(concerned)) for line in lines])

    return each()


def note_failed_login(account: Account | None) -> None:
    """Let the request that is being answered write that a login failed.

    Args:
        account: whose; None when there is no account of that name: what was typed may be a password.
    """
    g.caller, about = Caller(AccessRole.NONE, "-", frozenset()), ""
    if account is not None:
        name, about = loggable_name(account.name, account.grant.role), account.grant.matricula
        g.caller = Caller(AccessRole.NONE, f"user:{name}" if name else _STUDENT, frozenset())
    g.access_note = AccessNote(AccessAction.LOGIN_FAILED, (about,) if about else ())


def note_grant(action: AccessAction, name: str, grant: Grant) -> None:
    """Let the request that is being answered write what was done to a key or an account, where its reply does not say
    which it is."""
    about = (grant.matricula,) if grant.matricula else ()
    g.access_note = AccessNote(action, about, grant_detail(name, grant))


def note_lowered_threshold(detail: str) -> None:
    """Let the request that is being answered write a line of its own about its threshold."""
    g.lowered_threshold = detail


def _event(caller: Caller, clock: Clock, note: AccessNote, outcome: str) -> AccessEvent:
    is_student = caller.role is AccessRole.STUDENT
    return AccessEvent(
        at=clock.now().astimezone(UTC).isoformat(timespec="milliseconds"),
        caller=_STUDENT if is_student else caller.name,
        role=str(caller.role),
        address=client_address(request, authenticator().access.proxies),
        action=note.action,
        outcome=outcome,
        request=_own_request_id(),
        detail=note.detail,
        about=(caller.matricula, *note.about) if is_student else note.about,
    )


def _own_request_id() -> str:
    """The request's id when the server made it; empty for one that the client chose: anything may stand in it."""
    made: str = g.get("request_id", "")
    return "" if made == request.headers.get("X-Request-Id") else made


def _unsaid(app: Flask, action: AccessAction | None) -> AccessNote:
    """What a request asked for whose view was not reached."""
    note = note_of_refused(app, request.endpoint, request.view_args or {})
    return note or AccessNote(action or AccessAction.READ, _named_in_path())


def _named_in_path() -> tuple[str, ...]:
    """The student whom the path names, of a request whose view was not reached or failed."""
    matricula = (request.view_args or {}).get("matricula")
    return (matricula,) if matricula else ()
