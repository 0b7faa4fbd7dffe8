"""How a server is reached: its address, the key, and patience."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field

import httpx

from .address import checked_address
from .keys import api_key
from .retries import DEFAULT_RETRIES, Retries

_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is reached; :func:`settings_of` checks what callers give.

    Attributes:
        address: ``http://127.0.0.1:8000``; may have a path, behind a proxy. Without a slash at its end.
        key: sent with every request; empty: none.
        timeout_s: seconds without a byte after which an attempt is given up.
        retries: how long and when a request is sent again.
        trust: whose certificates are believed; True: those that httpx believes.
    """

    address: str = field(repr=False)
    key: str = field(repr=False)
    timeout_s: float = 60.0
    retries: Retries = DEFAULT_RETRIES
    trust: ssl.SSLContext | bool = field(default=True, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        return {"User-Agent": "presente-client"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    @property
    def timeout(self) -> httpx.Timeout:
        """For each attempt."""
        return httpx.Timeout(self.timeout_s, connect=min(_CONNECT_S, self.timeout_s))


def settings_of(
    address: str,
    key: str | None,
    timeout_s: float,
    retries: Retries,
    ca_file: str | os.PathLike[str] | None = None,
) -> Settings:
    """The settings that a caller means; a key that is None is that of the variable PRESENTE_API_KEY.

    Raises:
        TypeError: the key is no text.
        ValueError: the address or the key is none, or ``ca_file`` has no certificate.
        OSError: ``ca_file`` cannot be read.
    """
    return Settings(checked_address(address), api_key(key), timeout_s, retries, _trust(ca_file))


def _trust(ca_file: str | os.PathLike[str] | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as exc:
        raise ValueError(f"{os.fspath(ca_file)} has no certificate in PEM ({exc.reason})") from exc
