"""Faces, candidates and decisions as JSON has them: declared once, for the server's replies and evaluation's output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, cast

from msgspec import Meta, Struct

from faces.embedder import EmbeddedFace
from faces.liveness.values import LivenessScore
from faces.quality import GOOD_QUALITY
from faces.quality_words import in_words
from gallery.decision import Candidate, Decision
from gallery.threshold.operating_point import OperatingPoint
from presente.liveness import LivenessPoint, decided

UNKNOWN = "Desconocido"
"""The name of a face that no one enrolled has."""
UNDECIDED = "Sin decidir"
"""The name of a face of which no one can say so: not all who are enrolled could be searched, or it may be a picture."""

Score = Annotated[
    float,
    Meta(
        description="From -1 to 1, higher is closer: the mean of the cosines with the person's best template and with "
        "the centroid of the person's templates; with one template the plain cosine. Not a probability."
    ),
]
Fpir = Annotated[
    float | None,
    Meta(description="Share of strangers whose best score is as high; null without a calibration or a score."),
]
Rotated = Annotated[
    Literal[0, 90, 180, 270],
    Meta(description="Degrees, clockwise, by which the photo had to be turned; boxes are in the photo as it was sent."),
]
Reason = Literal[
    "below_threshold",
    "two_people_too_close",
    "another_face_is_closer",
    "empty_gallery",
    "not_all_searched",
    "told_apart",
    "not_live",
    "liveness_not_judged",
]


class JsonObject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object of declared members; another member is an error where it is read."""


class QualityJson(JsonObject, frozen=True, kw_only=True):
    """How usable a face is; see :class:`faces.quality.Quality`."""

    size: Annotated[float, Meta(description="Shorter side of the box, in pixels.")]
    sharpness: Annotated[float, Meta(description="Variance of the Laplacian of the aligned crop; near 0 is blurred.")]
    yaw: Annotated[float, Meta(description="0 is frontal; about 1 or -1 is a profile.")]
    detection_score: Annotated[float, Meta(description="The detector's score, 0 to 1.")]
    brightness: Annotated[float, Meta(description="Mean grey level of the aligned crop, 0 to 255.")]
    roll: Annotated[float, Meta(description="Degrees, clockwise, by which the line between the eyes is tilted.")]


class LivenessJson(JsonObject, frozen=True, kw_only=True):
    """Whether a face was taken for a live person's."""

    score: Annotated[float | None, Meta(description="0 to 1, higher is more like a live person; null: not judged.")]
    decision: Annotated[
        Literal["live", "attack", "not_judged"],
        Meta(description="live at score >= threshold; attack: a photo or a screen that is held up."),
    ]
    reason: Annotated[
        Literal["too_tight", "too_small"] | None,
        Meta(description="Why there is no score: the photo ends too close to the face, or it has too few pixels."),
    ]
    pack: Annotated[str, Meta(description="Tag of the liveness pack.")]
    threshold: Annotated[float, Meta(description="What the score was held to.")]


FaultCode = Literal["too_dark", "too_bright", "too_small", "turned", "tilted", "not_sharp"]
"""What :data:`faces.quality.FaceFault` says."""


class WordsJson(JsonObject, frozen=True, kw_only=True):
    """What a person can do about it, in Spanish and in English."""

    es: str
    en: str


FaultWords = Annotated[WordsJson | None, Meta(description="What to do about the faults; null when there are none.")]


class FaceJson(JsonObject, frozen=True, kw_only=True):
    """Where a face is in the upright photo, and how good it is."""

    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels of the upright photo.")]
    landmarks: Annotated[list[list[float]], Meta(description="Eyes, nose and corners of the mouth, as x, y in pixels.")]
    detection_score: Annotated[float, Meta(description="The detector's score, 0 to 1.")]
    quality: QualityJson
    faults: Annotated[list[FaultCode], Meta(description="What is not good about the face; empty when nothing is.")]
    words: FaultWords
    rotated: Rotated


class JudgedFaceJson(FaceJson, frozen=True, kw_only=True):
    """A face, and whether it is live."""

    liveness: Annotated[LivenessJson | None, Meta(description="Null where liveness is off.")]


