"""Read everything in a MongoDB store, page by page, and check what must be true of it. Nothing is written.

A standalone MongoDB server has no snapshot of a whole database: others may write meanwhile. So each suspicion is
checked again at the end, and is reported only when it is still true.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from gallery.documents.damage import (
    ENROL_AGAIN,
    RESTORE,
    SAY_AGAIN,
    SYNC,
    Damage,
    DamageProgress,
    photo_damage,
    sealed_damage,
    vector_damage,
)
from gallery.documents.foreign_documents import student_of
from gallery.documents.mongo.attempts import Announced
from gallery.documents.mongo.attendance_documents import WHAT_SEALS_FACES, seal_of
from gallery.documents.mongo.data_keys import MongoKeys
from gallery.documents.mongo.shapes import content_id
from gallery.documents.mongo.unknown_check import Which, miscounted_groups, unknown_face_damage
from gallery.documents.seals import (
    Sealer,
    Sealing,
    StoreSeals,
    data_key_missing,
    name_seal,
    negative_seal,
    open_seals,
    photo_seal,
    session_faces_seal,
    session_photo_seal,
    template_seal,
)
from presente.errors import StoreError

_PAGE = 4096
_OF_TEMPLATE = dict.fromkeys(("student", "image", "pack", "sha256", "vector", "key"), 1)
_SETTLE_S = 2.0
"""How long a write of another process may take to be complete."""
_RESTART = "It is finished or undone when Presente is next started on this store."


def mongo_damage(
    db: Database[dict[str, Any]],
    dead: Callable[[], list[Announced]],
    progress: DamageProgress = lambda _: None,
    sealing: Sealing | StoreSeals | None = None,
) -> Iterator[Damage]:
    """Findings in a store's database. Sealed records are examined with ``sealing`` only.

    Args:
        db: the database.
        dead: gives the announced writes of dead processes.
        progress: is told how many further photos were read.
        sealing: what sealed records are opened with.

    Raises:
        PyMongoError: the server cannot be reached.
    """
    seals = None
    try:
        seals = open_seals(MongoKeys(db).store_key(), sealing)
    except StoreError as error:
        yield sealed_damage(error, "the store key")
    yield from _Check(db, dead, progress, seals).run()


def unopened_damage(
    url: str, default: str, progress: DamageProgress, sealing: Sealing | None = None
) -> Iterator[Damage]:
    """Findings in a database that could not be opened as a store. The reason for that was reported before."""
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=1000)
    except (PyMongoError, ValueError):
        return
    with client, suppress(PyMongoError):
        yield from mongo_damage(client.get_default_database(default), list, progress, sealing)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A suspicion: one document exists, and the document that belongs to it does not (None: needs no other one)."""

    damage: Damage
    there: Which
    missing: Which | None


