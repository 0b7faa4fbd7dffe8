"""The photos of the first system's database: each student's own, and where its second copy in ``images`` is."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from faces.image.copies import Thumbnail, thumbnail
from gallery.documents.foreign_documents import image_bytes
from gallery.documents.values import Student
from indexer.sources.first_system.pairing import Marks, Paired, Pairing, pair
from indexer.sources.protocol import Fallback, SourcePhoto
from presente.errors import InvalidInput, PhotoRefused, StoreError
from presente.supervisor import SupervisedRun

STUDENTS, COPIES = "estudiantes", "images"
IMAGES = ("image", "imagen", "data", "content")
HASHES = ("sha256", "image_sha256", "hash", "image_hash", "md5", "image_md5", "checksum")
LINKS = ("estudiante_id", "student_id", "id_estudiante", "estudiante", "student")
_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_AT_ONCE = 8
"""Documents that are in memory at once while all photos are hashed."""

_COMPARED = 200
"""Photos without a copy of the same bytes that are always looked at, however few there are of the others."""

_LISTED = 20
"""Documents that a line of the report names."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Copies:
    """Where the second copy of each student's photo is, by the id of the student's document.

    ``lines`` say what of ``images`` is nobody's.
    """

    database: Database[dict[str, Any]]
    found: Mapping[str, tuple[Any, Paired]]
    undecided: Mapping[str, tuple[Any, ...]]
    compares: bool
    """Whether photos that have no copy of the same bytes are looked at for damage: not where most are like that."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def photo(self, student: Student, document: Document) -> SourcePhoto:
        """A student's photo, and what takes its place when it is damaged."""
        collection, place = self.database[STUDENTS], str(document["_id"])

        def own() -> bytes:
            return _checked(*_fetched(collection.find_one({"_id": document["_id"]}), "The student's own image"))

        return SourcePhoto(student, f"{STUDENTS} {place}", _translated(own), self._fallback(place))

    def _fallback(self, place: str) -> Fallback:
        if place in self.undecided:
            return Fallback(_refusing(self.undecided[place]), suspect=self.compares)
        if place not in self.found:
            return Fallback(_missing, suspect=self.compares)
        copy, paired = self.found[place]

        def read() -> bytes:
            return _checked(*_fetched(self.database[COPIES].find_one({"_id": copy}), "The copy in images"))

        found = f"{COPIES} {copy}, found {paired.how}{'' if paired.sure else ': check it'}"
        different = self.compares and paired.differs
        return Fallback(_translated(read), found, differs=different, suspect=different)


@dataclass(frozen=True, slots=True)
class Read:
    """A document as it was read, without its photo: the photo's hashes, and how many photos it had."""

    document: Document
    digests: frozenset[str]
    photos: int


def read_all(collection: Collection[dict[str, Any]], algorithms: Iterable[str] = ("sha256",)) -> list[Read]:
    """Go through a collection once, in order of insertion; photos are hashed and let go."""
    found = []
    for document in collection.find({}, batch_size=_AT_ONCE).sort("_id", 1):
        content = _as_it_is(document)
        digests = frozenset(hashlib.new(name, content).hexdigest() for name in algorithms) if content else frozenset()
        photos = sum(bool(document.pop(name, None)) for name in IMAGES)
        found.append(Read(document, digests, photos))
    return found


