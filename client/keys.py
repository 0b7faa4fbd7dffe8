"""The API key and the Idempotency-Key of a request: texts that an HTTP header can carry."""

from __future__ import annotations

import os
import re

KEY_VARIABLE = "PRESENTE_API_KEY"
"""The environment variable that has the API key when none is given."""

_SENDABLE = re.compile(r"[!-~]+")
_MOST_CHARACTERS = 200
"""The longest Idempotency-Key that a server takes."""


def api_key(given: str | None) -> str:
    """The API key to send, without the blanks and line ends around it; empty: none.

    Args:
        given: the caller's; None: that of the variable PRESENTE_API_KEY, if it is set.

    Raises:
        TypeError: it is no text.
        ValueError: it has characters that no key has. The message does not show it.
    """
    name = "key" if given is not None else KEY_VARIABLE
    found = os.environ.get(KEY_VARIABLE, "") if given is None else given
    if not isinstance(found, str):
        raise TypeError(f"{name} is a text, not {type(found).__name__}")
    found = found.strip()
    if found and not _SENDABLE.fullmatch(found):
        raise ValueError(f"{name} is no API key: it has characters other than printable ASCII, or blanks within")
    return found


def checked_idempotency_key(given: str) -> str:
    """An Idempotency-Key as a server takes it.

    Raises:
        TypeError: it is no text.
        ValueError: it is none.
    """
    if not isinstance(given, str):
        raise TypeError(f"idempotency_key is a text, not {type(given).__name__}")
    if len(given) > _MOST_CHARACTERS or not _SENDABLE.fullmatch(given):
        raise ValueError(
            f"idempotency_key is {given[:_MOST_CHARACTERS]!r}: it has 1 to {_MOST_CHARACTERS} ASCII characters without "
            "spaces; None has one made"
        )
    return given
