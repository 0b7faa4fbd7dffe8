"""Replies about the photos of a student, and about a photo that may become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from msgspec import Meta

from faces.guidance import FaceAdvice, PhotoAdvice
from faces.quality import GOOD_QUALITY
from gallery.documents.values import DescribedPhoto
from presente.errors import without_folders
from presente.face_json import FaultCode, FaultWords, JsonObject, QualityJson, Rotated, WordsJson, words_json
from server.responses.identification import RequestId

AdviceCode = FaultCode | Literal["no_face", "several_faces", "too_close", "ok"]


class StoredQualityJson(JsonObject, frozen=True, kw_only=True):
    """What was measured on the face when it was enrolled; null what an earlier version did not measure."""

    size: Annotated[float | None, Meta(description="Shorter side of the box, in pixels.")]
    sharpness: Annotated[float | None, Meta(description="Near 0 is blurred.")]
    yaw: Annotated[float | None, Meta(description="0 is frontal; about 1 or -1 is a profile.")]
    detection_score: Annotated[float | None, Meta(description="The detector's score, 0 to 1.")]
    brightness: Annotated[float | None, Meta(description="Mean grey level, 0 to 255.")]
    roll: Annotated[float | None, Meta(description="Degrees, clockwise, by which the eyes are tilted.")]


class StoredPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A stored photo of a student."""

    id: Annotated[str, Meta(description="The SHA-256 of its bytes, by which routes name it.")]
    media_type: Annotated[str, Meta(description="Of the bytes that are stored.")]
    bytes: Annotated[int, Meta(description="How many bytes are stored.")]
    source: Annotated[str, Meta(description="Where it came from: http, or a file's name or a link.")]
    has_template: Annotated[bool, Meta(description="Whether it is searched: it has a template of the pack.")]
    box: Annotated[list[float] | None, Meta(description="x1, y1, x2, y2 of the face, in pixels of the upright photo.")]
    quality: Annotated[StoredQualityJson | None, Meta(description="Null without a template of the gallery's pack.")]
    faults: Annotated[list[FaultCode], Meta(description="What is not good about the face; empty when nothing is.")]
    words: FaultWords


class StudentPhotosReply(JsonObject, frozen=True, kw_only=True):
    """The stored photos of a student, in the order in which they were stored."""

    matricula: str
    photos: list[StoredPhotoJson]


class AdvisedFaceJson(JsonObject, frozen=True, kw_only=True):
    """A face of a photo, and what is not good about it."""

    box: Annotated[list[float], Meta(description="x1, y1, x2, y2 in pixels of the upright photo.")]
    quality: QualityJson
    rotated: Rotated
    advice: Annotated[list[AdviceCode], Meta(description="ok alone when nothing is wrong.")]
    words: Annotated[WordsJson | None, Meta(description="The advice in words; null when nothing is wrong.")]


class PhotoCheckReply(JsonObject, frozen=True, kw_only=True):
    """What to tell a person before the photo is taken."""

    request_id: RequestId
    accepted: Annotated[bool, Meta(description="Whether enrolment would take the photo as it is.")]
    advice: Annotated[list[AdviceCode], Meta(description="About the photo; ok alone when nothing is wrong.")]
    words: Annotated[WordsJson | None, Meta(description="The advice in words; null when nothing is wrong.")]
    prominent: Annotated[int | None, Meta(description="Place of the face that enrolment would take, from 0.")]
    width: Annotated[int, Meta(description="Of the upright photo, in the pixels of the boxes.")]
    height: int
    faces: Annotated[list[AdvisedFaceJson], Meta(description="Largest first.")]


def student_photos_reply(matricula: str, photos: Sequence[DescribedPhoto]) -> StudentPhotosReply:
    """The stored photos of a student."""
    return StudentPhotosReply(matricula=matricula, photos=[_stored_photo_json(photo) for photo in photos])


def _stored_photo_json(photo: DescribedPhoto) -> StoredPhotoJson:
    measured, faults = photo.box is not None, GOOD_QUALITY.faults(photo.quality)
    return StoredPhotoJson(
        id=photo.sha256,
        media_type=photo.media_type,
        bytes=photo.size,
        source=without_folders(photo.source),
        has_template=measured,
        box=None if photo.box is None else [round(value, 1) for value in photo.box],
        quality=StoredQualityJson(**{name: photo.quality.get(name) for name in StoredQualityJson.__struct_fields__})
        if measured
        else None,
        faults=faults,
        words=words_json(faults),
    )


def photo_check_reply(request_id: str, found: PhotoAdvice) -> PhotoCheckReply:
    """What to tell about a photo."""
    height, width = found.size
    return PhotoCheckReply(
        request_id=request_id,
        accepted=found.accepted,
        advice=list(found.advice),
        words=words_json(found.advice),
        prominent=found.prominent,
        width=width,
        height=height,
        faces=[_advised_face_json(each) for each in found.faces],
    )


def _advised_face_json(advised: FaceAdvice) -> AdvisedFaceJson:
    face = advised.face
    return AdvisedFaceJson(
        box=[round(float(value), 1) for value in face.face.box],
        quality=QualityJson(**face.quality.as_dict()),
        rotated=cast("Rotated", face.rotated),
        advice=list(advised.advice),
        words=words_json(advised.advice),
    )
