"""Unknown people in MongoDB. What a group's faces add up to is kept in its document; the faces are what holds."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from bson import Int64
from pymongo import ASCENDING, DESCENDING

from gallery.documents.erasure_list import NOT_ASKED, Cause, erased_unknown_faces
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.attempts import MongoAttempts
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals, sealed_value
from gallery.documents.mongo.erasures import MongoErasures, erasure_document, erasure_of
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.unknown_documents import (
    SEEN,
    face_document,
    face_of,
    group_of,
    opened_template,
    picture_document,
    sightings_fields,
    sightings_of_face,
    sightings_of_group,
    view_fields,
)
from gallery.documents.mongo.unknown_writes import Say, UnknownWrites, Write
from gallery.documents.seals import Sealer, of_unknown_face, unknown_picture_seal, unknown_template_seal
from gallery.documents.unknown_people import (
    StoredUnknownFace,
    UnknownBatch,
    UnknownFace,
    UnknownGroup,
    UnknownOrder,
    UnknownPlace,
    UnknownState,
)
from gallery.documents.unknown_rules import Sightings, added_up
from presente.errors import Busy

_LOOKS, _LOOK_S = 200, 0.05
"""How often, and how many seconds apart, a moment is waited for in which nothing moves."""
EPOCH = "unknown_epoch"
"""The store's setting with what :meth:`MongoUnknowns.epoch` returns."""
_PAGE = 4096
_AT_ONCE = 1000
"""Faces that one write erases: what it announces must fit into one document."""


