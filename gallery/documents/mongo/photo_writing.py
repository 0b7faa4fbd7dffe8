"""Writing photos and templates to MongoDB, so that a photo that several processes add at once is there once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from bson import Int64
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from gallery.documents.mongo.attempts import MongoAttempts
from gallery.documents.mongo.data_keys import MongoSeals, sealed_source, sealed_value, with_key
from gallery.documents.mongo.erasing import MongoEraser
from gallery.documents.mongo.recovery import MongoRecovery
from gallery.documents.mongo.sequence import MongoSequence
from gallery.documents.mongo.shapes import ENDED, check_size, content_id, template_batch
from gallery.documents.seals import Sealer, of_student, photo_seal, template_seal
from gallery.documents.values import PhotoFile, Template, TemplateBatch
from presente.errors import Conflict

_DUPLICATE = 11000

Owner = int | str
"""A subject id, or the matricula of a student who has none yet."""

PhotoKey = tuple[Owner, str]
"""What identifies a photo: its owner and its SHA-256."""

WantedPhotos = Mapping[PhotoKey, tuple[PhotoFile, Sequence[Template]]]
"""Photos, each with the templates that it should have."""


class MongoPhotoWriter:
    """Adds photos and templates inside attempts. Lets pymongo's errors through: the store translates them."""

    def __init__(
        self,
        db: Database[dict[str, Any]],
        sequence: MongoSequence,
        attempts: MongoAttempts,
        recovery: MongoRecovery,
        eraser: MongoEraser,
        seals: MongoSeals,
    ) -> None:
        self._db = db
        self._seals = seals
        self._sequence = sequence
        self._attempts = attempts
        self._recovery = recovery
        self._eraser = eraser

    def put_photos(self, wanted: WantedPhotos, attempt: str) -> None:
        """Give photos and templates to students who exist; what they have already stays.

        Raises:
            Conflict: ``student_removed``.
        """
        images, missing, templates = self.find_missing(wanted)
        if not missing and not templates:
            return
        reserved = self._sequence.reserve(len(missing) + len(templates), "photos", attempt, templates=len(templates))
        ids = iter(reserved)
        sealer = self._seals.sealer()
        sealer.prepare(of_student(int(owner)) for owner, _ in wanted)
        images |= self.put_images(sealer, {key: wanted[key][0] for key in missing}, {}, ids)
        self.put_templates(sealer, [(images[key], *key, template) for key, template in templates], ids)
        self._attempts.check()
        self.make_visible({int(subject) for subject, _ in wanted}, attempt)

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        """Add templates of stored photos, by photo id; photos that were removed meanwhile are left out."""
        found = list(
            self._db.images.find({"_id": {"$in": [Int64(i) for i, _ in templates]}}, {"student": 1, "sha256": 1})
        )
        of = {"subject": {"$in": [image["student"] for image in found]}}
        ended = {int(student["subject"]) for student in self._db.students.find({**of, **ENDED}, {"subject": 1})}
        found = [image for image in found if int(image["student"]) not in ended]
        owners = {int(image["_id"]): (int(image["student"]), str(image["sha256"])) for image in found}
        done = self._embedded({(int(image["student"]), str(image["sha256"])): int(image["_id"]) for image in found})
        fresh = [
            (image, template) for image, template in templates if image in owners and (image, template.pack) not in done
        ]
        if not fresh:
            return
        with self._recovery.attempt("templates", len(fresh), templates=len(fresh)) as attempt:
            ids = iter(attempt.numbers)
            sealer = self._seals.sealer()
            sealer.prepare(of_student(owners[image][0]) for image, _ in fresh)
            self.put_templates(sealer, [(image, *owners[image], template) for image, template in fresh], ids)
            self._attempts.check()
            self.make_visible({owners[image][0] for image, _ in fresh}, attempt.name)

    def make_visible(self, subjects: set[int], attempt: str) -> None:
        """Let everyone see students, and check that all of them still exist.

        By subject, not by attempt: a student whom another attempt is still enrolling becomes visible, too.

        Raises:
            Conflict: ``student_removed``; what was written for that student is erased.
        """
        those = {"subject": {"$in": [Int64(subject) for subject in subjects]}}
        become = {"$unset": {"enrolling": ""}}
        if self._db.students.update_many({**those, "$nor": [ENDED]}, become).matched_count == len(subjects):
            return
        matched = self._db.students.update_many(those, become).matched_count
        for ended in list(self._db.students.find({**those, **ENDED}, {"subject": 1})):  # while this attempt was writing
            self._eraser.drop_templates({"student": ended["subject"]}, attempt)
        if matched == len(subjects):
            return
        existing = {int(document["subject"]) for document in self._db.students.find(those, {"subject": 1})}
        for subject in subjects - existing:  # removed while this attempt was writing
            self._eraser.erase(subject, attempt)
        if subjects - existing:
            raise Conflict("student_removed", "A student was removed while photos were added.", "Enrol again.")

    def find_missing(
        self, wanted: WantedPhotos
    ) -> tuple[dict[PhotoKey, int], list[PhotoKey], list[tuple[PhotoKey, Template]]]:
        """The ids of the wanted photos that are stored, the photos that are not, and the templates that are not.

        Raises:
            InvalidInput: ``too_many_bytes``.
        """
        images = self._images(wanted)
        done = self._embedded(images)
        templates = [
            (key, template)
            for key, (_, made) in wanted.items()
            for template in made
            if (images.get(key), template.pack) not in done
        ]
        missing = [key for key in wanted if key not in images]
        for key in missing:
            check_size(wanted[key][0].content)
        return images, missing, templates

    def _images(self, wanted: WantedPhotos) -> dict[PhotoKey, int]:
        """The ids of the wanted photos that are stored."""
        keys = [(Int64(owner), sha256) for owner, sha256 in wanted if isinstance(owner, int)]
        if not keys:
            return {}
        which = {
            "student": {"$in": list({owner for owner, _ in keys})},
            "sha256": {"$in": list({sha256 for _, sha256 in keys})},
        }
        stored = self._db.images.find(which, {"student": 1, "sha256": 1})
        found = {(int(image["student"]), str(image["sha256"])): int(image["_id"]) for image in stored}
        return {key: found[key] for key in wanted if key in found}

    def _embedded(self, images: Mapping[PhotoKey, int]) -> set[tuple[int | None, str]]:
        """(photo id, pack) of every template of some photos."""
        if not images:
            return set()
        which = {"image": {"$in": [Int64(image) for image in images.values()]}}
        return {
            (int(found["image"]), str(found["pack"]))
            for found in self._db.templates.find(which, {"image": 1, "pack": 1})
        }

    def put_images(
        self, sealer: Sealer, photos: Mapping[PhotoKey, PhotoFile], subjects: Mapping[Owner, int], ids: Iterator[int]
    ) -> dict[PhotoKey, int]:
        """Write the bytes of photos, then what is known of them; the ids.

        A photo that another write has added meanwhile is used instead.
        """
        if not photos:
            return {}
        contents, images = [], []
        numbered: dict[PhotoKey, int] = {}
        for (owner, sha256), photo in photos.items():
            subject = subjects.get(owner, owner)
            assert isinstance(subject, int)
            number = numbered[owner, sha256] = next(ids)
            name = content_id(subject, sha256)
            content, data_key = sealed_value(
                sealer.seal(of_student(subject), photo.content, photo_seal(subject, sha256))
            )
            contents.append({"_id": name, "student": Int64(subject), "content": content, **with_key(data_key)})
            images.append(
                {
                    "_id": Int64(number),
                    "student": Int64(subject),
                    "sha256": sha256,
                    "media_type": photo.media_type,
                    "source": sealed_source(sealer, subject, sha256, photo.source),
                    **(with_key(data_key) if sealer.seals_names else {}),
                }
            )
        insert_new(self._db.contents, contents)
        for position in insert_new(self._db.images, images):
            taken = images[position]
            there = self._db.images.find_one({"student": taken["student"], "sha256": taken["sha256"]}, {"_id": 1})
            if there is None:
                raise Conflict("student_removed", "A photo was removed while it was added.", "Enrol again.")
            key = next(key for key, number in numbered.items() if number == taken["_id"])
            numbered[key] = int(there["_id"])
        return numbered

    def put_templates(
        self, sealer: Sealer, templates: Sequence[tuple[int, Owner, str, Template]], ids: Iterator[int]
    ) -> TemplateBatch | None:
        """Write (photo id, subject id, photo's SHA-256, template); those that were written, None when there are none.

        A photo that got a template by that pack meanwhile keeps it.
        """
        documents = [
            {
                "_id": Int64(next(ids)),
                "image": Int64(image),
                "student": Int64(int(subject)),
                "pack": template.pack,
                "vector": np.ascontiguousarray(template.vector, dtype="<f4").tobytes(),
                "box": [round(float(value), 2) for value in template.box],
                "quality": dict(template.quality),
            }
            for image, subject, _, template in templates
        ]
        digests = [sha256 for _, _, sha256, _ in templates]
        sealed = [_sealed(sealer, each, sha256) for each, sha256 in zip(documents, digests, strict=True)]
        refused = set(insert_new(self._db.templates, sealed))
        written = [document for position, document in enumerate(documents) if position not in refused]
        return template_batch(written) if written else None


def _sealed(sealer: Sealer, template: dict[str, Any], sha256: str) -> dict[str, Any]:
    """The document of a template as it is stored. One that is sealed says of which photo it is: the seal does."""
    subject = int(template["student"])
    about = template_seal(subject, sha256, template["pack"])
    vector, key = sealed_value(sealer.seal(of_student(subject), template["vector"], about))
    return {**template, "vector": vector, **({} if key is None else {"sha256": sha256}), **with_key(key)}


def insert_new(collection: Collection[dict[str, Any]], documents: Sequence[dict[str, Any]]) -> list[int]:
    """Insert documents; the positions of those that were not inserted because they are there already."""
    if not documents:
        return []
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failed = (error.details or {}).get("writeErrors", [])
        if (error.details or {}).get("writeConcernErrors") or any(found["code"] != _DUPLICATE for found in failed):
            raise
        return sorted(int(found["index"]) for found in failed)
    return []
