"""Numbers in paths: the ids of entries."""

from __future__ import annotations

from werkzeug.routing import IntegerConverter

_DIGITS = 18
LARGEST = 10**_DIGITS - 1
"""The largest number in a path: no store counts as far."""


class PathNumber(IntegerConverter):
    """The number of an entry in a path. A larger one than :data:`LARGEST` is 404.

    The pattern alone says so: what a converter refuses later is 405 where the path has other methods, too.
    """

    regex = f"[0-9]{{1,{_DIGITS}}}"