class CandidateJson(JsonObject, frozen=True, kw_only=True):
    """One person of a ranked list."""

    rank: Annotated[int, Meta(description="1 is the best.")]
    matricula: str
    nombre_del_alumno: str
    clase: str
    kind: Annotated[Literal["student", "cohort"], Meta(description="cohort: in the index, but no one's student.")]
    score: Score
    fpir: Fpir


class IdentifiedFaceJson(JudgedFaceJson, frozen=True, kw_only=True):
    """A face and who it is."""

    decision: Annotated[
        Literal["known", "unknown", "ambiguous", "duplicate", "undecided"],
        Meta(
            description="Known at score >= threshold; duplicate: a further face of a person who is named already; "
            "undecided: with partial=true, when no one who was searched is close enough; or where liveness is "
            "enforced, when a face that is close enough is not live."
        ),
    ]
    nombre: Annotated[str, Meta(description='"Desconocido" unless the decision is known; or "Sin decidir".')]
    matricula: Annotated[str | None, Meta(description="Null unless the decision is known.")]
    score: Annotated[float | None, Meta(description="The best candidate's; null when no one was searched.")]
    fpir: Fpir
    reason: Annotated[Reason | None, Meta(description="Why the face is not known.")]
    candidates: Annotated[list[CandidateJson], Meta(description="The most similar people, best first.")]


def words_json(codes: Iterable[str]) -> WordsJson | None:
    """What codes of faults or advice say; None where nothing is wrong."""
    words = in_words(codes)
    return None if words is None else WordsJson(es=words.es, en=words.en)


def face_json(face: EmbeddedFace) -> FaceJson:
    """Where a face is and how good it is."""
    return FaceJson(**face_members(face))


def face_members(face: EmbeddedFace) -> dict[str, Any]:
    """The members of :class:`FaceJson`, for types that have further ones."""
    faults = GOOD_QUALITY.faults(face.quality.as_dict())
    return {
        "box": [round(float(value), 1) for value in face.face.box],
        "landmarks": [[round(float(x), 1), round(float(y), 1)] for x, y in face.face.landmarks],
        "detection_score": round(face.face.score, 4),
        "quality": QualityJson(**face.quality.as_dict()),
        "faults": faults,
        "words": words_json(faults),
        "rotated": face.rotated,
    }


def judged_face_json(face: EmbeddedFace, live_from: LivenessPoint | None) -> JudgedFaceJson:
    """Where a face is, how good it is, and whether it is live."""
    return JudgedFaceJson(**judged_members(face, live_from))


def judged_members(face: EmbeddedFace, live_from: LivenessPoint | None) -> dict[str, Any]:
    """The members of :class:`JudgedFaceJson`, for types that have further ones.

    ``live_from``: the score from which a face counts as live; None where that was not asked.
    """
    return face_members(face) | {"liveness": _liveness_json(face.liveness, live_from)}


def _liveness_json(found: LivenessScore | None, live_from: LivenessPoint | None) -> LivenessJson | None:
    if found is None or live_from is None:
        return None
    return LivenessJson(
        score=None if found.score is None else round(found.score, 4),
        decision=decided(found, live_from),
        reason=found.reason,
        pack=found.pack,
        threshold=live_from.threshold,
    )


def candidate_json(candidate: Candidate, operating_point: OperatingPoint) -> CandidateJson:
    """One person of a ranked list, with the share of strangers whose best score is as high."""
    student = candidate.student
    return CandidateJson(
        rank=candidate.rank,
        matricula=student.matricula,
        nombre_del_alumno=student.nombre_del_alumno,
        clase=student.clase,
        kind=student.kind,
        score=candidate.score,
        fpir=operating_point.fpir(candidate.score),
    )


def identified_face_json(
    face: EmbeddedFace, decision: Decision, operating_point: OperatingPoint, live_from: LivenessPoint | None = None
) -> IdentifiedFaceJson:
    """A face of a photo: where it is, whether it is live, and who it is."""
    student = decision.student
    return IdentifiedFaceJson(
        **judged_members(face, live_from),
        decision=decision.verdict,
        nombre=student.nombre_del_alumno if student else UNDECIDED if decision.verdict == "undecided" else UNKNOWN,
        matricula=student.matricula if student else None,
        score=decision.score,
        fpir=operating_point.fpir(decision.score),
        reason=cast("Reason | None", decision.reason),
        candidates=[candidate_json(candidate, operating_point) for candidate in decision.candidates],
    )
