"""API keys as settings hold them: a role and a digest per key. The text of a key is kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from presente.access_roles import AccessRole

_KEY = re.compile(r"[!-~]{16,}")  # what an HTTP header can carry


_GRANTED = {role.value: role for role in (AccessRole.ATTENDANCE, AccessRole.VIEWER, AccessRole.ADMIN)}
"""Roles of all classes. A key of settings says nothing of classes."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: its role, and the SHA-256 of its text."""

    role: AccessRole
    digest: bytes = field(repr=False)


def read_keys(text: str) -> tuple[ApiKey, ...]:
    """Make keys of ``ROLE:KEY,ROLE:KEY``.

    Raises:
        ValueError: says which entry is wrong and how. It quotes nothing, since any part of the text may be a key.
    """
    keys: list[ApiKey] = []
    for number, entry in enumerate(text.split(",") if text.strip() else (), start=1):
        name, colon, secret = entry.strip().partition(":")
        if not colon or name not in _GRANTED:
            raise ValueError(f"entry {number} is not ROLE:KEY with a ROLE of {' or '.join(_GRANTED)}")
        if not _KEY.fullmatch(secret):
            raise ValueError(f"the key of entry {number} is not 16 printable ASCII characters or more, without spaces")
        key = ApiKey(_GRANTED[name], _digest(secret))
        if any(key.digest == other.digest for other in keys):
            raise ValueError(f"the key of entry {number} is there twice")
        keys.append(key)
    return tuple(keys)


def find_key(keys: Sequence[ApiKey], given: str) -> ApiKey | None:
    """The key whose text was given. Every key is compared, in constant time, so that the duration tells nothing."""
    digest = _digest(given)
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def described_keys(keys: Sequence[ApiKey]) -> str:
    """How many keys there are; nothing else about them is shown."""
    return f"{len(keys)} {'key' if len(keys) == 1 else 'keys'}" if keys else ""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
