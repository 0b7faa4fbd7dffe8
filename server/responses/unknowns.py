"""Replies about people who are not enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from gallery.decision import Candidate
from gallery.documents.unknown_people import StoredUnknownFace, UnknownSource, UnknownState
from presente.face_json import JsonObject, Score
from server.operations.unknown_naming import NamedPerson
from server.operations.unknown_people import Forgotten, UnknownCard, UnknownPage, UnknownPerson
from server.requests.cursors import cursor_of
from server.requests.unknowns import UnknownListParameters, UnknownParameters
from server.responses.identification import RequestId
from server.responses.student_photos import StoredQualityJson
from server.responses.students import StudentJson, WarningJson, student_json, warning_json

PersonId = Annotated[int, Meta(description="Id of the card; grows with time.")]
PictureAddress = Annotated[str, Meta(description="Where its picture is, a JPEG.")]
NextCursor = Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]
Moment = Annotated[str, Meta(description="UTC, ISO.", extra_json_schema={"format": "date-time"})]


class ResembledStudentJson(JsonObject, frozen=True, kw_only=True):
    """A student whom an unknown person resembles."""

    matricula: str
    nombre_del_alumno: str
    clase: str
    score: Annotated[
        float, Meta(description="From -1 to 1: of the mean of the card's faces, greater than that of most of them.")
    ]


class AlikePersonJson(JsonObject, frozen=True, kw_only=True):
    """Another card that may show the same person."""

    id: PersonId
    picture: PictureAddress
    score: Score


class UnknownCardJson(JsonObject, frozen=True, kw_only=True):
    """A person who is not enrolled."""

    id: PersonId
    state: UnknownState
    note: Annotated[str, Meta(description="A person's remark.")]
    first_at: Annotated[Moment, Meta(description="When the person was first seen, UTC.")]
    last_at: Annotated[Moment, Meta(description="When the person was last seen, UTC.")]
    visits: Annotated[int, Meta(description="Faces that are kept: looks within ten minutes are one.")]
    looks: Annotated[int, Meta(description="How often the person was seen in all of them.")]
    clases: Annotated[list[str], Meta(description="Classes whose attendance showed the person.")]
    cover: Annotated[int, Meta(description="Id of the face that shows the person best.")]
    picture: PictureAddress
    resembles: Annotated[list[ResembledStudentJson], Meta(description="The most alike students, best first.")]
    alike: Annotated[list[AlikePersonJson], Meta(description="Cards that may be joined with it, the most alike first.")]


class UnknownListReply(JsonObject, frozen=True, kw_only=True):
    """A page of unknown people, in the order asked for."""

    unknowns: list[UnknownCardJson]
    next_cursor: NextCursor


class UnknownFaceJson(JsonObject, frozen=True, kw_only=True):
    """A face of an unknown person: one visit."""

    id: Annotated[int, Meta(description="Id of the face; grows with time.")]
    at: Annotated[Moment, Meta(description="When it was first seen.")]
    last_at: Annotated[Moment, Meta(description="When it was last seen.")]
    looks: Annotated[int, Meta(description="How often it was seen.")]
    source: Annotated[UnknownSource, Meta(description="What showed it.")]
    clase: Annotated[str, Meta(description="Class whose attendance showed it; empty for none.")]
    session: Annotated[int | None, Meta(description="Id of the session that showed it; null for none.")]
    picture: PictureAddress
    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 of the face in the picture, in pixels.")]
    quality: StoredQualityJson


class UnknownPersonReply(JsonObject, frozen=True, kw_only=True):
    """A person who is not enrolled, and a page of the faces, oldest first."""

    unknown: UnknownCardJson
    faces: list[UnknownFaceJson]
    next_cursor: NextCursor


class NamedPersonReply(JsonObject, frozen=True, kw_only=True):
    """The student whom an unknown person turned out to be."""

    request_id: RequestId
    student: StudentJson
    photos: Annotated[int, Meta(description="Faces that became photos; one whose photo is there already adds none.")]
    erased: Annotated[int, Meta(description="Faces that left the unknown people, those included.")]
    warnings: Annotated[list[WarningJson], Meta(description="Photos that clearly show another student.")]


class ForgottenReply(JsonObject, frozen=True, kw_only=True):
    """What was erased of the person whom a photo shows."""

    request_id: RequestId
    faces: Annotated[int, Meta(description="Faces of unknown people that were erased.")]
    threshold: Annotated[float, Meta(description="Score from which a face was taken for the person's.")]


def picture_address(number: int, face: int) -> str:
    """Where a face's picture is."""
    return f"/v1/unknowns/{number}/faces/{face}/picture"


def unknown_list_reply(found: UnknownPage, parameters: UnknownListParameters) -> UnknownListReply:
    """A page of unknown people."""
    return UnknownListReply(
        unknowns=[unknown_card_json(card) for card in found.cards],
        next_cursor=cursor_of(parameters, found.following) if found.following else None,
    )


def unknown_person_reply(found: UnknownPerson, parameters: UnknownParameters) -> UnknownPersonReply:
    """An unknown person with a page of faces."""
    return UnknownPersonReply(
        unknown=unknown_card_json(found.card),
        faces=[_face_json(face) for face in found.faces],
        next_cursor=cursor_of(parameters, found.following) if found.following else None,
    )


def unknown_card_json(card: UnknownCard) -> UnknownCardJson:
    """An unknown person."""
    group = card.group
    return UnknownCardJson(
        id=group.id,
        state=group.state,
        note=group.note,
        first_at=group.first_at,
        last_at=group.last_at,
        visits=group.visits,
        looks=group.looks,
        clases=list(group.clases),
        cover=group.cover,
        picture=picture_address(group.id, group.cover),
        resembles=_resembled(card.resembles),
        alike=[
            AlikePersonJson(id=other.id, picture=picture_address(other.id, other.cover), score=score)
            for other, score in card.alike
        ],
    )


def _resembled(candidates: Sequence[Candidate]) -> list[ResembledStudentJson]:
    return [
        ResembledStudentJson(
            matricula=each.student.matricula,
            nombre_del_alumno=each.student.nombre_del_alumno,
            clase=each.student.clase,
            score=each.score,
        )
        for each in candidates
    ]


def _face_json(stored: StoredUnknownFace) -> UnknownFaceJson:
    face = stored.face
    return UnknownFaceJson(
        id=stored.id,
        at=face.at,
        last_at=face.last_at,
        looks=face.looks,
        source=face.source,
        clase=face.clase,
        session=face.session or None,
        picture=picture_address(stored.group, stored.id),
        box=[round(value, 1) for value in face.box],
        quality=StoredQualityJson(**{name: face.quality.get(name) for name in StoredQualityJson.__struct_fields__}),
    )


def named_person_reply(request_id: str, named: NamedPerson) -> NamedPersonReply:
    """The student whom an unknown person turned out to be."""
    return NamedPersonReply(
        request_id=request_id,
        student=student_json(named.student),
        photos=named.photos,
        erased=named.erased,
        warnings=[warning_json(warning) for warning in named.warnings],
    )


def forgotten_reply(request_id: str, forgotten: Forgotten) -> ForgottenReply:
    """What was erased of the person whom a photo shows."""
    return ForgottenReply(request_id=request_id, faces=forgotten.faces, threshold=forgotten.threshold)
