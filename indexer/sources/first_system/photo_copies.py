"""The photos of the first system's database: each student's own, and where its second copy in ``images`` is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from faces.image.copies import Thumbnail, thumbnail
from gallery.documents.values import Student
from indexer.sources.first_system.copy_matches import CollectionIdentifiers, CopyMatches, MatchedCopy
from indexer.sources.first_system.copy_matching import match_copies
from indexer.sources.first_system.documents import (
    COPIES,
    IMAGE_FIELDS,
    LINK_FIELDS,
    STUDENTS,
    Document,
    HashedDocument,
    declared_hashes,
    hash_documents,
    join_limited,
    names_of,
    photo_of,
    undamaged_part,
    verified_photo,
)
from indexer.sources.values import Fallback, SourcePhoto
from presente.errors import PhotoRefused, StoreError
from presente.supervisor import SupervisedRun

_ALWAYS_COMPARED = 200
"""Photos without an identical copy that are always checked for damage, however many others have none either."""


@dataclass(frozen=True, slots=True)
class PhotoCopies:
    """Where the second copy of each student's photo is.

    Attributes:
        database: of the first system.
        found: by the id of a student's document, the id of the copy and how it was matched.
        undecided: by the id of a student's document, the ids of copies of which each may be its own.
        compares: whether photos without an identical copy are checked for damage: not where most photos are like that.
        warnings: documents of ``images`` that are lost, one line per reason.
        notes: documents of ``images`` that are left out and whose photo is not lost.
    """

    database: Database[dict[str, Any]]
    found: Mapping[str, tuple[Any, MatchedCopy]]
    undecided: Mapping[str, tuple[Any, ...]]
    compares: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def photo(self, student: Student, document: Document) -> SourcePhoto:
        """A student's photo, with the copy that replaces it when it is damaged."""
        collection, own_id = self.database[STUDENTS], str(document["_id"])

        def read() -> bytes:
            return verified_photo(*photo_of(collection.find_one({"_id": document["_id"]}), "The student's own image"))

        return SourcePhoto(student, f"{STUDENTS} {own_id}", _with_store_errors(read), self._fallback(own_id))

    def _fallback(self, own_id: str) -> Fallback:
        if own_id in self.undecided:
            return Fallback(_ambiguous(self.undecided[own_id]), suspect=self.compares)
        if own_id not in self.found:
            return Fallback(_no_copy, suspect=self.compares)
        copy_id, match = self.found[own_id]

        def read() -> bytes:
            return verified_photo(*photo_of(self.database[COPIES].find_one({"_id": copy_id}), "The copy in images"))

        found = f"{COPIES} {copy_id}, found {match.how}{'' if match.sure else ': check it'}"
        differs = self.compares and match.differs
        return Fallback(_with_store_errors(read), found, differs=differs, suspect=differs)