def find_copies(database: Database[dict[str, Any]], students: Sequence[Read], attempt: SupervisedRun) -> Copies:
    """Read the photos of ``images`` once, for their hashes, and those that hashes do not settle once more."""
    said = [_said(read.document) for read in students]
    copies = read_all(database[COPIES], {"sha256", *(algorithm for hashes in said for _, algorithm, _ in hashes)})
    if not copies:
        return Copies(database, {}, {}, False)
    own = Marks(
        [tuple(_names(read.document, ())) for read in students],
        [read.digests for read in students],
        [frozenset(digest for _, _, digest in hashes) for hashes in said],
    )
    theirs = Marks(
        [tuple(_names(read.document, LINKS)) for read in copies],
        [read.digests for read in copies],
        [frozenset()] * len(copies),
    )
    own_ids, ids = ([read.document["_id"] for read in each] for each in (students, copies))
    sides = {"own": (STUDENTS, own_ids), "copy": (COPIES, ids)}

    def reads(side: str, place: int) -> bytes:
        name, places = sides[side]
        found = database[name].find_one({"_id": places[place]}, dict.fromkeys(IMAGES, 1))
        return _as_it_is(found or {})

    def looks(side: str, place: int) -> Thumbnail | None:
        item = f"{sides[side][0]} {sides[side][1][place]}, compared"
        if attempt.is_culprit(item):
            return None
        with attempt.journal.at(item):
            return thumbnail(reads(side, place))

    pairing = pair(own, theirs, reads, looks)
    same = sum(bool(own.digests[each] & theirs.digests[found.copy]) for each, found in pairing.found.items())
    return Copies(
        database,
        {
            str(own_ids[each]): (ids[found.copy], _held_against(own.said[each], theirs, found))
            for each, found in pairing.found.items()
        },
        {str(own_ids[each]): tuple(ids[copy] for copy in several) for each, several in pairing.undecided.items()},
        len(students) - same <= max(_COMPARED, len(students) // 2),
        *_left_over(pairing, own, theirs, ids),
    )


def _held_against(said: frozenset[str], copies: Marks, found: Paired) -> Paired:
    """A copy that is not what the student's hash says may be damaged, too, or another photo."""
    if not said or said & copies.digests[found.copy]:
        return found
    return replace(found, how=f"{found.how}, though not what the student's hash says", sure=False)


def _left_over(
    pairing: Pairing, own: Marks, theirs: Marks, ids: Sequence[object]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What of ``images`` is nobody's copy: as lines to look at; and as notes where no photo is lost with it."""
    known = frozenset[str]().union(*own.digests)
    left = [copy for copy in range(len(ids)) if copy not in pairing.taken]
    groups = (
        [ids[copy] for copy in left if not theirs.digests[copy]],
        [ids[copy] for copy in left if theirs.digests[copy] and not theirs.digests[copy] & known],
        [ids[copy] for copy in left if theirs.digests[copy] & known],
    )
    lines = (
        "holds no image|hold no image",
        "is no student's copy, as far as can be told, and is left out|are no student's copies, as far as can be told, "
        "and are left out",
        f"repeats a photo of {STUDENTS} once more|repeat photos of {STUDENTS} once more",
    )
    told = [_line(line, ids) if ids else "" for line, ids in zip(lines, groups, strict=True)]
    return tuple(line for line in told[:2] if line), tuple(line for line in told[2:] if line)


def _line(text: str, ids: Sequence[object]) -> str:
    one, _, several = text.partition("|")
    return f"{COPIES}: {f'1 document {one}' if len(ids) == 1 else f'{len(ids)} documents {several}'}: {listed(ids)}"


def listed(items: Sequence[object]) -> str:
    """Items by name, the first of them when they are many."""
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(str(item) for item in items[:_LISTED]) + more


# -- documents -----------------------------------------------------------------------------------------------------


def _names(document: Document, links: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what kind of name, name), surest first; a copy's own id last."""
    linked = [("id", str(document[name])) for name in links if document.get(name) is not None]
    called = [(name, str(document[name])) for name in ("matricula", "nombre_del_alumno") if document.get(name)]
    yield from (*linked, *called, ("id", str(document["_id"])))


def _said(document: Document) -> list[tuple[str, str, str]]:
    """The hashes that a document says its image has: in which field, algorithm and digest."""
    values = {name: str(document[name]).lower() for name in HASHES if isinstance(document.get(name), str)}
    return [(name, _BY_LENGTH[len(value)], value) for name, value in values.items() if len(value) in _BY_LENGTH]


def _as_it_is(document: Document) -> bytes:
    """A document's photo, for comparing: of damaged base64 what can still be read; empty when there is nothing."""
    value = next((document[name] for name in IMAGES if document.get(name)), b"")
    try:
        return image_bytes(value) if value else b""
    except InvalidInput:
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            return b""
    letters = "".join(text.rpartition(",")[2].split())
    plain = "".join(letter if letter in _BASE64 else "A" for letter in letters)
    return base64.b64decode(plain[: len(plain) // 4 * 4])


_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _translated(read: Callable[[], bytes]) -> Callable[[], bytes]:
    def reading() -> bytes:
        try:
            return read()
        except PyMongoError as exc:
            raise StoreError("source_unavailable", f"The source went away ({exc}).", "Run the command again.") from exc

    return reading


def _missing() -> bytes:
    raise PhotoRefused("no_image", "No document of images can be its copy.", "Send the photo again.")


def _refusing(several: Sequence[object]) -> Callable[[], bytes]:
    def refuse() -> bytes:
        raise PhotoRefused(
            "ambiguous_copy",
            f"{len(several)} documents of {COPIES} may be its copy, and nothing says which: {listed(several)}.",
            "Look at them, and enrol the right one by hand.",
        )

    return refuse


def _fetched(document: Document | None, what: str) -> tuple[Document, bytes]:
    found = next((document[name] for name in IMAGES if document.get(name)), None) if document else None
    if document is None or found is None:
        raise PhotoRefused("no_image", f"{what} is not there.", "Send the photo again.")
    try:
        return document, image_bytes(found)
    except InvalidInput as error:
        raise PhotoRefused(error.code, f"{what} cannot be read: {error.what}", error.fix) from error


def _checked(document: Document, content: bytes) -> bytes:
    """The bytes, if they are what the document's hash says."""
    for name, algorithm, wanted in _said(document):
        if not hmac.compare_digest(hashlib.new(algorithm, content).hexdigest(), wanted):
            raise PhotoRefused("hash_mismatch", f"The image is not what its {name} says.", "It was damaged.")
    return content
