"""Long replies, written while they are read: memory does not grow with the list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from flask import Response

_AT_ONCE = 200
"""Items of a list that go out together."""


def streamed(parts: Iterator[str], mimetype: str, **headers: str) -> Response:
    """A reply of texts. The first is made at once, so that what fails at the beginning is answered as an error."""
    first = next(parts, "")
    return Response(chain([first], parts), mimetype=mimetype, headers=headers)


def json_list(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A JSON array, a few items at a time."""
    some: list[str] = []
    before = "["
    for item in items:
        some.append(json.dumps(item, ensure_ascii=False, separators=(",", ":")))
        if len(some) == _AT_ONCE:
            yield before + ",".join(some)
            before, some = ",", []
    if some:
        yield before + ",".join(some)
        before = ","
    yield "]\n" if before == "," else "[]\n"
