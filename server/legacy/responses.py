"""What the first system's page reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field, to_builtins
from msgspec.structs import replace

from gallery.documents.values import StoredStudent
from gallery.photo_export import Exported
from presente.access_roles import AccessRole
from presente.face_json import JsonObject
from server.responses.problem import Problem


class UploadReply(JsonObject, frozen=True, kw_only=True):
    """A student was enrolled, or a photo added."""

    message: str = "Image uploaded successfully"


class FilmReply(JsonObject, frozen=True, kw_only=True):
    """A film was received, and is read in the background."""

    message: Annotated[str, Meta(description="What that page shows.")]
    session: Annotated[int, Meta(description="Id of the session that it is read for.")]
    job: Annotated[int, Meta(description="Id of the job: GET /v1/jobs/ID says how far it is.")]


class SavedReply(JsonObject, frozen=True, kw_only=True):
    """The stored photos are in the export folder."""

    message: str = "All images saved successfully"
    saved: Annotated[int, Meta(description="Photos that were written.")]
    skipped: Annotated[int, Meta(description="Photos that were there.")]


class StudentDocument(JsonObject, frozen=True, kw_only=True):
    """A student document as that page lists it; never the photo."""

    id: Annotated[str, Meta(description="Tells lines of the list apart.")] = field(name="_id")
    matricula: str
    nombre_del_alumno: str
    clase: str
    fecha_de_registro: str
    asistencias: int
    participaciones: int


Component = Literal["FirstComponent", "SecondComponent", "ThirdComponent"]

COMPONENT_OF: Mapping[AccessRole, Component] = {
    AccessRole.ADMIN: "FirstComponent",
    AccessRole.ATTENDANCE: "SecondComponent",
    AccessRole.TEACHER: "SecondComponent",
    AccessRole.VIEWER: "ThirdComponent",
    AccessRole.STUDENT: "ThirdComponent",
}
"""Which of its three parts that page shows a role."""


class ComponentReply(JsonObject, frozen=True, kw_only=True):
    """A person has logged in."""

    component: Annotated[Component, Meta(description="Of an admin, a teacher, or a viewer or student.")]


class LegacyProblem(Problem, frozen=True, kw_only=True):
    """A problem that says what is wrong also where that page looks for it."""

    message: Annotated[str, Meta(description="The same as detail.")]
    error: Annotated[str, Meta(description="The same as detail.")]
    component: Annotated[
        Literal["InvalidLogin"] | UnsetType, Meta(description="Of POST /login: the page shows none of its parts.")
    ] = UNSET


def saved_reply(done: Exported) -> SavedReply:
    """How many photos were written, and how many were there."""
    return SavedReply(saved=done.saved, skipped=done.skipped)


def student_document(stored: StoredStudent) -> StudentDocument:
    """A student document."""
    student = stored.student
    return StudentDocument(
        id=str(stored.id),
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


def no_component(problem: LegacyProblem) -> LegacyProblem:
    """A problem of logging in, as that page understands it."""
    return replace(problem, component="InvalidLogin")
