"""Which key seals what in a store. Pure: where keys are kept is a :class:`KeyTable`, of each kind of store.

The master key seals the *store key*, which is kept in the store's settings. The store key seals *data keys*, one per
owner: per student, per photo of a session, and per face of an unknown person. Data keys seal records. Each sealed
record names its key, so that records of several keys can be beside each other while data keys are changed.

A seal is bound to what it is of: whose, which kind of record, and which one. It is bound to nothing that a store
numbers by itself, so that a record can be restored into another store (docs/adr/0050-encryption.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from presente.errors import StoreError
from presente.recent_cache import RecentCache
from presente.sealing import Cipher, MasterKey, new_key

_MOST_OPENED = 4096
"""Data keys that are kept opened."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a store is to be opened with: the master key, and whether names are sealed, too."""

    master: MasterKey
    names: bool = False


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key as a store keeps it.

    Attributes:
        id: a random number above 0 with at most 63 bits, by which records name it.
        owner: :func:`of_student`, :func:`of_session_photo` or :func:`of_unknown_face`.
        era: how often data keys had been changed when it was made.
        sealed: the key, sealed with the store key.
    """

    id: int
    owner: str
    era: int
    sealed: bytes


def of_student(subject: int) -> str:
    """The owner of the records of a student."""
    return f"student {int(subject)}"


def of_session_photo(session: int, number: int) -> str:
    """The owner of the copy of a session's photo, and of the faces in it."""
    return f"session_photo {int(session)}/{int(number)}"


def of_unknown_face(number: int) -> str:
    """The owner of the template and the picture of a face of an unknown person."""
    return f"unknown_face {int(number)}"


# -- what seals are bound to ------------------------------------------------------------------------------------------


def photo_seal(subject: int, sha256: str) -> str:
    """A photo's bytes."""
    return f"photo of student {int(subject)}, {sha256}"


def source_seal(subject: int, sha256: str) -> str:
    """Where a photo came from, which may be a file that is called like the student."""
    return f"source of student {int(subject)}, {sha256}"


def template_seal(subject: int, sha256: str, pack: str) -> str:
    """A template's vector."""
    return f"template of student {int(subject)}, {sha256}, {pack}"


def face_seal(subject: int, clase: str, fecha: str, session: int, revision: int) -> str:
    """The vector of the face behind an attendance entry."""
    return f"face of student {int(subject)}, {json.dumps([clase, fecha, int(session), int(revision)])}"


def negative_seal(subject: int, about: str, pack: str) -> str:
    """The vector of a face that is not a student's."""
    return f"negative of student {int(subject)}, {about}, {pack}"


def name_seal(subject: int) -> str:
    """A student's name."""
    return f"name of student {int(subject)}"


def session_photo_seal(session: int, number: int) -> str:
    """The copy of a session's photo."""
    return f"photo {int(number)} of session {int(session)}"


def session_faces_seal(session: int, number: int) -> str:
    """The faces in a session's photo."""
    return f"faces in photo {int(number)} of session {int(session)}"


def unknown_template_seal(number: int, pack: str) -> str:
    """The template of an unknown person's face."""
    return f"template of unknown face {int(number)}, {pack}"


def unknown_picture_seal(number: int) -> str:
    """The picture of an unknown person's face."""
    return f"picture of unknown face {int(number)}"


# -- the store key ----------------------------------------------------------------------------------------------------

STORE_KEY = "store_key"
"""The store's setting that has a :class:`SealedStoreKey` as a text."""
_STORE_KEY = "store key"


