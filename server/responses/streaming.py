"""Long replies, written while they are read: memory does not grow with the list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import AnyStr

import msgspec
from flask import Response

_AT_ONCE = 200
"""Items of a list that go out together."""


def streamed(parts: Iterator[AnyStr], mimetype: str, **headers: str) -> Response:
    """A reply of pieces. The first is made at once, so that what fails at the beginning is answered as an error."""
    first = list(islice(parts, 1))
    return Response(chain(first, parts), mimetype=mimetype, headers=headers)


def json_lines(items: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    """Newline-delimited JSON: each item is a line of its own, which is sent when the item is there."""
    encode = msgspec.json.Encoder().encode
    return (encode(item) + b"\n" for item in items)


def json_list(items: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    """A JSON array, a few items at a time."""
    encode = msgspec.json.Encoder().encode
    left = iter(items)
    before = b"["
    while some := list(islice(left, _AT_ONCE)):
        yield before + encode(some)[1:-1]
        before = b","
    yield b"[]\n" if before == b"[" else b"]\n"
