"""Sessions, their photos, classes and timetables: one contract for every store."""

from dataclasses import replace
from typing import Any

import pytest

from gallery.documents.class_sessions import (
    ClassSession,
    PhotoNumber,
    SessionCounts,
    SessionFace,
    SessionFilm,
    SessionFilter,
    SessionPhoto,
    SessionPosition,
    TimetableEntry,
)
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Enrolment, Student
from presente.errors import Conflict
from tests.conftest import OpenStore

AT = "2026-11-20T08:00:00+00:00"
FACES = (SessionFace((1.5, 2.0, 3.0, 4.0), "present", ((1, 0.75),)), SessionFace((0.0, 0.0, 9.0, 9.0), "unknown"))


def a_session(clase: str = "x", fecha: str = "2026-11-20", starts: str = "08:00", **other: Any) -> ClassSession:
    made = ClassSession(clase, fecha, starts, "09:30", 10, "photos", "open", "", "user:ruiz", AT)
    return replace(made, **other)


def enrolled(store: DocumentStore, *students: Student) -> list[int]:
    store.enrol([Enrolment(student, ()) for student in students])
    found = [store.student(student.matricula) for student in students]
    return [stored.id for stored in found if stored is not None]


def kept(store: DocumentStore, session: int, sha256: str, about: list[int], at: str = AT) -> int:
    """A photo whose copy is kept; its number."""
    numbered = store.session_photos.number(session, sha256, at)
    assert numbered is not None
    number = numbered.number
    photo = SessionPhoto(session, number, sha256, at, True, 640, 480, FACES)
    assert store.session_photos.keep(photo, sha256.encode(), about)
    return number


def test_a_class_meets_once_at_a_time(store: DocumentStore, open_store: OpenStore) -> None:
    made = a_session(ends=None, late_after=None, note="examen", request="r1")
    stored, added = store.sessions.add(made)
    assert added and stored.session == made
    assert store.sessions.add(replace(made, note="otra")) == (stored, False)
    others = [store.sessions.add(a_session(**{name: value}))[0] for name, value in (
        ("clase", "y"), ("fecha", "2026-11-21"), ("starts", "10:00"),
    )]  # fmt: skip
    assert len({stored.id, *(each.id for each in others)}) == 4
    again = open_store().sessions
    assert again.session(stored.id) == stored and again.session(10**9) is None


def test_a_session_changes_by_attribute(store: DocumentStore) -> None:
    one, two = store.sessions.add(a_session())[0], store.sessions.add(a_session(starts="10:00"))[0]
    changed = store.sessions.change(one.id, {"note": "laboratorio", "late_after": None})
    assert changed is not None and changed.session == replace(one.session, note="laboratorio", late_after=None)
    assert store.sessions.change(one.id, {}) == changed == store.sessions.session(one.id)
    assert store.sessions.change(one.id, {"starts": "08:00", "state": "closed"}) is not None
    with pytest.raises(Conflict) as refused:
        store.sessions.change(two.id, {"starts": "08:00"})
    assert refused.value.code == "session_exists" and str(one.id) in str(refused.value)
    assert store.sessions.session(two.id) == two and store.sessions.change(10**9, {"note": ""}) is None
    with pytest.raises(ValueError, match="id"):
        store.sessions.change(one.id, {"id": 7})


def test_sessions_are_listed_latest_first_by_pages(store: DocumentStore) -> None:
    days, times = ("2026-11-19", "2026-11-20"), ("08:00", "10:00")
    for clase in ("x", "y"):
        for fecha in days:
            for starts in times:
                state = "closed" if fecha == days[0] else "open"
                store.sessions.add(a_session(clase, fecha, starts, state=state))
    everything = store.sessions.sessions_after(SessionFilter(), None, 100)
    keys = [(each.session.fecha, each.session.starts, each.id) for each in everything]
    assert keys == sorted(keys, reverse=True) and len(keys) == 8
    walked, after = [], None
    while page := store.sessions.sessions_after(SessionFilter(), after, 3):
        walked += page
        after = SessionPosition(page[-1].session.fecha, page[-1].session.starts, page[-1].id)
    assert walked == everything
    for which, expected in (
        (SessionFilter(clase="x"), 4),
        (SessionFilter(state="open"), 4),
        (SessionFilter(clase="y", state="closed"), 2),
        (SessionFilter(desde="2026-11-20"), 4),
        (SessionFilter(hasta="2026-11-19", clases=frozenset({"x"})), 2),
        (SessionFilter(clases=frozenset()), 0),
    ):
        assert len(store.sessions.sessions_after(which, None, 100)) == expected, which
    assert store.sessions.counts() == {"x": SessionCounts(4, 2), "y": SessionCounts(4, 2)}
    assert store.sessions.counts(["y", "z"]) == {"y": SessionCounts(4, 2)} and store.sessions.counts([]) == {}


def test_photos_have_numbers_and_copies(store: DocumentStore, open_store: OpenStore) -> None:
    (ana,) = enrolled(store, Student("A1", "Ana", "x"))
    session = store.sessions.add(a_session())[0].id
    other = store.sessions.add(a_session("y"))[0].id
    photos = store.session_photos
    later = "2026-11-20T09:00:00+00:00"
    assert [photos.number(session, sha, at) for sha, at in (("aa", AT), ("bb", AT), ("aa", later))] == [
        PhotoNumber(1, AT, added=True),
        PhotoNumber(2, AT, added=True),
        PhotoNumber(1, AT, added=False),
    ]
    assert photos.number(other, "aa", AT) == PhotoNumber(1, AT, added=True) and photos.number(10**9, "aa", AT) is None
    assert kept(store, session, "bb", [ana]) == 2
    first, second = open_store().session_photos.photos(session)
    assert first == SessionPhoto(session, 1, "aa", AT)
    assert second == SessionPhoto(session, 2, "bb", AT, True, 640, 480, FACES)
    assert photos.content(session, 2) == b"bb" and photos.content(session, 1) is photos.content(session, 3) is None
    assert kept(store, session, "aa", [ana]) == 1
    photos.erase(session, 2)
    assert photos.photos(session)[1] == SessionPhoto(session, 2, "bb", AT)
    assert photos.content(session, 1) == b"aa" and photos.content(session, 2) is None
    photos.erase(session, 3)  # there is none


