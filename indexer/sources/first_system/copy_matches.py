"""What copy matching starts from and finds: documents without their photos, and which copy belongs to which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from faces.image.copies import Thumbnail


@dataclass(frozen=True, slots=True)
class CollectionIdentifiers:
    """What is known of the documents of a collection, in their order, without opening a photo.

    Attributes:
        names: (kind of name, name) by which documents refer to each other. The last name of a copy is its own id, by
            which no student's document refers to it.
        digests: hashes of the photo's bytes.
        declared_digests: hashes that the document declares of its photo.
    """

    names: Sequence[tuple[tuple[str, str], ...]]
    digests: Sequence[frozenset[str]]
    declared_digests: Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class MatchedCopy:
    """The copy of a student's photo.

    Attributes:
        copy: its place among the copies.
        how: how it was found, for the report.
        sure: whether that leaves no doubt.
        differs: whether the two are known to be one photo with different bytes, so that comparing them tells which is
            undamaged.
    """

    copy: int
    how: str
    sure: bool
    differs: bool = False


@dataclass(slots=True)
class CopyMatches:
    """Which copy belongs to which student's document; documents and copies are named by their places.

    Attributes:
        found: the copy of each student's document that has one.
        undecided: of a document, the copies of which each may be its own.
        assigned: the copies that belong to a document.
    """

    found: dict[int, MatchedCopy] = field(default_factory=dict)
    undecided: dict[int, tuple[int, ...]] = field(default_factory=dict)
    assigned: set[int] = field(default_factory=set)

    def assign(self, own: int, match: MatchedCopy) -> None:
        """Give a student's document its copy."""
        self.found[own] = match
        self.undecided.pop(own, None)
        self.assigned.add(match.copy)

    def without_copy(self, documents: Sequence[int]) -> list[int]:
        """The documents that have no copy yet."""
        return [own for own in documents if own not in self.found]

    def unassigned(self, copies: Sequence[int]) -> list[int]:
        """The copies that belong to no document yet."""
        return [copy for copy in copies if copy not in self.assigned]


PhotoReader = Callable[[str, int], bytes]
"""Reads the bytes of the photo at a place of ``own`` or ``copy``, as far as there are any."""

ThumbnailReader = Callable[[str, int], Thumbnail | None]
"""Reads the thumbnail of the photo at a place of ``own`` or ``copy``; None when nothing can be seen."""

Thumbnails = dict[tuple[str, int], Thumbnail | None]
"""Thumbnails by side (``own`` or ``copy``) and place."""
