"""The films of a session as they stand now: whose each raised hand is, after what people have said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gallery.documents.attendance import EntryFilter, StoredAttendance
from gallery.documents.class_sessions import ClassSession, SessionPhoto, StoredSession
from gallery.documents.session_rules import standing
from server.operations.film_raises import (
    Raise,
    RecordedRaise,
    is_same,
    recorded_raises,
    settle_raises,
    start_of_film,
    who_is_there,
)
from server.operations.session_photos import ShownFace, ShownPhoto, shown_photos
from server.service import Service


@dataclass(frozen=True, slots=True)
class ShownRaise:
    """A hand that was raised, from when to when in seconds of the film; ``participation``: the id of the one that
    counts, None when none does."""

    from_s: float
    to_s: float
    participation: int | None


def shown_evidence(service: Service, number: int) -> list[tuple[ShownPhoto, Mapping[int, list[ShownRaise]]]]:
    """The photos and films of a session, each with raised hands by number of the face.

    Raises:
        NotFound: ``session_not_found``.
    """
    shown = shown_photos(service, number)
    stored = service.session_log.session(number)
    return [(photo, _raises_of_faces(service, stored, photo)) for photo in shown]


def _raises_of_faces(service: Service, stored: StoredSession, photo: ShownPhoto) -> Mapping[int, list[ShownRaise]]:
    """Of a photo, and where hands were not looked for, none."""
    film = photo.photo.film
    if film is None or not film.raises:
        return {}
    counted = [each for each in recorded_raises(service, stored) if each.withdrawn is None]
    begins = start_of_film(service, stored, film.starts)
    found: dict[int, list[ShownRaise]] = {}
    for face, start, end in film.raises:
        whose, at_s = _owner(photo.faces[face - 1]), begins + start
        same = (each for each in counted if each.raised.subject == whose and is_same(each.raised.at_s, at_s))
        number = next((each.stored.id for each in same), None)
        found.setdefault(face, []).append(ShownRaise(start, end, number))
    return found


def local_time(session: ClassSession, starts: str, at_s: float) -> datetime:
    """What the school's clock shows at a second of a film, which starts at HH:MM:SS of the session's day."""
    begins = datetime.combine(date.fromisoformat(session.fecha), time.fromisoformat(starts))
    return begins + timedelta(seconds=at_s)


def first_sight(session: ClassSession, photo: SessionPhoto, face: int) -> datetime | None:
    """What the school's clock showed when a film first shows a face, by its number; None of a photo."""
    if photo.film is None or not 0 < face <= len(photo.faces):
        return None
    return local_time(session, photo.film.starts, photo.faces[face - 1].spans[0][0])


def follow_raises(service: Service, stored: StoredSession) -> None:
    """Let the raised hands of a session be those of the students whom the faces are said to show, and who are there.

    Of a film they are what its pictures are kept with; of a camera, and of a film whose pictures are gone, what was
    recorded.
    """
    recorded = recorded_raises(service, stored)
    photos = {shown.photo.number: shown for shown in shown_photos(service, stored.id)}
    films = {number: _raises_of_film(service, stored, shown) for number, shown in photos.items()}
    if not recorded and not any(films.values()):
        return
    owned = [each for raises in films.values() for each in raises]
    entries = service.attendance_log.store.entries(EntryFilter(session=stored.id))
    for of_one in _by_place(recorded):
        first = of_one[0].raised
        of_film = any(is_same(first.at_s, at_s) for _, at_s, _ in films.get(first.photo, ()))
        shown = photos.get(first.photo)
        if not of_film and not of_one[-1].is_undone and not (shown and shown.undone):
            owned.append(((first.photo, first.face), first.at_s, _owner_of_place(entries, first)))
    there = who_is_there(service, stored)
    wanted = [
        Raise(*place, subject, at_s) for place, at_s, subject in owned if subject is not None and subject in there
    ]
    settle_raises(service, stored, wanted)


_Owned = tuple[tuple[int, int], float, int | None]
"""Photo and face of a raise, its second of the day, and whose it is."""


def _raises_of_film(service: Service, stored: StoredSession, shown: ShownPhoto) -> list[_Owned]:
    """What is kept with a film's pictures; nothing of a photo."""
    film, number = shown.photo.film, shown.photo.number
    if film is None or not film.raises or shown.undone:
        return []
    begins = start_of_film(service, stored, film.starts)
    return [((number, face), begins + start, _owner(shown.faces[face - 1])) for face, start, _ in film.raises]


def _by_place(recorded: Iterable[RecordedRaise]) -> Iterable[Sequence[RecordedRaise]]:
    """What was recorded of each raise, in order: of one student, and of those to whom it was moved."""
    found: dict[tuple[int, int, float], list[RecordedRaise]] = {}
    for each in recorded:
        found.setdefault((each.raised.photo, each.raised.face, each.raised.at_s), []).append(each)
    return found.values()


def _owner_of_place(entries: Sequence[StoredAttendance], raised: Raise) -> int | None:
    """Whose a raise is that is known by its participation alone: of whom it was recorded first, unless a person says
    whom the face shows."""
    of_each: dict[int, list[StoredAttendance]] = {}
    for stored in entries:
        if stored.entry.subject is not None:
            of_each.setdefault(stored.entry.subject, []).append(stored)
    here = [
        each.entry
        for held in of_each.values()
        for each in standing(held)
        if (each.entry.photo_number, each.entry.face_number) == (raised.photo, raised.face)
    ]
    last = {entry.subject: entry for entry in here if entry.source == "hand"}
    named = next((subject for subject, entry in last.items() if entry.status != "withdrawn"), None)
    return named if named or raised.subject in last else raised.subject


def _owner(face: ShownFace) -> int | None:
    """Whose the raised hands of a face are, by subject id; None when that is not clear."""
    if face.status not in ("present", "duplicate"):
        return None
    named = (entry.entry.subject for entry, student in face.entries if student == face.student)
    first = face.face.candidates[0][0] if face.face.candidates else None
    return next(named, first)
