"""Takes secrets out of texts: passwords in addresses, keys, tokens of links.

Every typed error, log line, report and result goes through :func:`hidden`. It finds secrets by where they stand, not by
their value. A driver that misreads an address may quote a part of the password as a host or a port; therefore addresses
are checked before a driver sees them (:func:`needs_encoding`).
"""

from __future__ import annotations

import re
from typing import Any

MASK = "***"

ENCODE = "Percent-encode their signs: @ is %40, / is %2F, : is %3A, ? is %3F, # is %23, a space is %20."
"""What to do when :func:`needs_encoding`."""

# Every repetition is bounded, so that the time of a search grows linearly with the length of the text.
_SCHEME = r"[a-z][a-z0-9+.-]{0,20}://"
_WHOLE = re.compile(rf"\s*({_SCHEME})([^:/@]*)(:.*)?@", re.IGNORECASE | re.DOTALL)
_LOGIN = re.compile(rf"({_SCHEME})([^\s:/@'\"]{{0,200}}):\S{{0,2000}}@", re.IGNORECASE)
_WEB_LOGIN = re.compile(r"(https?://)[^\s/@'\"]{1,2000}@", re.IGNORECASE)
_PARAMETER = re.compile(
    r"([?&;](?:[\w.%-]{0,60}(?:pass|pwd|secret|token|signature|credential|api_?key|access_?key|resourcekey|session|"
    r"authmechanismproperties)[\w.%-]{0,60}|key|sig|auth|code|policy|x-(?:amz|goog)-[\w-]+)=)[^&#\s'\"<>]+",
    re.IGNORECASE,
)
_KEY = re.compile(r"\b(admin|attendance):[!-~]{16,}")  # as in PRESENTE_API_KEYS
_HEADER = re.compile(r"\b((?:bearer|basic)\s+|x-api-key\W{1,4})[\w.~+/=!-]{8,}", re.IGNORECASE)


def hidden(text: str) -> str:
    """A text without its secrets. User names and everything else stay."""
    if "@" in text:
        text = _LOGIN.sub(rf"\1\2:{MASK}@", text)
        text = _WEB_LOGIN.sub(rf"\1{MASK}@", text)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", _KEY.sub(rf"\1:{MASK}", text))


def hidden_address(address: str) -> str:
    """One address without its password, whatever characters that has: spaces and unescaped ``@`` and ``/``, too."""
    found = _WHOLE.match(address)
    if found:
        password = "" if found[3] is None else f":{MASK}"
        address = f"{found[1]}{found[2]}{password}@{address[found.end() :]}"
    return hidden(address)


def hidden_in(data: Any) -> Any:
    """A JSON value in which every text is without secrets."""
    if isinstance(data, str):
        return hidden(data)
    if isinstance(data, dict):
        return {name: hidden_in(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [hidden_in(value) for value in data]
    return data


def needs_encoding(address: str) -> bool:
    """Whether the user or the password of an address holds a character that a driver would take for its end."""
    login, at, _ = address.partition("://")[2].rpartition("@")
    return bool(at) and (login.count(":") > 1 or re.search(r"[/?#\[\]@\s\\]", login) is not None)


def error_text(address: str, error: Exception) -> str:
    """What a driver's error says about an address. With a password in it only the type of the error is said, since its
    text may quote a part of the password."""
    return type(error).__name__ if "@" in address else str(error)
