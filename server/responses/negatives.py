"""Replies about faces that are not a student's."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from gallery.documents.negatives import StoredNegative
from presente.face_json import JsonObject
from server.operations.negatives import SaidNegative


class NegativeJson(JsonObject, frozen=True, kw_only=True):
    """A face of which a person said that it is not the student. No picture of it is kept."""

    id: Annotated[int, Meta(description="Grows with time.")]
    at: Annotated[str, Meta(description="When it was said, UTC.", extra_json_schema={"format": "date-time"})]
    source: Annotated[
        Literal["attendance", "identify"],
        Meta(description="A face that was recorded as the student's, or of a photo that was sent for this."),
    ]
    session: Annotated[int | None, Meta(description="Id of the session in which it was said; null outside of one.")]


class SaidNegativeReply(NegativeJson, frozen=True, kw_only=True):
    """What was kept of the statement."""

    matricula: str
    score: Annotated[
        float | None, Meta(description="Of the student with the face; null when the student has no template.")
    ]


class NegativeListReply(JsonObject, frozen=True, kw_only=True):
    """The faces that are said not to be a student, in the order in which that was said."""

    matricula: str
    negatives: list[NegativeJson]


def negative_json(stored: StoredNegative) -> NegativeJson:
    """A face that is not the student's."""
    said = stored.negative
    return NegativeJson(id=stored.id, at=said.at, source=said.source, session=said.session or None)


def said_negative_reply(said: SaidNegative) -> SaidNegativeReply:
    """What was kept of a statement."""
    made = negative_json(said.stored)
    members = {name: getattr(made, name) for name in NegativeJson.__struct_fields__}
    return SaidNegativeReply(matricula=said.matricula, score=said.score, **members)


def negative_list_reply(matricula: str, negatives: list[StoredNegative]) -> NegativeListReply:
    """The faces that are said not to be a student."""
    return NegativeListReply(matricula=matricula, negatives=[negative_json(each) for each in negatives])