@pytest.mark.parametrize("raises", [None, (), ((1, 3.5, 5.25), (2, 4.0, 4.5))])
def test_a_film_keeps_when_its_faces_were_seen(
    store: DocumentStore, open_store: OpenStore, raises: tuple[tuple[int, float, float], ...] | None
) -> None:
    (ana,) = enrolled(store, Student("A", "Ana", "x"))
    session = store.sessions.add(a_session())[0].id
    assert store.session_photos.number(session, "aa", AT) == PhotoNumber(1, AT, added=True)
    seen = SessionFace(
        (0.0, 0.0, 64.0, 64.0),
        "present",
        ((ana, 0.75),),
        ((0.5, 2.0), (7.25, 9.0)),
        ((1.5, (0.0, 0.0, 64.0, 64.0)), (8.0, (64.0, 0.0, 128.0, 60.0))),
    )
    film = SessionFilm("08:00:30", 12.5, raises)
    photo = SessionPhoto(session, 1, "aa", AT, True, 1536, 128, (seen, FACES[1]), film)
    assert store.session_photos.keep(photo, b"sheet", [ana])
    assert open_store().session_photos.photos(session) == [photo]
    assert store.remove(["A"]) == ["A"]
    assert store.session_photos.photos(session) == [SessionPhoto(session, 1, "aa", AT)]


def test_closing_and_time_erase_the_copies(store: DocumentStore) -> None:
    (ana,) = enrolled(store, Student("A1", "Ana", "x"))
    session, other = (store.sessions.add(a_session(clase))[0].id for clase in ("x", "y"))
    kept(store, session, "aa", [ana])
    kept(store, session, "bb", [ana], at="2026-11-22T08:00:00+00:00")
    kept(store, other, "cc", [])
    assert store.session_photos.drop(before="2026-11-21T00:00:00+00:00") == 2
    assert store.session_photos.drop(before="2026-11-21T00:00:00+00:00") == 0
    assert [photo.kept for photo in store.session_photos.photos(session)] == [False, True]
    store.sessions.change(session, {"state": "closed"})
    assert [(photo.number, photo.kept, photo.faces) for photo in store.session_photos.photos(session)] == [
        (1, False, ()),
        (2, False, ()),
    ]
    assert store.session_photos.content(session, 2) is None and store.session_photos.number(session, "dd", AT) is None
    late = SessionPhoto(session, 1, "aa", AT, True, 1, 1, FACES)
    assert not store.session_photos.keep(late, b"late", [ana])
    assert store.session_photos.content(session, 1) is None
    store.sessions.change(session, {"state": "open"})
    assert store.session_photos.number(session, "dd", AT) == PhotoNumber(3, AT, added=True)


@pytest.mark.parametrize("how", ["erased", "merged"])
def test_a_person_takes_along_the_photos(store: DocumentStore, how: str) -> None:
    ana, eva, luz = enrolled(store, *(Student(name, name, "x") for name in ("A1", "A2", "A3")))
    session = store.sessions.add(a_session())[0].id
    kept(store, session, "aa", [ana, eva])
    kept(store, session, "bb", [eva, luz])
    kept(store, session, "cc", [luz])
    store.session_photos.concern(session, 3, ana)
    if how == "erased":
        assert store.remove(["A1"]) == ["A1"]
    else:
        store.merge("A2", "A1")
    photos = store.session_photos.photos(session)
    assert [(photo.kept, bool(photo.faces)) for photo in photos] == [(False, False), (True, True), (False, False)]
    assert [store.session_photos.content(session, number) for number in (1, 2, 3)] == [None, b"bb", None]
    again = SessionPhoto(session, 1, "aa", AT, True, 640, 480, FACES)
    assert not store.session_photos.keep(again, b"aa", [ana, eva])  # it was being read while Ana was erased
    assert store.session_photos.content(session, 1) is None


def test_classes_have_sizes_and_timetables(store: DocumentStore, open_store: OpenStore) -> None:
    people = [
        Student("A1", "Ana", "x"),
        Student("A2", "Eva", "y", otras_clases=("x", "a/b")),
        Student("A3", "Luz", ""),
        Student("C1", "Cora", "x", kind="cohort"),
    ]
    enrolled(store, *people)
    assert store.classes.sizes() == {"x": 2, "y": 1, "a/b": 1}
    assert store.classes.sizes(["x", "z"]) == {"x": 2} and store.classes.sizes([]) == {}
    late, early = TimetableEntry(3, "10:00"), TimetableEntry(1, "08:00", "09:30", 10)
    store.classes.put_timetable("x", [late, early])
    store.classes.put_timetable("a/b", [late])
    again = open_store().classes
    assert again.timetables() == {"x": (early, late), "a/b": (late,)}
    assert again.timetables(["x"]) == {"x": (early, late)}
    store.classes.put_timetable("x", [])
    assert again.timetables() == {"a/b": (late,)}
