"""What a route writes into the access log: ``@logged(AccessAction.ERASED, about=in_path)``, beside ``@needs``.

It goes below ``@answers``, directly above the view, whose arguments and reply it sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, Response, g

from gallery.documents.access_log import AccessAction
from presente.errors import PresenteError

_View = TypeVar("_View", bound=Callable[..., Any])
_DECLARED = "presente_logged"
_REFUSED = "presente_logged_refused"

About = Callable[[Mapping[str, Any], Any], Iterable[str]]
"""Gives the matriculas of the students concerned, of a view's arguments and its reply."""
Detail = Callable[[Mapping[str, Any], Any], str]
Refused = Callable[[Mapping[str, Any]], tuple[Iterable[str], str]]
"""Gives the students concerned and the detail of what was asked for, of a view's arguments."""


@dataclass(frozen=True, slots=True)
class AccessNote:
    """What the view of a request has done.

    Attributes:
        action: what.
        about: matriculas of the students concerned.
        detail: more about it; it names no person.
        outcome: the code of the error that a reply of status 200 says; empty when it says none.
    """

    action: AccessAction
    about: tuple[str, ...] = ()
    detail: str = ""
    outcome: str = ""


def no_one(_: Mapping[str, Any], __: Any) -> Iterable[str]:
    """No single student."""
    return ()


def logged(
    action: AccessAction,
    about: About = no_one,
    detail: Detail = lambda _, __: "",
    of_stream: AccessAction | None = AccessAction.EXPORTED,
    outcome: Detail = lambda _, __: "",
    refused: Refused | None = None,
) -> Callable[[_View], _View]:
    """Declare what a route writes into the access log.

    Args:
        action: what it does.
        about: gives the students concerned.
        detail: gives more about it; it must name no person.
        of_stream: what it does when its reply is a stream, which is a whole list; None when the view writes the line
            itself, once the stream has ended (:func:`server.access_log.recording.recorded_when_sent`).
        outcome: gives the code of the error, if a reply of status 200 says nothing else.
        refused: gives, of the arguments of a request that is refused, what was asked for: of those in the path only
            where it is refused before the rest is read.
    """

    def declare(view: _View) -> _View:
        @wraps(view)
        def noted(**asked: Any) -> Any:
            try:
                reply = view(**asked)
            except PresenteError:
                if refused is not None and "access_note" not in g:
                    g.access_note = refused_note(action, refused, asked)
                raise
            value = reply[0] if isinstance(reply, tuple) else reply
            if "access_note" in g:  # the view itself has said it
                return reply
            if isinstance(value, Response):
                if of_stream is None:
                    g.access_recorded = True
                else:
                    g.access_note = AccessNote(of_stream, tuple(about(asked, None)), detail(asked, None))
            else:
                g.access_note = AccessNote(
                    action, tuple(about(asked, value)), detail(asked, value), outcome(asked, value)
                )
            return reply

        noted.__dict__[_DECLARED] = action
        noted.__dict__[_REFUSED] = refused
        return cast("_View", noted)

    return declare


def refused_note(action: AccessAction, refused: Refused, asked: Mapping[str, Any]) -> AccessNote:
    """What a refused request asked for."""
    about, detail = refused(asked)
    return AccessNote(action, tuple(about), detail)


def note_of_refused(app: Flask, endpoint: str | None, in_path: Mapping[str, Any]) -> AccessNote | None:
    """What a request asked for whose view was not reached, by what its path has; None where nothing declares it."""
    declared = {} if endpoint is None else app.view_functions[endpoint].__dict__
    refused: Refused | None = declared.get(_REFUSED)
    return None if refused is None else refused_note(declared[_DECLARED], refused, in_path)


def action_of(app: Flask, endpoint: str | None) -> AccessAction | None:
    """What an endpoint declares; None for one that is not logged."""
    if endpoint is None:
        return None
    found: AccessAction | None = app.view_functions[endpoint].__dict__.get(_DECLARED)
    return found
