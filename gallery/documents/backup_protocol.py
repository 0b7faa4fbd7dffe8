"""What a backup asks of a document store: everything in it, as records that are the same for every kind of store.

A record is a kind and named fields: texts, numbers, bytes, and lists and dictionaries of them. Bytes that the store
keeps sealed stay as they are. Ids are those of the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from presente.errors import Busy, StoreError

RecordKind = Literal[
    "setting",
    "erasure",
    "student",
    "photo",
    "template",
    "session",
    "session_photo",
    "unknown_face",
    "data_key",
    "attendance",
    "participation",
    "negative",
    "timetable",
    "request",
    "access_key",
    "account",
    "access_line",
    "finding",
]
KINDS: tuple[RecordKind, ...] = RecordKind.__args__  # type: ignore[attr-defined]
"""Every kind, in the order in which records are restored: what another record names comes first."""

RESTORING = "restoring"
"""The setting of a store that is being restored; its value is the name of the run."""

Opening = Literal["use", "load", "finish"]
"""What a store is opened for. ``use``: a half restored one is refused. ``load``: a backup is loaded into it; no seal is
opened. ``finish``: it is loaded, and still half restored."""


class Record(NamedTuple):
    """One record."""

    kind: RecordKind
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PhotoVersion:
    """The stored bytes of a photo.

    Attributes:
        id: the photo's id.
        student: the student's subject id.
        sha256: of the photo.
        seal: id of the data key that the bytes are sealed with; 0 in the clear. Other bytes have another id.
    """

    id: int
    student: int
    sha256: str
    seal: int = 0


class PhotoContents(Protocol):
    """Where a backup puts the bytes of photos."""

    def has(self, photo: PhotoVersion) -> bool:
        """Whether the bytes are there already."""

    def put(self, photo: PhotoVersion, content: bytes) -> None:
        """Keep the bytes."""


class BackupStore(Protocol):
    """How everything in a store is read and written."""

    def capture(self, contents: PhotoContents) -> None:
        """Give the stored bytes of every photo that ``contents`` does not have. Others may read and write meanwhile."""

    def records(self, contents: PhotoContents) -> Iterator[Record]:
        """Everything at one moment, not before the call, by :data:`KINDS`, in each kind in order of id.

        What was acknowledged before the call is in it. A write that overlaps with the call is in it whole, or not at
        all. No photo is in it whose bytes ``contents`` does not have. Others may read and write meanwhile.
        Raises ``Busy`` (``store_busy``) when others write too much at once."""

    def setting(self, name: str) -> str | None:
        """A setting of the store; None when it has none of the name."""

    def last_number(self) -> int:
        """A number that no id in the store exceeds, whether what had the id still exists or not."""

    def begin_restore(self, run: str) -> None:
        """Mark the store as half restored by a run, so that nothing else opens it, and delete what an earlier run left.

        The store is the run's until it is closed. Raises ``Conflict`` (``store_not_empty``) and ``Busy``
        (``restore_busy``), before anything is changed."""

    def continue_restore(self, run: str) -> None:
        """Take the store again for a run that began, after it was closed and opened.

        Raises ``Busy`` (``restore_busy``) when another run has it, or had it meanwhile."""

    def load(self, records: Sequence[Record]) -> None:
        """Add records of one kind. A photo has its bytes as ``content``."""

    def end_load(self, last_number: int) -> None:
        """Make every later id greater than a number, and counts agree with what was loaded."""

    def end_restore(self) -> None:
        """Take the mark away: the store may be opened. Raises ``Busy`` (``restore_busy``) when another run has it."""


def restore_unfinished() -> StoreError:
    """The error of opening a store that is half restored."""
    return StoreError(
        "restore_unfinished",
        "A backup was being restored into the store, and that was not finished.",
        "Run the same restore again: it begins anew.",
    )


def restore_busy() -> Busy:
    """The error of a restore into a store that another one has."""
    return Busy(
        "restore_busy",
        "Another restore writes into the store that PRESENTE_STORE names.",
        "Wait until it has ended, or name another new file or database.",
    )
