"""What the first React page reads."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, to_builtins

from gallery.documents.values import StoredStudent
from gallery.photo_export import Exported
from presente.face_json import JsonObject
from server.responses.problem import Problem


class UploadReply(JsonObject, frozen=True, kw_only=True):
    """A student was enrolled, or a photo added."""

    message: str = "Image uploaded successfully"


class SavedReply(JsonObject, frozen=True, kw_only=True):
    """The stored photos are in the export folder."""

    message: str = "All images saved successfully"
    saved: Annotated[int, Meta(description="Photos that were written.")]
    skipped: Annotated[int, Meta(description="Photos that were there.")]


class StudentDocument(JsonObject, frozen=True, kw_only=True):
    """A student document as that page lists it; never the photo."""

    matricula: str
    nombre_del_alumno: str
    clase: str
    fecha_de_registro: str
    asistencias: int
    participaciones: int


class LegacyProblem(Problem, frozen=True, kw_only=True):
    """A problem that says what is wrong also where that page looks for it."""

    message: Annotated[str, Meta(description="The same as detail.")]
    error: Annotated[str, Meta(description="The same as detail.")]


def saved_reply(done: Exported) -> SavedReply:
    """How many photos were written, and how many were there."""
    return SavedReply(saved=done.saved, skipped=done.skipped)


def student_document(stored: StoredStudent) -> StudentDocument:
    """A student document."""
    student = stored.student
    return StudentDocument(
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        clase=student.clase,
        fecha_de_registro=student.fecha_de_registro,
        asistencias=stored.asistencias,
        participaciones=stored.participaciones,
    )


def legacy_problem(problem: Problem) -> LegacyProblem:
    """A problem with the two further members."""
    return LegacyProblem(**to_builtins(problem), message=problem.detail, error=problem.detail)
