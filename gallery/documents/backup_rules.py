"""What a record becomes when people or photos that it names are gone: what an erasure would have made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gallery.documents.backup_protocol import Record, RecordKind
from gallery.documents.seals import of_session_photo, of_student, of_unknown_face

CLEARED_ENTRY: dict[str, Any] = {"student": None, "note": "", "request": "", "face": None, "vector": None, "key": None}
"""What is left of an attendance entry's fields about a student who is gone."""
_SINCE_ADDED: dict[RecordKind, dict[str, Any]] = {"attendance": {"reason": "", "late": 0}}
"""Fields that records of earlier backups do not have."""
_FACELESS = {"face": None, "vector": None, "key": None}
DROPPED_COPY: dict[str, Any] = {"width": 0, "height": 0, "faces": None, "content": None, "about": [], "key": None}
"""What is left of the copy of a session's photo that is not kept."""


def cleared_participation(number: int) -> dict[str, Any]:
    """What is left of a participation's fields about a student who is gone."""
    return {"student": None, "kind": "", "note": "", "request": f"erased {number}"}


@dataclass(slots=True)
class Present:
    """Who and what is there, as far as records were seen, in the order of the kinds.

    Attributes:
        students: subject ids.
        matriculas: of these students.
        photos: ids.
        named: photos as findings name them.
        open_sessions: ids of the sessions that are open.
        sessions: ids of all sessions.
        faceless: groups of faces that someone who is gone was in.
        owners: who has data keys.
    """

    students: set[int] = field(default_factory=set)
    matriculas: set[str] = field(default_factory=set)
    photos: set[int] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    open_sessions: set[int] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    faceless: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)

    def note(self, record: Record) -> None:
        """Note that a record is there."""
        fields = record.fields
        if record.kind == "student":
            self.students.add(fields["id"])
            self.matriculas.add(fields["matricula"])
            self.owners.add(of_student(fields["id"]))
        elif record.kind == "photo":
            self.photos.add(fields["id"])
            self.named.add(hash((fields["student"], fields["sha256"])))
        elif record.kind == "session":
            self.sessions.add(fields["id"])
            if fields["state"] == "open":
                self.open_sessions.add(fields["id"])
        elif record.kind == "session_photo" and fields["content"] is not None:
            self.owners.add(of_session_photo(fields["session"], fields["number"]))
        elif record.kind == "unknown_face":
            self.owners.add(of_unknown_face(fields["id"]))

    def note_groups(self, entries: Iterable[Record]) -> None:
        """Note the groups of faces of entries whose students are gone."""
        gone = (each.fields for each in entries if each.kind == "attendance" and not self._is_there(each.fields))
        self.faceless |= {fields["face_group"] for fields in gone} - {""}

    def kept(self, record: Record) -> Record | None:
        """What is left of a record; None when nothing is."""
        change = _CHANGES.get(record.kind)
        found = {**_SINCE_ADDED.get(record.kind, {}), **record.fields}
        fields = found if change is None else change(self, found)
        return None if fields is None else Record(record.kind, fields)

    def _is_there(self, fields: dict[str, Any]) -> bool:
        return fields["student"] is None or fields["student"] in self.students

    def _all_there(self, subjects: Iterable[int]) -> bool:
        return all(subject in self.students for subject in subjects)


def _photo(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    return fields if fields["student"] in present.students else None


def _template(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    return fields if fields["image"] in present.photos else None


def _session_photo(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    if fields["session"] not in present.sessions:
        return None
    kept = fields["session"] in present.open_sessions and present._all_there(fields["about"])
    return fields if kept or fields["content"] is None else {**fields, **DROPPED_COPY}


def _data_key(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    return fields if fields["owner"] in present.owners else None


def _attendance(present: Present, fields: dict[str, Any]) -> dict[str, Any]:
    if not present._is_there(fields):
        return {**fields, **CLEARED_ENTRY}
    return {**fields, **_FACELESS} if fields["face_group"] in present.faceless else fields


def _participation(present: Present, fields: dict[str, Any]) -> dict[str, Any]:
    if present._is_there(fields):
        return fields
    return {**fields, **cleared_participation(fields["id"])}


def _negative(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    return fields if fields["student"] in present.students else None


def _request(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    return fields if present._all_there(fields["students"]) else None


def _access(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    return fields if not fields["matricula"] or fields["matricula"] in present.matriculas else None


def _access_line(present: Present, fields: dict[str, Any]) -> dict[str, Any]:
    about = [
        each if each["student"] in present.students else {**each, "salt": None, "matricula": None, "student": None}
        for each in fields["about"]
    ]
    return {**fields, "about": about}


def _finding(present: Present, fields: dict[str, Any]) -> dict[str, Any] | None:
    photos = all(hash((subject, sha256)) in present.named for subject, sha256 in fields["photos"])
    return fields if photos and present._all_there(fields["about"]) else None


_CHANGES = {
    "photo": _photo,
    "template": _template,
    "session_photo": _session_photo,
    "data_key": _data_key,
    "attendance": _attendance,
    "participation": _participation,
    "negative": _negative,
    "request": _request,
    "access_key": _access,
    "account": _access,
    "access_line": _access_line,
    "finding": _finding,
}
