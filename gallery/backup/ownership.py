"""Which part of a record belongs to whom: that part is sealed with a key that goes when the owner is erased.

What is left of a record without such a part is what an erasure leaves of it in a store.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gallery.documents.backup_protocol import Record, RecordKind
from gallery.documents.backup_rules import CLEARED_ENTRY, DROPPED_COPY, cleared_participation
from gallery.documents.seals import of_session_photo, of_student, of_unknown_face

Owners = tuple[str, ...]


class Part(NamedTuple):
    """Fields that belong to some owners; one of them gone, they are gone."""

    owners: Owners
    fields: dict[str, Any]


_OF_ENTRY, _OF_PARTICIPATION = tuple(CLEARED_ENTRY), tuple(cleared_participation(0))
_OF_COPY = tuple(DROPPED_COPY)
_OF_CONCERNED = ("salt", "matricula", "student")
_WITHOUT: dict[RecordKind, dict[str, Any]] = {
    "attendance": CLEARED_ENTRY,
    "session_photo": DROPPED_COPY,
}
"""What is left of a part that cannot be opened, of the kinds whose records stay."""


def of_photo(number: int) -> str:
    """The owner of a photo and its templates: the photo itself, which can be erased alone."""
    return f"photo {number}"


def split(record: Record) -> tuple[dict[str, Any], list[Part]]:
    """The fields of a record that are no one's, and the parts that belong to someone."""
    kind, fields = record
    if kind == "student":
        return {"id": fields["id"]}, [Part((of_student(fields["id"]),), fields)]
    if kind in ("photo", "template"):
        number = fields["id" if kind == "photo" else "image"]
        shown = {"id": fields["id"], "student": fields["student"]}
        return shown, [Part((of_photo(number),), fields)]
    if kind in ("attendance", "participation"):
        names = _OF_ENTRY if kind == "attendance" else _OF_PARTICIPATION
        return _of_subjects(fields, [] if fields["student"] is None else [fields["student"]], names)
    if kind == "session_photo":
        if fields["content"] is None:
            return fields, []
        own = of_session_photo(fields["session"], fields["number"])
        shown, (part,) = _of_subjects(fields, fields["about"], _OF_COPY, own)
        return shown, [part]
    if kind == "unknown_face":
        return {"id": fields["id"]}, [Part((of_unknown_face(fields["id"]),), fields)]
    if kind == "data_key":
        return {}, [Part((fields["owner"],), fields)]
    if kind == "access_line":
        return _line(fields)
    if kind in ("request", "finding"):
        return _of_subjects(fields, fields["students" if kind == "request" else "about"])
    if kind in ("access_key", "account"):
        return _of_subjects(fields, [] if fields["student"] is None else [fields["student"]])
    return fields, []


def _of_subjects(
    fields: dict[str, Any], subjects: list[int], names: tuple[str, ...] | None = None, *more: str
) -> tuple[dict[str, Any], list[Part]]:
    """Some fields of a record, or all, as those of subjects; none of them when there are no owners."""
    owners = (*more, *(of_student(subject) for subject in sorted(set(subjects))))
    if not owners:
        return fields, []
    own = {name: value for name, value in fields.items() if names is None or name in names}
    return {name: value for name, value in fields.items() if name not in own}, [Part(owners, own)]


def _line(fields: dict[str, Any]) -> tuple[dict[str, Any], list[Part]]:
    shown = [{"commitment": each["commitment"]} for each in fields["about"]]
    parts = [
        Part((of_student(each["student"]),), {"place": place, **{name: each[name] for name in _OF_CONCERNED}})
        for place, each in enumerate(fields["about"])
        if each["student"] is not None
    ]
    return {**fields, "about": shown}, parts


def joined(kind: RecordKind, shown: dict[str, Any], parts: list[dict[str, Any] | None]) -> Record | None:
    """A record from what :func:`split` made of it; a part of someone who is gone is None.

    None when nothing is left.
    """
    if kind == "access_line":
        empty = dict.fromkeys(_OF_CONCERNED)
        about = [{**each, **empty} for each in shown["about"]]
        for part in parts:
            if part is not None:
                about[part["place"]] |= {name: part[name] for name in _OF_CONCERNED}
        return Record(kind, {**shown, "about": about})
    for part in parts:
        if part is None and kind == "participation":
            part = cleared_participation(shown["id"])
        elif part is None and kind not in _WITHOUT:
            return None
        shown = {**shown, **(_WITHOUT[kind] if part is None else part)}
    return Record(kind, shown)
