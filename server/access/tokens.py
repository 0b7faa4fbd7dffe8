"""Secrets that the server makes: keys of machines, tokens of sessions, and the marks of browsers that logged in before.

Tokens of sessions and marks of browsers are signed with the store's secret, so that a made-up one is told apart without
a look into the store.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

KEY_PREFIX = "presente_"
"""What the text of every key begins with that a server made, so that people and scanners recognise one."""

DEVICE_S = 180 * 24 * 3600
"""Seconds for which a mark of a browser holds, from the last login in it."""

_BYTES = 32


def new_key() -> str:
    """The text of a new key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(_BYTES)


def new_setup_code() -> str:
    """A code of 128 random bits that a person can type: 32 hex digits in groups of four."""
    digits = secrets.token_hex(16)
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


class TokenSigner:
    """Makes and checks signed tokens. One per store."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        """Sign with a secret of hex digits; ``clock`` says when a mark was given, in seconds since 1970."""
        self._secret = bytes.fromhex(secret)
        self._clock = clock

    def session_token(self) -> str:
        """A new token of a session: 256 random bits, signed."""
        return self._signed(secrets.token_urlsafe(_BYTES), "session")

    def is_session_token(self, text: str) -> bool:
        """Whether a server of this store made a token. Whether its session lasts is another question."""
        return self._is_signed(text, "session")

    def device_mark(self, account: str, password_hash: str, device: str = "") -> str:
        """A mark of a browser in which a person has just logged in to an account.

        It says which browser that is (``device``, or a new random name) and when it was given, and is bound to the
        account's password: with another password it is worth nothing.
        """
        given = f"{device or secrets.token_urlsafe(16)}.{int(self._clock())}"
        return self._signed(f"{given}.{self._bound(given, account, password_hash)}", "device")

    def device(self, mark: str) -> str:
        """The browser that a mark was given to, for whatever account; empty when it is made up or too old."""
        device, given_at, *_ = [*mark.split("."), ""]
        if not self._is_signed(mark, "device") or self._clock() - int(given_at) >= DEVICE_S:
            return ""
        return device

    def device_known_to(self, mark: str, account: str, password_hash: str) -> str:
        """The browser that a mark was given to for this account and password; empty for any other text."""
        given, _, bound = mark.rpartition(".")[0].rpartition(".")
        device = self.device(mark)
        return device if device and hmac.compare_digest(bound, self._bound(given, account, password_hash)) else ""

    def _bound(self, given: str, account: str, password_hash: str) -> str:
        return self._signature(f"{given}\0{account}\0{password_hash}", "account")

    def _signed(self, text: str, purpose: str) -> str:
        return f"{text}.{self._signature(text, purpose)}"

    def _is_signed(self, text: str, purpose: str) -> bool:
        word, dot, signature = text.rpartition(".")
        return bool(dot) and text.isascii() and hmac.compare_digest(signature, self._signature(word, purpose))

    def _signature(self, text: str, purpose: str) -> str:
        return hmac.new(self._secret, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]


def csrf_token(session_token: str) -> str:
    """The CSRF token of a session. Only who knows the session's token can compute it, and it does not lead back."""
    return hashlib.sha256(f"csrf\0{session_token}".encode()).hexdigest()
