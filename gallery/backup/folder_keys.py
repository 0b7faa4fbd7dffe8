"""How the key of a backup folder is kept: sealed with a key made of the store key, which the master key seals.

So whoever has the master key can open the folder without the store. After the master key was changed, the next run
writes the store key as it is sealed then.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

from gallery.backup.errors import damaged
from gallery.backup.key_list import FolderKey
from gallery.documents.seals import SealedStoreKey, Sealing, StoreSeals, master_key_missing
from presente.errors import StoreError
from presente.sealing import Cipher, MasterKey, new_key

_PURPOSE, _ABOUT = "backup", "key of the backup"


@dataclass(frozen=True, slots=True)
class FolderHeader:
    """What is in the clear in a folder.

    Attributes:
        store: the identity of the store.
        life: of which life of the store: a store that was restored begins another one.
        store_key: the store key as the store kept it; empty when the backup is in the clear.
        secret: the key of the folder, sealed with a key made of the store key; in the clear as it is.
    """

    store: str
    life: str
    store_key: str
    secret: bytes

    def text(self) -> bytes:
        """The header as one line."""
        secret = base64.b64encode(self.secret).decode()
        made = {"store": self.store, "life": self.life, "store_key": self.store_key, "secret": secret}
        return json.dumps(made, sort_keys=True).encode()

    @classmethod
    def read(cls, line: bytes) -> FolderHeader:
        """What :meth:`text` returned.

        Raises:
            StoreError: ``backup_damaged``.
        """
        try:
            found = json.loads(line)
            secret = base64.b64decode(found.pop("secret"), validate=True)
            made = cls(secret=secret, **found)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise damaged("keys", "It is not as it was written.") from exc
        if made.text() != line:
            raise damaged("keys", "It is not as it was written.")
        return made

    @property
    def is_sealed(self) -> bool:
        """Whether the folder's key is sealed."""
        return bool(self.store_key)

    @classmethod
    def new(cls, store: str, life: str, store_key: str, master: MasterKey | None) -> tuple[FolderHeader, FolderKey]:
        """The header of a new folder, and its key."""
        header, key = cls(store, life, "", new_key()), FolderKey(new_key())
        return header.resealed(key, life, store_key, master), key

    def resealed(self, key: FolderKey, life: str, store_key: str, master: MasterKey | None) -> FolderHeader:
        """The header with the store key as the store keeps it now."""
        if not store_key:
            return replace(self, life=life, store_key="", secret=key.secret)
        if store_key == self.store_key and life == self.life:
            return self
        sealed = _cipher(store_key, master).seal(key.secret, _ABOUT)
        return replace(self, life=life, store_key=store_key, secret=sealed)

    def opened(self, master: MasterKey | None, store_key: str = "") -> FolderKey:
        """The folder's key.

        Args:
            master: the master key.
            store_key: the store key as the store keeps it now, where there is a store: its master key may be another
                one since the last run.

        Raises:
            StoreError: ``master_key_missing``, ``master_key_wrong``, ``backup_damaged``.
        """
        if not self.is_sealed:
            return FolderKey(self.secret)
        opens_now = store_key and master is not None and master.name in SealedStoreKey.read(store_key).masters
        for text in [self.store_key, *([store_key] if opens_now else [])]:
            try:
                return FolderKey(_cipher(text, master).unseal(self.secret, _ABOUT))
            except StoreError as error:
                failure = error
        if failure.code == "seal_broken":
            raise damaged("keys", "It is not as it was written.") from failure
        raise failure


def _cipher(store_key: str, master: MasterKey | None) -> Cipher:
    if master is None:
        raise master_key_missing()
    return StoreSeals(SealedStoreKey.read(store_key).opened(master), Sealing(master)).derived(_PURPOSE)
