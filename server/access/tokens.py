"""Secrets that the server makes: keys of machines, tokens of sessions, and the marks of browsers that logged in before.

Tokens of sessions and marks of browsers are signed with the store's secret, so that a made-up one is told apart without
a look into the store.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

KEY_PREFIX = "presente_"
"""What the text of every key begins with that a server made, so that people and scanners recognise one."""

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

    def __init__(self, secret: str) -> None:
        self._secret = bytes.fromhex(secret)

    def session_token(self) -> str:
        """A new token of a session: 256 random bits, signed."""
        return self._signed(secrets.token_urlsafe(_BYTES), "session")

    def is_session_token(self, text: str) -> bool:
        """Whether a server of this store made a token. Whether its session lasts is another question."""
        return self._is_signed(text, "session")

    def device_mark(self, account: str) -> str:
        """A new mark of a browser in which a person has logged in to an account."""
        return self._signed(secrets.token_urlsafe(16), f"device:{account}")

    def is_device_mark(self, text: str, account: str) -> bool:
        """Whether a mark was given to a browser for this account."""
        return self._is_signed(text, f"device:{account}")

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
