"""From a setting's text to its value. A reader raises ValueError, whose text says what the setting must be."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

SECRET_PREFIX = "whsec_"
"""Before a webhook's secret that is base64, as Standard Webhooks has it."""


@dataclass(frozen=True, slots=True)
class TargetRate:
    """A threshold given as the share of strangers who may be named; the gallery's calibration makes a cosine of it."""

    fpir: float

    def __str__(self) -> str:
        """As it is written in a setting."""
        return f"fpir={self.fpir:g}"


_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True, slots=True)
class RequestRate:
    """How many requests per period; a count of 0 means that there is no limit."""

    count: int
    seconds: int

    def __str__(self) -> str:
        """As it is written in a setting."""
        unit = next(name for name, seconds in _UNITS.items() if seconds == self.seconds)
        return f"{self.count}/{unit}" if self.count else "off"


def request_rate(text: str) -> RequestRate | None:
    """A rate like ``600/minute``, or ``off``; None when empty."""
    if not text:
        return None
    if text == "off":
        return RequestRate(0, 60)
    count, _, unit = text.partition("/")
    if not (count.isascii() and count.isdigit() and 0 < int(count) <= 1_000_000 and unit in _UNITS):
        raise ValueError("it must be off, or a number per second, minute, hour or day, like 600/minute")
    return RequestRate(int(count), _UNITS[unit])


def path(text: str) -> Path:
    """A path; ``~`` is the home folder."""
    return Path(text).expanduser()


def path_or_none(text: str) -> Path | None:
    """A path; None when empty."""
    return path(text) if text else None


def paths(text: str) -> tuple[Path, ...]:
    """Paths, separated as in ``PATH``."""
    return tuple(path(part) for part in text.split(os.pathsep) if part)


def shown_paths(value: tuple[Path, ...]) -> str:
    """Paths as :func:`paths` reads them."""
    return os.pathsep.join(str(each) for each in value)


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``low`` to ``high``."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return value

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """A reader of finite numbers from ``low`` to ``high``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"it must be a number from {low:g} to {high:g}")
        return value

    return read


_TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def truth(text: str) -> bool:
    """True or false, in any of the usual words."""
    if text.lower() not in _TRUTHS:
        raise ValueError("it must be true or false")
    return _TRUTHS[text.lower()]


def choice(words: Any) -> Callable[[str], Any]:
    """A reader of one of the words of a ``Literal``; its values are of that type."""
    *others, last = get_args(words)

    def read(text: str) -> Any:
        if text not in (*others, last):
            raise ValueError(f"it must be {', '.join(others)} or {last}")
        return text

    return read


def cosine_or_rate(text: str) -> float | TargetRate | None:
    """A cosine, or ``fpir=RATE``; None when empty.

    A rate is above 0, which no calibration can promise, and below 0.5, from which a threshold would separate nothing.
    """
    if not text:
        return None
    if text.startswith("fpir="):
        rate = number(0.0, 0.5)(text.removeprefix("fpir="))
        if rate in (0.0, 0.5):
            raise ValueError("a rate must be above 0 and below 0.5")
        return TargetRate(rate)
    return number(-1.0, 1.0)(text)


def named_cameras(text: str) -> tuple[tuple[str, str], ...]:
    """Cameras as ``NAME=SOURCE``, separated by spaces or lines: the name and the source of each."""
    found = {}
    for word in text.split():
        name, equals, source = word.partition("=")
        if not equals or not name or not source or name in found:
            raise ValueError("it must be NAME=ADDRESS for each camera, separated by spaces, each name once")
        found[name] = source
    return tuple(found.items())


def camera_names(cameras: tuple[tuple[str, str], ...]) -> str:
    """The names of cameras, whose sources may hold passwords."""
    return " ".join(name for name, _ in cameras)


def web_hook(text: str) -> str:
    """An address that is called: by https, or on this machine."""
    found = urlsplit(text)
    here = found.hostname in ("localhost", "127.0.0.1", "::1")
    if text and (found.hostname is None or not (found.scheme == "https" or (found.scheme == "http" and here))):
        raise ValueError("it must be an address like https://escuela.example/presente; http only on this machine")
    return text


def hook_secret(text: str) -> str:
    """What requests are signed with: any text, or ``whsec_`` and base64."""
    encoded = text.removeprefix(SECRET_PREFIX)
    if encoded != text:
        try:
            sound = len(base64.b64decode(encoded, validate=True)) > 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("what follows whsec_ must be base64; openssl rand -base64 32 makes some")
    return text


def only_host(address: str) -> str:
    """An address without what may be secret in it: user, password, path and query."""
    found = urlsplit(address)
    return f"{found.scheme}://{found.hostname}/..." if address else ""


def zone_name(text: str) -> str:
    """An IANA name; empty: the machine's own zone."""
    try:
        return ZoneInfo(text).key if text else ""
    except (KeyError, ValueError, OSError) as exc:  # a folder of zones is an OSError
        raise ValueError(
            "it must be a name of the IANA database like America/Mexico_City, America/Tijuana or Europe/Madrid"
        ) from exc


def networks(text: str) -> tuple[str, ...]:
    """Addresses and networks (CIDR), separated by commas."""
    return tuple(str(ip_network(part.strip(), strict=False)) for part in text.split(",")) if text.strip() else ()


def web_origins(text: str) -> tuple[str, ...]:
    """Origins of web pages (RFC 6454), separated by commas, each written as browsers send it."""
    return tuple(_web_origin(part.strip()) for part in text.split(",")) if text.strip() else ()


def _web_origin(text: str) -> str:
    """One origin. Another way of writing it is refused, since it would never match."""
    if text == "*":
        raise ValueError("* would let every page of the web use this server from a visitor's browser; list the origins")
    parts = urlsplit(text)
    port = "" if parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if parts.scheme not in ("http", "https") or not host or not text.isascii():
        raise ValueError(f"{text!r} is not an origin like http://localhost:3000")
    written = f"{parts.scheme}://{host}{port}"
    if text != written:
        raise ValueError(f"{text!r} is not how a browser sends it; write {written}")
    return text