def find_copies(
    database: Database[dict[str, Any]], students: Sequence[HashedDocument], attempt: SupervisedRun
) -> PhotoCopies:
    """Match the documents of ``images`` with the students' documents.

    The photos of ``images`` are read once, for their hashes; those that hashes do not match are read once more.
    """
    declared = [declared_hashes(each.document) for each in students]
    copies = hash_documents(
        database[COPIES], {"sha256", *(algorithm for hashes in declared for _, algorithm, _ in hashes)}
    )
    if not copies:
        return PhotoCopies(database, {}, {}, False)
    own = CollectionIdentifiers(
        [tuple(names_of(each.document, ())) for each in students],
        [each.digests for each in students],
        [frozenset(digest for _, _, digest in hashes) for hashes in declared],
    )
    other = CollectionIdentifiers(
        [tuple(names_of(each.document, LINK_FIELDS)) for each in copies],
        [each.digests for each in copies],
        [frozenset()] * len(copies),
    )
    own_ids, copy_ids = ([each.document["_id"] for each in documents] for documents in (students, copies))
    reader = _PhotoReader(database, {"own": (STUDENTS, own_ids), "copy": (COPIES, copy_ids)}, attempt)
    matches = match_copies(own, other, reader.read, reader.read_thumbnail)
    identical = sum(bool(own.digests[each] & other.digests[match.copy]) for each, match in matches.found.items())
    warnings, notes = _unmatched(matches, own, other, copy_ids)
    return PhotoCopies(
        database,
        {
            str(own_ids[each]): (copy_ids[match.copy], _compare_with_declared(own.declared_digests[each], other, match))
            for each, match in matches.found.items()
        },
        {str(own_ids[each]): tuple(copy_ids[copy] for copy in several) for each, several in matches.undecided.items()},
        len(students) - identical <= max(_ALWAYS_COMPARED, len(students) // 2),
        warnings,
        notes,
    )


@dataclass(frozen=True, slots=True)
class _PhotoReader:
    """Reads photos of both collections, by side (``own`` or ``copy``) and place."""

    database: Database[dict[str, Any]]
    sides: Mapping[str, tuple[str, Sequence[Any]]]
    attempt: SupervisedRun

    def read(self, side: str, place: int) -> bytes:
        """The bytes, as far as there are any."""
        collection, ids = self.sides[side]
        document = self.database[collection].find_one({"_id": ids[place]}, dict.fromkeys(IMAGE_FIELDS, 1))
        return undamaged_part(document or {})

    def read_thumbnail(self, side: str, place: int) -> Thumbnail | None:
        """What can be seen of the photo; None when nothing can, or when reading it crashed an earlier attempt."""
        collection, ids = self.sides[side]
        item = f"{collection} {ids[place]}, compared"
        if self.attempt.is_culprit(item):
            return None
        with self.attempt.journal.at(item):
            return thumbnail(self.read(side, place))


def _compare_with_declared(declared: frozenset[str], copies: CollectionIdentifiers, match: MatchedCopy) -> MatchedCopy:
    """The match; no longer sure when the copy has not the hash that the student's document declares.

    Such a copy may be damaged, too, or another photo.
    """
    if not declared or declared & copies.digests[match.copy]:
        return match
    return replace(match, how=f"{match.how}, though not what the student's hash says", sure=False)


def _unmatched(
    matches: CopyMatches, own: CollectionIdentifiers, copies: CollectionIdentifiers, ids: Sequence[object]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Warnings and notes on copies that belong to no student: notes where the photo is not lost with the copy."""
    stored = frozenset[str]().union(*own.digests)
    left = matches.unassigned(range(len(ids)))
    groups = (
        [ids[copy] for copy in left if not copies.digests[copy]],
        [ids[copy] for copy in left if copies.digests[copy] and not copies.digests[copy] & stored],
        [ids[copy] for copy in left if copies.digests[copy] & stored],
    )
    texts = (
        "holds no image|hold no image",
        "is no student's copy, as far as can be told, and is left out|are no student's copies, as far as can be told, "
        "and are left out",
        f"repeats a photo of {STUDENTS} once more|repeat photos of {STUDENTS} once more",
    )
    lines = [_line(text, group) if group else "" for text, group in zip(texts, groups, strict=True)]
    return tuple(line for line in lines[:2] if line), tuple(line for line in lines[2:] if line)


def _line(text: str, ids: Sequence[object]) -> str:
    """``text`` has the singular and the plural, separated by ``|``."""
    singular, _, plural = text.partition("|")
    count = f"1 document {singular}" if len(ids) == 1 else f"{len(ids)} documents {plural}"
    return f"{COPIES}: {count}: {join_limited(ids)}"


def _with_store_errors(read: Callable[[], bytes]) -> Callable[[], bytes]:
    def reading() -> bytes:
        try:
            return read()
        except PyMongoError as exc:
            raise StoreError(
                "source_unavailable", f"The source became unavailable ({exc}).", "Run the command again."
            ) from exc

    return reading


def _no_copy() -> bytes:
    raise PhotoRefused("no_image", "No document of images can be its copy.", "Send the photo again.")


def _ambiguous(copies: Sequence[object]) -> Callable[[], bytes]:
    def refuse() -> bytes:
        raise PhotoRefused(
            "ambiguous_copy",
            f"{len(copies)} documents of {COPIES} may be its copy, and nothing says which: {join_limited(copies)}.",
            "Look at them, and enrol the right one by hand.",
        )

    return refuse
