"""The first system's MongoDB database, as it is: ``estudiantes``, with ``images`` as second copies of the photos.

A student's own image is used unless it does not decode or is not what its hash says; then the copy is. That system
added a document at every upload, so one matricula may have several: each is a photo, the newest has the fields.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

from gallery.documents.model import Student, check_student
from gallery.documents.mongo_adopting import image_bytes
from gallery.documents.mongo_shape import day_of, written_elsewhere
from indexer.sources.model import History, Source, SourcePhoto
from presente.clock import MACHINE, Clock
from presente.errors import InvalidInput, PhotoRefused, StoreError

_STUDENTS, _COPIES = "estudiantes", "images"
_IMAGES = ("image", "imagen", "data", "content")
_HASHES = ("sha256", "image_sha256", "hash", "image_hash", "md5", "image_md5", "checksum")
_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_LINKS = ("estudiante_id", "student_id", "id_estudiante", "estudiante", "student")
_FIELDS = frozenset(
    {"nombre_del_alumno", "clase", "fecha_de_registro", "asistencias_previas", "participaciones_previas"}
)
Document = Mapping[str, Any]


def read_first_system(url: str, clock: Clock = MACHINE) -> Source:
    """List the photos of a database of the first system; the images themselves are read one by one, later.

    Moments in it become dates by the school's ``clock``.

    Raises:
        InvalidInput: ``unknown_source``, ``empty_source``, ``source_is_gallery``.
        StoreError: ``source_unavailable``.
    """
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=5000, appname="presente")
        database = client.get_default_database()
    except (ConfigurationError, InvalidURI, ValueError) as exc:
        raise InvalidInput(
            "unknown_source", f"{url!r} cannot be read ({exc}).", "It must look like mongodb://host:27017/fcRecog."
        ) from exc
    try:
        return _read(client, database, clock)
    except PyMongoError as exc:
        client.close()
        raise StoreError(
            "source_unavailable", f"The MongoDB server of the source cannot be used ({exc}).", "Check its address."
        ) from exc
    except BaseException:
        client.close()
        raise


def _read(client: MongoClient[dict[str, Any]], database: Database[dict[str, Any]], clock: Clock) -> Source:
    names = set(database.list_collection_names())
    if "gallery" in names and _STUDENTS not in names:
        raise InvalidInput(
            "source_is_gallery",
            f"Database {database.name!r} is a gallery of Presente's, not the first system's.",
            "`python -m indexer sync` embeds what other programs enrolled in it.",
        )
    found = _People(clock)
    for document in database[_STUDENTS].find({}, dict.fromkeys(_IMAGES, 0)).sort("_id", 1):
        found.take(document)
    copies = _Copies(database)
    photos = [
        _photo(database, copies, person.student, document)
        for person in found.people.values()
        for document in person.documents
    ]
    if not photos:
        raise InvalidInput(
            "empty_source",
            f"Database {database.name!r} has no student in {_STUDENTS!r} that can be taken over.",
            "; ".join(found.warnings) or "Check the database's name in the address.",
        )
    return Source(
        f"the first system's database {database.name}",
        tuple(photos),
        _FIELDS,
        warnings=tuple(found.warnings),
        history=tuple(entry for person in found.people.values() for entry in person.history),
        close=client.close,
    )


# -- people --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Person:
    student: Student
    documents: list[Document] = field(default_factory=list)
    history: list[History] = field(default_factory=list)


class _People:
    """Documents by matricula, and what a person should know about them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people: dict[str, _Person] = {}
        self.warnings: list[str] = []

    def take(self, document: Document) -> None:
        """One document of the first system, in the order in which they were written."""
        plain, history = _counted(document, self.clock)
        try:
            student = check_student(_dated(written_elsewhere(plain, self.clock), self.clock))
        except InvalidInput as error:
            self.warnings.append(f"{_STUDENTS} {document['_id']} is left out: {error}")
            return
        person = self.people.setdefault(student.matricula, _Person(student))
        if person.student.nombre_del_alumno != student.nombre_del_alumno:
            self.warnings.append(
                f"{student.matricula} is called {person.student.nombre_del_alumno!r} and "
                f"{student.nombre_del_alumno!r}; the newer name is kept, check that it is one person"
            )
        person.student = replace(
            student,
            asistencias_previas=max(student.asistencias_previas, person.student.asistencias_previas),
            participaciones_previas=max(student.participaciones_previas, person.student.participaciones_previas),
        )
        person.documents.append(document)
        person.history += [
            replace(entry, matricula=student.matricula, clase=entry.clase or student.clase) for entry in history
        ]


