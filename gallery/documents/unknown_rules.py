"""What the faces of a group of unknown people add up to. Pure: no store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from gallery.documents.unknown_people import UnknownFace, UnknownGroup, UnknownState


@dataclass(frozen=True, slots=True)
class Sightings:
    """What one face or several add up to; the fields are those of
    :class:`gallery.documents.unknown_people.UnknownGroup`, and ``worth`` is that of the cover."""

    first_at: str
    last_at: str
    visits: int
    looks: int
    cover: int
    worth: float
    clases: tuple[str, ...]

    @classmethod
    def of(cls, number: int, face: UnknownFace) -> Sightings:
        """Those of one face, by its id."""
        clases = (face.clase,) if face.clase else ()
        return cls(face.at, face.last_at, 1, face.looks, number, float(face.worth), clases)

    def plus(self, other: Sightings) -> Sightings:
        """Both together. The order does not matter."""
        best = max(self, other, key=lambda each: (each.worth, -each.cover))
        return Sightings(
            min(self.first_at, other.first_at),
            max(self.last_at, other.last_at),
            self.visits + other.visits,
            self.looks + other.looks,
            best.cover,
            best.worth,
            tuple(sorted({*self.clases, *other.clases})),
        )

    def as_group(self, number: int, state: UnknownState, note: str) -> UnknownGroup:
        """The group that has these faces."""
        return UnknownGroup(
            number, state, self.first_at, self.last_at, self.visits, self.looks, self.cover, self.clases, note
        )


def added_up(sightings: Iterable[Sightings]) -> Sightings | None:
    """All together; None when there are none."""
    each = iter(sightings)
    first = next(each, None)
    return None if first is None else reduce(Sightings.plus, each, first)