class _Check:
    """One check of a database."""

    def __init__(
        self,
        db: Database[dict[str, Any]],
        dead: Callable[[], list[Announced]],
        progress: DamageProgress,
        seals: StoreSeals | None,
    ) -> None:
        self.db = db
        self.seals = seals
        self.keys = MongoKeys(db)
        self.dead = dead
        self.progress = progress
        self.names: dict[int, str] = {}
        self.owners: dict[int, int] = {}
        self.ended: set[int] = set()  # the students whose consent has ended
        self.suspects: list[_Suspect] = []
        self.newest = 0

    def run(self) -> Iterator[Damage]:
        yield from self._settings()
        yield from self._data_keys()
        yield from self._students()
        yield from self._photos()
        self._bytes_without_photo()
        yield from self._templates()
        yield from self._entries()
        yield from self._negatives()
        yield from self._session_photos()
        yield from unknown_face_damage(self.db, (self.tag, self.dim), self._opened, self._suspect)
        miscounted_groups(self.db, self._suspect)
        yield from self._sequence()
        for attempt in self.dead():
            where = f"writing {attempt.name}"
            yield Damage("write_unfinished", f"A process died during the write {attempt.what!r}.", where, _RESTART)
        if self.suspects:
            time.sleep(_SETTLE_S)
            yield from (suspect.damage for suspect in self.suspects if self._is_still(suspect))

    def _suspect(self, damage: Damage, there: Which, missing: Which | None = None) -> None:
        self.suspects.append(_Suspect(damage, there, missing))

    def _is_still(self, suspect: _Suspect) -> bool:
        return self._has(suspect.there) and (suspect.missing is None or not self._has(suspect.missing))

    def _has(self, which: Which) -> bool:
        collection, document = which
        return self.db[collection].find_one(document, {"_id": 1}) is not None

    def _pages(self, collection: str, fields: dict[str, int], key: str = "_id") -> Iterator[list[dict[str, Any]]]:
        """All documents in order of a key, page by page."""
        last: Any = None
        while True:
            which = {} if last is None else {key: {"$gt": last}}
            page = list(self.db[collection].find(which, fields).sort(key, 1).limit(_PAGE))
            if not page:
                return
            last = page[-1][key]
            yield page

    def _settings(self) -> Iterator[Damage]:
        identity, pack = (self.db.gallery.find_one({"_id": name}) for name in ("identity", "pack"))
        if identity is None or not identity.get("value"):
            yield Damage("setting_damaged", "The store's identity is missing.", "gallery identity", RESTORE)
        self.tag, self.dim = "", 0
        if pack is not None:
            try:
                self.tag, self.dim = str(pack["tag"]), int(pack["dim"])
            except (KeyError, TypeError, ValueError) as exc:
                yield Damage("setting_damaged", f"The pack cannot be read ({exc!r}).", "gallery pack", RESTORE)

    def _data_keys(self) -> Iterator[Damage]:
        """Every data key can be opened."""
        if self.seals is None:
            return
        for key in self.keys.each():
            try:
                self.seals.cipher(key)
            except StoreError as error:
                yield sealed_damage(error, f"data key of {key.owner}")

    def _opened(self, stored: object, key: Any, about: str, where: str, there: Which) -> Iterator[bytes | Damage]:
        """Bytes, opened; or the finding that they cannot be; nothing when there is no key for the store.

        ``there`` is the document that has them, whose key may be destroyed at this moment.
        """
        content = bytes(stored)  # type: ignore[call-overload]  # what a document has is Any
        if key is None:
            yield content
        elif self.seals is not None:
            try:
                opened = Sealer(self.seals, self.keys).unseal(content, key, about)
            except StoreError as error:
                yield sealed_damage(error, where)
                return
            if opened is None:
                self._suspect(sealed_damage(data_key_missing(where), where), there)
            else:
                yield opened

    def _students(self) -> Iterator[Damage]:
        matriculas: set[str] = set()
        for page in self._pages("students", {"image": 0}):
            for document in page:
                where = f"student {document.get('matricula')}"
                if "subject" not in document:  # another program's: sync takes it in
                    continue
                subject = int(document["subject"])
                self.newest = max(self.newest, subject)
                matricula = str(document.get("matricula"))
                if matricula in matriculas:
                    what = "The matricula exists more than once."
                    yield Damage("student_twice", what, where, "Delete one of the documents, then `indexer verify`.")
                if subject in self.names:
                    yield Damage("student_twice", f"{self.names[subject]} has the id {subject}, too.", where, RESTORE)
                matriculas.add(matricula)
                self.names[subject] = matricula
                try:
                    consent = student_of(document).consentimiento
                    if consent is not None and consent.has_ended:
                        self.ended.add(subject)
                except (KeyError, TypeError, ValueError, AttributeError) as exc:
                    yield Damage("text_damaged", f"The document cannot be read ({exc!r}).", where, RESTORE)
                if document.get("key") is not None:
                    there = ("students", {"subject": Int64(subject), "key": document["key"]})
                    name = document["nombre_del_alumno"]
                    found = self._opened(name, document["key"], name_seal(subject), where, there)
                    yield from (each for each in found if isinstance(each, Damage))

    def _where(self, subject: int, sha256: object) -> str:
        return f"photo {str(sha256)[:12]} of {self.names.get(subject, 'a missing student')}"

    def _photos(self) -> Iterator[Damage]:
        """The bytes of every photo. One photo is in memory at a time."""
        for page in self._pages("images", {"student": 1, "sha256": 1}):
            for image in page:
                self.progress(1)
                number, subject, sha256 = int(image["_id"]), int(image["student"]), str(image["sha256"])
                self.owners[number] = subject
                self.newest = max(self.newest, number)
                where = self._where(subject, sha256)
                if subject not in self.names:
                    self._suspect(
                        Damage("photo_without_student", "Its student does not exist.", where, RESTORE),
                        ("images", {"_id": Int64(number)}),
                        ("students", {"subject": Int64(subject)}),
                    )
                name = content_id(subject, sha256)
                kept = self.db.contents.find_one({"_id": name})
                if kept is None:
                    self._suspect(
                        Damage("photo_without_bytes", "Its bytes do not exist.", where, ENROL_AGAIN),
                        ("images", {"_id": Int64(number)}),
                        ("contents", {"_id": name}),
                    )
                else:
                    there = ("contents", {"_id": name, "key": kept.get("key")})
                    about = photo_seal(subject, sha256)
                    for each in self._opened(kept["content"], kept.get("key"), about, where, there):
                        yield from [each] if isinstance(each, Damage) else photo_damage(each, sha256, where)

    def _bytes_without_photo(self) -> None:
        """No bytes are left of a photo that was deleted."""
        for page in self._pages("contents", {"student": 1}):
            named = [(str(found["_id"]), *str(found["_id"]).partition(":")[::2]) for found in page]
            digests = list({sha256 for _, _, sha256 in named})
            known = {
                content_id(int(image["student"]), str(image["sha256"]))
                for start in range(0, len(digests), 500)
                for image in self.db.images.find(
                    {"sha256": {"$in": digests[start : start + 500]}}, {"student": 1, "sha256": 1}
                )
            }
            for name, subject, sha256 in named:
                if name not in known:
                    self._suspect(
                        Damage(
                            "bytes_without_photo",
                            "Bytes are stored of a photo that does not exist.",
                            f"contents {name[:24]}",
                            "Delete the document from the collection contents.",
                        ),
                        ("contents", {"_id": name}),
                        ("images", {"student": Int64(int(subject) if subject.isdigit() else -1), "sha256": sha256}),
                    )

    def _templates(self) -> Iterator[Damage]:
        embedded: set[int] = set()
        templates: list[int] = []
        for page in self._pages("templates", _OF_TEMPLATE):
            for template in page:
                number, image, subject = (int(template[name]) for name in ("_id", "image", "student"))
                templates.append(number)
                self.newest = max(self.newest, number)
                where = f"template {number} of {self.names.get(subject, 'a missing student')}"
                if template["pack"] == self.tag:
                    embedded.add(image)
                if self.owners.get(image) != subject:
                    self._suspect(
                        Damage(
                            "template_without_photo",
                            "Its photo does not exist, or belongs to another student.",
                            where,
                            RESTORE,
                        ),
                        ("templates", {"_id": Int64(number)}),
                        ("images", {"_id": Int64(image), "student": Int64(subject)}),
                    )
                dim = self.dim if template["pack"] == self.tag and self.tag else None
                there = ("templates", {"_id": Int64(number), "key": template.get("key")})
                about = template_seal(subject, str(template.get("sha256")), str(template["pack"]))
                for each in self._opened(template["vector"], template.get("key"), about, where, there):
                    yield from [each] if isinstance(each, Damage) else vector_damage(each, dim, where)
        unembedded = (image for image in self.owners.keys() - embedded if self.owners[image] not in self.ended)
        for image in sorted(unembedded) if self.tag else ():
            self._suspect(
                Damage(
                    "photo_without_template",
                    f"It has no template by {self.tag}.",
                    f"photo {image} of {self.names.get(self.owners[image], 'a missing student')}",
                    SYNC,
                ),
                ("images", {"_id": Int64(image)}),
                ("templates", {"image": Int64(image), "pack": self.tag}),
            )
        self._removed_templates(np.array(templates, dtype=np.int64))

    def _removed_templates(self, templates: np.ndarray[Any, Any]) -> None:
        for page in self._pages("removals", {"templates": 1}):
            for removal in page:
                removed = np.array([int(template) for template in removal["templates"]], dtype=np.int64)
                for template in removed[np.isin(removed, templates)].tolist():
                    self._suspect(
                        Damage("change_missing", "It is recorded as removed.", f"template {template}", RESTORE),
                        ("templates", {"_id": Int64(template)}),
                    )

    def _entries(self) -> Iterator[Damage]:
        """The faces of attendance entries."""
        for page in self._pages("attendance", {**dict.fromkeys(WHAT_SEALS_FACES, 1), "face": 1}):
            for entry in page:
                self.newest = max(self.newest, int(entry["_id"]))
                if entry.get("face") is not None:
                    where = f"attendance entry {entry['_id']}"
                    face = entry["face"]
                    there = ("attendance", {"_id": entry["_id"], "face.key": face.get("key")})
                    about = seal_of(entry)
                    for each in self._opened(face.get("vector", b""), face.get("key"), about, where, there):
                        yield from [each] if isinstance(each, Damage) else vector_damage(each, None, where)

    def _negatives(self) -> Iterator[Damage]:
        """The vectors of negative examples, and their students."""
        for page in self._pages("negatives", dict.fromkeys(("student", "about", "pack", "vector", "key"), 1)):
            for each in page:
                number, subject = int(each["_id"]), int(each["student"])
                self.newest = max(self.newest, number)
                where = f"negative example {number} of {self.names.get(subject, 'a missing student')}"
                there = ("negatives", {"_id": each["_id"], "key": each.get("key")})
                if subject not in self.names:
                    what = Damage("lost_reference", "Its student does not exist.", where, RESTORE)
                    self._suspect(what, there, ("students", {"subject": Int64(subject)}))
                dim = self.dim if each["pack"] == self.tag and self.tag else None
                about = negative_seal(subject, str(each["about"]), str(each["pack"]))
                for opened in self._opened(each["vector"], each.get("key"), about, where, there):
                    yield from [opened] if isinstance(opened, Damage) else vector_damage(opened, dim, where, SAY_AGAIN)

    def _session_photos(self) -> Iterator[Damage]:
        """The copies of sessions' photos, and the faces in them."""
        for found in list(self.db.session_photos.find({"key": {"$gt": 0}}, {"session": 1, "number": 1})):
            photo = self.db.session_photos.find_one({"_id": found["_id"]})
            if photo is None or photo.get("key") is None:  # dropped meanwhile
                continue
            which = int(photo["session"]), int(photo["number"])
            where, there = (
                f"photo {which[1]} of session {which[0]}",
                ("session_photos", {"_id": photo["_id"], "key": photo["key"]}),
            )
            for name, about in (("content", session_photo_seal(*which)), ("faces", session_faces_seal(*which))):
                opened = self._opened(photo[name], photo["key"], about, where, there)
                yield from (each for each in opened if isinstance(each, Damage))

    def _sequence(self) -> Iterator[Damage]:
        """The sequence has no gap, and every id is one of its numbers."""
        following = 1
        for page in self._pages("changes", {"n": 1}):
            for reserved in page:
                first = int(reserved["_id"])
                if first != following:
                    what = f"Numbers {following} to {first - 1} are missing, or were given twice."
                    yield Damage("change_missing", what, "changes", RESTORE)
                following = first + int(reserved["n"])
        if self.newest >= following:
            what = f"The id {self.newest} exists, and the last number is {following - 1}: ids would be given twice."
            yield Damage("id_counter", what, "changes", RESTORE)
