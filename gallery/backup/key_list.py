"""The key list of a backup folder: one key per owner of records. Whose key is gone, is gone from every snapshot."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from presente.sealing import Cipher, new_key


class OwnerKey(msgspec.Struct, array_like=True):
    """The key of an owner.

    Attributes:
        key: 32 bytes.
        subject: of a photo, the student's subject id; otherwise 0.
        sha256: of a photo, its SHA-256; otherwise empty.
        gone: since when the owner is no longer in the store, UTC, ISO; empty while it is.
    """

    key: bytes
    subject: int = 0
    sha256: str = ""
    gone: str = ""


@dataclass(slots=True)
class KeyList:
    """The keys of a folder. It says nothing about anyone but ids and the SHA-256 of photos, and is sealed as a whole.

    Attributes:
        keys: by owner.
        last_number: a number that no id in any snapshot of the folder exceeds.
        changed: how many keys were not written yet.
    """

    keys: dict[str, OwnerKey] = field(default_factory=dict)
    last_number: int = 0
    changed: int = 0

    def made(self, owner: str, subject: int = 0, sha256: str = "") -> OwnerKey:
        """The key of an owner, a new one if there is none."""
        found = self.keys.get(owner)
        if found is None:
            found = self.keys[owner] = OwnerKey(new_key(), subject, sha256)
            self.changed += 1
        return found

    def joint(self, owners: Iterable[str]) -> bytes | None:
        """The key of what belongs to all of some owners; None when one of them has none any more."""
        found = [self.keys.get(owner) for owner in owners]
        if len(found) == 1:
            return None if found[0] is None else found[0].key
        digest = hashlib.sha256(b"presente joint key")
        for each in found:
            if each is None:
                return None
            digest.update(each.key)
        return digest.digest()

    def encoded(self) -> bytes:
        """The list as bytes."""
        return msgspec.msgpack.encode({"last_number": self.last_number, "keys": self.keys})

    @classmethod
    def decoded(cls, content: bytes) -> KeyList:
        """What :meth:`encoded` returned."""
        found: dict[str, Any] = msgspec.msgpack.decode(content, strict=False)
        keys = msgspec.convert(found["keys"], dict[str, OwnerKey])
        return cls(keys, int(found["last_number"]))


@dataclass(frozen=True, slots=True)
class FolderKey:
    """The key of a folder, from which names of objects are made and with which objects are sealed."""

    secret: bytes = field(repr=False)

    @property
    def cipher(self) -> Cipher:
        """Seals what is in the folder."""
        return Cipher(self.secret)

    def name(self, *parts: bytes) -> str:
        """The name of an object with some content: 64 hexadecimal digits that say nothing without the key."""
        digest = hmac.new(self.secret, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()
