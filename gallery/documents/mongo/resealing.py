"""How a MongoDB store is sealed, and sealing its records again: one record after another, each in one update.

A key that was retired is destroyed only when no write can use it any more: writers take the newest key of an owner at
the moment of the write. So after the last record was sealed again, it is waited for as long as a lease lasts, and for
the writes that were under way then. What they have sealed with an old key is sealed again first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bson import Int64
from pymongo.database import Database

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.attempts import MongoAttempts
from gallery.documents.mongo.attendance_documents import opened_vector, seal_of
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals, sealed_value
from gallery.documents.mongo.unknowns import MongoUnknowns
from gallery.documents.seal_store import Resealed, SealState, not_sealed
from gallery.documents.seals import (
    STORE_KEY,
    DataKey,
    SealedStoreKey,
    Sealer,
    StoreSeals,
    name_seal,
    negative_seal,
    of_session_photo,
    of_student,
    of_unknown_face,
    photo_seal,
    session_faces_seal,
    session_photo_seal,
    source_seal,
    template_seal,
)
from presente.errors import StoreError
from presente.sealing import Cipher, MasterKey

_CLEAR: Document = {"key": None}
_NUMBERED: Document = {"subject": {"$exists": True}}
_FACES_IN_CLEAR: Document = {"face": {"$exists": True}, "face.key": None}
_COPIES_IN_CLEAR: Document = {"content": {"$exists": True}, "key": None}
_LOOK_S = 0.2


class MongoSealStore:
    """A :class:`gallery.documents.seal_store.SealStore` on the database of a MongoDB store."""

    def __init__(
        self, connection: MongoConnection, seals: MongoSeals, attempts: MongoAttempts, unknowns: MongoUnknowns
    ) -> None:
        self._unknowns = unknowns
        self._connection = connection
        self._db = connection.db
        self._seals = seals
        self._attempts = attempts

    def state(self) -> SealState:
        with self._connection.calls():
            kept = self._seals.keys.store_key()
            era = 0 if kept is None else kept.era
            return SealState(
                sealed=kept is not None,
                masters=() if kept is None else tuple(sorted(kept.masters)),
                master="" if self._seals.seals is None else self._seals.seals.master.name,
                keys=self._db.data_keys.count_documents({}),
                retired=self._db.data_keys.count_documents({"era": {"$lt": era}}),
                clear_photos=self._db.contents.count_documents(_CLEAR),
                clear_templates=self._db.templates.count_documents(_CLEAR),
                clear_faces=self._db.attendance.count_documents(_FACES_IN_CLEAR),
                clear_session_photos=self._db.session_photos.count_documents(_COPIES_IN_CLEAR),
                clear_unknown_faces=self._db.unknown_faces.count_documents(_CLEAR),
                clear_negatives=self._db.negatives.count_documents(_CLEAR),
                clear_names=self._db.students.count_documents({**_NUMBERED, **_CLEAR}),
            )

    def seal_all(self, progress: Resealed = lambda _: None) -> None:
        seals = self._opened()
        with self._connection.calls():
            students = set[int]()
            for collection, which in (
                ("contents", _CLEAR),
                ("templates", _CLEAR),
                ("negatives", _CLEAR),
                ("attendance", {**_FACES_IN_CLEAR, "student": {"$gt": 0}}),
            ):
                students |= {int(each["student"]) for each in self._db[collection].find(which, {"student": 1})}
            if seals.names:
                named = self._db.students.find({**_NUMBERED, **_CLEAR}, {"subject": 1})
                students |= {int(each["subject"]) for each in named}
                shown = self._db.images.find({"source": {"$type": "string"}}, {"student": 1})
                students |= {int(each["student"]) for each in shown}
            copies = self._db.session_photos.find(_COPIES_IN_CLEAR, {"session": 1, "number": 1})
            owners = [*map(of_student, sorted(students))]
            owners += [of_session_photo(each["session"], each["number"]) for each in copies]
            owners += [of_unknown_face(each["_id"]) for each in self._db.unknown_faces.find(_CLEAR, {"_id": 1})]
        for owner in owners:
            with self._connection.calls():
                self._reseal(owner, self._seals.sealer())
            progress(1)

    def change_data_keys(self, progress: Resealed = lambda _: None) -> None:
        seals = self._opened()
        with self._connection.calls():
            keys = self._seals.keys
            kept = keys.store_key()
            if kept is None:
                raise not_sealed()
            if self._db.data_keys.find_one({"era": {"$lt": kept.era}}, {"_id": 1}) is None:
                kept = replace(kept, era=kept.era + 1)
                keys.put_store_key(kept)
        retired: Document = {"era": {"$lt": kept.era}}
        for owner in self._owners(retired):
            with self._connection.calls():
                newest = keys.current([owner]).get(owner)
                if newest is not None and newest.era < kept.era:
                    keys.add([seals.made(owner, kept.era)])
                self._reseal(owner, self._seals.sealer())
            progress(1)
        owners = self._owners(retired)
        if owners:
            self._wait_for_writers()
        for owner in owners:
            with self._connection.calls():
                self._reseal(owner, self._seals.sealer())
                self._db.data_keys.delete_many({"owner": owner, **retired})
        seals.forget()

    def unseal_all(self, progress: Resealed = lambda _: None) -> None:
        self._opened()
        self._refuse_others()
        for owner in self._owners({}):
            with self._connection.calls():
                self._reseal(owner, Sealer(None, self._seals.keys))
            progress(1)
        self._refuse_others()
        with self._connection.calls():
            self._db.data_keys.delete_many({})
            self._db.gallery.delete_one({"_id": STORE_KEY})  # last: without it nothing that is sealed can be opened
        self._seals.forget()

    def _refuse_others(self) -> None:
        with self._connection.calls():
            others = self._attempts.living_writers()
        if others:
            raise StoreError(
                "store_in_use",
                f"{others} other programs write to the store, and may seal what was just opened.",
                "Stop them, wait a minute, and try again.",
            )

    def _wait_for_writers(self) -> None:
        """Wait until no write can use a key that was retired before."""
        with self._connection.calls():
            writing = set(self._attempts.under_way())
        deadline = time.monotonic() + self._attempts.lease_s
        while time.monotonic() < deadline or writing:
            time.sleep(_LOOK_S)
            with self._connection.calls():
                writing &= self._attempts.under_way().keys()

    def _owners(self, which: Document) -> list[str]:
        with self._connection.calls():
            return sorted({str(found["owner"]) for found in self._db.data_keys.find(which, {"owner": 1})})

    def _reseal(self, owner: str, target: Sealer) -> None:
        resealing = _Resealing(self._db, target, self._seals.sealer())
        kind, _, rest = owner.partition(" ")
        if kind == "student":
            resealing.student(int(rest))
        elif kind == "unknown_face":
            self._unknowns.seal_again(int(rest), self._seals.sealer(), target)
        else:
            session, _, number = rest.partition("/")
            which = {"session": Int64(int(session)), "number": int(number)}
            for found in list(self._db.session_photos.find(which, {"_id": 1})):
                resealing.session_photo(found["_id"])

    def add_master(self, new: MasterKey) -> None:
        seals = self._opened()
        with self._connection.calls():
            self._seals.keys.put_store_key(self._kept().with_master(seals.master, new))

    def drop_other_masters(self) -> tuple[str, ...]:
        seals = self._opened()
        with self._connection.calls():
            kept = self._kept()
            self._seals.keys.put_store_key(kept.with_master_only(seals.master))
        return tuple(sorted(kept.masters.keys() - {seals.master.name}))

    def _kept(self) -> SealedStoreKey:
        kept = self._seals.keys.store_key()
        if kept is None:
            raise not_sealed()
        return kept

    def store_key(self) -> SealedStoreKey | None:
        with self._connection.calls():
            return self._seals.keys.store_key()

    def data_keys(self) -> Iterator[DataKey]:
        with self._connection.calls():
            yield from self._seals.keys.each()

    def derived(self, purpose: str) -> Cipher | None:
        return None if self._seals.seals is None else self._seals.seals.derived(purpose)

    def _opened(self) -> StoreSeals:
        if self._seals.seals is None:
            raise not_sealed()
        return self._seals.seals


class _Resealing:
    """Seals the records of one owner again. Each update names the key that the record had when it was read."""

    def __init__(self, db: Database[dict[str, Any]], target: Sealer, source: Sealer) -> None:
        """``target`` seals what ``source`` opens; one without a key brings it into the clear."""
        self._db = db
        self._target = target
        self._source = source

    def student(self, subject: int) -> None:
        """The name, photos, templates, faces and negative examples of a student."""
        own = {"student": Int64(subject)}
        for student in list(self._db.students.find({"subject": Int64(subject)})):
            self._name(student, subject)
        for image in list(self._db.images.find(own)):
            self._source_of(image, subject)
        for each in list(self._db.contents.find(own, {"_id": 1})):
            kept = self._db.contents.find_one({"_id": each["_id"]})
            if kept is not None:
                about = photo_seal(subject, str(kept["_id"]).partition(":")[2])
                self._field("contents", kept, "content", of_student(subject), about)
        for template in list(self._db.templates.find(own)):
            self._template(template, subject)
        for each in list(self._db.negatives.find(own)):
            about = negative_seal(subject, each["about"], each["pack"])
            self._field("negatives", each, "vector", of_student(subject), about)
        for entry in list(self._db.attendance.find({**own, "face": {"$exists": True}})):
            plain = opened_vector(self._source, entry)
            if plain is not None:
                about = seal_of(entry)
                vector, key = sealed_value(self._target.seal(of_student(subject), plain, about))
                which = {"_id": entry["_id"], "student": Int64(subject), "face": {"$exists": True}}
                changes: dict[str, Any] = {"$set": {"face.vector": vector, "face.key": key}}
                self._db.attendance.update_one(which, changes)

    def session_photo(self, number: object) -> None:
        """The copy of a session's photo, and the faces in it."""
        photo = self._db.session_photos.find_one({"_id": number, "content": {"$exists": True}})
        if photo is None:  # dropped meanwhile
            return
        which = int(photo["session"]), int(photo["number"])
        stored = photo["faces"].encode() if isinstance(photo["faces"], str) else photo["faces"]
        content = self._source.unseal(photo["content"], photo.get("key"), session_photo_seal(*which))
        faces = self._source.unseal(stored, photo.get("key"), session_faces_seal(*which))
        if content is None or faces is None:
            return
        owner = of_session_photo(*which)
        copy, key = sealed_value(self._target.seal(owner, content, session_photo_seal(*which)))
        known, _ = sealed_value(self._target.seal(owner, faces, session_faces_seal(*which)))
        text = faces.decode() if key is None else known
        still = {"_id": number, "content": {"$exists": True}, "key": photo.get("key")}
        self._db.session_photos.update_one(still, {"$set": {"content": copy, "faces": text, "key": key}})

    def _field(self, collection: str, document: Mapping[str, Any], field: str, owner: str, about: str) -> None:
        """A field of bytes."""
        plain = self._source.unseal(document[field], document.get("key"), about)
        if plain is not None:
            stored, key = sealed_value(self._target.seal(owner, plain, about))
            still = {"_id": document["_id"], "key": document.get("key")}
            self._db[collection].update_one(still, {"$set": {field: stored, "key": key}})

    def _name(self, student: Mapping[str, Any], subject: int) -> None:
        key = student.get("key")
        if key is None and not self._target.seals_names:
            return
        stored, about = student["nombre_del_alumno"], name_seal(subject)
        plain = stored.encode() if isinstance(stored, str) else self._source.unseal(stored, key, about)
        if plain is not None:
            name, number = sealed_value(self._target.seal(of_student(subject), plain, about))
            still = {"_id": student["_id"], "nombre_del_alumno": stored}
            value = plain.decode() if number is None else name
            self._db.students.update_one(still, {"$set": {"nombre_del_alumno": value, "key": number}})

    def _source_of(self, image: Mapping[str, Any], subject: int) -> None:
        source, key = image["source"], image.get("key")
        if isinstance(source, str) and not self._target.seals_names:
            return
        about = source_seal(subject, image["sha256"])
        plain = source.encode() if isinstance(source, str) else self._source.unseal(source, key, about)
        if plain is not None:
            sealed, number = sealed_value(self._target.seal(of_student(subject), plain, about))
            value = plain.decode() if number is None else sealed
            self._db.images.update_one({"_id": image["_id"]}, {"$set": {"source": value, "key": number}})

    def _template(self, template: Mapping[str, Any], subject: int) -> None:
        sha256 = template.get("sha256")
        if sha256 is None:  # it was in the clear
            image = self._db.images.find_one({"_id": template["image"]}, {"sha256": 1})
            if image is None:
                return
            sha256 = image["sha256"]
        about = template_seal(subject, sha256, template["pack"])
        plain = self._source.unseal(template["vector"], template.get("key"), about)
        if plain is not None:
            vector, key = sealed_value(self._target.seal(of_student(subject), plain, about))
            still = {"_id": template["_id"], "key": template.get("key")}
            self._db.templates.update_one(still, {"$set": {"vector": vector, "sha256": sha256, "key": key}})
