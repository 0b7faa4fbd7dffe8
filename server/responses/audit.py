"""Replies about an audit: each finding with its people and photos, and which requests mend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import quote

from msgspec import Meta

from gallery.documents.audit_findings import FindingPhoto, KeptFinding
from presente.face_json import FaultCode, FaultWords, JsonObject, words_json
from server.operations.audit import AuditPage
from server.requests.cursors import cursor_of
from server.requests.jobs import FindingListParameters

Severity = Literal["high", "medium", "low"]


class FindingPersonJson(JsonObject, frozen=True, kw_only=True):
    """A person who is part of a finding."""

    matricula: str
    nombre_del_alumno: str
    clase: str
    kind: Literal["student", "cohort"]
    photos: Annotated[int, Meta(description="Photos that were compared.")]


class FindingPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A photo that is part of a finding."""

    matricula: str
    id: Annotated[str, Meta(description="SHA-256 of the stored bytes.")]
    href: Annotated[str, Meta(description="Where the photo is.")]
    faults: Annotated[
        list[FaultCode],
        Meta(description="What is not good about the face; of weak_photo and hard_to_recognise only."),
    ]
    words: FaultWords


class MendingJson(JsonObject, frozen=True, kw_only=True):
    """A request that mends a finding, and in which case it does."""

    do: Literal["merge", "move_photo", "erase_photo", "add_photos"]
    when: Annotated[
        Literal["one_person", "photo_of_the_other", "wrong_photo", "one_photo", "always", "once_there_is_a_better_one"],
        Meta(description="What a person must have seen in the photos first."),
    ]
    method: Literal["POST", "DELETE"]
    path: str
    body: Annotated[dict[str, str] | None, Meta(description="JSON to send; null for none, or for a photo.")]
    matricula: Annotated[str, Meta(description="Of the student who is erased, changed, or gets photos.")]
    to: Annotated[str | None, Meta(description="Of the student who stays, or gets the photo.")]


class FindingJson(JsonObject, frozen=True, kw_only=True):
    """Something that a person should look at."""

    id: Annotated[str, Meta(description="The next audit gives the same to the same finding.")]
    kind: Literal["same_person", "mislabelled", "duplicate", "hard_to_recognise", "weak_photo"]
    severity: Severity
    score: Annotated[float, Meta(description="The cosine that it is based on.")]
    level: Annotated[float, Meta(description="The cosine that the score was compared with.")]
    why: Annotated[str, Meta(description="The reason in English words.")]
    certain: Annotated[bool, Meta(description="Whether it is clear which photo of a duplicate is in the wrong place.")]
    people: list[FindingPersonJson]
    photos: list[FindingPhotoJson]
    mend: list[MendingJson]


class FindingCountsJson(JsonObject, frozen=True, kw_only=True):
    """Findings that are left, by severity, and those that were put aside."""

    high: int
    medium: int
    low: int
    aside: int


class AuditReply(JsonObject, frozen=True, kw_only=True):
    """What is left of the findings of the last audit, a page at a time."""

    job: Annotated[int | None, Meta(description="The audit; null before the first.")]
    at: Annotated[str | None, Meta(description="When it ended, UTC.")]
    counts: FindingCountsJson
    findings: list[FindingJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


def audit_reply(page: AuditPage, parameters: FindingListParameters) -> AuditReply:
    """A page of findings."""
    counts = {name: page.counts.get(name, 0) for name in ("high", "medium", "low")}
    return AuditReply(
        job=None if page.audit is None else page.audit.number,
        at=None if page.audit is None or page.audit.end is None else page.audit.end.at,
        counts=FindingCountsJson(**counts, aside=page.aside),
        findings=[_finding_json(finding, page) for finding in page.findings],
        next_cursor=None if page.following is None else cursor_of(parameters, page.following),
    )


def _finding_json(finding: KeptFinding, page: AuditPage) -> FindingJson:
    students = page.students
    people = [
        FindingPersonJson(
            matricula=student.matricula,
            nombre_del_alumno=student.nombre_del_alumno,
            clase=student.clase,
            kind=student.kind,
            photos=person.photos,
        )
        for person in finding.people
        for student in [students[person.subject]]
    ]
    photos = [
        FindingPhotoJson(
            matricula=named,
            id=photo.sha256,
            href=_photo_path(named, photo),
            faults=list(faults),
            words=words_json(faults),
        )
        for photo in finding.photos
        for named in [students[photo.subject].matricula]
        for faults in [page.faults.get(photo, ())]
    ]
    return FindingJson(
        id=finding.mark,
        kind=finding.kind,  # type: ignore[arg-type]
        severity=finding.severity,  # type: ignore[arg-type]
        score=finding.score,
        level=finding.level,
        why=finding.why,
        certain=finding.certain,
        people=people,
        photos=photos,
        mend=list(_mending(finding, [person.matricula for person in people], photos)),
    )


def _mending(finding: KeptFinding, people: list[str], photos: list[FindingPhotoJson]) -> Iterator[MendingJson]:
    """What mends a finding, the likeliest first."""
    first, *others = people
    match finding.kind:
        case "same_person":
            yield from (_merge(other, first) for other in others)
        case "mislabelled":
            yield _move(photos[0], others[0])
            if finding.people[1].photos == 1:  # it may be that photo that is in the wrong place
                yield _move(photos[1], first)
            yield _erase(photos[0], "wrong_photo")
        case "duplicate" if finding.certain:
            yield _erase(photos[0], "one_photo")
        case "duplicate":
            yield from (_erase(photo, "wrong_photo") for photo in photos)
            yield _merge(photos[1].matricula, photos[0].matricula)
        case "hard_to_recognise":
            yield _add(first, "always")
            yield from (_erase(photo, "wrong_photo") for photo in photos)
        case _:
            yield _add(first, "always")
            if finding.people[0].photos > 1:
                yield _erase(photos[0], "once_there_is_a_better_one")


def _merge(gone: str, kept: str) -> MendingJson:
    path = f"{_student_path(gone)}/merge"
    return MendingJson(
        do="merge", when="one_person", method="POST", path=path, body={"into": kept}, matricula=gone, to=kept
    )


def _move(photo: FindingPhotoJson, to: str) -> MendingJson:
    return MendingJson(
        do="move_photo",
        when="photo_of_the_other",
        method="POST",
        path=f"{photo.href}/move",
        body={"to": to},
        matricula=photo.matricula,
        to=to,
    )


def _erase(
    photo: FindingPhotoJson, when: Literal["wrong_photo", "one_photo", "once_there_is_a_better_one"]
) -> MendingJson:
    return MendingJson(
        do="erase_photo", when=when, method="DELETE", path=photo.href, body=None, matricula=photo.matricula, to=None
    )


def _add(matricula: str, when: Literal["always"]) -> MendingJson:
    path = f"{_student_path(matricula)}/images"
    return MendingJson(do="add_photos", when=when, method="POST", path=path, body=None, matricula=matricula, to=None)


def _student_path(matricula: str) -> str:
    return f"/v1/students/{quote(matricula, safe='')}"


def _photo_path(matricula: str, photo: FindingPhoto) -> str:
    return f"{_student_path(matricula)}/images/{photo.sha256}"
