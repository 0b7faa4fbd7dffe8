"""Faces, candidates and decisions as JSON has them: declared once, for the server's replies and evaluation's output."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from msgspec import Meta, Struct

from faces.embedder import EmbeddedFace
from gallery.decision import Candidate, Decision
from gallery.threshold.operating_point import OperatingPoint

UNKNOWN = "Desconocido"
"""The name of a face that no one enrolled has."""
UNDECIDED = "Sin decidir"
"""The name of a face of which no one can say so, because not all who are enrolled could be searched."""

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


class FaceJson(JsonObject, frozen=True, kw_only=True):
    """Where a face is in the upright photo, and how good it is."""

    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels of the upright photo.")]
    landmarks: Annotated[list[list[float]], Meta(description="Eyes, nose and corners of the mouth, as x, y in pixels.")]
    detection_score: Annotated[float, Meta(description="The detector's score, 0 to 1.")]
    quality: QualityJson
    rotated: Rotated


class CandidateJson(JsonObject, frozen=True, kw_only=True):
    """One person of a ranked list."""

    rank: Annotated[int, Meta(description="1 is the best.")]
    matricula: str
    nombre_del_alumno: str
    clase: str
    kind: Annotated[Literal["student", "cohort"], Meta(description="cohort: in the index, but no one's student.")]
    score: Score
    fpir: Fpir


class IdentifiedFaceJson(FaceJson, frozen=True, kw_only=True):
    """A face and who it is."""

    decision: Annotated[
        Literal["known", "unknown", "ambiguous", "duplicate", "undecided"],
        Meta(
            description="Known at score >= threshold; duplicate: a further face of a person who is named already; "
            "undecided: only with partial=true, when no one who was searched is close enough."
        ),
    ]
    nombre: Annotated[str, Meta(description='"Desconocido" unless the decision is known; or "Sin decidir".')]
    matricula: Annotated[str | None, Meta(description="Null unless the decision is known.")]
    score: Annotated[float | None, Meta(description="The best candidate's; null when no one was searched.")]
    fpir: Fpir
    reason: Annotated[Reason | None, Meta(description="Why the face is not known.")]
    candidates: Annotated[list[CandidateJson], Meta(description="The most similar people, best first.")]


def face_json(face: EmbeddedFace) -> FaceJson:
    """Where a face is and how good it is."""
    return FaceJson(**face_members(face))


def face_members(face: EmbeddedFace) -> dict[str, Any]:
    """The members of :class:`FaceJson`, for types that have further ones."""
    return {
        "box": [round(float(value), 1) for value in face.face.box],
        "landmarks": [[round(float(x), 1), round(float(y), 1)] for x, y in face.face.landmarks],
        "detection_score": round(face.face.score, 4),
        "quality": QualityJson(**face.quality.as_dict()),
        "rotated": face.rotated,
    }


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


def identified_face_json(face: EmbeddedFace, decision: Decision, operating_point: OperatingPoint) -> IdentifiedFaceJson:
    """A face of a photo: where it is and who it is."""
    student = decision.student
    return IdentifiedFaceJson(
        **face_members(face),
        decision=decision.verdict,
        nombre=student.nombre_del_alumno if student else UNDECIDED if decision.verdict == "undecided" else UNKNOWN,
        matricula=student.matricula if student else None,
        score=decision.score,
        fpir=operating_point.fpir(decision.score),
        reason=cast("Reason | None", decision.reason),
        candidates=[candidate_json(candidate, operating_point) for candidate in decision.candidates],
    )
