"""Writes the access log's lines of requests, before the reply is sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

from flask import Flask, Response, g, request

from gallery.documents.access_log import DONE, AccessAction, AccessEvent
from presente.access_roles import AccessRole
from presente.clock import Clock
from presente.errors import PresenteError
from server.access.caller import NO_ONE, Caller
from server.access_log.declaration import AccessNote, action_of
from server.service import Service, ServiceHandle

_STUDENT = "student"
"""What a line calls a student who asks: the line names the student among those whom it is about, where an erasure
reaches."""


def record_request(app: Flask, handle: ServiceHandle, response: Response) -> Response:
    """Write the line of the request that was answered, if its route declares one and the caller is known.

    Returns the response; or, when a change was done and its line cannot be written, that error as the response.
    """
    action, caller, service = action_of(app, request.endpoint), g.get("caller", NO_ONE), handle.loaded()
    if action is None or service is None or caller.role is AccessRole.NONE or request.method == "OPTIONS":
        return response
    if response.status_code == 429:  # a caller who sends too much must not fill the disk
        return response
    note: AccessNote = g.get("access_note") or AccessNote(action, _named_in_path())
    outcome = DONE if response.status_code < 400 else g.get("problem_code", str(response.status_code))
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


def record_account_event(
    service: Service,
    action: AccessAction,
    caller: Caller,
    outcome: str = DONE,
    detail: str = "",
    about: Iterable[str] = (),
) -> None:
    """Write a line that no declaration can give: a login or one that failed, a key or an account that was made.

    Args:
        service: whose log it is.
        action: what was done, or tried.
        caller: who did it. Of a login that failed: a caller of role ``none`` whose name is the account's, if there is
            such an account, else ``-``.
        outcome: :data:`gallery.documents.access_log.DONE`, or the code of the error.
        detail: which key or account; no person's real name.
        about: matriculas of the students concerned.

    Raises:
        StoreError: of the store, when something was done.
    """
    note = AccessNote(action, tuple(about), detail)
    service.access_log.record([_event(caller, service.clock, note, outcome)])


def note_lowered_threshold(detail: str) -> None:
    """Let the request that is being answered write a line of its own about its threshold."""
    g.lowered_threshold = detail


def _event(caller: Caller, clock: Clock, note: AccessNote, outcome: str) -> AccessEvent:
    is_student = caller.role is AccessRole.STUDENT
    return AccessEvent(
        at=clock.now().astimezone(UTC).isoformat(timespec="milliseconds"),
        caller=_STUDENT if is_student else caller.name,
        role=str(caller.role),
        address=request.remote_addr or "-",
        action=note.action,
        outcome=outcome,
        request=g.get("request_id", ""),
        detail=note.detail,
        about=(caller.matricula, *note.about) if is_student else note.about,
    )


def _named_in_path() -> tuple[str, ...]:
    """The student whom the path names, of a request whose view was not reached or failed."""
    matricula = (request.view_args or {}).get("matricula")
    return (matricula,) if matricula else ()
