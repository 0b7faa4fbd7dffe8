"""What must be true of unknown people in a MongoDB store: see :mod:`gallery.documents.mongo.check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from bson import Int64
from pymongo.database import Database

from gallery.documents.damage import FORGET, RESTORE, Damage, picture_damage, vector_damage
from gallery.documents.mongo.unknown_documents import SEEN, sightings_of_face, sightings_of_group
from gallery.documents.seals import unknown_picture_seal, unknown_template_seal
from gallery.documents.unknown_rules import Sightings

Which = tuple[str, dict[str, Any]]
"""A collection, and a filter for its documents."""
Opened = Callable[[object, Any, str, str, Which], Iterator[bytes | Damage]]
"""Opens bytes, of which key, of what, where, and the document that has them; or says why it cannot."""


class Suspect(Protocol):
    """Notes a suspicion: what is wrong if a document is there and another one is missing. It is looked at again."""

    def __call__(self, damage: Damage, there: Which, missing: Which | None = None) -> None:
        """Note it."""


def unknown_face_damage(
    db: Database[dict[str, Any]], pack: tuple[str, int], opened: Opened, suspect: Suspect
) -> Iterator[Damage]:
    """The templates and the pictures of faces."""
    for number in [each["_id"] for each in db.unknown_faces.find({}, {"_id": 1}).sort("_id", 1)]:
        face = db.unknown_faces.find_one({"_id": number})
        if face is not None:  # otherwise it was erased meanwhile
            yield from _face_damage(db, face, pack, opened, suspect)
    for picture in db.unknown_pictures.find({}, {"face": 1}):
        name, where = picture["_id"], f"picture of unknown face {picture['face']}"
        if db.unknown_faces.find_one({"_id": picture["face"], "picture": name}, {"_id": 1}) is None:
            what = Damage("picture_without_face", "No face names it.", where, FORGET)
            suspect(what, ("unknown_pictures", {"_id": name}), ("unknown_faces", {"picture": name}))


def _face_damage(
    db: Database[dict[str, Any]], face: Mapping[str, Any], pack: tuple[str, int], opened: Opened, suspect: Suspect
) -> Iterator[Damage]:
    number, key, named = int(face["_id"]), face.get("key"), face["picture"]
    where, there = f"unknown face {number}", ("unknown_faces", {"_id": face["_id"], "picture": named})
    dim = pack[1] if face["pack"] == pack[0] else None
    for each in opened(face["vector"], key, unknown_template_seal(number, face["pack"]), where, there):
        yield from [each] if isinstance(each, Damage) else vector_damage(each, dim, where, FORGET)
    kept = db.unknown_pictures.find_one({"_id": named})
    if kept is None:
        what = Damage("picture_missing", "Its picture does not exist.", where, FORGET)
        suspect(what, there, ("unknown_pictures", {"_id": named}))
        return
    for each in opened(kept["content"], key, unknown_picture_seal(number), where, there):
        yield from [each] if isinstance(each, Damage) else picture_damage(each, where)


def miscounted_groups(db: Database[dict[str, Any]], suspect: Suspect) -> None:
    """What groups say of their faces. Groups are read first: what another process writes changes them later."""
    groups = {int(each["_id"]): each for each in db.unknown_groups.find()}
    seen: dict[int, Sightings] = {}
    for face in db.unknown_faces.find({}, dict.fromkeys((*SEEN, "group"), 1)):
        group, own = int(face["group"]), sightings_of_face(face)
        seen[group] = seen[group].plus(own) if group in seen else own
    for number in seen.keys() | groups.keys():
        document, where = groups.get(number), f"unknown group {number}"
        if document is None:
            what = Damage("group_miscounted", "It has faces and does not exist.", where, RESTORE)
            suspect(what, ("unknown_faces", {"group": Int64(number)}), ("unknown_groups", {"_id": Int64(number)}))
        elif seen.get(number) != sightings_of_group(document):
            what = Damage("group_miscounted", "It does not say what its faces are.", where, RESTORE)
            suspect(what, ("unknown_groups", {name: document[name] for name in ("_id", "visits", "looks", "last_at")}))
