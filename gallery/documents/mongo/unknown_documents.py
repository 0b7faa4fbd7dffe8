"""How unknown people look in MongoDB: a document per group, per face, and per picture.

A face names its picture and the key of both, so that one update replaces all of it. Pictures are in a collection of
their own, so that reading about faces skips them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from bson import Int64

from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.data_keys import sealed_value, with_key
from gallery.documents.seals import Sealer, of_unknown_face, unknown_picture_seal, unknown_template_seal
from gallery.documents.unknown_people import StoredUnknownFace, UnknownFace, UnknownGroup
from gallery.documents.unknown_rules import Sightings

SEEN = ("at", "last_at", "looks", "clase", "worth")
"""What sightings are made of."""


def face_document(sealer: Sealer, number: int, group: int, face: UnknownFace, picture: str) -> dict[str, Any]:
    """A face as a document; ``picture`` is the id of its picture."""
    return {
        "_id": Int64(number),
        "group": Int64(group),
        "at": face.at,
        "last_at": face.last_at,
        "source": face.source,
        "looks": face.looks,
        "clase": face.clase,
        "session": Int64(face.session),
        **view_fields(sealer, number, face, picture),
    }


def view_fields(sealer: Sealer, number: int, face: UnknownFace, picture: str) -> dict[str, Any]:
    """Those fields of a face that a better view of it replaces."""
    plain = np.ascontiguousarray(face.vector, dtype="<f4").tobytes()
    vector, key = sealed_value(sealer.seal(of_unknown_face(number), plain, unknown_template_seal(number, face.pack)))
    return {
        "pack": face.pack,
        "box": [round(float(value), 2) for value in face.box],
        "quality": dict(face.quality),
        "worth": float(face.worth),
        "vector": vector,
        "picture": picture,
        **with_key(key),
    }


def picture_document(sealer: Sealer, number: int, picture: bytes) -> dict[str, Any]:
    """The picture of a face as a document, under a new id. The face says which key it is sealed with."""
    content, _ = sealed_value(sealer.seal(of_unknown_face(number), picture, unknown_picture_seal(number)))
    return {"_id": uuid.uuid4().hex, "face": Int64(number), "content": content}


def opened_template(sealer: Sealer, document: Mapping[str, Any]) -> bytes | None:
    """The bytes of a face's template; None when its key is gone: it is being erased."""
    about = unknown_template_seal(int(document["_id"]), document["pack"])
    return sealer.unseal(document["vector"], document.get("key"), about)


def face_of(sealer: Sealer, document: Mapping[str, Any]) -> StoredUnknownFace | None:
    """A face without its picture; None when its key is gone."""
    vector = opened_template(sealer, document)
    if vector is None:
        return None
    x1, y1, x2, y2 = map(float, document["box"])
    face = UnknownFace(
        vector=np.frombuffer(vector, dtype="<f4"),
        pack=document["pack"],
        at=document["at"],
        last_at=document["last_at"],
        source=document["source"],
        picture=b"",
        box=(x1, y1, x2, y2),
        quality=dict(document["quality"]),
        looks=int(document["looks"]),
        clase=document["clase"],
        session=int(document["session"]),
        worth=float(document["worth"]),
    )
    return StoredUnknownFace(int(document["_id"]), int(document["group"]), face)


def sightings_of_face(document: Mapping[str, Any]) -> Sightings:
    """Those of one face."""
    clases = (document["clase"],) if document["clase"] else ()
    about = 1, int(document["looks"]), int(document["_id"]), float(document["worth"])
    return Sightings(document["at"], document["last_at"], *about, clases)


def sightings_of_group(document: Mapping[str, Any]) -> Sightings:
    """What the faces of a group add up to, as its document has it."""
    visits, looks, cover = (int(document[name]) for name in ("visits", "looks", "cover"))
    when = document["first_at"], document["last_at"]
    return Sightings(*when, visits, looks, cover, float(document["worth"]), tuple(document["clases"]))


def sightings_fields(seen: Sightings) -> dict[str, Any]:
    """What the faces of a group add up to, for its document."""
    return {
        "first_at": seen.first_at,
        "last_at": seen.last_at,
        "visits": seen.visits,
        "looks": seen.looks,
        "cover": Int64(seen.cover),
        "worth": seen.worth,
        "clases": list(seen.clases),
    }


def group_of(document: Document) -> UnknownGroup:
    """A group of its document."""
    return sightings_of_group(document).as_group(int(document["_id"]), document["state"], document["note"])
