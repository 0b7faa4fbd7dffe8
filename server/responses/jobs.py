"""Replies about jobs: what was asked for, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from gallery.documents.jobs import Job
from presente.face_json import JsonObject
from server.requests.cursors import cursor_of
from server.requests.jobs import JobListParameters

Moment = Annotated[str, Meta(description="UTC, ISO.")]


class JobProgressJson(JsonObject, frozen=True, kw_only=True):
    """How much is done."""

    done: int
    of: Annotated[int | None, Meta(description="Of how much; null while that is not known.")]
    unit: Annotated[
        str,
        Meta(description="photos, searches, steps, students, or seconds of a film; empty at first."),
    ]


class AuditResultJson(JsonObject, frozen=True, kw_only=True):
    """What an audit compared, and how many findings of each severity it had. GET /v1/audit has those that are left."""

    people: int
    photos: int
    threshold: Annotated[float, Meta(description="The score from which two faces are one person's.")]
    usual: Annotated[float, Meta(description="The median score of two photos of one person here.")]
    identical: Annotated[float, Meta(description="The score from which two photos are one photo.")]
    high: int
    medium: int
    low: int


class CalibrationResultJson(JsonObject, frozen=True, kw_only=True):
    """What a calibration gave. GET /v1/calibration has what holds now."""

    fpir: float
    threshold: float
    searches: Annotated[int, Meta(description="Searches of strangers that it was measured on.")]
    own_photos: Annotated[int, Meta(description="Photos that were compared with their person's other photos.")]


class CompactResultJson(JsonObject, frozen=True, kw_only=True):
    """The index that was built."""

    generation: int
    templates: int
    note: Annotated[str, Meta(description="What was done about the calibration; empty for nothing.")]


class SyncResultJson(JsonObject, frozen=True, kw_only=True):
    """What was embedded."""

    embedded: int
    refused: Annotated[dict[str, int], Meta(description="How many photos were refused, by code.")]
    stopped: Annotated[str, Meta(description="Why it ended before the last photo; empty when it did not.")]


class RetentionResultJson(JsonObject, frozen=True, kw_only=True):
    """What consents and periods took. GET /v1/privacy has what is held now."""

    consents_ended: Annotated[int, Meta(description="Consents that had run out: recognition stopped.")]
    withdrawn: Annotated[int, Meta(description="Students erased because their consent had ended long enough ago.")]
    students: Annotated[int, Meta(description="Students erased because their period was over.")]
    photo_owners: Annotated[int, Meta(description="Students whose photos were erased.")]
    attendance_faces: Annotated[int, Meta(description="Entries of attendance whose face was erased.")]
    unknown_faces: Annotated[int, Meta(description="Faces of unknown people that were erased.")]
    access_lines: Annotated[int, Meta(description="Lines that were cut off the access log.")]
    soon_consents: Annotated[int, Meta(description="Consents that end within 30 days.")]
    soon_erased: Annotated[int, Meta(description="Students whose consent has ended, and who are erased later.")]
    undated: Annotated[int, Meta(description="Students with a period, and without any date: they are kept.")]


class FilmResultJson(JsonObject, frozen=True, kw_only=True):
    """What a film recorded in its session. GET /v1/sessions/ID/photos has whom it shows."""

    photo: Annotated[int, Meta(description="The film's number among the session's photos; undo takes it.")]
    repeated: Annotated[bool, Meta(description="Whether the session had this film already.")]
    duration_s: Annotated[float, Meta(description="Seconds from its first to its last frame.")]
    claimed_s: Annotated[
        float | None, Meta(description="How long its header says that it is; null when it does not say.")
    ] = None
    damaged: Annotated[bool, Meta(description="Whether parts of it could not be decoded.")]
    appearances: Annotated[int, Meta(description="How many faces appear in it.")]
    present: Annotated[int, Meta(description="Students of the class who are in it and in time.")]
    late: Annotated[int, Meta(description="Those who were first seen too late.")]
    waiting: Annotated[int, Meta(description="Students whom a face may show, as a person decides.")]
    off_roster: Annotated[int, Meta(description="Faces of students of other classes; not recorded.")]
    unknown: Annotated[int, Meta(description="Faces of strangers; not recorded.")]
    raises: Annotated[int | None, Meta(description="Participations by a raised hand; null: not looked for.")]


class JobResultJson(JsonObject, frozen=True, kw_only=True):
    """The result, under the kind of the work; the others are null."""

    audit: AuditResultJson | None = None
    calibrate: CalibrationResultJson | None = None
    compact: CompactResultJson | None = None
    sync: SyncResultJson | None = None
    film: FilmResultJson | None = None
    retention: RetentionResultJson | None = None


class JobProblemJson(JsonObject, frozen=True, kw_only=True):
    """Why a job has no result."""

    code: str
    text: str


class JobJson(JsonObject, frozen=True, kw_only=True):
    """A job."""

    id: int
    kind: Literal["audit", "calibrate", "compact", "sync", "film", "retention"]
    fpir: Annotated[float | None, Meta(description="The rate that was asked for; null unless it is a calibration.")]
    cohort: Annotated[bool | None, Meta(description="Of an audit; null when it was not said.")]
    session: Annotated[int | None, Meta(description="Of a film: the session that it is read for; else null.")]
    starts: Annotated[str | None, Meta(description="Of a film: when it starts, HH:MM:SS at the school; else null.")]
    bytes: Annotated[int | None, Meta(description="Of a film: its size as it was received; else null.")]
    state: Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
    is_cancelled: Annotated[bool, Meta(description="Whether someone asked for its end.")]
    progress: JobProgressJson
    seconds_left: Annotated[
        float | None, Meta(description="How long it may take yet, at the pace so far; null while that is not known.")
    ]
    asked_by: str
    asked_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    result: JobResultJson | None
    problem: JobProblemJson | None


class SessionFilmsReply(JsonObject, frozen=True, kw_only=True):
    """The films of a session that wait, are read or were read lately, the newest first."""

    jobs: list[JobJson]


class JobListReply(JsonObject, frozen=True, kw_only=True):
    """A page of jobs, the newest first."""

    jobs: list[JobJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


def job_json(job: Job) -> JobJson:
    """A job."""
    asked, end = job.asked, job.end
    return JobJson(
        id=job.number,
        kind=asked.kind,  # type: ignore[arg-type]
        fpir=asked.arguments.get("fpir"),
        cohort=asked.arguments.get("cohort"),
        session=asked.arguments.get("session"),
        starts=asked.arguments.get("starts"),
        bytes=asked.arguments.get("bytes"),
        state=job.state,
        is_cancelled=job.is_cancelled,
        progress=JobProgressJson(done=job.progress.done, of=job.progress.of, unit=job.progress.unit),
        seconds_left=None if job.seconds_left is None else round(job.seconds_left, 1),
        asked_by=asked.caller,
        asked_at=asked.at,
        started_at=job.started,
        ended_at=None if end is None else end.at,
        result=_result(asked.kind, end.result) if end is not None and end.state == "done" else None,
        problem=JobProblemJson(code=end.code, text=end.text) if end is not None and end.code else None,
    )


def job_list_reply(parameters: JobListParameters, page: list[Job], following: int | None) -> JobListReply:
    """A page of jobs."""
    cursor = None if following is None else cursor_of(parameters, following)
    return JobListReply(jobs=[job_json(job) for job in page], next_cursor=cursor)


_RESULTS: Mapping[str, Any] = {
    "audit": AuditResultJson,
    "calibrate": CalibrationResultJson,
    "compact": CompactResultJson,
    "sync": SyncResultJson,
    "film": FilmResultJson,
    "retention": RetentionResultJson,
}


def _result(kind: str, result: Mapping[str, Any]) -> JobResultJson:
    """The members of a result that clients are told."""
    made = _RESULTS[kind]
    told = made(**{name: value for name, value in result.items() if name in made.__struct_fields__})
    return JobResultJson(**{kind: told})
