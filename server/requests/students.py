"""What requests say of students: who is enrolled, what is changed, who is listed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gallery.documents.student_lists import SortField, StudentFilter, StudentOrder
from gallery.documents.values import Consent, Student
from presente.errors import InvalidInput, shown
from presente.face_json import JsonObject
from server.requests.fields import Clase, Cursor, Fecha, Force, PageSize, QueryText, rules

_LONGEST = 200
_DATE_OR_TIME = {"anyOf": [{"format": "date"}, {"format": "date-time"}]}

StudentSort = Literal["matricula", "nombre", "clase", "photos", "-matricula", "-nombre", "-clase", "-photos"]

Matricula = Annotated[
    str,
    Meta(
        min_length=1,
        description="The student's number, unique.",
        extra=rules(missing="missing_field", missing_fix="Send it with the photo."),
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        description="The student's name.",
        extra=rules(missing="missing_field", missing_fix="Send it with the photo."),
    ),
]
OwnClass = Annotated[str, Meta(description=f"The student's class, at most {_LONGEST} characters; may be empty.")]
Registered = Annotated[
    str,
    Meta(
        description="ISO date, or date and time, of the registration; today when missing.",
        extra_json_schema=_DATE_OR_TIME,
    ),
]


class ConsentFields(JsonObject, frozen=True, kw_only=True):
    """That a student agreed to be enrolled."""

    fecha: Annotated[str, Meta(description="When, as an ISO date.", extra_json_schema=_DATE_OR_TIME)]
    texto: Annotated[str, Meta(description="To which text.")]
    otorgado_por: Annotated[
        Literal["alumno", "tutor"] | UnsetType, Meta(description="Who gave it: the student, or a guardian.")
    ] = UNSET
    tutor: Annotated[str | UnsetType, Meta(description="The guardian's name.")] = UNSET
    parentesco: Annotated[str | UnsetType, Meta(description="What the guardian is to the student.")] = UNSET
    hasta: Annotated[
        str | UnsetType,
        Meta(description="The last date on which it holds; no end when missing.", extra_json_schema={"format": "date"}),
    ] = UNSET


SentConsent = Annotated[
    ConsentFields | UnsetType | None,
    Meta(
        description="The student's consent; null for none. In a form it is JSON text.",
        extra=rules(code="invalid_consent", fix='It must look like {"fecha": "2026-08-01", "texto": "..."}.'),
    ),
]


class StudentFields(JsonObject, frozen=True, kw_only=True):
    """A student to enrol, as the first page describes one."""

    matricula: Matricula
    nombre_del_alumno: Name
    clase: OwnClass | UnsetType = UNSET
    fecha_de_registro: Registered | UnsetType = UNSET


class EnrolmentFields(StudentFields, frozen=True, kw_only=True):
    """A student to enrol."""

    consentimiento: SentConsent = UNSET


class EnrolmentParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of an enrolment."""

    force: Force = False


class StudentListParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the list of students."""

    clase: Clase | None = None
    q: Annotated[
        QueryText | None, Meta(description="Words of a name or matricula, or parts, whatever case and accents.")
    ] = None
    aviso: Annotated[
        QueryText | None, Meta(description="Only students with this code to look at; any: with any code.")
    ] = None
    without_photos: Annotated[bool, Meta(description="Only students of whom no photo is stored.")] = False
    without_consent: Annotated[bool, Meta(description="Only students of whom no consent is on record.")] = False
    consent_ended: Annotated[bool, Meta(description="Only students whose consent was withdrawn or has run out.")] = (
        False
    )
    consent_until: Annotated[
        Fecha | None, Meta(description="Only students whose consent holds, and ends on this date or before.")
    ] = None
    sort: Annotated[
        StudentSort, Meta(description="The order; with a minus backwards. Students who are alike by matricula.")
    ] = "matricula"
    limit: PageSize = 100
    cursor: Cursor | None = None

    def which(self) -> StudentFilter:
        """Which students are listed."""
        return StudentFilter(
            self.clase,
            self.q,
            aviso=self.aviso,
            without_photos=self.without_photos,
            without_consent=self.without_consent,
            consent_ended=self.consent_ended,
            consent_until=self.consent_until or None,
        )

    def order(self) -> StudentOrder:
        """In which order."""
        return StudentOrder(cast("SortField", self.sort.removeprefix("-")), self.sort.startswith("-"))


class ErasureParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of an erasure."""

    asked: Annotated[
        bool, Meta(description="Whether the person asked for it: then no restored backup can bring it back.")
    ] = False


class PersonalDataParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of everything that is held about a student."""

    format: Annotated[
        Literal["json", "zip"], Meta(description="json, or zip: an archive of the same and the photos.")
    ] = "json"


class PrivacyParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the report about what is held."""

    names: Annotated[bool, Meta(description="Whether to say who is on which list, beside the numbers.")] = False


class MergeParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of a merge."""

    dry_run: Annotated[bool, Meta(description="Whether to say only what the merge would do.")] = False


class MergeFields(JsonObject, frozen=True, kw_only=True):
    """With whom a student is merged."""

    into: Annotated[
        str,
        Meta(min_length=1, description="The matricula of the student who stays.", extra=rules(missing="missing_field")),
    ]


class StudentChanges(JsonObject, frozen=True, kw_only=True):
    """Fields of a student that change; those that are missing stay."""

    nombre_del_alumno: Annotated[str | UnsetType, Meta(description="The student's name.")] = UNSET
    clase: OwnClass | UnsetType = UNSET
    fecha_de_registro: Registered | UnsetType = UNSET
    aviso: Annotated[
        str | UnsetType, Meta(description="A code that says what a person should look at; empty: done.")
    ] = UNSET
    consentimiento: SentConsent = UNSET
    otras_clases: Annotated[
        list[str] | UnsetType,
        Meta(description="Every further class; replaces the list.", extra=rules(fix="Send a list of class names.")),
    ] = UNSET


def student_of(fields: EnrolmentFields, today: str) -> Student:
    """The student whom an enrolment describes; registered ``today`` unless it says otherwise."""
    return Student(
        matricula=fields.matricula,
        nombre_del_alumno=fields.nombre_del_alumno,
        clase=fields.clase or "",
        fecha_de_registro=fields.fecha_de_registro or today,
        consentimiento=_consent(fields.consentimiento or None, today),
    )


def asked_of(fields: EnrolmentFields) -> dict[str, Any]:
    """What an enrolment asks, for comparing requests: the fields that were sent, the consent as JSON text."""
    asked: dict[str, Any] = msgspec.to_builtins(fields)
    return {name: value if name != "consentimiento" else json.dumps(value) for name, value in asked.items()}


def changed_student(student: Student, changes: StudentChanges, today: str) -> Student:
    """A stored student with the fields of a PATCH of ``today``; ``consentimiento`` null takes the consent back.

    Raises:
        InvalidInput: ``invalid_student``.
    """
    given: dict[str, Any] = {
        name: value for name in StudentChanges.__struct_fields__ if (value := getattr(changes, name)) is not UNSET
    }
    if "consentimiento" in given:
        given["consentimiento"] = _consent(given["consentimiento"], today)
    if "otras_clases" in given:
        given["otras_clases"] = tuple(given["otras_clases"])
    made = replace(student, **given)
    return replace(made, otras_clases=other_classes(made))


def other_classes(student: Student) -> tuple[str, ...]:
    """The classes beside ``clase``, each once."""
    return tuple(clase for clase in student.clases if clase != student.clase)


def _consent(fields: ConsentFields | None, today: str) -> Consent | None:
    if fields is None:
        return None
    if fields.hasta and fields.hasta < today:
        raise InvalidInput(
            "invalid_student",
            f"consentimiento.hasta is {shown(fields.hasta)}, and it is {today}: this consent has ended.",
            "Send a consent that holds, or none.",
            "consentimiento",
        )
    given = fields.otorgado_por or "", fields.tutor or "", fields.parentesco or "", fields.hasta or ""
    return Consent(fields.fecha, fields.texto, *given)
