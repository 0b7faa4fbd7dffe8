"""What is recorded in a session: by photos that add to each other, by hand, and taken back again."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.attendance.session_log import FaceStatement, SessionLog
from gallery.documents.attendance import EntryFilter
from gallery.documents.class_sessions import ClassSession, SessionFace, SessionPhoto, StoredSession, TimetableEntry
from gallery.documents.scope import Scope
from gallery.documents.session_rules import check_times, entry_for, is_late
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.conftest import DIM, OpenGallery, enrolment
from tests.gallery.class_photos import THRESHOLD, face

CLASS, DAY = "IA-101", "2026-11-20"
NAMES = ("Ana", "Eva", "Luz")


@pytest.fixture
def log(open_gallery: OpenGallery) -> SessionLog:
    """Ana, Eva and Luz of one class, each with one template along an axis of her own."""
    gallery = open_gallery(THRESHOLD)
    for axis, name in enumerate(NAMES):
        made = enrolment(name, np.eye(DIM, dtype=np.float32)[axis : axis + 1])
        gallery.enrol([Enrolment(Student(name, name, CLASS), made.photos)])
    return SessionLog(AttendanceLog(gallery))


@pytest.fixture
def session(log: SessionLog) -> StoredSession:
    return log.begin(a_session())


def a_session(starts: str = "08:00", **other: Any) -> ClassSession:
    fields: dict[str, Any] = {"clase": CLASS, "ends": "09:30", "late_after": 10, **other}
    return ClassSession(
        fields["clase"], DAY, starts, fields["ends"], fields["late_after"], "photos", "open", "", "local", "2026"
    )


def photo(log: SessionLog, stored: StoredSession, *faces: ClassPhotoFace, late: bool = False) -> list[FaceAttendance]:
    """Send a photo, of which each has another digest."""
    sha256 = f"{len(log.store.session_photos.photos(stored.id)):064d}"
    return again(log, stored, sha256, *faces, late=late)


def again(
    log: SessionLog, stored: StoredSession, sha256: str, *faces: ClassPhotoFace, late: bool = False
) -> list[FaceAttendance]:
    numbered = log.store.session_photos.number(stored.id, sha256, "2026-11-20T08:00:00+00:00")
    assert numbered is not None
    number = numbered.number
    taken = ClassPhoto(CLASS, DAY, sha256, THRESHOLD, session=stored.id, number=number, late=late, evidence=True)
    found = record_class_photo(log.attendance_log, list(faces), taken)
    kept = SessionPhoto(
        stored.id, number, sha256, "2026-11-20T08:00:00+00:00", True, 10, 10,
        tuple(SessionFace(f.box, made.status, tuple((c.subject, c.score) for c in made.candidates))
              for f, made in zip(faces, found, strict=True)),
    )  # fmt: skip
    assert log.store.session_photos.keep(kept, b"jpeg", {c.subject for made in found for c in made.candidates})
    return found


def roll(log: SessionLog, stored: StoredSession) -> dict[str, str]:
    return {line.student.matricula: line.status for line in log.roll(stored)}


def entry_id(log: SessionLog, stored: StoredSession, name: str) -> int:
    (line,) = [line for line in log.roll(stored) if line.student.matricula == name]
    assert line.stored is not None
    return line.stored.id


def asistencias(log: SessionLog, name: str) -> tuple[int, dict[str, int]]:
    found = log.gallery.student(name)
    return found.asistencias, dict(found.asistencias_por_clase)


def test_photos_add_to_each_other(log: SessionLog, session: StoredSession) -> None:
    assert roll(log, session) == dict.fromkeys(NAMES, "absent")
    photo(log, session, face(0.9))
    photo(log, session, face(0, 0.9), face(0.8), late=True)
    assert roll(log, session) == {"Ana": "present", "Eva": "late", "Luz": "absent"}
    assert asistencias(log, "Ana") == asistencias(log, "Eva") == (1, {CLASS: 1})
    before = log.store.attendance.entries(EntryFilter())
    again(log, session, f"{0:064d}", face(0.9))
    assert [each.id for each in log.store.attendance.entries(EntryFilter())] == [each.id for each in before]
    assert log.store.attendance.miscounted() == []
    told = [(each.entry.photo_number, each.entry.face_number, each.entry.status) for each in reversed(before)]
    assert sorted(told) == [(1, 1, "present"), (2, 1, "late"), (2, 2, "present")]
    assert {each.entry.session for each in before} == {session.id}


def test_who_is_on_two_photos_stays_when_one_is_taken_back(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.9), face(0, 0.9))
    photo(log, session, face(0, 0, 0.9), face(0.8), late=True)
    everyone = {"Ana": "present", "Eva": "present", "Luz": "late"}
    assert roll(log, session) == everyone
    log.undo_photo(session.id, 1)
    assert roll(log, session) == everyone | {"Eva": "absent"} and asistencias(log, "Ana") == (1, {CLASS: 1})
    again(log, session, f"{0:064d}", face(0.9), face(0, 0.9))
    assert roll(log, session) == everyone
    log.undo_photo(session.id, 2)
    assert roll(log, session) == everyone | {"Luz": "absent"}
    log.undo_photo(session.id, 1)
    assert roll(log, session) == dict.fromkeys(NAMES, "absent") and asistencias(log, "Ana") == (0, {})
    assert log.store.attendance.miscounted() == []


def test_a_face_of_one_photo_is_ruled_out_and_not_those_of_others(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.9))
    stranger = np.zeros(DIM, np.float32)
    stranger[[0, DIM - 2]] = 0.6, 0.8  # like Ana, and unlike Ana's face in the first photo
    photo(log, session, ClassPhotoFace(stranger, (0.0, 0.0, 1.0, 1.0)))
    for wrong, left in ((2, "present"), (1, "absent")):
        log.settle_face(session.id, FaceStatement(wrong, 1, None, "present"))
        assert roll(log, session)["Ana"] == left
    log.undo_photo(session.id, 1)  # of the first photo nothing stands
    assert roll(log, session)["Ana"] == "absent"


def test_a_face_that_two_photos_show_is_ruled_out_in_both(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.5))
    photo(log, session, face(0.5))
    log.settle_face(session.id, FaceStatement(1, 1, "Eva", "present"))
    assert roll(log, session) == {"Ana": "absent", "Eva": "present", "Luz": "absent"}
    log.undo_entry(session.id, entry_id(log, session, "Eva"))
    assert roll(log, session) == {"Ana": "present", "Eva": "absent", "Luz": "absent"}
    log.settle_face(session.id, FaceStatement(1, 1, None, "present"))
    assert roll(log, session)["Ana"] == "absent"


def test_each_session_of_a_day_counts_and_the_day_alone_does_not_count_beside_them(
    log: SessionLog, session: StoredSession
) -> None:
    later = log.begin(a_session("12:00", ends=None))
    log.attendance_log.record_by_hand("Ana", CLASS, DAY, "present", "")
    log.attendance_log.record_by_hand("Ana", CLASS, "2026-11-19", "present", "")
    assert asistencias(log, "Ana") == (2, {CLASS: 2})
    photo(log, session, face(0.9))
    assert asistencias(log, "Ana") == (2, {CLASS: 2})
    log.record_by_hand(later.id, "Ana", "late", "")
    assert asistencias(log, "Ana") == (3, {CLASS: 3})
    log.record_by_hand(later.id, "Ana", "excused", "médico")
    assert asistencias(log, "Ana") == (2, {CLASS: 2})
    guest = log.begin(a_session(clase="IA-102"))
    log.record_by_hand(guest.id, "Ana", "present", "")
    assert asistencias(log, "Ana") == (3, {CLASS: 2, "IA-102": 1}) and roll(log, guest) == {"Ana": "present"}
    assert log.store.attendance.miscounted() == []
    assert log.store.attendance.count_present(EntryFilter(subject=log.gallery.student("Ana").id)) == 4
    log.store.attendance.recount()
    assert asistencias(log, "Ana") == (3, {CLASS: 2, "IA-102": 1})


def test_a_person_has_the_last_word(log: SessionLog, session: StoredSession) -> None:
    log.record_by_hand(session.id, "Ana", "excused", "médico")
    log.record_by_hand(session.id, "Eva", "rejected", "")
    photo(log, session, face(0.9), face(0, 0.9))
    assert roll(log, session) == {"Ana": "excused", "Eva": "absent", "Luz": "absent"}


def test_a_better_photo_settles_an_ambiguous_face(log: SessionLog, session: StoredSession) -> None:
    """The first face may be Ana or Eva. The second is Ana, and so like the first that the first was not Eva."""
    photo(log, session, face(0.6, 0.595))
    assert roll(log, session) == {"Ana": "waiting", "Eva": "waiting", "Luz": "absent"}
    photo(log, session, face(0.75, 0.5))
    assert roll(log, session) == {"Ana": "present", "Eva": "absent", "Luz": "absent"}
    photo(log, session, face(0, 0.9))  # and yet she was there
    assert roll(log, session)["Eva"] == "present"
    log.undo_photo(session.id, 3)
    log.undo_photo(session.id, 2)
    assert roll(log, session) == {"Ana": "waiting", "Eva": "waiting", "Luz": "absent"}


def test_a_photo_that_tells_nothing_of_the_other_face_settles_nothing(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.6, 0.595))
    unlike = np.zeros(DIM, np.float32)
    unlike[[0, DIM - 2]] = 0.6, 0.8  # Ana, with little of what the first face has
    photo(log, session, ClassPhotoFace(unlike, (0.0, 0.0, 1.0, 1.0)))
    assert roll(log, session) == {"Ana": "present", "Eva": "waiting", "Luz": "absent"}


def test_a_face_is_settled_and_unsettled(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.6, 0.595), face(0, 0, 0.2))
    log.settle_face(session.id, FaceStatement(1, 1, "Eva", "present"))
    assert roll(log, session) == {"Ana": "absent", "Eva": "present", "Luz": "absent"}
    log.undo_entry(session.id, entry_id(log, session, "Eva"))
    assert roll(log, session) == {"Ana": "waiting", "Eva": "waiting", "Luz": "absent"}
    log.settle_face(session.id, FaceStatement(1, 1, None, "present"))
    log.settle_face(session.id, FaceStatement(1, 2, "Luz", "late", "al fondo"))
    assert roll(log, session) == {"Ana": "absent", "Eva": "absent", "Luz": "late"}
    photo(log, session, face(0.9))  # that it was none of them in one photo says nothing of the next
    assert roll(log, session)["Ana"] == "present"
    log.settle_face(session.id, FaceStatement(2, 1, "Eva", "present"))
    assert roll(log, session) == {"Ana": "absent", "Eva": "present", "Luz": "late"}
    for wrong in (FaceStatement(1, 3, "Ana", "present"), FaceStatement(7, 1, "Ana", "present")):
        with pytest.raises(NotFound) as refused:
            log.settle_face(session.id, wrong)
        assert refused.value.code in ("face_not_found", "photo_not_found")


def test_a_face_that_a_person_has_ruled_out_is_not_taken_for_that_student_again(
    log: SessionLog, session: StoredSession
) -> None:
    stranger, ana = face(0.5), face(0.9)
    photo(log, session, stranger)
    assert roll(log, session)["Ana"] == "present"
    log.settle_face(session.id, FaceStatement(1, 1, None, "present"))
    (seen,) = photo(log, session, stranger)
    assert seen.status == "unknown" and roll(log, session)["Ana"] == "absent"
    (doubtful,) = photo(log, session, face(0.5, 0.49))  # Ana or Eva, and not Ana: it is more like the stranger
    assert [each.student.matricula for each in doubtful.candidates] == ["Eva"]
    assert roll(log, session) == {"Ana": "absent", "Eva": "present", "Luz": "absent"}
    photo(log, session, ana)
    assert roll(log, session)["Ana"] == "present"
    log.undo_photo(session.id, 4)
    log.undo_entry(session.id, entry_id(log, session, "Ana"))  # it was Ana after all
    photo(log, session, stranger)
    assert roll(log, session)["Ana"] == "present"


def test_what_a_session_ruled_out_holds_in_the_next_one_until_it_is_taken_back(
    log: SessionLog, session: StoredSession
) -> None:
    stranger, later = face(0.5), log.begin(a_session("12:00", ends=None))
    examples = log.gallery.store.negatives
    photo(log, session, stranger, face(0, 0.9))
    log.settle_face(session.id, FaceStatement(1, 1, "Luz", "present"))
    log.settle_face(session.id, FaceStatement(1, 1, "Luz", "present"))  # said twice, kept once
    (kept,) = examples.of(log.gallery.student("Ana").id)
    assert (kept.negative.source, kept.negative.session) == ("attendance", session.id) and examples.count() == 1
    (seen,) = photo(log, later, stranger)
    assert (seen.status, seen.told_apart, roll(log, later)["Ana"]) == ("unknown", True, "absent")
    log.settle_face(session.id, FaceStatement(1, 1, "Ana", "present"))  # it was Ana after all
    assert examples.count() == 0
    (seen,) = photo(log, later, stranger)
    assert (seen.status, seen.told_apart) == ("present", False)
    log.settle_face(session.id, FaceStatement(1, 1, None, "present"))  # or nobody of them
    assert [each.negative.about for each in examples.of(log.gallery.student("Ana").id)] == [kept.negative.about]
    log.undo_entry(session.id, entry_id(log, session, "Ana"))
    assert examples.count() == 0


def test_the_list_of_entries_settles_as_a_session_does(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.6, 0.595))
    log.attendance_log.resolve(entry_id(log, session, "Ana"), "present", "")
    assert roll(log, session) == {"Ana": "present", "Eva": "absent", "Luz": "absent"}
    photo(log, session, face(0, 0.9))
    assert roll(log, session)["Eva"] == "present"
    log.change(session.id, {"state": "closed"})
    with pytest.raises(Conflict, match="closed"):
        log.attendance_log.resolve(entry_id(log, session, "Ana"), "rejected", "")


def test_undo_brings_back_what_held_before(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.9), face(0, 0.9))
    log.record_by_hand(session.id, "Ana", "rejected", "se fue")
    said = entry_id(log, session, "Ana")
    log.undo_photo(session.id, 1)
    assert roll(log, session) == {"Ana": "absent", "Eva": "absent", "Luz": "absent"}
    assert asistencias(log, "Eva") == (0, {})
    log.undo_entry(session.id, said)
    assert roll(log, session)["Ana"] == "absent"
    before = len(log.store.attendance.entries(EntryFilter()))
    log.undo_photo(session.id, 1)
    log.undo_entry(session.id, said)
    assert len(log.store.attendance.entries(EntryFilter())) == before == 6  # nothing is taken back twice
    again(log, session, f"{0:064d}", face(0.9))
    assert roll(log, session)["Ana"] == "present" and asistencias(log, "Ana") == (1, {CLASS: 1})
    log.record_by_hand(session.id, "Ana", "excused", "")
    log.undo_entry(session.id, entry_id(log, session, "Ana"))
    (line,) = [line for line in log.roll(session) if line.student.matricula == "Ana"]
    assert line.status == "present" and line.stored is not None and line.stored.entry.source == "photo"
    with pytest.raises(NotFound, match="entry"):
        log.undo_entry(session.id, 10**9)


def test_a_closed_session_takes_nothing_until_it_is_open_again(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.9))
    closed = log.change(session.id, {"state": "closed", "note": "fin"})
    assert closed.session.state == "closed" and roll(log, closed)["Ana"] == "present"
    acts: list[Callable[[], None]] = [
        lambda: log.record_by_hand(session.id, "Ana", "late", ""),
        lambda: log.settle_face(session.id, FaceStatement(1, 1, "Eva", "present")),
        lambda: log.undo_photo(session.id, 1),
        lambda: log.undo_entry(session.id, 1),
    ]
    for act in acts:
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "session_closed"
    log.change(session.id, {"state": "open"})
    log.record_by_hand(session.id, "Eva", "late", "")
    assert roll(log, session) == {"Ana": "present", "Eva": "late", "Luz": "absent"}


def test_a_session_says_when(log: SessionLog, session: StoredSession) -> None:
    with pytest.raises(Conflict) as refused:
        log.begin(a_session())
    assert refused.value.code == "session_exists" and f"session {session.id}" in str(refused.value)
    for starts, ends in (("8:00", None), ("24:00", None), ("08:00", "08:00"), ("08:00", "07:00"), ("08:00", "9")):
        with pytest.raises(InvalidInput) as wrong:
            check_times(starts, ends)
        assert wrong.value.code == "invalid_times"
    with pytest.raises(InvalidInput):
        log.change(session.id, {"starts": "10:00"})  # it ends at 09:30
    with pytest.raises(NotFound):
        log.change(10**9, {"note": ""})


@pytest.mark.parametrize(
    ("now", "late"),
    [("07:30", False), ("08:10", False), ("08:11", True), ("09:30", True), ("09:31", False), ("23:59", False)],
)
def test_who_comes_after_a_while_is_late(now: str, late: bool) -> None:
    local = datetime.fromisoformat(f"{DAY}T{now}:30")
    assert is_late(a_session(), local) is late
    assert is_late(a_session(ends=None), local) is (now > "08:10")
    assert not is_late(a_session(late_after=None), local)
    assert not is_late(a_session(), datetime.fromisoformat(f"2026-11-21T{now}:30"))  # sent the day after


def test_a_timetable_tells_which_meeting_it_is() -> None:
    early, late, other = TimetableEntry(1, "08:00", "09:30", 10), TimetableEntry(1, "12:00"), TimetableEntry(2, "08:00")
    timetable = (early, late, other)
    assert [entry_for(timetable, 1, now) for now in ("07:50", "09:59", "10:01", "18:00")] == [early, early, late, late]
    assert entry_for(timetable, 1, "07:50", "12:00") == late and entry_for(timetable, 1, "07:50", "08:01") is None
    assert entry_for(timetable, 3, "08:00") is None and entry_for((), 1, "08:00") is None


def test_a_student_who_is_erased_leaves_no_face_in_a_session(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, face(0.6, 0.595))
    photo(log, session, face(0, 0, 0.9))
    log.settle_face(session.id, FaceStatement(1, 1, "Ana", "present", "sí es ella"))
    log.undo_entry(session.id, entry_id(log, session, "Ana"))
    log.gallery.remove(["Ana"])
    assert roll(log, session) == {"Eva": "waiting", "Luz": "present"}
    for stored in log.store.attendance.entries(EntryFilter(session=session.id)):
        if stored.entry.subject is None:
            assert (stored.entry.face, stored.entry.note, stored.entry.request) == (None, "", "")
        assert stored.entry.face is None or stored.entry.photo_number == 2
    assert [each.kept for each in log.store.session_photos.photos(session.id)] == [False, True]


def test_students_who_are_merged_bring_their_sessions(log: SessionLog, session: StoredSession) -> None:
    later = log.begin(a_session("12:00", ends=None))
    photo(log, session, face(0.9))
    log.record_by_hand(later.id, "Eva", "late", "")
    log.record_by_hand(session.id, "Eva", "rejected", "")
    log.record_by_hand(later.id, "Ana", "rejected", "")
    log.gallery.merge("Eva", "Ana")
    assert roll(log, session) == {"Eva": "present", "Luz": "absent"}
    assert roll(log, later) == {"Eva": "late", "Luz": "absent"}
    assert asistencias(log, "Eva") == (2, {CLASS: 2}) and log.store.attendance.miscounted() == []
    log.undo_photo(session.id, 1)
    assert roll(log, session)["Eva"] == "absent"


def test_a_part_of_the_school_has_its_own_sessions(log: SessionLog, session: StoredSession) -> None:
    other = log.begin(a_session(clase="IA-102"))
    photo(log, session, face(0.9), face(0, 0.9))

    def part(scope: Scope) -> SessionLog:
        gallery: Gallery = log.gallery.within(scope)
        return SessionLog(AttendanceLog(gallery))

    teacher, ana = part(Scope(frozenset({CLASS}))), part(Scope(frozenset(), "Ana"))
    assert roll(teacher, teacher.session(session.id)) == {"Ana": "present", "Eva": "present", "Luz": "absent"}
    assert roll(ana, ana.session(session.id)) == {"Ana": "present"}
    for mine in (teacher, ana):
        with pytest.raises(NotFound):
            mine.session(other.id)
        with pytest.raises(NotFound):
            mine.change(other.id, {"note": "x"})
        assert mine.store.session_photos.photos(other.id) == []
        assert list(mine.store.sessions.counts()) == [CLASS] and mine.store.classes.sizes() == {CLASS: 3}
        with pytest.raises(Forbidden):
            mine.begin(a_session("15:00", clase="IA-102", ends=None))
        with pytest.raises(Forbidden):
            mine.store.classes.put_timetable("IA-102", [])
    assert teacher.store.session_photos.content(session.id, 1) == b"jpeg"
    assert ana.store.session_photos.photos(session.id) == [] and ana.store.session_photos.content(session.id, 1) is None
    with pytest.raises(NotFound):
        ana.change(session.id, {"note": "x"})
