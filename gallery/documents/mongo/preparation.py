"""What a database needs before it is used as a store: indexes, an identity, the present schema."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bson import Int64
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from gallery.documents.foreign_documents import Document
from presente.errors import ConfigError
from presente.installation import command_line

_SCHEMA = 5
"""3: the reservation of its first numbers announces a write; before, a document in ``writing`` did. 4: a participation
of an erased student has no kind. 5: an entry has a session, and a student counts by class."""


def create_indexes(db: Database[dict[str, Any]]) -> None:
    """Create the indexes, and an identity, unless they are there.

    Raises:
        ConfigError: ``foreign_database`` when the database is the first system's.
    """
    names = set(db.list_collection_names())
    if "estudiantes" in names and "gallery" not in names:
        raise ConfigError(
            "foreign_database",
            f"Database {db.name!r} belongs to the first system.",
            "Name another one in PRESENTE_STORE, and take this one over with "
            f"`{command_line('indexer add mongodb://...')}`.",
        )
    db.students.create_index([("matricula", ASCENDING)], unique=True, name="matricula")
    db.students.create_index([("subject", ASCENDING)], name="subject")
    db.students.create_index([("kind", ASCENDING), ("clase", ASCENDING)], name="class")
    db.students.create_index([("kind", ASCENDING), ("otras_clases", ASCENDING)], name="other_class")
    db.images.create_index([("student", ASCENDING), ("sha256", ASCENDING)], unique=True, name="content")
    db.templates.create_index([("image", ASCENDING), ("pack", ASCENDING)], unique=True, name="image")
    db.templates.create_index([("student", ASCENDING)], name="student")
    db.contents.create_index([("student", ASCENDING)], name="student")
    db.changes.create_index([("writing.writer", ASCENDING)], name="under_way")
    insert_if_missing(db.gallery, "identity", {"value": uuid.uuid4().hex})


def upgrade_schema(
    db: Database[dict[str, Any]], remove_subject: Callable[[int], None], take_over: Callable[[Document], None]
) -> None:
    """Bring a database that an earlier version wrote up to date.

    Args:
        db: the database.
        remove_subject: erases a student by subject id.
        take_over: announces anew what a document of ``writing`` announced.

    Raises:
        StoreError: ``store_unavailable`` while a process of an earlier version writes.
    """
    schema = db.gallery.find_one({"_id": "schema"})
    if schema is None or int(schema["value"]) < _SCHEMA:
        if schema is None or int(schema["value"]) < 2:
            _announce_open_removals(db, remove_subject)
        for earlier in list(db.writing.find()):
            take_over(earlier)
            db.writing.delete_one({"_id": earlier["_id"]})
        # What earlier versions left of erased students: the kind is a text that a person typed.
        db.participations.update_many({"student": {"$lt": Int64(0)}, "kind": {"$ne": ""}}, {"$set": {"kind": ""}})
        db.attendance.update_many({"session": {"$exists": False}}, {"$set": {"session": Int64(0)}})
        db.students.update_many({"asistencias_por_clase": {"$exists": False}}, {"$set": {"recount": True}})
        db.gallery.update_one({"_id": "schema"}, {"$set": {"value": _SCHEMA}}, upsert=True)


def _announce_open_removals(db: Database[dict[str, Any]], remove_subject: Callable[[int], None]) -> None:
    """Turn the unfinished writes of Presente 0.1, which it kept in ``removals``, into attempts of a dead process."""
    dead_process: dict[str, Any] = {"writer": "0.1", "place": "", "pid": 0, "started": None, "after": 0}
    for removal in list(db.removals.find({"open": True})):
        kept: dict[str, Any] = {
            name: removal[name] for name in ("student", "into", "fields", "turns") if name in removal
        }
        what = "merge" if "into" in removal else "remove"
        marker = dead_process | kept | {"what": what}
        db.writing.update_one({"_id": f"0.1 {removal['_id']}"}, {"$set": marker}, upsert=True)
        ended: Document = {"$set": {"open": False}, "$unset": dict.fromkeys(("student", *kept), "")}
        db.removals.update_one({"_id": removal["_id"]}, ended)
    for begun in list(db.students.find({"enrolling": {"$exists": True}})):
        if isinstance(begun["enrolling"], dict):
            remove_subject(int(begun["subject"]))


def insert_if_missing(collection: Collection[dict[str, Any]], name: str, value: dict[str, Any]) -> None:
    """Insert a document unless one with this id is there; of two processes that try at once, one inserts it."""
    with suppress(DuplicateKeyError):
        collection.update_one({"_id": name}, {"$setOnInsert": value}, upsert=True)
