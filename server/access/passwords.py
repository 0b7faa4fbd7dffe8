"""Passwords: argon2id, by argon2-cffi, with the low-memory parameters that RFC 9106 recommends (64 MiB per hash)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from presente.errors import Busy, InvalidInput

SHORTEST, LONGEST = 10, 200
"""Characters of a password."""

_AT_ONCE = 2
_MOST_LOGINS = _AT_ONCE + 2
"""Logins that are checked or wait for it. Each takes a thread, which others need."""
_RETRY_S = 2
_WAIT_S = 5.0
_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_turns = threading.BoundedSemaphore(_AT_ONCE)
_places = threading.BoundedSemaphore(_MOST_LOGINS)
_NO_ONES = "$argon2id$v=19$m=65536,t=3,p=4$bm8gb25lJ3Mgc2FsdCEhIQ$N0UrvFgMCXpmtKLdnOpDEmvQCjJVSvWLQzPRCKfEiXA"
"""A hash that no password is known for: an unknown name takes as long as a wrong password."""


def check_password(password: str) -> None:
    """Refuse a password that is too short or too long: ``invalid_password``. It is not quoted."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(
            "invalid_password",
            f"The password has {len(password)} characters.",
            f"Choose one of {SHORTEST} to {LONGEST}; several words make a good one.",
        )


def hash_password(password: str) -> str:
    """The hash that is stored, with its parameters and salt.

    Raises:
        InvalidInput: ``invalid_password``.
        Busy: ``busy``.
    """
    check_password(password)
    with _turn(_WAIT_S):
        return _hasher.hash(_one_form(password))


@contextmanager
def place_for_login() -> Iterator[None]:
    """Hold one of the four places of logins; without a free one, a login is refused at once and waits for nothing.

    Raises:
        Busy: ``busy``.
    """
    if not _places.acquire(blocking=False):
        raise _busy()
    try:
        yield
    finally:
        _places.release()


def is_password(password: str, stored: str | None) -> bool:
    """Whether a password is the one behind a hash; None of an account that does not exist, which takes as long.

    The caller has a place (:func:`place_for_login`), so that few wait here.
    """
    with _turn(None):
        try:
            _hasher.verify(_NO_ONES if stored is None else stored, _one_form(password))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than those of now."""
    return _hasher.check_needs_rehash(stored)


def _one_form(password: str) -> str:
    """Unicode's NFC (RFC 8265): the same password from every keyboard."""
    return unicodedata.normalize("NFC", password)


@contextmanager
def _turn(longest_s: float | None) -> Iterator[None]:
    """Wait until fewer than two other hashes are made: each takes 64 MiB and four threads."""
    if not _turns.acquire(timeout=longest_s):
        raise _busy()
    try:
        yield
    finally:
        _turns.release()


def _busy() -> Busy:
    return Busy("busy", "Too many people log in at this moment.", "Try again in a few seconds.", retry_after_s=_RETRY_S)
