"""Types of msgspec's structs, described before threads use them.

msgspec describes a struct's type when the type is first parsed. Two threads that do so at the same time crash the
process: one uses the description while the other still makes it (msgspec 0.22.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import msgspec


@cache
def describe_types(base: type[msgspec.Struct]) -> None:
    """Describe a type and all that were derived from it so far. To be called while one thread runs."""
    for kind in _derived(base):
        msgspec.json.Decoder(kind)


def _derived(base: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    yield base
    for kind in base.__subclasses__():
        yield from _derived(kind)
