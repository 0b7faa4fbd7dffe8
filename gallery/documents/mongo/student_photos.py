"""The photos of one student in MongoDB."""

from __future__ import annotations

from typing import Any

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.data_keys import MongoSeals, opened_source
from gallery.documents.mongo.shapes import VISIBLE, content_id, content_size, opened_content
from gallery.documents.values import DescribedPhoto, StoredPhoto


class MongoStudentPhotos:
    """A :class:`gallery.documents.photo_protocol.PhotoStore` on a MongoDB server."""

    def __init__(self, connection: MongoConnection, seals: MongoSeals) -> None:
        self._connection = connection
        self._seals = seals
        self._db = connection.db

    def described(self, matricula: str, pack: str) -> list[DescribedPhoto]:
        """See :meth:`gallery.documents.photo_protocol.PhotoStore.described`."""
        with self._connection.calls():
            subject = self._subject(matricula)
            if subject is None:
                return []
            images = list(self._db.images.find({"student": subject}).sort("_id"))
            made = self._db.templates.find({"student": subject, "pack": pack}, {"vector": 0})
            templates = {int(template["image"]): template for template in made}
            found = []
            sealer = self._seals.sealer()
            for image in images:
                size = self._size(content_id(subject, image["sha256"]))
                if size is not None:  # otherwise the photo is being erased
                    source = opened_source(sealer, image)
                    found.append(_described(image, source, size, templates.get(int(image["_id"]))))
            return found

    def photo(self, matricula: str, sha256: str) -> StoredPhoto | None:
        """See :meth:`gallery.documents.photo_protocol.PhotoStore.photo`."""
        with self._connection.calls():
            subject = self._subject(matricula)
            image = None if subject is None else self._db.images.find_one({"student": subject, "sha256": sha256})
            kept = None if image is None else self._db.contents.find_one({"_id": content_id(subject or 0, sha256)})
            content = None if image is None else opened_content(self._seals.sealer(), image, kept)
        if image is None or content is None:
            return None
        return StoredPhoto(int(image["_id"]), matricula, sha256, content, image["media_type"])

    def _subject(self, matricula: str) -> Any:
        found = self._db.students.find_one({"matricula": matricula, **VISIBLE}, {"subject": 1})
        return None if found is None else found["subject"]

    def _size(self, content: str) -> int | None:
        """How many bytes a photo has. They are read for it, one photo at a time: not every server counts them."""
        kept = self._db.contents.find_one({"_id": content}, {"content": 1, "key": 1})
        return None if kept is None else content_size(kept)


def _described(image: Document, source: str, size: int, template: Document | None) -> DescribedPhoto:
    about = image["sha256"], image["media_type"], size, source
    if template is None:
        return DescribedPhoto(*about)
    x1, y1, x2, y2 = (float(value) for value in template["box"])
    return DescribedPhoto(*about, box=(x1, y1, x2, y2), quality=template["quality"])
