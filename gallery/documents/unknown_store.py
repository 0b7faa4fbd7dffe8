"""The protocol of unknown people, which every document store satisfies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from gallery.documents.erasure_list import NOT_ASKED, Cause
from gallery.documents.unknown_people import (
    StoredUnknownFace,
    UnknownBatch,
    UnknownFace,
    UnknownGroup,
    UnknownOrder,
    UnknownPlace,
    UnknownState,
)

_PAGE = 200


class UnknownStore(Protocol):
    """Faces of people who are not enrolled, in groups. A group exists while it has a face."""

    def add(self, faces: Sequence[tuple[UnknownFace, int]]) -> list[StoredUnknownFace]:
        """Add faces to groups, by the groups' ids; 0 begins a group.

        A face of a group that is gone begins one, too. What is returned has no pictures."""

    def see_again(self, face: int, last_at: str, looks: int, better: UnknownFace | None) -> bool:
        """Note further looks of a visit: a later ``last_at``, and how many ``looks`` more. False when the face is gone.

        ``better`` shows the face better: its template, picture, box and quality replace those that are stored."""

    def group(self, number: int) -> UnknownGroup | None:
        """The group with an id; None when there is none."""

    def groups(
        self,
        state: UnknownState,
        order: UnknownOrder,
        after: UnknownPlace | None,
        limit: int,
        clases: Collection[str] | None = None,
    ) -> list[UnknownGroup]:
        """At most ``limit`` groups of a state, the greatest of the order first, after a place; None: from the first.

        ``clases``: only those that the attendance of one of these classes showed."""

    def faces(self, group: int, after: int, limit: int) -> list[StoredUnknownFace]:
        """At most ``limit`` faces of a group with an id above ``after``, in order of id, without pictures."""

    def picture(self, face: int) -> bytes | None:
        """The picture of a face; None when the face is gone."""

    def templates(self, pack: str, after: int = 0) -> Iterator[UnknownBatch]:
        """Templates by a pack of the faces with an id above ``after``, in order of id, in batches."""

    def epoch(self) -> str:
        """A random word that is another one after each change but :meth:`add` and :meth:`see_again`: whoever holds
        templates reads them all anew then. Cheap."""

    def join(self, keep: int, other: int) -> bool:
        """Move the faces of ``other`` to ``keep``; False when one of them is gone. ``keep`` stays what it is."""

    def split(self, faces: Sequence[int]) -> int:
        """Move faces out of their groups into a new one; its id, or 0 when all are gone."""

    def mark(self, number: int, state: UnknownState, note: str | None = None) -> bool:
        """Set the state of a group, and its note unless that is None; False when the group is gone."""

    def erase(self, faces: Sequence[int], cause: Cause = NOT_ASKED) -> int:
        """Erase faces, so that no page of the store contains them; how many existed.

        Each is an entry of the erasure list."""

    def erase_group(self, number: int, cause: Cause = NOT_ASKED) -> int:
        """Erase a group with all its faces, likewise; how many faces it had."""

    def drop(self, before: str | None, dry: bool = False) -> int:
        """Erase the faces of open groups that were last seen before a moment (UTC, ISO), so that no page of the store
        contains them; how many. None: every face of every group.

        The erasure list gets no entry: what an older backup brings back, the same rule erases again.
        ``dry``: only count."""

    def counts(self) -> tuple[int, int, int]:
        """How many groups are open, how many are not ours, and how many faces there are."""


def every_face(unknowns: UnknownStore, group: int, after: int = 0) -> Iterator[StoredUnknownFace]:
    """The faces of a group with an id above ``after``, in order of id, without pictures, read page by page."""
    while page := unknowns.faces(group, after, _PAGE):
        yield from page
        after = page[-1].id
