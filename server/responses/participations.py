"""Replies about participation: entries, and the list of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gallery.documents.attendance import StoredParticipation
from gallery.documents.values import Student
from presente.face_json import JsonObject
from server.operations.participations import ParticipationPage
from server.requests.attendance import ParticipationListParameters
from server.requests.cursors import cursor_of
from server.responses.attendance import At, Date, Id, Matricula, StudentName


class ParticipationJson(JsonObject, frozen=True, kw_only=True):
    """That a student took part in class, or that an earlier participation does not count."""

    id: Id
    matricula: Matricula
    nombre_del_alumno: StudentName
    clase: str
    fecha: Date
    kind: Annotated[str, Meta(description="What the student did, in a word.")]
    note: Annotated[str, Meta(description="A person's remark.")]
    at: At
    withdraws: Annotated[int | None, Meta(description="Number of the participation that does not count; else null.")]


class ParticipationListReply(JsonObject, frozen=True, kw_only=True):
    """A page of the participations."""

    participations: list[ParticipationJson]
    count: Annotated[int, Meta(description="Lines of the whole list.")]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


def participation_json(stored: StoredParticipation, student: Student | None) -> ParticipationJson:
    """A participation."""
    entry = stored.entry
    return ParticipationJson(
        id=stored.id,
        matricula=student.matricula if student else None,
        nombre_del_alumno=student.nombre_del_alumno if student else None,
        clase=entry.clase,
        fecha=entry.fecha,
        kind=entry.kind,
        note=entry.note,
        at=entry.at,
        withdraws=entry.withdraws,
    )


def participation_list_reply(
    page: ParticipationPage, parameters: ParticipationListParameters
) -> ParticipationListReply:
    """A page of the participations."""
    return ParticipationListReply(
        participations=[participation_json(stored, student) for stored, student in page.entries],
        count=page.count,
        next_cursor=None if page.next is None else cursor_of(parameters, page.next),
    )
