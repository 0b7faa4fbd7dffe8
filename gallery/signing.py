"""The installation's key: what it attests is signed with Ed25519 (RFC 8032), over JSON in one form."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gallery.documents.note_store import SIGNING_KEY
from gallery.documents.protocol import DocumentStore
from presente.errors import InvalidInput, StoreError
from presente.installation import command_line

_PURPOSE = "receipts"
_ABOUT = "signing key"


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON of a value in its one form: sorted names, no blanks, UTF-8. There is no number in it that is not whole."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signature_of(store: DocumentStore, value: Mapping[str, Any]) -> str:
    """Sign a value with the installation's key, which is made on first use; base64.

    Raises:
        StoreError: ``signing_key_unreadable``, ``seal_broken``.
    """
    return _text(_private_key(store).sign(canonical(value)))


def public_key(store: DocumentStore) -> str:
    """The public half of the installation's key, 32 bytes in base64."""
    return _text(_private_key(store).public_key().public_bytes_raw())


def is_signed(value: Mapping[str, Any], signature: str, key: str) -> bool:
    """Whether a signature of a value is by a public key.

    Raises:
        InvalidInput: ``invalid_public_key``.
    """
    try:
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.strip(), validate=True))
    except (ValueError, binascii.Error) as exc:
        raise InvalidInput(
            "invalid_public_key", f"{key[:60]!r} is no public key.", "It must be 32 bytes in base64, 44 characters."
        ) from exc
    try:
        known.verify(base64.b64decode(signature, validate=True), canonical(value))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _private_key(store: DocumentStore) -> Ed25519PrivateKey:
    kept = store.notes.read(SIGNING_KEY)
    if kept is None:
        kept = store.notes.write_once(SIGNING_KEY, _kept(store, Ed25519PrivateKey.generate().private_bytes_raw()))
    described = json.loads(kept)
    secret, cipher = base64.b64decode(described["key"]), store.seals.derived(_PURPOSE)
    if described["sealed"]:
        if cipher is None:
            raise StoreError(
                "signing_key_unreadable",
                "The key that receipts are signed with is sealed, and the store is not.",
                f"Run `{command_line('seal run')}`, or restore a backup.",
            )
        secret = cipher.unseal(secret, _ABOUT)
    elif cipher is not None:  # the store was sealed since
        store.notes.write(SIGNING_KEY, _kept(store, secret))
    return Ed25519PrivateKey.from_private_bytes(secret)


def bring_into_the_clear(store: DocumentStore) -> None:
    """Keep the key in the clear, if there is one: the store is about to leave encryption."""
    if store.notes.read(SIGNING_KEY) is not None:
        secret = _private_key(store).private_bytes_raw()
        store.notes.write(SIGNING_KEY, json.dumps({"sealed": False, "key": _text(secret)}))


def _kept(store: DocumentStore, secret: bytes) -> str:
    cipher = store.seals.derived(_PURPOSE)
    sealed = secret if cipher is None else cipher.seal(secret, _ABOUT)
    return json.dumps({"sealed": cipher is not None, "key": _text(sealed)})


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
