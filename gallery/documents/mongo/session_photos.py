"""The photos of sessions in MongoDB.

A photo's number is reserved by inserting its document. What is kept of a photo is written at once, and taken back when
the session was closed meanwhile, or when a person whom it may show is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from bson import Binary, Int64
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from gallery.documents.class_sessions import PhotoNumber, SessionPhoto
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals, sealed_value, with_key
from gallery.documents.mongo.shapes import missing_subjects
from gallery.documents.seals import Sealer, of_session_photo, session_faces_seal, session_photo_seal
from gallery.documents.session_rules import faces_to_json, with_faces

_KEPT: Document = {"content": {"$exists": True}}
_DROPPED: dict[str, Any] = {"$unset": dict.fromkeys(("content", "faces", "key", "width", "height", "about"), "")}


class MongoSessionPhotos:
    """A :class:`gallery.documents.session_store.SessionPhotoStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection, seals: MongoSeals) -> None:
        self._connection = connection
        self._seals = seals
        self._db = connection.db

    def prepare(self) -> None:
        """Create the indexes."""
        photos = self._db.session_photos
        for name in ("number", "sha256"):
            photos.create_index([("session", ASCENDING), (name, ASCENDING)], unique=True, name=name)
        photos.create_index([("about", ASCENDING)], name="about")
        photos.create_index([("at", ASCENDING)], name="time")

    def recover(self) -> None:
        """Erase the photos that a dead process kept of people who are gone, or of closed sessions."""
        for kept in list(self._db.session_photos.find(dict(_KEPT), {"session": 1, "about": 1, "key": 1})):
            taken_back = self._take_back(kept["_id"], int(kept["session"]), kept.get("about", ()))
            if not taken_back and kept.get("key") is not None and not self._seals.keys.find([kept["key"]]):
                self._drop({"_id": kept["_id"]})  # its key was destroyed already

    def number(self, session: int, sha256: str, at: str) -> PhotoNumber | None:
        photos = self._db.session_photos
        with self._connection.calls():
            if not self._is_open(session):
                return None
            while True:
                found = photos.find_one({"session": Int64(session), "sha256": sha256}, {"number": 1, "at": 1})
                if found is not None:
                    return PhotoNumber(int(found["number"]), found["at"], added=False)
                newest = photos.find_one({"session": Int64(session)}, {"number": 1}, sort=[("number", DESCENDING)])
                number = 1 if newest is None else int(newest["number"]) + 1
                made = {"session": Int64(session), "number": number, "sha256": sha256, "at": at}
                try:
                    photos.insert_one(made)
                except DuplicateKeyError:
                    continue
                return PhotoNumber(number, at, added=True)

    def keep(self, photo: SessionPhoto, content: bytes, about: Collection[int]) -> bool:
        kept: dict[str, Any] = {
            "width": photo.width,
            "height": photo.height,
            "faces": faces_to_json(photo),
            "content": Binary(content),
            "about": [Int64(subject) for subject in sorted(about)],
        }
        which = {"session": Int64(photo.session), "number": photo.number}
        with self._connection.calls():
            if not self._is_open(photo.session) or missing_subjects(self._db, about):
                return False
            sealer = self._seals.sealer()
            self._db.session_photos.update_one(which, {"$set": _sealed(sealer, photo, kept)})
            while sealer.lost():  # this process stood still for longer than a change of keys waits
                sealer = self._seals.sealer()
                self._db.session_photos.update_one(which, {"$set": _sealed(sealer, photo, kept)})
            found = self._db.session_photos.find_one(which, {"_id": 1})
            return found is not None and not self._take_back(found["_id"], photo.session, about)

    def _take_back(self, photo: object, session: int, about: Collection[int]) -> bool:
        """Erase a photo that must not be kept; whether that was so."""
        if self._is_open(session) and not missing_subjects(self._db, about):
            return False
        self._drop({"_id": photo})
        return True

    def _drop(self, which: Document) -> int:
        """Erase the copies of some photos, their keys first; how many there were."""
        kept = list(self._db.session_photos.find({**which, **_KEPT}, {"session": 1, "number": 1}))
        if not kept:
            return 0
        self._seals.destroy(of_session_photo(each["session"], each["number"]) for each in kept)
        dropped = {"_id": {"$in": [each["_id"] for each in kept]}, **_KEPT}
        return int(self._db.session_photos.update_many(dropped, _DROPPED).modified_count)

    def concern(self, session: int, number: int, subject: int) -> None:
        which = {"session": Int64(session), "number": number, **_KEPT}
        with self._connection.calls():
            self._db.session_photos.update_one(which, {"$addToSet": {"about": Int64(subject)}})
            if missing_subjects(self._db, [subject]):
                self.forget(subject)

    def photos(self, session: int) -> list[SessionPhoto]:
        with self._connection.calls():
            found = list(self._db.session_photos.find({"session": Int64(session)}, {"content": 0}).sort("number", 1))
            sealer = self._seals.sealer()
            sealer.load(each.get("key") for each in found)
            return [_photo(sealer, session, each) for each in found]

    def content(self, session: int, number: int) -> bytes | None:
        with self._connection.calls():
            found = self._db.session_photos.find_one(
                {"session": Int64(session), "number": number}, {"content": 1, "key": 1}
            )
            if found is None or "content" not in found:
                return None
            return self._seals.sealer().unseal(found["content"], found.get("key"), session_photo_seal(session, number))

    def kept_of(self, subject: int) -> int:
        with self._connection.calls():
            return int(self._db.session_photos.count_documents({"about": Int64(subject)}))

    def erase(self, session: int, number: int) -> None:
        with self._connection.calls():
            self._drop({"session": Int64(session), "number": number})

    def drop(self, session: int | None = None, before: str | None = None) -> int:
        which: dict[str, Any] = {}
        which |= {} if session is None else {"session": Int64(session)}
        which |= {} if before is None else {"at": {"$lt": before}}
        with self._connection.calls():
            return self._drop(which)

    def forget(self, subject: int) -> None:
        """Erase the photos that may show an erased student."""
        self._drop({"about": Int64(subject)})

    def _is_open(self, session: int) -> bool:
        which = {"_id": Int64(session), "state": "open"}
        return self._db.class_sessions.find_one(which, {"_id": 1}) is not None


def _sealed(sealer: Sealer, photo: SessionPhoto, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a photo, as its document has it."""
    which = photo.session, photo.number
    owner = of_session_photo(*which)
    content, key = sealed_value(sealer.seal(owner, kept["content"], session_photo_seal(*which)))
    if key is None:
        return dict(kept)
    faces, _ = sealed_value(sealer.seal(owner, kept["faces"].encode(), session_faces_seal(*which)))
    return {**kept, "content": content, "faces": faces, **with_key(key)}


def _photo(sealer: Sealer, session: int, document: Document) -> SessionPhoto:
    number = int(document["number"])
    bare = SessionPhoto(session, number, document["sha256"], document["at"])
    faces = document.get("faces")
    if isinstance(faces, bytes):
        opened = sealer.unseal(faces, document.get("key"), session_faces_seal(session, number))
        faces = None if opened is None else opened.decode()
    if faces is None:  # none is kept, or it is being erased
        return bare
    width, height = (int(document.get(side, 0)) for side in ("width", "height"))
    return with_faces(replace(bare, kept=True, width=width, height=height), faces)