@dataclass(frozen=True, slots=True)
class SealedStoreKey:
    """The store key as it is kept.

    Attributes:
        masters: the key, sealed with each master key that opens the store, by the master key's name.
        era: how often data keys were changed.
    """

    masters: Mapping[str, bytes]
    era: int = 0

    @classmethod
    def new(cls, master: MasterKey) -> SealedStoreKey:
        """A random store key."""
        return cls({master.name: master.cipher.seal(new_key(), _STORE_KEY)})

    @classmethod
    def read(cls, text: str) -> SealedStoreKey:
        """Read what :meth:`text` wrote.

        Raises:
            StoreError: ``seal_broken``.
        """
        try:
            kept = json.loads(text)
            masters = {str(name): base64.b64decode(sealed, validate=True) for name, sealed in kept["masters"].items()}
            return cls(masters, int(kept["era"]))
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise StoreError(
                "seal_broken", f"The store key cannot be read ({exc}).", "Restore a backup (docs/damage.md)."
            ) from exc

    def text(self) -> str:
        """The key as JSON."""
        masters = {name: base64.b64encode(sealed).decode() for name, sealed in self.masters.items()}
        return json.dumps({"masters": masters, "era": self.era})

    def opened(self, master: MasterKey) -> bytes:
        """The key itself.

        Raises:
            StoreError: ``master_key_wrong``, ``seal_broken``.
        """
        sealed = self.masters.get(master.name)
        if sealed is None:
            raise StoreError(
                "master_key_wrong",
                f"PRESENTE_MASTER_KEY is the key {master.name}, and the store was sealed with "
                f"{' and '.join(sorted(self.masters))}.",
                "Name the key that the store was sealed with.",
            )
        return master.cipher.unseal(sealed, _STORE_KEY)

    def with_master(self, master: MasterKey, new: MasterKey) -> SealedStoreKey:
        """The same key, which a further master key opens."""
        return replace(self, masters={**self.masters, new.name: new.cipher.seal(self.opened(master), _STORE_KEY)})

    def with_master_only(self, master: MasterKey) -> SealedStoreKey:
        """The same key, which no other master key opens."""
        self.opened(master)
        return replace(self, masters={master.name: self.masters[master.name]})


def master_key_missing() -> StoreError:
    """The error of opening a sealed store without a key."""
    return StoreError(
        "master_key_missing",
        "The store is sealed, and PRESENTE_MASTER_KEY names no key.",
        "Set PRESENTE_MASTER_KEY to the key that the store was sealed with (docs/encryption.md).",
    )


def data_key_missing(where: str) -> StoreError:
    """The error of a record whose data key is not there."""
    return StoreError(
        "data_key_missing", f"The key of {where} does not exist.", "Restore a backup; docs/encryption.md says more."
    )


# -- data keys --------------------------------------------------------------------------------------------------------


class KeyTable(Protocol):
    """The data keys of a store: inside a transaction, where the store has them."""

    def current(self, owners: Collection[str]) -> dict[str, DataKey]:
        """The newest key of each owner; those who have none are left out."""

    def find(self, ids: Collection[int]) -> list[DataKey]:
        """Keys by id, in no order; those that do not exist are left out."""

    def add(self, keys: Sequence[DataKey]) -> None:
        """Keep new keys."""

    def store_key(self) -> SealedStoreKey | None:
        """The store key as it is kept now; None when the store is not sealed."""


class StoreSeals:
    """The opened store key, and the data keys that were opened last. Safe to use from several threads.

    Attributes:
        names: whether names are sealed in new records.
        master: the master key that the store was opened with.
        key: the store key.
    """

    def __init__(self, key: bytes, sealing: Sealing) -> None:
        self.names, self.master = sealing.names, sealing.master
        self.key = key
        self._cipher = Cipher(key)
        self._opened: RecentCache[int, Cipher] = RecentCache(_MOST_OPENED)

    def made(self, owner: str, era: int) -> DataKey:
        """A new data key."""
        number = secrets.randbelow(2**63 - 1) + 1
        return DataKey(number, owner, era, self._cipher.seal(new_key(), _about_key(number, owner)))

    def kept(self, number: int) -> Cipher | None:
        """What opens records of a data key, if it was opened lately."""
        return self._opened.peek(number)

    def cipher(self, key: DataKey) -> Cipher:
        """What seals and opens records of a data key.

        Raises:
            StoreError: ``seal_broken``.
        """
        return self._opened.get(key.id, lambda: Cipher(self._cipher.unseal(key.sealed, _about_key(key.id, key.owner))))

    def forget(self) -> None:
        """Drop the opened data keys: someone was erased."""
        self._opened.clear()

    def derived(self, purpose: str) -> Cipher:
        """A further key that is made of the store key, for what is kept outside the store."""
        return Cipher(hmac.digest(self.key, f"presente {purpose}".encode(), hashlib.sha256))


def _about_key(number: int, owner: str) -> str:
    return f"data key {number} of {owner}"


