"""Sealing: AES-256-GCM over bytes, bound to what the bytes are, and the master key that other keys are sealed with.

What is sealed carries one byte for the form, a nonce of 12 bytes (random, or by content), the ciphertext and a tag of
16 bytes. The *associated data* of a seal says which record it is of: bytes that were moved to another do not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from presente.errors import StoreError

KEY_BYTES = 32
"""Bytes of every key."""
_FORM = b"\x01"
_NONCE_BYTES = 12
OVERHEAD = len(_FORM) + _NONCE_BYTES + 16
"""How many bytes longer sealed bytes are."""


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def is_sealed(content: bytes) -> bool:
    """Whether bytes begin as sealed ones do; so does no photo, and no JSON."""
    return content.startswith(_FORM)


class Cipher:
    """Seals and opens with one key. Safe to use from several threads. It has no ``repr`` of its key."""

    __slots__ = ("_aes",)

    def __init__(self, key: bytes) -> None:
        """Take a key of :data:`KEY_BYTES` bytes."""
        self._aes = AESGCM(key)

    def seal(self, plain: bytes, about: str) -> bytes:
        """Seal bytes.

        Args:
            plain: the bytes.
            about: which record they are of; the same text opens them.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return _FORM + nonce + self._aes.encrypt(nonce, plain, about.encode())

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """Open sealed bytes.

        Raises:
            StoreError: ``seal_broken`` when they were sealed with another key, are of another record, or were changed.
        """
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if not sealed.startswith(_FORM):
                raise InvalidTag
            return self._aes.decrypt(nonce, rest, about.encode())
        except (InvalidTag, ValueError) as exc:
            raise _broken(about) from exc

    def unseal_into(self, sealed: memoryview, about: str, plain: memoryview) -> None:
        """Open sealed bytes into a buffer that is :data:`OVERHEAD` bytes shorter.

        Raises:
            StoreError: ``seal_broken``, as :meth:`unseal`.
        """
        nonce, rest = bytes(sealed[1 : 1 + _NONCE_BYTES]), sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _FORM:
                raise InvalidTag
            self._aes.decrypt_into(nonce, rest, about.encode(), plain)
        except (InvalidTag, ValueError) as exc:
            raise _broken(about) from exc


def seal_alike(key: bytes, plain: bytes, about: str) -> bytes:
    """Seal bytes so that the same bytes of the same record become the same sealed bytes; :class:`Cipher` opens them.

    The nonce is an HMAC of record and bytes, with a key that is made of the key: one that is used twice is used for the
    same bytes. So it says which sealed bytes are the same, and, without the key, nothing else.

    Args:
        key: :data:`KEY_BYTES` bytes.
        plain: the bytes.
        about: which record they are of.
    """
    record, own = about.encode(), hmac.digest(key, b"presente nonce", "sha256")
    nonce = hmac.digest(own, len(record).to_bytes(8, "big") + record + plain, "sha256")[:_NONCE_BYTES]
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plain, record)


def _broken(about: str) -> StoreError:
    return StoreError(
        "seal_broken",
        f"The sealed {about} cannot be opened: it was changed, or sealed with another key.",
        "Restore a backup; docs/encryption.md says how to look further.",
    )


class MasterKey:
    """The key of an installation, which seals keys and nothing else. It has no ``repr`` of itself."""

    def __init__(self, secret: bytes) -> None:
        """Take a key of :data:`KEY_BYTES` bytes."""
        self._secret = secret

    @cached_property
    def name(self) -> str:
        """A name by which the key is told from others, 16 hexadecimal digits. It says nothing about the key."""
        return hashlib.sha256(b"presente master key" + self._secret).hexdigest()[:16]

    @cached_property
    def cipher(self) -> Cipher:
        """Seals keys with the master key."""
        return Cipher(self._secret)
