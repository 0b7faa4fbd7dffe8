"""Films of sessions: taken in as jobs, recorded once they were read, and how far each is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, time, timedelta
from typing import Any

import numpy as np

from faces.film.values import FilmAppearance, FilmReading
from faces.film.views import box_in_thumbnail
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.attendance.session_evidence import seen_in
from gallery.documents.access_log import DONE, AccessAction, AccessEvent
from gallery.documents.attendance import EntryFilter
from gallery.documents.attendance_rules import ATTENDED, UNSETTLED
from gallery.documents.class_sessions import SessionFace, SessionFilm, SessionPhoto, StoredSession
from gallery.documents.jobs import Job, JobRequest
from gallery.documents.request_keys import Claim
from gallery.documents.session_rules import is_late_in_film, session_closed
from presente.errors import Conflict, InvalidInput, NotSupported
from presente.films import threshold_of_film
from server.access.caller import Caller
from server.films.folder import FilmFile
from server.films.jobs import FILM
from server.films.reading import ReadFilm
from server.idempotency import KeyedRequest, carried_out
from server.operations.class_photos import seen_liveness
from server.operations.film_raises import Raise, record_raises, start_of_film
from server.operations.jobs import MOST_UNFINISHED, job_of
from server.operations.session_films import local_time
from server.operations.session_photos import may_show
from server.requests.films import checked_starts
from server.service import Service
from server.unknown_faces import SeenFace, StoredPicture

_RECENT = 200
"""Jobs that are looked through for those of a session."""

_CLOCKS_DIFFER = timedelta(minutes=1)
"""How far a sender's clock may be ahead of the school's."""


def send_film(sent: KeyedRequest, service: Service, number: int, film: FilmFile, starts: str, caller: Caller) -> Job:
    """Let a film be read for a session, once per key. A film that waits, is read or was read already is not read twice,
    unless what it recorded was taken back.

    Args:
        sent: what is known of the request that was sent.
        service: whose gallery it is.
        number: id of the session.
        film: what was received; kept, if this makes a job of it.
        starts: when its first frame was taken, HH:MM:SS at the school; empty for when the session starts, or for now if
            that is still to come.
        caller: who sends it.

    Raises:
        InvalidInput: ``invalid_times``.
        NotFound: ``session_not_found``.
        Conflict: ``session_closed``, ``film_starts_differ``, ``too_many_jobs``, ``idempotency_key_reused``.
    """
    stored = service.session_log.open_session(number)
    begins = start_of(service, stored, starts)
    about = {"session": number, "sha256": film.sha256}
    jobs = service.gallery.whole.store.jobs
    request = hashlib.sha256(sent.key.encode()).hexdigest() if sent.key else ""

    def work(claim: Claim) -> Job:
        waiting = jobs.unfinished()
        known = [job for job in waiting if not job.is_cancelled]
        known += [job for job in jobs.jobs_before(None, _RECENT) if job.state == "done"]
        same = (job for job in known if job.asked.kind == FILM and about.items() <= job.asked.arguments.items())
        if (last := next(same, None)) is not None and _answers(service, stored, last, starts and begins):
            return last
        if claim.first and len(waiting) >= MOST_UNFINISHED:
            raise Conflict("too_many_jobs", f"{MOST_UNFINISHED} jobs wait already.", "Wait, or cancel some.")
        arguments = {**about, "starts": begins, "film": film.name, "bytes": film.size}
        asked = JobRequest(FILM, arguments, caller.name, str(caller.role), _now(service), request)
        made = jobs.add(asked)
        if made.asked.arguments["film"] == film.name:
            film.keep()
        return made

    made = carried_out(sent, service, {"film": film.sha256, "starts": starts}, work)
    service.wake_jobs()
    return job_of(service, made.number)


def start_of(service: Service, stored: StoredSession, starts: str) -> str:
    """When a film starts, HH:MM:SS of the session's day, by what is said; it cannot be still to come.

    Raises:
        InvalidInput: ``invalid_times``.
    """
    said = checked_starts(starts) or f"{stored.session.starts}:00"
    now = service.clock.now()
    if service.clock.moment(stored.session.fecha, time.fromisoformat(said)) <= now + _CLOCKS_DIFFER:
        return said
    shown = service.clock.local(now).strftime("%H:%M:%S")
    if not starts:
        return shown
    raise InvalidInput(
        "invalid_times",
        f"starts is {said}, and at the school it is {shown} on {service.clock.today()}.",
        f"Send when the film's first frame was taken, on the session's day ({stored.session.fecha}).",
    )


def _answers(service: Service, stored: StoredSession, job: Job, starts: str) -> bool:
    """Whether the last job of a film answers that the film is sent again: it waits, is read, or has recorded what was
    not taken back, and its pictures are there to be looked at.

    Raises:
        Conflict: ``film_starts_differ``: the film has, or will have, recorded something by another start than
            ``starts``; empty for any.
    """
    asked = job.asked.arguments
    if job.state != "done":
        stands, kept, way = True, True, f"Cancel job {job.number}"
    else:
        photos = service.gallery.store.session_photos.photos(stored.id)
        photo = next((each for each in photos if each.sha256 == asked["sha256"]), None)
        if photo is None:
            return False
        entries = service.attendance_log.store.entries(EntryFilter(session=stored.id))
        stands, kept = photo.kept or bool(seen_in(entries, photo.number)), photo.kept
        way = f"Take photo {photo.number} of the session back (undo)"
    if stands and starts and starts != asked["starts"]:
        raise Conflict(
            "film_starts_differ",
            f"Session {stored.id} has this film already, which starts at {asked['starts']} there.",
            f"{way}, then send it with starts={starts}; or leave starts out.",
        )
    return kept


def check_hands(service: Service) -> None:
    """Refuse a film that is sent for raised hands where they are not looked for.

    Raises:
        NotSupported: ``hands_off``.
    """
    if not service.sees_hands:
        raise NotSupported(
            "hands_off",
            "Raised hands are not looked for here.",
            "Set PRESENTE_POSE to a pose pack, or record participations by hand.",
        )


def film_jobs(service: Service, number: int) -> list[Job]:
    """The jobs of a session's films, the newest first.

    Raises:
        NotFound: ``session_not_found``.
    """
    service.session_log.session(number)
    recent = service.gallery.whole.store.jobs.jobs_before(None, _RECENT)
    return [job for job in recent if job.asked.kind == FILM and job.asked.arguments["session"] == number]


# -- recording ------------------------------------------------------------------------------------------------------


def finish_job(service: Service, job: Job, made: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is left to do once a job's process has done its part; the job's result.

    Raises:
        PresenteError: of a film, as :func:`record_read_film`; else what cannot be done now.
    """
    if job.asked.kind == FILM:
        return record_read_film(service, job, ReadFilm.unpacked(made))
    service.gallery.index.take_over_published()
    return made


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a film recorded: its number, whether the session had it before, and what was made of each appearance."""

    number: int
    repeated: bool
    found: Sequence[FaceAttendance]


def record_read_film(service: Service, job: Job, read: ReadFilm) -> Mapping[str, Any]:
    """Record in a session what a film shows; the job's result, which names no one.

    Done again, it records nothing twice.

    Args:
        service: for the whole school.
        job: what was asked for.
        read: what the film shows.

    Raises:
        NotFound: ``session_not_found``, ``class_not_found``.
        Conflict: ``session_closed``.
    """
    asked = job.asked.arguments
    stored = service.session_log.open_session(int(asked["session"]))
    recorded = _record(service, stored, job, read)
    raises = None
    if read.reading.raises is not None:
        there = {
            entry.entry.subject for face in recorded.found for entry in face.entries if entry.entry.status in ATTENDED
        }
        begins = start_of_film(service, stored, asked["starts"])
        owners = [(each, _owner(recorded.found[each.appearance])) for each in read.reading.raises]
        shown = [
            Raise(recorded.number, each.appearance + 1, subject, begins + each.from_s)
            for each, subject in owners
            if subject is not None and subject in there
        ]
        raises = record_raises(service, stored, shown)
    _keep(service, stored, recorded, read, job)
    _log(service, job, recorded)
    return _counts(recorded, read, raises)


def _record(service: Service, stored: StoredSession, job: Job, read: ReadFilm) -> _Recorded:
    session, sha256, starts = stored.session, job.asked.arguments["sha256"], job.asked.arguments["starts"]
    numbered = service.gallery.store.session_photos.number(stored.id, sha256, job.asked.at)
    if numbered is None:
        raise session_closed(stored.id)
    threshold, point = threshold_of_film(service.gallery.whole, read.reading)
    live_from = service.liveness.point() if service.liveness.mode("attendance") != "off" else None
    faces = [
        ClassPhotoFace(
            appearance.vector,
            appearance.views[0].box,
            late=is_late_in_film(session, local_time(session, starts, appearance.first_s)),
            liveness=seen_liveness(appearance.liveness, live_from),
        )
        for appearance in read.reading.appearances
    ]
    class_photo = ClassPhoto(
        session.clase,
        session.fecha,
        sha256,
        threshold,
        session=stored.id,
        number=numbered.number,
        evidence=True,
        live_only=service.liveness.mode("attendance") == "enforce",
    )
    found = record_class_photo(service.attendance_log, faces, class_photo)
    service.observer.attended(found, point)
    service.observer.judged("attendance", [face.liveness.decision for face in faces if face.liveness is not None])
    repeated = not numbered.added and numbered.at != job.asked.at
    if not repeated:
        unknown = [
            each
            for each, face, made in zip(read.reading.appearances, faces, found, strict=True)
            if made.status == "unknown" and (face.liveness is None or face.liveness.decision != "attack")
        ]
        _keep_unknown(service, stored, unknown, read.reading, starts)
    return _Recorded(numbered.number, repeated, found)


def _keep_unknown(
    service: Service, stored: StoredSession, unknown: Sequence[FilmAppearance], reading: FilmReading, starts: str
) -> None:
    """Let those who appear and were decided unknown be kept, as seen when the film shows them."""
    if service.unknown_faces is None:
        return
    begins = service.clock.moment(stored.session.fecha, time.fromisoformat(starts))
    for each in unknown:
        view = each.views[0]
        if view.measured is None or not view.thumbnail:
            continue
        at, last_at = (
            (begins + timedelta(seconds=at_s)).isoformat(timespec="seconds") for at_s in (each.first_s, each.last_s)
        )
        box = box_in_thumbnail(np.array(view.box, dtype=np.float32), reading.height, reading.width)
        picture = StoredPicture(view.thumbnail, box)
        seen = SeenFace(each.vector, view.measured, picture, at, "film", stored.session.clase, stored.id, last_at)
        service.unknown_faces.see([seen])


def _owner(face: FaceAttendance) -> int | None:
    """Whose raised hand it is, by subject id; None when that is not clear."""
    return face.candidates[0].subject if face.status in ("present", "duplicate") else None


def _keep(service: Service, stored: StoredSession, recorded: _Recorded, read: ReadFilm, job: Job) -> None:
    """Keep the pictures of those who appear, as copies of photos are kept."""
    if read.sheet is None or not service.keeps_session_photos:
        return
    shown = tuple(
        SessionFace(
            views[0] if views else (0.0, 0.0, 0.0, 0.0),
            made.status,
            tuple((each.subject, each.score) for each in made.candidates),
            appearance.spans,
            tuple((view.at_s, box) for view, box in zip(appearance.views, views, strict=False)),
        )
        for appearance, views, made in zip(read.reading.appearances, read.sheet.views, recorded.found, strict=True)
    )
    raised = read.reading.raises
    raises = None if raised is None else tuple((each.appearance + 1, each.from_s, each.to_s) for each in raised)
    film = SessionFilm(job.asked.arguments["starts"], read.reading.duration_s, raises)
    sheet, sha256 = read.sheet, job.asked.arguments["sha256"]
    whole = SessionPhoto(stored.id, recorded.number, sha256, job.asked.at, True, sheet.width, sheet.height, shown, film)
    service.gallery.store.session_photos.keep(whole, sheet.content, may_show(service, stored, shown))


def _log(service: Service, job: Job, recorded: _Recorded) -> None:
    """Write of whom attendance was taken, by whom it was asked for."""
    about = [each.student.matricula for face in recorded.found if face.status != "unknown" for each in face.candidates]
    detail = f"session={job.asked.arguments['session']} film={recorded.number}"
    event = AccessEvent(
        service.clock.now().astimezone(UTC).isoformat(timespec="milliseconds"),
        job.asked.caller,
        job.asked.role,
        "-",
        AccessAction.ATTENDANCE_TAKEN,
        DONE,
        "",
        detail,
        tuple(dict.fromkeys(about)),
    )
    service.access_log.record([event])


def _counts(recorded: _Recorded, read: ReadFilm, raises: int | None) -> dict[str, Any]:
    """How many of those who appear are what."""
    held = {stored.entry.subject: stored.entry.status for face in recorded.found for stored in face.entries}
    said = list(held.values())
    statuses = [face.status for face in recorded.found]
    return {
        "photo": recorded.number,
        "repeated": recorded.repeated,
        "duration_s": round(read.reading.duration_s, 1),
        "claimed_s": None if read.reading.claimed_s is None else round(read.reading.claimed_s, 1),
        "damaged": read.reading.damaged,
        "appearances": len(recorded.found),
        "present": said.count("present"),
        "late": said.count("late"),
        "waiting": sum(status in UNSETTLED for status in said),
        "off_roster": statuses.count("off_roster"),
        "unknown": statuses.count("unknown"),
        "raises": raises,
    }


def _now(service: Service) -> str:
    return service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
