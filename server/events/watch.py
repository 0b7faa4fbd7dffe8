"""What one listener knows of a session, and the events that tell the rest. Used by one thread at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from gallery.attendance.session_roll import RollLine, changed_lines
from gallery.documents.attendance import EntryFilter, StoredParticipation
from gallery.documents.class_sessions import StoredSession
from gallery.documents.jobs import Job
from presente.face_json import JsonObject
from server.films.jobs import FILM
from server.operations.sessions import SessionRoll
from server.responses.jobs import JobJson, job_json
from server.responses.participations import ParticipationJson, participation_json
from server.responses.sessions import ClassSessionJson, RollChangeReply, roll_change_reply, session_json
from server.service import Service

_encode = msgspec.json.Encoder().encode


class PhotosEvent(JsonObject, frozen=True, kw_only=True):
    """The photos and films of the session are others than before, or one was taken back."""

    numbers: list[int]


Event = ClassSessionJson | RollChangeReply | ParticipationJson | JobJson | PhotosEvent

_NAMES: Mapping[type, str] = {
    ClassSessionJson: "session",
    RollChangeReply: "roll",
    ParticipationJson: "participation",
    JobJson: "film",
    PhotosEvent: "photos",
}


@dataclass(frozen=True, slots=True)
class SessionState:
    """What the store has of a session: enough to tell whether anything happened. It names no one.

    Attributes:
        stored: the session.
        entries: ids of the entries.
        participations: those of its class and day.
        photos: number of each photo and whether a copy is kept.
        films: the jobs of its films that have not ended, or ended since they are followed.
    """

    stored: StoredSession
    entries: frozenset[int]
    participations: tuple[StoredParticipation, ...] = field(compare=False)
    participation_ids: frozenset[int]
    photos: tuple[tuple[int, bool], ...]
    films: tuple[Job, ...]


def state_of(service: Service, number: int, followed: Collection[int]) -> SessionState | None:
    """The state of a session of the whole school; None when it is not there any more.

    ``followed``: ids of jobs of films that had not ended, and may have ended.
    """
    store = service.gallery.whole.store
    stored = store.sessions.session(number)
    if stored is None:
        return None
    day = EntryFilter(stored.session.clase, stored.session.fecha, stored.session.fecha)
    participations = tuple(store.attendance.participations(day))
    jobs = {job.number: job for job in store.jobs.unfinished() if _is_of(job, number)}
    ended = (store.jobs.job(each) for each in followed if each not in jobs)
    jobs |= {job.number: job for job in ended if job is not None}
    return SessionState(
        stored,
        frozenset(each.id for each in store.attendance.entries(EntryFilter(session=number))),
        participations,
        frozenset(each.id for each in participations),
        tuple((photo.number, photo.kept) for photo in store.session_photos.photos(number)),
        tuple(jobs.values()),
    )


def _is_of(job: Job, session: int) -> bool:
    return job.asked.kind == FILM and job.asked.arguments["session"] == session


class Watch:
    """What a listener was told of a session."""

    def __init__(self, service: Service, state: SessionState, records: bool, names_callers: bool) -> None:
        """Begin with what is so now, of which nothing is told.

        Args:
            service: for the part of the school that the listener may see.
            state: what is so now.
            records: whether the listener may see photos and films of the session.
            names_callers: whether it may know who made the session.
        """
        self._service, self._records, self._names_callers = service, records, names_callers
        self._state = state
        self._lines = service.session_log.roll(state.stored)

    @property
    def session(self) -> int:
        """The id of the session."""
        return self._state.stored.id

    @property
    def working(self) -> list[int]:
        """The ids of the jobs of films of which it is not told yet that they ended."""
        return [job.number for job in self._state.films if job.end is None]

    def news(self, state: SessionState) -> Iterator[bytes]:
        """What is to be told of a later state, as server-sent events.

        Raises:
            StoreError: of the store.
        """
        for event in self._news(state):
            yield sse(_NAMES[type(event)], _encode(event))
        self._state = state

    def _news(self, state: SessionState) -> Iterator[Event]:
        before = self._state
        if state.stored != before.stored:
            yield session_json(state.stored, self._names_callers)
        if state.entries != before.entries or state.stored.session != before.stored.session:
            lines: tuple[RollLine, ...] = self._service.session_log.roll(state.stored)
            if changed := changed_lines(self._lines, lines):
                yield roll_change_reply(SessionRoll(state.stored, lines, changed=changed))
            self._lines = lines
        yield from self._participations(state)
        if not self._records:
            return
        if state.photos != before.photos:
            yield PhotosEvent(numbers=[number for number, kept in state.photos if kept])
        yield from (job_json(job) for job in state.films if job not in before.films)

    def _participations(self, state: SessionState) -> Iterator[Event]:
        new = state.participation_ids - self._state.participation_ids
        if not new:
            return
        found = [each for each in state.participations if each.id in new]
        subjects = [each.entry.subject for each in found if each.entry.subject is not None]
        students, scope = self._service.gallery.store.subjects(subjects), self._service.gallery.scope
        for each in found:
            student = students.get(each.entry.subject or 0)
            if student is not None and (scope.holds(each.entry.clase) or scope.sees(student)):
                yield participation_json(each, student)


def sse(name: str, data: bytes) -> bytes:
    """A server-sent event (HTML Living Standard, 9.2) whose data is one line of JSON."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
