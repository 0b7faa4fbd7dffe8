"""How large a body a route takes. Decided from a request's head, before its body is read.

A route declares its sizes: ``@takes(PHOTOS)``. A route that declares none takes a short JSON object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, Request

from presente.errors import InvalidInput
from server.requests import json_parser

_View = TypeVar("_View", bound=Callable[..., Any])
_DECLARED = "presente_sizes"

SMALL = 64 * 1024
"""Bytes of a body that holds no photo."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a body a route takes.

    Attributes:
        most: bytes of a body; None: as many as the settings allow.
        json: bytes of a body of JSON, when that is less.
        values: values in a body of JSON.
        instead: what to do when the JSON is too long.
        on_disk: whether the body is a film, which is written to disk as it comes and has a limit of its own.
    """

    most: int | None = SMALL
    json: int | None = None
    values: int = json_parser.MOST_VALUES
    instead: str = "Send less at once."
    on_disk: bool = False


FILM = Sizes(on_disk=True)
PHOTOS = Sizes(most=None)
EMBEDDINGS = Sizes(
    most=None, json=8_000_000, values=500_000, instead="Send the embeddings as numpy.save's bytes, or fewer at once."
)


def takes(sizes: Sizes) -> Callable[[_View], _View]:
    """Declare how large a body a route takes; goes below the route's own decorator."""

    def declare(view: _View) -> _View:
        view.__dict__[_DECLARED] = sizes
        return view

    return declare


def of(app: Flask, endpoint: str | None) -> Sizes:
    """The sizes of an endpoint; without a route, the smallest."""
    sizes: Sizes = Sizes() if endpoint is None else app.view_functions[endpoint].__dict__.get(_DECLARED, Sizes())
    return sizes


def check(request: Request, sizes: Sizes, most_of_all: int, most_on_disk: int) -> None:
    """Refuse a body whose announced length is too large.

    Args:
        request: the request.
        sizes: of its route.
        most_of_all: bytes of a body that is read into memory.
        most_on_disk: bytes of a film with its envelope.

    Raises:
        InvalidInput: ``too_many_bytes``.
    """
    length = request.content_length or 0
    if sizes.on_disk:
        if length > most_on_disk:
            raise InvalidInput(
                "too_many_bytes",
                f"The body has {length} bytes, and a film may have {most_on_disk}.",
                "Send it in a smaller format or in parts; PRESENTE_VIDEO_MB is the limit.",
            )
        return
    reads = request.method in ("POST", "PATCH", "PUT")  # the body of another method is not read
    most = most_of_all if sizes.most is None or not reads else min(sizes.most, most_of_all)
    if sizes.json is not None and request.is_json:
        most = min(most, sizes.json)
    if length > most:
        raise InvalidInput("too_many_bytes", f"The body has {length} bytes, and {most} are taken here.", sizes.instead)
