"""The protocol of the part of a store that is about how it is sealed, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gallery.documents.seals import DataKey, SealedStoreKey
from presente.errors import InvalidInput
from presente.sealing import Cipher, MasterKey

Resealed = Callable[[int], None]
"""Is called with the number of further owners whose records were sealed again."""


@dataclass(frozen=True, slots=True)
class SealState:
    """How a store is sealed.

    Attributes:
        sealed: whether there is a store key, so that new records are sealed.
        masters: the names of the master keys that open it.
        master: the name of the one that it was opened with; empty for a store in the clear.
        keys: how many data keys there are.
        retired: how many of them are from before the last change of data keys, and still in use.
        clear_photos: photos of students that are in the clear.
        clear_templates: templates that are.
        clear_faces: faces of attendance entries that are.
        clear_session_photos: copies of sessions' photos that are.
        clear_unknown_faces: faces of unknown people that are.
        clear_negatives: negative examples that are.
        clear_names: names of students that are.
    """

    sealed: bool
    masters: tuple[str, ...] = ()
    master: str = ""
    keys: int = 0
    retired: int = 0
    clear_photos: int = 0
    clear_templates: int = 0
    clear_faces: int = 0
    clear_session_photos: int = 0
    clear_unknown_faces: int = 0
    clear_negatives: int = 0
    clear_names: int = 0

    @property
    def clear_records(self) -> int:
        """How many records show a face and are in the clear."""
        faces = self.clear_templates + self.clear_faces + self.clear_negatives + self.clear_unknown_faces
        return self.clear_photos + faces + self.clear_session_photos


class SealStore(Protocol):
    """How a store is sealed. What changes many records goes owner by owner: it can be killed at any moment and called
    again, while others read and write."""

    def state(self) -> SealState:
        """How the store is sealed now."""

    def seal_all(self, progress: Resealed = lambda _: None) -> None:
        """Seal what is in the clear; names, too, where the store was opened for that.

        Raises ``InvalidInput`` (``not_sealed``) when the store was opened without a master key."""

    def change_data_keys(self, progress: Resealed = lambda _: None) -> None:
        """Give every owner a new data key, seal the records again, and destroy the old keys.

        A change that was cut off is finished first, and no other one is begun then.
        Raises ``InvalidInput`` (``not_sealed``)."""

    def unseal_all(self, progress: Resealed = lambda _: None) -> None:
        """Leave encryption: bring all records into the clear, and destroy all keys. No other program may write.

        Raises ``InvalidInput`` (``not_sealed``), ``StoreError`` (``store_in_use``)."""

    def add_master(self, new: MasterKey) -> None:
        """Let a further master key open the store. Raises ``InvalidInput`` (``not_sealed``)."""

    def drop_other_masters(self) -> tuple[str, ...]:
        """Let only the master key that the store was opened with open it; the names of those that were dropped.

        Raises ``InvalidInput`` (``not_sealed``)."""

    def store_key(self) -> SealedStoreKey | None:
        """The store key as it is kept; None for a store in the clear."""

    def data_keys(self) -> Iterator[DataKey]:
        """Every data key as it is kept, sealed with the store key, in order of id."""

    def derived(self, purpose: str) -> Cipher | None:
        """A key for what is kept outside the store; None for a store in the clear."""


def not_sealed() -> InvalidInput:
    """The error of asking a store in the clear for what only a sealed one can do."""
    return InvalidInput(
        "not_sealed",
        "The store is not sealed.",
        "Set PRESENTE_MASTER_KEY, if it is to be (docs/encryption.md).",
    )