def open_seals(kept: SealedStoreKey | None, sealing: Sealing | StoreSeals | None) -> StoreSeals | None:
    """Open the store key of a store, unless it is open; None for a store in the clear that is opened without a key.

    Of seals that are open, no data key is opened.

    Raises:
        StoreError: ``master_key_missing``, ``master_key_wrong``, ``seal_broken``.
    """
    if isinstance(sealing, StoreSeals):
        return StoreSeals(sealing.key, Sealing(sealing.master, sealing.names))
    if kept is None:
        return None
    if sealing is None:
        raise master_key_missing()
    return StoreSeals(kept.opened(sealing.master), sealing)


class Sealer:
    """Seals and opens the records of one transaction, or of one call. A store in the clear has one, too.

    ``stored`` is what a store has: sealed bytes with the id of their key, or bytes in the clear with None.
    """

    def __init__(self, seals: StoreSeals | None, keys: KeyTable) -> None:
        self._seals = seals
        self._keys = keys
        self._current: dict[str, tuple[int, Cipher]] = {}
        self._loaded: dict[int, Cipher] = {}
        self._kept: SealedStoreKey | None = None

    @property
    def is_sealed(self) -> bool:
        """Whether new records are sealed, and others may be."""
        return self._seals is not None

    @property
    def seals_names(self) -> bool:
        """Whether names are sealed in new records."""
        return self._seals is not None and self._seals.names

    # -- sealing ----------------------------------------------------------------------------------------------------

    def prepare(self, owners: Iterable[str], new: Iterable[str] = ()) -> None:
        """Get the keys of several owners at once, and make those that are missing; ``new`` owners have none yet.

        Raises:
            StoreError: ``store_unsealed``, ``seal_broken``.
        """
        wanted = {owner for owner in owners if owner not in self._current}
        fresh = set(new)
        if self._seals is None or not (wanted or fresh):
            return
        found = self._keys.current(wanted) if wanted else {}
        missing = sorted((wanted - found.keys()) | fresh)
        if missing:
            made = [self._seals.made(owner, self._era()) for owner in missing]
            self._keys.add(made)
            found |= {key.owner: key for key in made}
        self._current |= {owner: (key.id, self._seals.cipher(key)) for owner, key in found.items()}

    def _era(self) -> int:
        if self._kept is None:
            self._kept = self._keys.store_key()
        if self._kept is None:
            raise StoreError(
                "store_unsealed",
                "The store is not sealed any more, and this program was started while it was.",
                "Start it again, without PRESENTE_MASTER_KEY if the store is to stay in the clear.",
            )
        return self._kept.era

    def seal(self, owner: str, plain: bytes, about: str) -> tuple[bytes, int | None]:
        """Seal bytes with the key of their owner; as they are, and None, in a store in the clear."""
        if self._seals is None:
            return plain, None
        if owner not in self._current:
            self.prepare([owner])
        number, cipher = self._current[owner]
        return cipher.seal(plain, about), number

    def lost(self) -> bool:
        """Whether a key that :meth:`seal` has used is gone: what was sealed with it must be written again."""
        used = {number for number, _ in self._current.values()}
        return len(used) > len(self._keys.find(used)) if used else False

    # -- opening ----------------------------------------------------------------------------------------------------

    def load(self, numbers: Iterable[int | None]) -> None:
        """Get several keys by id at once."""
        if self._seals is None:
            return
        missing = set[int]()
        for number in {int(each) for each in numbers if each is not None and each not in self._loaded}:
            cipher = self._seals.kept(number)
            if cipher is None:
                missing.add(number)
            else:
                self._loaded[number] = cipher
        for key in self._keys.find(missing) if missing else ():
            self._loaded[key.id] = self._seals.cipher(key)

    def unseal(self, stored: bytes, number: int | None, about: str) -> bytes | None:
        """Open bytes; None when their key is gone: they are of a student who was erased meanwhile.

        Raises:
            StoreError: ``seal_broken``, ``master_key_missing``.
        """
        if number is None:
            return bytes(stored)
        if self._seals is None:
            raise master_key_missing()
        if number not in self._loaded:
            self.load([number])
        cipher = self._loaded.get(number)
        return None if cipher is None else cipher.unseal(stored, about)
