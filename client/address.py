"""The address of a server as callers write it."""

from __future__ import annotations

import httpx

_LOOKS_LIKE = "an address looks like http://127.0.0.1:8000, or https://school.example/presente behind a proxy"
_MOST_PORT = 65535


def checked_address(given: str) -> str:
    """An address to which a path can be added: http or https, a host, maybe a port and a path, and nothing after.

    Raises:
        ValueError: it is none. The message does not show a password that is in it.
    """
    if not isinstance(given, str):
        raise ValueError(f"the address is {type(given).__name__}, not a text; {_LOOKS_LIKE}")
    text = given.strip().rstrip("/")
    shown = "not shown, for it may have a password" if "@" in text else repr(text)
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as exc:
        why = "" if "@" in text else f" ({exc})"
        raise ValueError(f"the address is {shown}{why}; {_LOOKS_LIKE}") from None
    wrong_port = url.port is not None and not 0 < url.port <= _MOST_PORT
    if url.scheme not in ("http", "https") or not url.host or "%" in url.host or wrong_port:
        raise ValueError(f"the address is {shown}; {_LOOKS_LIKE}")
    if "?" in text or "#" in text:
        raise ValueError(f"the address is {shown}, with a query or a fragment; {_LOOKS_LIKE}")
    return text


def shown_address(address: str | httpx.URL) -> str:
    """An address without the name and the password that may be in it."""
    url = httpx.URL(address)
    return str(url.copy_with(username="", password="") if url.userinfo else url)