class MongoUnknowns:
    """A :class:`gallery.documents.unknown_store.UnknownStore` on the database of a MongoDB store.

    Attributes:
        writes: who writes now.
    """

    def __init__(
        self,
        connection: MongoConnection,
        sequence: MongoSequence,
        attempts: MongoAttempts,
        erasures: MongoErasures,
        seals: MongoSeals,
    ) -> None:
        self._connection = connection
        self._sequence = sequence
        self._erasures = erasures
        self._seals = seals
        db = connection.db
        self._groups, self._faces, self._pictures = db.unknown_groups, db.unknown_faces, db.unknown_pictures
        self._settings = db.gallery
        self.writes = UnknownWrites(db, attempts, self._finish)

    def prepare(self) -> None:
        """Create the indexes."""
        self._groups.create_index([("state", ASCENDING), ("last_at", ASCENDING)], name="time")
        self._groups.create_index([("state", ASCENDING), ("visits", ASCENDING)], name="visits")
        self._faces.create_index([("group", ASCENDING)], name="group")
        self._faces.create_index([("last_at", ASCENDING)], name="time")
        self._pictures.create_index([("face", ASCENDING)], name="face")

    def recover(self) -> None:
        """Finish or undo what a dead process left. Lets pymongo's errors through."""
        self.writes.recover()

    # -- adding -----------------------------------------------------------------------------------------------------

    def add(self, faces: Sequence[tuple[UnknownFace, int]]) -> list[StoredUnknownFace]:
        if not faces:
            return []
        with self._connection.calls(), self.writes.write("add") as say:
            there = self._existing(group for _, group in faces)
            begun = sum(group not in there for _, group in faces)
            numbers = list(self._sequence.reserve(len(faces) + begun, "unknown"))
            ids, new = numbers[: len(faces)], iter(numbers[len(faces) :])
            groups = [group if group in there else next(new) for _, group in faces]
            say(faces=_numbers(ids), groups=_numbers(set(groups)))
            sealer = self._seals.sealer()
            sealer.prepare([], new=map(of_unknown_face, ids))
            shown = zip(ids, faces, strict=True)
            pictures = [picture_document(sealer, number, face.picture) for number, (face, _) in shown]
            self._pictures.insert_many(pictures)
            made = zip(ids, groups, faces, pictures, strict=True)
            self._faces.insert_many(
                [face_document(sealer, number, group, face, kept["_id"]) for number, group, (face, _), kept in made]
            )
            for number, group, (face, _) in zip(ids, groups, faces, strict=True):
                before = there.get(group)
                seen = Sightings.of(number, face)
                there[group] = seen if before is None else before.plus(seen)
            for group in sorted(set(groups)):
                self._put_group(group, there[group])
        return [
            StoredUnknownFace(number, group, replace(face, picture=b""))
            for number, group, (face, _) in zip(ids, groups, faces, strict=True)
        ]

    def _existing(self, groups: Iterable[int]) -> dict[int, Sightings]:
        found = self._groups.find({"_id": {"$in": _numbers(set(groups))}})
        return {int(each["_id"]): sightings_of_group(each) for each in found}

    def see_again(self, face: int, last_at: str, looks: int, better: UnknownFace | None) -> bool:
        with self._connection.calls(), self.writes.write("see") as say:
            found = self._faces.find_one({"_id": Int64(face)}, {"vector": 0})
            if found is None:
                return False
            group = int(found["group"])
            write = say(face=Int64(face), groups=[Int64(group)])
            seen = {"last_at": max(found["last_at"], last_at), "looks": int(found["looks"]) + looks}
            if better is None:
                self._faces.update_one({"_id": Int64(face)}, {"$set": seen})
            else:
                self._put_view(face, better, seen)
            self._finish(write)
        return True

    def _put_view(self, face: int, better: UnknownFace, seen: Document) -> None:
        """Write a better view of a face, as often as the key that sealed it was destroyed meanwhile."""
        while True:
            sealer = self._seals.sealer()
            picture = picture_document(sealer, face, better.picture)
            self._pictures.insert_one(picture)
            view = view_fields(sealer, face, better, picture["_id"])
            self._faces.update_one({"_id": Int64(face)}, {"$set": {**seen, **view}})
            if not sealer.lost():
                return

    def _drop_other_pictures(self, face: int) -> None:
        """Delete the pictures of a face that it does not name."""
        found = self._faces.find_one({"_id": Int64(face)}, {"picture": 1})
        shown = "" if found is None else found["picture"]
        self._pictures.delete_many({"face": Int64(face), "_id": {"$ne": shown}})

    # -- reading ----------------------------------------------------------------------------------------------------

    def group(self, number: int) -> UnknownGroup | None:
        with self._connection.calls():
            found = self._groups.find_one({"_id": Int64(number)})
        return None if found is None else group_of(found)

    def groups(
        self,
        state: UnknownState,
        order: UnknownOrder,
        after: UnknownPlace | None,
        limit: int,
        clases: Collection[str] | None = None,
    ) -> list[UnknownGroup]:
        seen_in: Document = {} if clases is None else {"clases": {"$in": sorted(clases)}}
        which: Document = {"state": state, **seen_in}
        if after is not None:
            here: Document = {order: after.value, "_id": {"$lt": Int64(after.id)}}
            which = {"$and": [which, {"$or": [{order: {"$lt": after.value}}, here]}]}
        with self._connection.calls():
            found = self._groups.find(which).sort([(order, DESCENDING), ("_id", DESCENDING)]).limit(limit)
            return [group_of(each) for each in found]

    def faces(self, group: int, after: int, limit: int) -> list[StoredUnknownFace]:
        which: Document = {"group": Int64(group), "_id": {"$gt": Int64(after)}}
        with self._connection.calls():
            found = list(self._faces.find(which).sort("_id", ASCENDING).limit(limit))
            sealer = self._seals.sealer()
            sealer.load(each.get("key") for each in found)
            return [face for each in found if (face := face_of(sealer, each)) is not None]

    def picture(self, face: int) -> bytes | None:
        with self._connection.calls():
            found = self._with_picture(face)
            if found is None:
                return None
            document, content = found
            return self._seals.sealer().unseal(content, document.get("key"), unknown_picture_seal(face))

    def _with_picture(self, face: int) -> tuple[Document, bytes] | None:
        """A face and its picture as it is stored; None when it is gone, or is being erased."""
        named = ""
        while True:
            found = self._faces.find_one({"_id": Int64(face)})
            if found is None or found["picture"] == named:
                return None
            named = found["picture"]  # unless it is replaced now
            kept = self._pictures.find_one({"_id": named})
            if kept is not None:
                return found, kept["content"]

    def templates(self, pack: str, after: int = 0) -> Iterator[UnknownBatch]:
        fields = dict.fromkeys(("group", "pack", "vector", "key"), 1)
        while True:
            with self._connection.calls():
                which: Document = {"pack": pack, "_id": {"$gt": Int64(after)}}
                rows = list(self._faces.find(which, fields).sort("_id", ASCENDING).limit(_PAGE))
                not_ours = [int(each["_id"]) for each in self._groups.find({"state": "not_ours"}, {"_id": 1})]
                sealer = self._seals.sealer()
                sealer.load(row.get("key") for row in rows)
                opened = [(row, vector) for row in rows if (vector := opened_template(sealer, row)) is not None]
            if not rows:
                return
            after = int(rows[-1]["_id"])
            if opened:
                groups = np.array([int(row["group"]) for row, _ in opened], dtype=np.int64)
                yield UnknownBatch(
                    np.array([int(row["_id"]) for row, _ in opened], dtype=np.int64),
                    groups,
                    np.frombuffer(b"".join(vector for _, vector in opened), dtype="<f4").reshape(len(opened), -1),
                    np.isin(groups, np.array(not_ours, dtype=np.int64)),
                )

    def epoch(self) -> str:
        with self._connection.calls():
            found = self._settings.find_one({"_id": EPOCH})
        return "" if found is None else str(found["value"])

    def counts(self) -> tuple[int, int, int]:
        with self._connection.calls():
            return (
                int(self._groups.count_documents({"state": "open"})),
                int(self._groups.count_documents({"state": "not_ours"})),
                int(self._faces.count_documents({})),
            )

    # -- moving -----------------------------------------------------------------------------------------------------

    def join(self, keep: int, other: int) -> bool:
        with self._connection.calls(), self.writes.write("move") as say:
            if keep == other or len(self._existing([keep, other])) != 2:
                return False
            moved = [each["_id"] for each in self._faces.find({"group": Int64(other)}, {"_id": 1})]
            self._carry_out(say, faces=moved, to=Int64(keep), groups=_numbers([keep, other]))
        return True

    def split(self, faces: Sequence[int]) -> int:
        with self._connection.calls(), self.writes.write("move") as say:
            found = list(self._faces.find({"_id": {"$in": _numbers(set(faces))}}, {"group": 1}))
            if not found:
                return 0
            made = self._sequence.reserve(1, "unknown")[0]
            groups = _numbers({made, *(int(each["group"]) for each in found)})
            self._carry_out(say, faces=[each["_id"] for each in found], to=Int64(made), groups=groups)
        return made

    def mark(self, number: int, state: UnknownState, note: str | None = None) -> bool:
        with self._connection.calls(), self.writes.write("mark") as say:
            if self._groups.find_one({"_id": Int64(number)}, {"_id": 1}) is None:
                return False
            said = {"state": state} if note is None else {"state": state, "note": note}
            self._carry_out(say, group=Int64(number), said=said, groups=[])
        return True

    # -- erasing ----------------------------------------------------------------------------------------------------

    def erase(self, faces: Sequence[int], cause: Cause = NOT_ASKED) -> int:
        wanted = sorted(set(faces))
        pages = (wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE))
        return sum(self._erase({"_id": {"$in": _numbers(page)}}, cause) for page in pages)

    def erase_group(self, number: int, cause: Cause = NOT_ASKED) -> int:
        return self._erase_all({"group": Int64(number)}, cause)

    def drop(self, before: str | None, dry: bool = False) -> int:
        which: Document = {}
        with self._connection.calls():
            if before is not None:
                not_ours = [each["_id"] for each in self._groups.find({"state": "not_ours"}, {"_id": 1})]
                which = {"last_at": {"$lt": before}, "group": {"$nin": not_ours}}
            if dry:
                return int(self._faces.count_documents(which))
        return self._erase_all(which, None)

    def drop_other_packs(self, pack: str) -> None:
        """Erase the faces that are not by a pack."""
        self._erase_all({"pack": {"$ne": pack}}, None)

    def _erase_all(self, which: Document, cause: Cause | None) -> int:
        count = 0
        while erased := self._erase(which, cause):
            count += erased
        return count

    def _erase(self, which: Document, cause: Cause | None) -> int:
        """Erase some of the faces that a filter chooses; 0 when there are none."""
        with self._connection.calls():
            if self._faces.find_one(which, {"_id": 1}) is None:  # most often there is none
                return 0
            with self.writes.write("erase") as say:
                found = list(self._faces.find(which, {"group": 1}).sort("_id", ASCENDING).limit(_AT_ONCE))
                ids = [each["_id"] for each in found]
                listed = [] if cause is None else erased_unknown_faces(map(int, ids), cause)
                groups = _numbers({int(each["group"]) for each in found})
                self._carry_out(say, faces=ids, groups=groups, erasures=[erasure_document(each) for each in listed])
        return len(found)

    # -- for a backup, and sealing again ----------------------------------------------------------------------------

    def stored(self) -> Iterator[Document]:
        """Every face in order of id, as it is stored, with the bytes of its picture in place of the picture's id."""
        for number in [int(each["_id"]) for each in self._faces.find({}, {"_id": 1}).sort("_id", ASCENDING)]:
            found = self._with_picture(number)
            if found is not None:
                yield {**found[0], "picture": found[1]}

    def load(self, faces: Sequence[Mapping[str, Any]]) -> None:
        """Add faces as :meth:`stored` gives them, with ``state`` and ``note`` of their groups."""
        for group in {int(face["group"]): face for face in faces}.values():
            said: Document = {"$setOnInsert": {name: group[name] for name in ("state", "note")}}
            self._groups.update_one({"_id": group["group"]}, said, upsert=True)
        pictures = [{"_id": uuid.uuid4().hex, "face": face["_id"], "content": face["picture"]} for face in faces]
        self._pictures.insert_many(pictures)
        made = ({**face, "picture": kept["_id"]} for face, kept in zip(faces, pictures, strict=True))
        self._faces.insert_many([{name: face[name] for name in face if name not in ("state", "note")} for face in made])

    def arrangement(self) -> dict[int, UnknownGroup]:
        """The group of every face, by the ids of faces, as of one moment.

        Raises:
            Busy: ``store_busy``: there is no such moment.
        """
        for _ in range(_LOOKS):
            before = self.epoch()
            if not self.writes.is_moving():
                groups = {int(each["_id"]): group_of(each) for each in self._groups.find()}
                faces = {int(each["_id"]): int(each["group"]) for each in self._faces.find({}, {"group": 1})}
                if not self.writes.is_moving() and self.epoch() == before:
                    return {face: groups[group] for face, group in faces.items() if group in groups}
            time.sleep(_LOOK_S)
        raise Busy("store_busy", "Unknown people are grouped anew without end.", "Try again when that is over.")

    def seal_again(self, face: int, source: Sealer, target: Sealer) -> None:
        """Seal a face and its picture with ``target``; ``source`` opens what is stored."""
        with self.writes.write("see") as say:
            found = self._with_picture(face)
            if found is None:
                return
            document, content = found
            write = say(face=Int64(face), groups=[])
            vector = opened_template(source, document)
            picture = source.unseal(content, document.get("key"), unknown_picture_seal(face))
            if vector is None or picture is None:
                return
            about = unknown_template_seal(face, document["pack"])
            sealed, key = sealed_value(target.seal(of_unknown_face(face), vector, about))
            made = picture_document(target, face, picture)
            self._pictures.insert_one(made)
            view = {"vector": sealed, "picture": made["_id"], "key": key}  # no key: it is found to be in the clear
            self._faces.update_one({"_id": Int64(face)}, {"$set": view})
            self._finish(write)

    # -- carrying out -----------------------------------------------------------------------------------------------

    def _carry_out(self, say: Say, **about: Any) -> None:
        """Say what a write does, and do what finishes it."""
        self._finish(say(**about))

    def _finish(self, write: Write) -> None:
        """Finish a write; one that adds faces is undone. See :class:`UnknownWrites`."""
        if "groups" not in write:  # nothing was written
            return
        kind, faces = write["kind"], write.get("faces", [])
        if kind == "move":
            self._faces.update_many({"_id": {"$in": faces}}, {"$set": {"group": write["to"]}})
        elif kind == "mark":
            self._groups.update_one({"_id": write["group"]}, {"$set": write["said"]})
        elif kind == "see":
            self._drop_other_pictures(write["face"])
        else:
            self._erasures.put([erasure_of(each) for each in write.get("erasures", ())])
            self._pictures.delete_many({"face": {"$in": faces}})
            self._faces.delete_many({"_id": {"$in": faces}})
            self._seals.destroy(of_unknown_face(number) for number in faces)
        self._recount(map(int, write["groups"]))
        if kind != "see":  # last: whoever reads what was half written reads it again
            self._settings.update_one({"_id": EPOCH}, {"$set": {"value": uuid.uuid4().hex}}, upsert=True)

    def recount_all(self) -> None:
        """Set what the faces of all groups add up to."""
        groups = {int(each["_id"]) for each in self._groups.find({}, {"_id": 1})}
        self._recount(groups.union(map(int, self._faces.distinct("group"))))

    def _recount(self, groups: Iterable[int]) -> None:
        """Set what the faces of some groups add up to; groups without a face go."""
        for number in sorted(groups):
            faces = self._faces.find({"group": Int64(number)}, dict.fromkeys(SEEN, 1))
            seen = added_up(map(sightings_of_face, faces))
            if seen is None:
                self._groups.delete_one({"_id": Int64(number)})
            else:
                self._put_group(number, seen)

    def _put_group(self, number: int, seen: Sightings) -> None:
        new = {"state": "open", "note": ""}
        update: Document = {"$set": sightings_fields(seen), "$setOnInsert": new}
        self._groups.update_one({"_id": Int64(number)}, update, upsert=True)


def _numbers(values: Iterable[int]) -> list[Int64]:
    return [Int64(each) for each in sorted(values)]