def _counted(document: Document, clock: Clock) -> tuple[dict[str, Any], list[History]]:
    """The document with plain counts, and the entries of lists whose dates are known."""
    plain, history = dict(document), []
    for name in ("asistencias", "participaciones"):
        value = document.get(name, 0)
        if isinstance(value, Sequence) and not isinstance(value, str):
            entries = [_entry(name, each, clock) for each in value]
            history += [entry for entry in entries if entry is not None]
            plain[name] = sum(entry is None for entry in entries)
        elif isinstance(value, float | str):
            plain[name] = int(value) if str(value).removesuffix(".0").isdigit() else 0
    return plain, history


def _entry(book: str, value: object, clock: Clock) -> History | None:
    """One entry of a list: a date, or a document with one; None when no date can be found in it."""
    details: Document = value if isinstance(value, Mapping) else {"fecha": value}
    day = _day(details.get("fecha", details.get("date")), clock)
    if day is None:
        return None
    texts = {
        name: str(details.get(key) or "") for name, key in (("clase", "clase"), ("kind", "tipo"), ("note", "nota"))
    }
    return History(book, "", fecha=day, **texts)


def _day(value: object, clock: Clock) -> str | None:
    if isinstance(value, datetime):
        return day_of(value, clock)
    with suppress(ValueError):
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:  # "2025-03-04T01:00:00.000Z", as JavaScript writes
            return day_of(moment, clock)
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(str(value)[:10], form).date().isoformat()
        except ValueError:
            continue
    return None


def _dated(student: Student, clock: Clock) -> Student:
    """The student with a date of registration in ISO form, where it can be understood at all."""
    try:
        date.fromisoformat(student.fecha_de_registro[:10])
    except (ValueError, TypeError):
        return replace(student, fecha_de_registro=_day(student.fecha_de_registro, clock) or "")
    return student


# -- photos --------------------------------------------------------------------------------------------------------


class _Copies:
    """Where the second copy of a student's photo is, by whatever the two documents have in common."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._images = database[_COPIES]
        self._by: dict[tuple[str, str], Any] = {}
        for document in self._images.find({}, dict.fromkeys(_IMAGES, 0)).sort("_id", 1):
            for kind, value in _handles(document, _LINKS):
                self._by.setdefault((kind, value), document["_id"])

    def of(self, document: Document) -> Document | None:
        """The copy for a student's document; None when there is none."""
        for handle in _handles(document, ()):
            if handle in self._by:
                return self._images.find_one({"_id": self._by[handle]})
        return None


def _handles(document: Document, links: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what kind of name, name), surest first."""
    for name in links:
        if document.get(name) is not None:
            yield "id", str(document[name])
    yield "id", str(document["_id"])
    for name in ("matricula", "nombre_del_alumno"):
        if document.get(name):
            yield name, str(document[name])


def _photo(database: Database[dict[str, Any]], copies: _Copies, student: Student, document: Document) -> SourcePhoto:
    def own() -> bytes:
        return _checked(_fetched(database[_STUDENTS].find_one({"_id": document["_id"]}), "The student's own image"))

    def copy() -> bytes:
        return _checked(_fetched(copies.of(document), "The copy in images"))

    def translated(read: Any) -> Any:
        def reading() -> bytes:
            try:
                return bytes(read())
            except PyMongoError as exc:
                raise StoreError(
                    "source_unavailable", f"The source went away ({exc}).", "Run the command again."
                ) from exc

        return reading

    return SourcePhoto(student, f"{_STUDENTS} {document['_id']}", translated(own), translated(copy))


def _fetched(document: Document | None, what: str) -> tuple[Document, bytes]:
    found = next((document[name] for name in _IMAGES if document.get(name)), None) if document else None
    if document is None or found is None:
        raise PhotoRefused("no_image", f"{what} is not there.", "Send the photo again.")
    try:
        return document, image_bytes(found)
    except InvalidInput as error:
        raise PhotoRefused(error.code, f"{what} cannot be read: {error.what}", error.fix) from error


def _checked(found: tuple[Document, bytes]) -> bytes:
    """The bytes, if they are what the document's hash says."""
    document, content = found
    for name in _HASHES:
        wanted = document.get(name)
        algorithm = _BY_LENGTH.get(len(wanted)) if isinstance(wanted, str) else None
        if algorithm and not hmac.compare_digest(hashlib.new(algorithm, content).hexdigest(), str(wanted).lower()):
            raise PhotoRefused("hash_mismatch", f"The image is not what its {name} says.", "It was damaged.")
    return content
