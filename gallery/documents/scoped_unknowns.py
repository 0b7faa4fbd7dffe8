"""Unknown people as a caller sees them who may see only a part of the school: what its classes' attendance showed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gallery.documents.scope import Scope
from gallery.documents.unknown_people import (
    StoredUnknownFace,
    UnknownGroup,
    UnknownOrder,
    UnknownPlace,
    UnknownState,
)
from gallery.documents.unknown_rules import Sightings, added_up
from gallery.documents.unknown_store import UnknownStore, every_face


class ScopedUnknowns:
    """The methods of a :class:`gallery.documents.unknown_store.UnknownStore` that know of scopes: those that read.

    A group has only the faces that a class of the scope showed, and adds up those alone. Groups come in the order of
    all their faces.
    """

    def __init__(self, unknowns: UnknownStore, scope: Scope) -> None:
        self._unknowns = unknowns
        self._scope = scope

    def group(self, number: int) -> UnknownGroup | None:
        """The group with an id; None when no class of the scope showed one of its faces."""
        found = self._unknowns.group(number)
        return None if found is None else self._seen_of(found)

    def groups(
        self,
        state: UnknownState,
        order: UnknownOrder,
        after: UnknownPlace | None,
        limit: int,
        clases: Collection[str] | None = None,
    ) -> list[UnknownGroup]:
        """At most ``limit`` groups of the scope, likewise."""
        own = self._own(clases)
        found: list[UnknownGroup] = []
        while len(found) < limit:
            page = self._unknowns.groups(state, order, after, limit - len(found), own)
            if not page:
                break
            found += [seen for group in page if (seen := self._seen_of(group)) is not None]
            after = place_of(page[-1], order)
        return found

    def faces(self, group: int, after: int, limit: int) -> list[StoredUnknownFace]:
        """At most ``limit`` faces of a group that a class of the scope showed, in order of id, without pictures."""
        found: list[StoredUnknownFace] = []
        for face in self._faces(group, after):
            found.append(face)
            if len(found) == limit:
                break
        return found

    def _faces(self, group: int, after: int) -> Iterator[StoredUnknownFace]:
        for stored in every_face(self._unknowns, group, after):
            if stored.face.clase and self._scope.holds(stored.face.clase):
                yield stored

    def _own(self, clases: Collection[str] | None) -> Collection[str] | None:
        """The classes that are asked for, as far as the scope has them."""
        own = frozenset() if self._scope.matricula else self._scope.classes
        if clases is None or own is None:
            return own if clases is None else clases
        return own.intersection(clases)

    def _seen_of(self, group: UnknownGroup) -> UnknownGroup | None:
        seen = added_up(Sightings.of(stored.id, stored.face) for stored in self._faces(group.id, 0))
        return None if seen is None else seen.as_group(group.id, group.state, group.note)


def place_of(group: UnknownGroup, order: UnknownOrder) -> UnknownPlace:
    """Where a group stands in a list."""
    return UnknownPlace(group.last_at if order == "last_at" else group.visits, group.id)
