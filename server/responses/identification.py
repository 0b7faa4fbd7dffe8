"""Replies about faces: who it is, whether it is this person, who is nearest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, UnsetType

from presente.errors import PresenteError
from presente.face_json import (
    CandidateJson,
    IdentifiedFaceJson,
    JsonObject,
    JudgedFaceJson,
    Rotated,
    candidate_json,
    identified_face_json,
    judged_face_json,
)
from presente.recognition import Identified
from server.errors import problem_of_error
from server.operations.identification import SearchResult
from server.responses.problem import Problem
from server.service import VerifyResult

RequestId = Annotated[str, Meta(description="Also in the header X-Request-Id.")]
Pack = Annotated[str, Meta(description="The model pack that made the templates.")]
HeldTo = Annotated[float, Meta(description="What scores were held to.")]
HeldToSource = Annotated[str, Meta(description="Where the threshold comes from.")]
Hint = Annotated[str | None, Meta(description="What to do when no one could be searched; else null.")]

IsPartial = Annotated[
    Literal[True] | UnsetType, Meta(description="There only when a part of the gallery was not there to be searched.")
]
Covers = Annotated[
    float | UnsetType, Meta(description="Share of all people that was searched, 0 to 1; there only beside partial.")
]

Look = Annotated[float | UnsetType, Meta(description="A part of detect; not there when the look was not taken.")]


class ReadingTimings(JsonObject, frozen=True, kw_only=True):
    """Milliseconds that the stages of reading a photo took, and each look at it."""

    decode: float
    detect: float
    detect_glance: Look = UNSET
    detect_usual: Look = UNSET
    detect_turned: Look = UNSET
    detect_closer: Look = UNSET
    embed: float
    liveness: Annotated[float | UnsetType, Meta(description="Not there where liveness is off.")] = UNSET
    total: float


class IdentifyTimings(ReadingTimings, frozen=True, kw_only=True):
    """Milliseconds that the stages of an identification took."""

    search: float


class IdentifyReply(JsonObject, frozen=True, kw_only=True):
    """Who is in a photo; faces largest first."""

    request_id: RequestId
    pack: Pack
    threshold: HeldTo
    threshold_source: HeldToSource
    hint: Hint
    rotated: Rotated
    faces: list[IdentifiedFaceJson]
    timings_ms: IdentifyTimings
    partial: IsPartial = UNSET
    covers: Covers = UNSET


class IdentifiedPhotoReply(JsonObject, frozen=True, kw_only=True):
    """The answer for one of several photos: its result, or its problem. The other is null."""

    photo: Annotated[int, Meta(description="The photo's number in the request, from 0.")]
    result: Annotated[IdentifyReply | None, Meta(description="As for a request of one photo.")]
    problem: Annotated[Problem | None, Meta(description="Why this photo was not answered; concerns no other.")]


class IdentifyPhotosReply(JsonObject, frozen=True, kw_only=True):
    """Who is in each of several photos, in the order in which they were sent."""

    request_id: RequestId
    pack: Pack
    photos: list[IdentifiedPhotoReply]


class SearchReply(JsonObject, frozen=True, kw_only=True):
    """The nearest people of each embedding, best first."""

    request_id: RequestId
    pack: Pack
    hint: Hint
    results: list[list[CandidateJson]]
    partial: IsPartial = UNSET
    covers: Covers = UNSET


class VerifyReply(JsonObject, frozen=True, kw_only=True):
    """Whether a photo shows a student."""

    request_id: RequestId
    pack: Pack
    matricula: str
    same_person: Annotated[bool, Meta(description="Whether score >= threshold, and there is no reason against it.")]
    reason: Annotated[
        Literal["told_apart", "not_live", "liveness_not_judged"] | None,
        Meta(description="Why it is not the same person though score >= threshold; null otherwise."),
    ]
    threshold: HeldTo
    score: Annotated[float | None, Meta(description="Null when the student has no template.")]
    face: JudgedFaceJson


def identify_reply(request_id: str, pack: str, found: Identified) -> IdentifyReply:
    """The faces of a photo, and who they are."""
    return IdentifyReply(
        request_id=request_id,
        pack=pack,
        threshold=found.operating_point.threshold,
        threshold_source=found.operating_point.source,
        hint=found.hint,
        rotated=cast("Rotated", found.rotated),
        faces=[
            identified_face_json(face, decision, found.operating_point, found.live_from)
            for face, decision in found.faces
        ],
        timings_ms=IdentifyTimings(**found.timings_ms),
        **_part(found.covers),
    )


def identified_photo_replies(
    request_id: str, pack: str, answers: Iterable[tuple[int, Identified | PresenteError]]
) -> Iterator[IdentifiedPhotoReply]:
    """The answer for each photo, as it is ready."""
    for number, found in answers:
        yield IdentifiedPhotoReply(
            photo=number,
            result=None if isinstance(found, PresenteError) else identify_reply(request_id, pack, found),
            problem=problem_of_error(found, request_id) if isinstance(found, PresenteError) else None,
        )


def identify_photos_reply(
    request_id: str, pack: str, answers: Iterable[tuple[int, Identified | PresenteError]]
) -> IdentifyPhotosReply:
    """The answers for all photos of a request."""
    photos = list(identified_photo_replies(request_id, pack, answers))
    return IdentifyPhotosReply(request_id=request_id, pack=pack, photos=photos)


def search_reply(request_id: str, pack: str, found: SearchResult) -> SearchReply:
    """The candidates of each embedding."""
    point = found.operating_point
    results = [[candidate_json(candidate, point) for candidate in candidates] for candidates in found.candidates]
    return SearchReply(request_id=request_id, pack=pack, hint=found.hint, results=results, **_part(found.covers))


def _part(covers: float) -> dict[str, Any]:
    """What a reply says of itself when not everyone was searched."""
    return {"partial": True, "covers": round(covers, 4)} if covers < 1.0 else {}


def verify_reply(request_id: str, pack: str, matricula: str, found: VerifyResult) -> VerifyReply:
    """Whether they are the same person."""
    return VerifyReply(
        request_id=request_id,
        pack=pack,
        matricula=matricula,
        same_person=found.same_person,
        reason=found.reason or None,
        threshold=found.threshold,
        score=found.score,
        face=judged_face_json(found.face, found.live_from),
    )
