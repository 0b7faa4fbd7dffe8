"""Reading and searching students in MongoDB."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from bson import Int64
from numpy.typing import NDArray
from pymongo import ASCENDING
from pymongo.database import Database

from gallery.documents.foreign_documents import Document, student_of
from gallery.documents.mongo.attendance_counts import per_class
from gallery.documents.mongo.shapes import VISIBLE, in_class, in_one_of
from gallery.documents.values import Counts, StoredStudent, Student, SubjectKind


def student_by_matricula(db: Database[dict[str, Any]], matricula: str) -> StoredStudent | None:
    """The student with a matricula; None when there is none."""
    found = _stored(db, {"matricula": matricula}, limit=1)
    return found[0] if found else None


def list_students(
    db: Database[dict[str, Any]],
    clase: str | None,
    query: str | None,
    kind: SubjectKind | None,
    after: str,
    limit: int,
    clases: Collection[str] | None = None,
) -> list[StoredStudent]:
    """See :meth:`gallery.documents.protocol.DocumentStore.students`."""
    which: dict[str, Any] = {"matricula": {"$gt": after}}
    which |= _of(clase, kind)
    further: list[Document] = [] if clases is None else [in_one_of(clases)]
    if query:
        part = {"$regex": re.escape(query), "$options": "i"}
        further.append({"$or": [{"nombre_del_alumno": part}, {"matricula": part}]})
    if further:
        which = {"$and": [which, *further]}
    return _stored(db, which, limit)


def _stored(db: Database[dict[str, Any]], which: Document, limit: int) -> list[StoredStudent]:
    found = list(db.students.find({**which, **VISIBLE}).sort("matricula", ASCENDING).limit(limit))
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


def students_by_subject(db: Database[dict[str, Any]], ids: Sequence[int]) -> dict[int, Student]:
    """Students by subject id; those who do not exist are left out."""
    found = db.students.find({"subject": {"$in": [Int64(i) for i in set(ids)]}, **VISIBLE})
    return {int(document["subject"]): student_of(document) for document in found}


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
