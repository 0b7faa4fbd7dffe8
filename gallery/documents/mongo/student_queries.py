"""Reading and searching students in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bson import Int64
from numpy.typing import NDArray
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from gallery.documents.foreign_documents import Document, student_of
from gallery.documents.mongo.attendance_counts import per_class
from gallery.documents.mongo.data_keys import opened_students
from gallery.documents.mongo.shapes import ENDED, VISIBLE, in_class, in_one_of
from gallery.documents.seals import Sealer
from gallery.documents.student_lists import (
    ANY_AVISO,
    SortField,
    StudentFilter,
    StudentOrder,
    StudentPlace,
    page_of,
    place_of,
)
from gallery.documents.values import Counts, StoredStudent, Student, SubjectKind
from presente.text import spelled

_COUNTED = 1000
"""Students whose photos one query counts."""


def student_by_matricula(db: Database[dict[str, Any]], sealer: Sealer, matricula: str) -> StoredStudent | None:
    """The student with a matricula; None when there is none."""
    found = _stored(db, sealer, {"matricula": matricula}, limit=1)
    return found[0] if found else None


def list_students(
    db: Database[dict[str, Any]], sealer: Sealer, which: StudentFilter, after: str, limit: int
) -> list[StoredStudent]:
    """See :meth:`gallery.documents.protocol.DocumentStore.students`."""
    return listed_students(db, sealer, which, StudentOrder(), place_of("matricula", "", after), limit)


def listed_students(
    db: Database[dict[str, Any]],
    sealer: Sealer,
    which: StudentFilter,
    order: StudentOrder,
    after: StudentPlace | None,
    limit: int,
) -> list[StoredStudent]:
    """See :meth:`gallery.documents.protocol.DocumentStore.listed_students`."""
    reads_names = sealer.is_sealed and bool(which.words)  # the server cannot look into names that are sealed
    conditions = _conditions(which, not reads_names)
    if order.by == "matricula" and not which.without_photos and not reads_names:
        if after is not None:
            conditions.append({"matricula": {"$lt" if order.descending else "$gt": after.matricula}})
        direction = DESCENDING if order.descending else ASCENDING
        return _stored(db, sealer, {"$and": conditions} if conditions else {}, limit, direction)
    wanted = {"matricula": 1, "subject": 1, "nombre_del_alumno": 1, "clase": 1, "key": 1}
    met = db.students.find({**({"$and": conditions} if conditions else {}), **VISIBLE}, wanted)
    found = opened_students(sealer, met)
    if reads_names:
        found = [each for each in found if which.finds(str(each["nombre_del_alumno"]), str(each["matricula"]))]
    images = dict[int, int]()
    if which.without_photos or order.by == "photos":
        for start in range(0, len(found), _COUNTED):
            some = [document["subject"] for document in found[start : start + _COUNTED]]
            images |= _count_per_student(db, "images", some)
    places = (
        place_of(order.by, _value(order.by, document, images), str(document["matricula"]))
        for document in found
        if not (which.without_photos and images.get(int(document["subject"]), 0))
    )
    page = page_of(places, order, after, limit)
    stored = _stored(db, sealer, {"matricula": {"$in": [place.matricula for place in page]}}, limit) if page else []
    by_matricula = {each.student.matricula: each for each in stored}
    return [by_matricula[place.matricula] for place in page if place.matricula in by_matricula]  # not erased meanwhile


def _value(by: SortField, document: Document, images: Mapping[int, int]) -> str | int:
    """What the students are sorted by, of one document."""
    if by == "photos":
        return images.get(int(document["subject"]), 0)
    name = {"nombre": "nombre_del_alumno", "clase": "clase", "matricula": "matricula"}[by]
    return str(document.get(name, ""))


def _conditions(which: StudentFilter, with_words: bool) -> list[Document]:
    """A filter as conditions that must all hold; of photos it says nothing: they are in another collection."""
    found: list[Document] = [each for each in (_of(which.clase, which.kind),) if each]
    if which.clases is not None:
        found.append(in_one_of(which.clases))
    for word in which.words if with_words else ():
        part = {"$regex": spelled(word)}
        found.append({"$or": [{"nombre_del_alumno": part}, {"matricula": part}]})
    if which.aviso is not None:
        found.append({"aviso": {"$gt": ""} if which.aviso == ANY_AVISO else which.aviso})
    if which.without_consent:
        found.append({"consentimiento": {"$exists": False}})
    if which.consent_ended:
        found.append(ENDED)
    if which.consent_until is not None:
        until = {"consentimiento.hasta": {"$gt": "", "$lte": which.consent_until}}
        found.append({**until, "consentimiento.retirado": {"$exists": False}})
    return found


def _stored(
    db: Database[dict[str, Any]], sealer: Sealer, which: Document, limit: int, direction: int = ASCENDING
) -> list[StoredStudent]:
    found = opened_students(sealer, db.students.find({**which, **VISIBLE}).sort("matricula", direction).limit(limit))
    subjects = [document["subject"] for document in found]
    images, templates = (_count_per_student(db, name, subjects) for name in ("images", "templates"))
    return [
        StoredStudent(
            id=int(document["subject"]),
            student=student_of(document),
            images=images.get(int(document["subject"]), 0),
            templates=templates.get(int(document["subject"]), 0),
            asistencias=int(document.get("asistencias", 0)),
            participaciones=int(document.get("participaciones", 0)),
            asistencias_por_clase=per_class(document),
        )
        for document in found
    ]


def _count_per_student(db: Database[dict[str, Any]], collection: str, subjects: Sequence[int]) -> dict[int, int]:
    if not subjects:
        return {}
    counted = db[collection].aggregate(
        [{"$match": {"student": {"$in": list(subjects)}}}, {"$group": {"_id": "$student", "n": {"$sum": 1}}}]
    )
    return {int(row["_id"]): int(row["n"]) for row in counted}


def students_by_subject(db: Database[dict[str, Any]], sealer: Sealer, ids: Sequence[int]) -> dict[int, Student]:
    """Students by subject id; those who do not exist are left out."""
    found = db.students.find({"subject": {"$in": [Int64(i) for i in set(ids)]}, **VISIBLE})
    return {int(document["subject"]): student_of(document) for document in opened_students(sealer, found)}


def roster(db: Database[dict[str, Any]], clase: str | None, kind: SubjectKind | None) -> NDArray[np.int64]:
    """Subject ids, sorted, of a class, of a kind, or of both."""
    found = db.students.find({**_of(clase, kind), **VISIBLE}, {"subject": 1})
    subjects = {int(document["subject"]) for document in found}  # one whose class changes meanwhile may come twice
    return np.array(sorted(subjects), dtype=np.int64)


def counts(db: Database[dict[str, Any]], tag: str) -> Counts:
    """How much is stored; templates of the pack with this tag."""
    return Counts(
        students=db.students.count_documents({"kind": "student", **VISIBLE}),
        cohort=db.students.count_documents({"kind": "cohort", **VISIBLE}),
        images=db.images.count_documents({}),
        templates=db.templates.count_documents({"pack": tag}),
    )


def _of(clase: str | None, kind: SubjectKind | None) -> dict[str, Any]:
    """The filter for a class, a kind, both or neither."""
    return {**({} if clase is None else in_class(clase)), **({} if kind is None else {"kind": kind})}
