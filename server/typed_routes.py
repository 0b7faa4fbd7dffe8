"""What a route takes and answers, declared by types that parse its requests and render its replies.

A view names what it takes in its signature: ``parameters`` is the type of its query string, ``body`` that of its body.
What it answers stands in ``@answers``: the status of each type of reply. A reply of another type is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from flask import Flask, Response, request

from server.requests.json_body import read_json
from server.requests.parameters import NoParameters, read_parameters
from server.requests.photos import SentPhotos, json_type_of, read_photos
from server.requests.validation import declared

_DECLARED = "presente_types"
_encode = msgspec.json.Encoder().encode

Replies = Mapping[int, Any]
"""By status the type of the reply, a union where the request decides; None for one without a body."""


@dataclass(frozen=True, slots=True)
class RouteTypes:
    """The types of a route.

    Attributes:
        parameters: of its query string; None when it looks at none.
        body: of its body; None when it reads none. A struct is JSON; ``SentPhotos`` has the fields beside the photos.
        replies: of what it answers when all is well, by status.
        streams: the media type of a reply that is written while it is read, beside those in JSON; empty for none.
        refuses: codes of its refusals, beside those that its other types and every route have
            (:mod:`server.error_codes`).
        headers: names of the headers that its replies have beside those of every reply, with what they say.
        streamed_line: the type of each line of that reply, where its lines are JSON.
        also_streams: further media types of replies that the view makes itself.
    """

    parameters: type[msgspec.Struct] | None = None
    body: Any = None
    replies: Replies | None = None
    streams: str = ""
    refuses: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    streamed_line: type[msgspec.Struct] | None = None
    also_streams: tuple[str, ...] = ()


def kinds_of(reply: Any) -> tuple[Any, ...]:
    """The types that a reply may have, of a declared one: of a union each of its members."""
    return get_args(reply) if isinstance(reply, UnionType) else (reply,)


def answers(
    replies: Any,
    streams: str = "",
    refuses: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    streamed_line: type[msgspec.Struct] | None = None,
    also_streams: Iterable[str] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Declare what a route answers; goes below the route's own decorator.

    Args:
        replies: the type of its reply, with status 200, or the type for each status.
        streams: the media type of a reply that the view makes itself.
        refuses, headers: see :class:`RouteTypes`.
        streamed_line: the type of its lines, where each is JSON.
        also_streams: see :class:`RouteTypes`.
    """
    by_status: Replies = replies if isinstance(replies, Mapping) else {200: replies}

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        hints = get_type_hints(view)
        types = RouteTypes(
            hints.get("parameters"),
            hints.get("body"),
            by_status,
            streams,
            frozenset(refuses),
            headers or {},
            streamed_line,
            tuple(also_streams),
        )
        if types.parameters is not None:
            declared(types.parameters)  # a type that cannot be read is an error here, not at the first request
        if get_origin(types.body) is SentPhotos:
            json_type_of(*get_args(types.body))  # it is there when the types are described
        statuses = {
            type(None) if kind is None else kind: status
            for status, replied in by_status.items()
            for kind in kinds_of(replied)
        }

        @wraps(view)
        def answered(**in_path: Any) -> Response:
            if types.parameters is not None:
                in_path["parameters"] = read_parameters(request, types.parameters)
            # A misspelled parameter must not be passed over: ?dry_run=true.
            elif request.args and request.path.startswith("/v1/"):
                read_parameters(request, NoParameters)
            if types.body is not None:
                in_path["body"] = _read_body(types.body)
            return _rendered(view(**in_path), statuses)

        answered.__dict__[_DECLARED] = types
        return answered

    return declare


def types_of(app: Flask, endpoint: str) -> RouteTypes:
    """What an endpoint declares, to which tests hold its replies; nothing for files of the page."""
    types: RouteTypes = app.view_functions[endpoint].__dict__.get(_DECLARED, RouteTypes())
    return types


def _read_body(kind: Any) -> Any:
    if get_origin(kind) is SentPhotos:
        (fields,) = get_args(kind)
        return read_photos(request, fields)
    return kind.read(request) if hasattr(kind, "read") else read_json(request, kind)


def _rendered(reply: Any, statuses: Mapping[Any, int]) -> Response:
    """A reply as a response: a value of a declared type, such a value and further headers, or a stream."""
    if isinstance(reply, Response):
        return reply
    value, headers = reply if isinstance(reply, tuple) else (reply, None)
    status = statuses[type(value)]
    if value is None:
        return Response(status=status, headers=headers)
    return Response(_encode(value) + b"\n", status, headers, content_type="application/json")
