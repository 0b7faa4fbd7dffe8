"""Replies about students: their documents, and what came of an enrolment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from gallery.documents.student_lists import place_in
from gallery.documents.values import Consent, StoredStudent
from gallery.enrolment.nearest_others import SimilarStudent
from presente.face_json import FaceJson, Fpir, JsonObject, Score, face_json
from server.photo_enrolment import AcceptedEnrolment, DuplicateWarning
from server.requests.cursors import cursor_of, place_in_cursor
from server.requests.students import StudentListParameters, other_classes
from server.responses.identification import RequestId


class ConsentJson(JsonObject, frozen=True, kw_only=True):
    """That a student agreed to be enrolled: when, and to which text."""

    fecha: Annotated[str, Meta(description="Empty: no consent was on record when it was withdrawn.")]
    texto: str
    otorgado_por: Annotated[
        Literal["alumno", "tutor"] | UnsetType, Meta(description="Who gave it; absent where it was not noted.")
    ] = UNSET
    tutor: Annotated[str | UnsetType, Meta(description="The guardian who gave it; absent for none.")] = UNSET
    parentesco: Annotated[str | UnsetType, Meta(description="What the guardian is to the student.")] = UNSET
    hasta: Annotated[str | UnsetType, Meta(description="The last date on which it holds; absent for no end.")] = UNSET
    retirado: Annotated[str | UnsetType, Meta(description="The moment at which it ended; absent while it holds.")] = (
        UNSET
    )
    motivo: Annotated[
        Literal["withdrawn", "expired"] | UnsetType, Meta(description="Why it ended; absent while it holds.")
    ] = UNSET


class StudentJson(JsonObject, frozen=True, kw_only=True):
    """A student document; never the photos."""

    matricula: str
    nombre_del_alumno: str
    clase: Annotated[str, Meta(description="The class, or the first of several.")]
    fecha_de_registro: Annotated[str, Meta(description="ISO date, or date and time.")]
    otras_clases: Annotated[list[str], Meta(description="Further classes that the student is in.")]
    kind: Annotated[Literal["student", "cohort"], Meta(description="cohort: in the index, but no one's student.")]
    asistencias: Annotated[int, Meta(description="How often the student was present.")]
    asistencias_por_clase: Annotated[
        dict[str, int], Meta(description="The same by class, of what is recorded here; earlier counts name no class.")
    ]
    participaciones: Annotated[int, Meta(description="How often the student took part.")]
    consentimiento: Annotated[ConsentJson | None, Meta(description="The consent; null when none is on record.")]
    aviso: Annotated[str, Meta(description="A code that says what a person should look at; empty when nothing.")]
    images: Annotated[int, Meta(description="Photos that are stored.")]
    templates: Annotated[int, Meta(description="Templates of the gallery's pack.")]


class StudentListReply(JsonObject, frozen=True, kw_only=True):
    """A page of students, in the order asked for."""

    students: list[StudentJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class WarningJson(JsonObject, frozen=True, kw_only=True):
    """What a person should look at after an enrolment."""

    code: Literal["possible_duplicate"]
    matricula: Annotated[str, Meta(description="Of the student whom the photo clearly shows.")]
    nombre_del_alumno: str
    score: Score
    fpir: Fpir
    photo: Annotated[int, Meta(description="Counted from 1.")]


class LookalikeJson(JsonObject, frozen=True, kw_only=True):
    """Another student whom a student's photos clearly show."""

    matricula: str
    nombre_del_alumno: str
    score: Score


class LookalikesReply(JsonObject, frozen=True, kw_only=True):
    """Students who may be the same person as a student, the most alike first."""

    matricula: str
    students: list[LookalikeJson]


class EnrolmentReply(JsonObject, frozen=True, kw_only=True):
    """The student as stored, the face that was taken of each photo, and warnings."""

    request_id: RequestId
    student: StudentJson
    photos: list[FaceJson]
    warnings: list[WarningJson]


def student_json(stored: StoredStudent) -> StudentJson:
    """A student document."""
    student, consent = stored.student, stored.student.consentimiento
    return StudentJson(
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        clase=student.clase,
        fecha_de_registro=student.fecha_de_registro,
        otras_clases=list(other_classes(student)),
        kind=student.kind,
        asistencias=stored.asistencias,
        asistencias_por_clase=dict(stored.asistencias_por_clase),
        participaciones=stored.participaciones,
        consentimiento=None if consent is None else consent_json(consent),
        aviso=student.aviso,
        images=stored.images,
        templates=stored.templates,
    )


def consent_json(consent: Consent) -> ConsentJson:
    """A consent, without its history."""
    return ConsentJson(
        fecha=consent.fecha,
        texto=consent.texto,
        otorgado_por=consent.otorgado_por or UNSET,
        tutor=consent.tutor or UNSET,
        parentesco=consent.parentesco or UNSET,
        hasta=consent.hasta or UNSET,
        retirado=consent.retirado or UNSET,
        motivo=consent.motivo or UNSET,
    )


def student_list_reply(found: Sequence[StoredStudent], parameters: StudentListParameters) -> StudentListReply:
    """A page of at most ``limit`` students, of ``limit + 1`` that were looked for."""
    limit, order = parameters.limit, parameters.order()
    place = () if len(found) <= limit else place_in_cursor(order, place_in(order, found[limit - 1]))
    return StudentListReply(
        students=[student_json(stored) for stored in found[:limit]],
        next_cursor=cursor_of(parameters, *place) if place else None,
    )


def lookalikes_reply(matricula: str, found: Sequence[SimilarStudent]) -> LookalikesReply:
    """Who may be the same person as a student."""
    students = [
        LookalikeJson(matricula=each.matricula, nombre_del_alumno=each.nombre_del_alumno, score=each.score)
        for each in found
    ]
    return LookalikesReply(matricula=matricula, students=students)


def enrolment_reply(request_id: str, accepted: AcceptedEnrolment) -> EnrolmentReply:
    """What came of an enrolment."""
    return EnrolmentReply(
        request_id=request_id,
        student=student_json(accepted.student),
        photos=[face_json(face) for face in accepted.faces],
        warnings=[warning_json(warning) for warning in accepted.warnings],
    )


def warning_json(warning: DuplicateWarning) -> WarningJson:
    """A warning about a photo."""
    return WarningJson(
        code="possible_duplicate",
        matricula=warning.similar.matricula,
        nombre_del_alumno=warning.similar.nombre_del_alumno,
        score=warning.similar.score,
        fpir=warning.fpir,
        photo=warning.photo,
    )
