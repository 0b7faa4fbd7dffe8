"""Replies about erasing and merging students: what it would do, or has done."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gallery.documents.values import Student
from gallery.removal_preview import MergePreview, StudentHoldings
from presente.face_json import JsonObject
from server.requests.students import other_classes


class ErasurePreviewReply(JsonObject, frozen=True, kw_only=True):
    """What erasing a student would erase."""

    matricula: str
    nombre_del_alumno: str
    photos: Annotated[int, Meta(description="Photos that would be erased.")]
    templates: Annotated[int, Meta(description="Templates, of every pack, that would be erased.")]
    attendance_entries: Annotated[int, Meta(description="Entries that would stay and count, without name and face.")]
    participation_entries: Annotated[int, Meta(description="Likewise, without name and note.")]
    accounts: Annotated[int, Meta(description="Accounts of the student that would be deleted.")]
    keys: Annotated[int, Meta(description="Keys of the student that would be deleted.")]
    session_photos: Annotated[
        int, Meta(description="Copies of photos of open sessions that may show the student, and would be erased.")
    ]
    unknown_faces: Annotated[
        int, Meta(description="Faces of unknown people that resemble the student, and would be erased.")
    ]


class MergedStudentJson(JsonObject, frozen=True, kw_only=True):
    """The student who stays, with the fields that the merge gives."""

    matricula: str
    nombre_del_alumno: str
    clase: str
    otras_clases: list[str]
    fecha_de_registro: str
    aviso: str


class MergeReply(JsonObject, frozen=True, kw_only=True):
    """What a merge has done, or with ``dry_run`` would do."""

    dry_run: bool
    student: MergedStudentJson
    photos: Annotated[int, Meta(description="Photos of the student who stays, afterwards.")]
    photos_in_both: Annotated[int, Meta(description="Photos that both have, and that are there once afterwards.")]
    gone: Annotated[
        ErasurePreviewReply,
        Meta(description="The other student: photos and entries go to the one who stays, the rest is deleted."),
    ]


def erasure_preview_reply(held: StudentHoldings) -> ErasurePreviewReply:
    """What erasing a student would erase."""
    return ErasurePreviewReply(
        matricula=held.student.matricula,
        nombre_del_alumno=held.student.nombre_del_alumno,
        photos=held.photos,
        templates=held.templates,
        attendance_entries=held.attendance_entries,
        participation_entries=held.participation_entries,
        accounts=held.accounts,
        keys=held.keys,
        session_photos=held.session_photos,
        unknown_faces=held.unknown_faces,
    )


def merge_reply(found: MergePreview, dry_run: bool) -> MergeReply:
    """What a merge does."""
    return MergeReply(
        dry_run=dry_run,
        student=_merged_student_json(found.kept),
        photos=found.photos,
        photos_in_both=found.photos_in_both,
        gone=erasure_preview_reply(found.gone),
    )


def _merged_student_json(student: Student) -> MergedStudentJson:
    return MergedStudentJson(
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        clase=student.clase,
        otras_clases=list(other_classes(student)),
        fecha_de_registro=student.fecha_de_registro,
        aviso=student.aviso,
    )
