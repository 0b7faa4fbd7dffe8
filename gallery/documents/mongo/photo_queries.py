"""Reading photos and templates in MongoDB, page by page. A page is one call; the caller may write between pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bson import Int64
from pymongo import ASCENDING

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals, opened_source
from gallery.documents.mongo.shapes import (
    ENDED,
    VISIBLE,
    content_id,
    content_size,
    opened_content,
    opened_templates,
    template_batch,
)
from gallery.documents.values import EnrolledTemplate, StoredPhoto, SubjectPart, TemplateBatch

_PAGE = 4096
"""Templates, or ids of photos, that one query reads."""
_OF_TEMPLATE = {"student": 1, "pack": 1, "sha256": 1, "vector": 1, "key": 1}
_PHOTO_PAGE = 16
"""Photos that one query reads."""


class MongoPhotoQueries:
    """Photos and templates of a MongoDB store."""

    def __init__(self, connection: MongoConnection, seals: MongoSeals) -> None:
        self._connection = connection
        self._db = connection.db
        self._seals = seals

    def embedded(self, matricula: str, pack: str) -> set[str]:
        """SHA-256 of the student's photos that have a template by a pack."""
        with self._connection.calls():
            found = self._db.students.find_one({"matricula": matricula, **VISIBLE}, {"subject": 1})
            if found is None:
                return set()
            images = {
                int(image["_id"]): str(image["sha256"])
                for image in self._db.images.find({"student": found["subject"]}, {"sha256": 1})
            }
            done = self._db.templates.find({"student": found["subject"], "pack": pack}, {"image": 1})
            return {images[int(template["image"])] for template in done if int(template["image"]) in images}

    def digests(self, matricula: str) -> list[str]:
        """SHA-256 of the student's photos, sorted."""
        with self._connection.calls():
            found = self._db.students.find_one({"matricula": matricula, **VISIBLE}, {"subject": 1})
            if found is None:
                return []
            images = self._db.images.find({"student": found["subject"]}, {"sha256": 1})
            return sorted(str(image["sha256"]) for image in images)

    def photo_bytes(self, matricula: str) -> int:
        """How many bytes the student's photos have together. They are read: not every server can tell their sizes."""
        with self._connection.calls():
            found = self._db.students.find_one({"matricula": matricula, **VISIBLE}, {"subject": 1})
            if found is None:
                return 0
            kept = self._db.contents.find({"student": found["subject"]}, {"content": 1, "key": 1}, batch_size=1)
            return sum(map(content_size, kept))

    def template_count(self, pack: str, part: SubjectPart | None) -> int:
        """How many templates by a pack there are, of the subjects of a part."""
        with self._connection.calls():
            return self._db.templates.count_documents({"pack": pack, **_of_part(part)})

    def templates(self, ids: Sequence[int] | None, pack: str, part: SubjectPart | None) -> Iterator[TemplateBatch]:
        """Templates by a pack in order of id, in batches; without ``ids`` all of them; of the subjects of a part."""
        wanted = None if ids is None else sorted(int(i) for i in ids)
        last = 0
        while wanted is None or wanted:
            with self._connection.calls():
                which: dict[str, Any] = {"$gt": Int64(last)}
                if wanted is not None:
                    which = {"$in": [Int64(i) for i in wanted[:_PAGE]]}
                    wanted = wanted[_PAGE:]
                rows = list(
                    self._db.templates.find({"_id": which, "pack": pack, **_of_part(part)}, _OF_TEMPLATE)
                    .sort("_id", ASCENDING)
                    .limit(_PAGE)
                )
                opened = opened_templates(self._seals.sealer(), rows)
            if rows:
                last = int(rows[-1]["_id"])
                if opened:
                    yield template_batch(opened)
            elif wanted is None:
                return

    def enrolled(self, pack: str) -> Iterator[EnrolledTemplate]:
        """What is known of the templates by a pack, in order of id."""
        last = 0
        while True:
            with self._connection.calls():
                which = {"_id": {"$gt": Int64(last)}, "pack": pack}
                wanted = {"image": 1, "student": 1, "quality": 1}
                rows = list(self._db.templates.find(which, wanted).sort("_id", ASCENDING).limit(_PAGE))
                described = self._db.images.find({"_id": {"$in": [row["image"] for row in rows]}})
                images = {image["_id"]: image for image in described}
                sealer = self._seals.sealer()
                sealer.load(image.get("key") for image in images.values())
                sources = {number: opened_source(sealer, image) for number, image in images.items()}
            if not rows:
                return
            last = int(rows[-1]["_id"])
            for row in rows:
                image = images.get(row["image"])
                if image is not None:  # otherwise it was removed meanwhile
                    yield EnrolledTemplate(
                        int(row["_id"]), int(row["student"]), image["sha256"], sources[image["_id"]], row["quality"]
                    )

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        """Every photo that has no template by a pack, in order of id."""
        for ids in self._image_ids():
            with self._connection.calls():
                done = {
                    int(found["image"])
                    for found in self._db.templates.find(
                        {"image": {"$in": [Int64(i) for i in ids]}, "pack": pack}, {"image": 1}
                    )
                }
            yield from self._photos([i for i in ids if i not in done], {"$nor": [ENDED]})

    def photos(self) -> Iterator[StoredPhoto]:
        """Every photo, in order of id."""
        for ids in self._image_ids():
            yield from self._photos(ids, VISIBLE)

    def _image_ids(self) -> Iterator[list[int]]:
        last = 0
        while True:
            with self._connection.calls():
                found = self._db.images.find({"_id": {"$gt": Int64(last)}}, {"_id": 1})
                ids = [int(image["_id"]) for image in found.sort("_id", ASCENDING).limit(_PAGE)]
            if not ids:
                return
            last = ids[-1]
            yield ids

    def _photos(self, ids: Sequence[int], owner: Document) -> Iterator[StoredPhoto]:
        """The photos with these ids that still exist, of students who match the filter ``owner``."""
        for start in range(0, len(ids), _PHOTO_PAGE):
            some = [Int64(i) for i in ids[start : start + _PHOTO_PAGE]]
            with self._connection.calls():
                found = list(self._db.images.find({"_id": {"$in": some}}).sort("_id", ASCENDING))
                owners = self._db.students.find({"subject": {"$in": [image["student"] for image in found]}, **owner})
                names = {int(document["subject"]): str(document["matricula"]) for document in owners}
            for image in found:
                with self._connection.calls():
                    kept = self._db.contents.find_one({"_id": content_id(image["student"], image["sha256"])})
                    content = opened_content(self._seals.sealer(), image, kept)
                if content is not None and int(image["student"]) in names:
                    yield StoredPhoto(
                        id=int(image["_id"]),
                        matricula=names[int(image["student"])],
                        sha256=image["sha256"],
                        content=content,
                        media_type=image["media_type"],
                    )


def _of_part(part: SubjectPart | None) -> Document:
    """The filter for the templates of a part's subjects."""
    return {} if part is None else {"student": {"$mod": [part.of, part.number]}}
