"""The films of a session as they stand now: whose each raised hand is, after what people have said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gallery.documents.class_sessions import ClassSession, SessionPhoto, StoredSession
from server.operations.film_raises import is_same, move_raises, raises_of_film
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
    counted = raises_of_film(service, stored, photo.photo.number)
    found: dict[int, list[ShownRaise]] = {}
    for face, start, end in film.raises:
        whose = _owner(photo.faces[face - 1])
        same = (each for each in counted if each.stored.entry.subject == whose and is_same(each.at_s, start))
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


def follow_raises(service: Service, stored: StoredSession, number: int | None = None) -> None:
    """Let the raised hands of a session's films, or of one, be those of the students whom the faces are said to show.

    Films whose pictures are gone stay as they are.
    """
    for shown in shown_photos(service, stored.id):
        film = shown.photo.film
        if film is None or not film.raises or shown.undone or number not in (None, shown.photo.number):
            continue
        owners = [(start, _owner(shown.faces[face - 1])) for face, start, _ in film.raises]
        begins = service.clock.moment(stored.session.fecha, time.fromisoformat(film.starts))
        move_raises(service, stored, shown.photo.number, begins, owners)


def _owner(face: ShownFace) -> int | None:
    """Whose the raised hands of a face are, by subject id; None when that is not clear."""
    if face.status not in ("present", "duplicate"):
        return None
    named = (entry.entry.subject for entry, student in face.entries if student == face.student)
    first = face.face.candidates[0][0] if face.face.candidates else None
    return next(named, first)
