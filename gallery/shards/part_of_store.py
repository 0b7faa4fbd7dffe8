"""The documents of a part of the subjects, as an index follows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gallery.documents.protocol import FollowedStore
from gallery.documents.values import Changes, Position, SubjectPart, TemplateBatch


class PartOfStore:
    """A :class:`gallery.documents.protocol.FollowedStore` that has the templates of a part of the subjects.

    It has the changes of all: an index passes over those of templates that it does not find.
    """

    def __init__(self, store: FollowedStore, part: SubjectPart) -> None:
        self._store = store
        self._part = part

    def identity(self) -> str:
        return self._store.identity()

    def pack(self) -> tuple[str, int] | None:
        return self._store.pack()

    def followed_pack(self) -> tuple[str, int] | None:
        return self._store.followed_pack()

    def position(self) -> Position:
        return self._store.position()

    def last_change(self) -> int:
        return self._store.last_change()

    def change_mark(self, change: int) -> str:
        return self._store.change_mark(change)

    def changed_since(self, position: Position) -> bool:
        return self._store.changed_since(position)

    def changes(self, position: Position) -> Changes:
        return self._store.changes(position)

    def removed_since(self, change: int) -> bool:
        return self._store.removed_since(change)

    def templates(
        self,
        ids: Sequence[int] | None = None,
        pack: str | None = None,
        part: SubjectPart | None = None,  # noqa: ARG002 - it is a part itself
    ) -> Iterator[TemplateBatch]:
        return self._store.templates(ids, pack, self._part)

    def template_count(self, part: SubjectPart | None = None) -> int:  # noqa: ARG002 - likewise
        return self._store.template_count(self._part)

    def finish_erasing(self) -> None:
        """Nothing: whoever erases from the documents finishes that."""
