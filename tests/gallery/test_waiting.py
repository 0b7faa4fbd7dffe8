"""Students whose faces may be pictures that are held up wait for a person, and are never present by themselves."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.attendance.session_log import FaceStatement, SessionLog
from gallery.attendance.session_roll import roll_counts
from gallery.documents.attendance import EntryFilter
from gallery.documents.backup_protocol import Record
from gallery.documents.backup_rules import Present
from gallery.documents.class_sessions import ClassSession, StoredSession
from gallery.documents.session_rules import standing
from gallery.documents.sqlite.migrations import STEPS
from gallery.documents.sqlite.store import SqliteStore
from gallery.documents.sqlite.waiting_schema import m015_waiting
from gallery.documents.statistics import StatisticsFilter
from gallery.documents.values import Enrolment, Student
from tests.conftest import OpenGallery, OpenStore, enrolment, student_in, unit
from tests.gallery.class_photos import THRESHOLD, face, judged

CLASS, DAY = "IA-101", "2026-11-20"
NAMES = ("Ana", "Eva", "Luz")
ABSENT = dict.fromkeys(NAMES, "absent")


@pytest.fixture
def log(open_gallery: OpenGallery) -> SessionLog:
    """Ana, Eva and Luz of one class, each with one template along an axis of her own."""
    gallery = open_gallery(THRESHOLD)
    for axis, name in enumerate(NAMES):
        vector = unit(judged("live", *(0.0,) * axis, 1.0).vector)
        gallery.enrol([Enrolment(Student(name, name, CLASS), enrolment(name, vector[None]).photos)])
    return SessionLog(AttendanceLog(gallery))


@pytest.fixture
def session(log: SessionLog) -> StoredSession:
    return log.begin(ClassSession(CLASS, DAY, "08:00", "09:30", 10, "photos", "open", "", "local", "2026"))


def photo(
    log: SessionLog, stored: StoredSession, *faces: ClassPhotoFace, late: bool = False, live_only: bool = True
) -> list[FaceAttendance]:
    """Send a photo, of which each has another digest, where only live faces pass."""
    number = len(log.store.session_photos.photos(stored.id)) + 1
    sha256 = f"{number:064d}"
    assert log.store.session_photos.number(stored.id, sha256, "2026-11-20T08:00:00+00:00") is not None
    taken = ClassPhoto(
        CLASS, DAY, sha256, THRESHOLD, session=stored.id, number=number, late=late, evidence=True, live_only=live_only
    )
    return record_class_photo(log.attendance_log, list(faces), taken)


def roll(log: SessionLog, stored: StoredSession) -> dict[str, str]:
    return {line.student.matricula: line.status for line in log.roll(stored)}


def reasons(log: SessionLog, stored: StoredSession) -> dict[str, str]:
    lines = ((line.student.matricula, line.stored) for line in log.roll(stored))
    return {name: held.entry.reason for name, held in lines if held is not None}


def entry_id(log: SessionLog, stored: StoredSession, name: str) -> int:
    (held,) = [line.stored for line in log.roll(stored) if line.student.matricula == name and line.stored]
    return held.id


def asistencias(log: SessionLog) -> list[int]:
    return [log.gallery.student(name).asistencias for name in NAMES]


def test_only_live_faces_are_present(log: SessionLog, session: StoredSession) -> None:
    faces = judged("live", 0.9), judged("attack", 0, 0.9), judged("not_judged", 0, 0, 0.9)
    found = photo(log, session, *faces)
    assert [each.status for each in found] == ["present", "waiting", "waiting"]
    assert [each.reason for each in found] == ["", "not_live", "liveness_not_judged"]
    assert [each.student and each.student.matricula for each in found] == list(NAMES)
    assert all(each.recorded for each in found)
    assert roll(log, session) == {"Ana": "present", "Eva": "waiting", "Luz": "waiting"}
    assert reasons(log, session) == {"Ana": "", "Eva": "not_live", "Luz": "liveness_not_judged"}
    assert asistencias(log) == [1, 0, 0] and log.store.attendance.miscounted() == []
    counts = roll_counts(log.roll(session))
    assert (counts["present"], counts["waiting"], counts["absent"]) == (1, 2, 0)
    seen = [each.entry.face for each in log.store.attendance.entries(EntryFilter(session=session.id))]
    assert [each and each.liveness for each in seen] == [each.liveness for each in faces]


def test_what_is_only_observed_changes_nothing(log: SessionLog, session: StoredSession) -> None:
    found = photo(log, session, judged("attack", 0.9), judged("not_judged", 0, 0.9), live_only=False)
    assert [(each.status, each.reason) for each in found] == [("present", "")] * 2
    (entry, _) = log.store.attendance.entries(EntryFilter(session=session.id))
    assert entry.entry.face is not None and entry.entry.face.liveness is not None
    assert entry.entry.face.liveness.decision == "attack"


def test_a_face_that_was_not_asked_about_does_not_pass(log: SessionLog, session: StoredSession) -> None:
    (found,) = photo(log, session, face(0.9))
    assert (found.status, found.reason) == ("waiting", "liveness_not_judged")


def test_a_live_face_makes_present_and_a_picture_takes_nothing_away(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("attack", 0.9))
    photo(log, session, judged("live", 0.9), late=True)
    assert roll(log, session)["Ana"] == "late"  # when she came herself
    (found,) = photo(log, session, judged("attack", 0.9))
    assert found.status == "waiting" and not found.recorded
    assert [each.entry.status for each in found.entries] == ["late"] == [roll(log, session)["Ana"]]
    log.undo_photo(session.id, 2)
    assert (roll(log, session)["Ana"], reasons(log, session)["Ana"]) == ("waiting", "not_live")
    log.undo_photo(session.id, 1)
    assert roll(log, session) == ABSENT


def test_a_picture_beside_the_student_is_a_second_picture(log: SessionLog, session: StoredSession) -> None:
    """By the scores alone the picture, which is sharper, would be the student."""
    found = photo(log, session, judged("attack", 0.9), judged("live", 0.6), judged("attack", 0, 0.9))
    assert [each.status for each in found] == ["duplicate", "present", "waiting"]
    assert roll(log, session) == {"Ana": "present", "Eva": "waiting", "Luz": "absent"}


def test_two_pictures_of_a_student_are_one(log: SessionLog, session: StoredSession) -> None:
    found = photo(log, session, judged("attack", 0.8), judged("attack", 0.9))
    assert [each.status for each in found] == ["duplicate", "waiting"]


def test_a_picture_of_a_student_of_another_class_is_recorded_nowhere(log: SessionLog, session: StoredSession) -> None:
    vector = unit(face(0, 0, 0, 1.0).vector)
    log.gallery.enrol([Enrolment(Student("Zoe", "Zoe", "IA-102"), enrolment("Zoe", vector[None]).photos)])
    (found,) = photo(log, session, judged("attack", 0, 0, 0, 0.9))
    assert (found.status, found.reason, found.entries) == ("off_roster", "", ())


def test_a_picture_is_told_of_one_that_could_not_be_judged_is_not(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("not_judged", 0.9))
    photo(log, session, judged("attack", 0.9))
    assert reasons(log, session)["Ana"] == "not_live"
    (found,) = photo(log, session, judged("not_judged", 0.9))
    assert not found.recorded and reasons(log, session)["Ana"] == "not_live"


def test_who_may_be_someone_else_does_not_replace_who_waits(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("attack", 0.9))
    (found,) = photo(log, session, judged("live", 0.6, 0.6))
    assert found.status == "ambiguous" and roll(log, session) == ABSENT | {"Ana": "waiting", "Eva": "waiting"}
    assert reasons(log, session) == {"Ana": "not_live", "Eva": ""}
    photo(log, session, judged("attack", 0, 0.9))
    assert reasons(log, session)["Eva"] == "not_live"


@pytest.mark.parametrize(("late", "status"), [(False, "present"), (True, "late")])
def test_who_is_confirmed_came_when_the_face_did(
    log: SessionLog, session: StoredSession, late: bool, status: str
) -> None:
    photo(log, session, judged("attack", 0.9), judged("live", 0, 0.6, 0.6), late=late)
    assert log.came_late(session.id, 1, 1) is late is log.came_late(session.id, 1, 2)
    assert log.came_late(session.id, 1, 3) is None
    (settled,) = log.attendance_log.resolve(entry_id(log, session, "Ana"), "present", "la vi")
    assert (settled.entry.status, settled.entry.source, settled.entry.reason) == (status, "hand", "")
    assert roll(log, session)["Ana"] == status and asistencias(log)[0] == 1
    log.attendance_log.resolve(entry_id(log, session, "Eva"), "present", "")
    assert roll(log, session) == {"Ana": status, "Eva": status, "Luz": "absent"}


def test_who_is_rejected_stays_so_for_pictures_and_comes_in_person(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("attack", 0.9))
    log.settle_face(session.id, FaceStatement(1, 1, None, "present"))
    assert roll(log, session) == ABSENT
    (again,) = photo(log, session, judged("attack", 0.9))  # the same telephone, a moment later
    assert again.status == "unknown" and again.reason == "" and roll(log, session) == ABSENT
    (unjudged,) = photo(log, session, judged("not_judged", 0.9))
    assert unjudged.status == "waiting" and roll(log, session)["Ana"] == "waiting"
    (live,) = photo(log, session, judged("live", 0.9))
    assert live.status == "present" and roll(log, session)["Ana"] == "present"


def test_a_picture_of_ana_teaches_nothing_about_her_whoever_held_it_up(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("attack", 0.9))
    log.settle_face(session.id, FaceStatement(1, 1, "Luz", "present"))
    assert roll(log, session) == ABSENT | {"Luz": "present"}
    assert log.gallery.store.negatives.count() == 0
    (live,) = photo(log, session, judged("live", 0.9))
    assert live.status == "present" and roll(log, session)["Ana"] == "present"


def test_a_live_face_that_is_someone_else_is_remembered(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("live", 0.6))
    log.settle_face(session.id, FaceStatement(1, 1, "Luz", "present"))
    assert roll(log, session) == ABSENT | {"Luz": "present"}
    (again,) = photo(log, session, judged("live", 0.6))
    assert again.status == "unknown" and roll(log, session) == ABSENT | {"Luz": "present"}


def test_a_person_says_whom_the_face_shows(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("attack", 0.9))
    log.settle_face(session.id, FaceStatement(1, 1, "Ana", "present"))
    assert roll(log, session)["Ana"] == "present"
    log.undo_entry(session.id, entry_id(log, session, "Ana"))
    assert (roll(log, session)["Ana"], reasons(log, session)["Ana"]) == ("waiting", "not_live")


def test_waiting_of_a_class_and_date_is_settled_too(log: SessionLog) -> None:
    taken = ClassPhoto(CLASS, DAY, "ab" * 32, THRESHOLD, live_only=True)
    record_class_photo(log.attendance_log, [judged("attack", 0.9), judged("attack", 0, 0.9)], taken)
    ana, eva = log.store.attendance.entries(EntryFilter(clase=CLASS, session=0))
    assert (ana.entry.status, ana.entry.face_group, asistencias(log)) == ("waiting", "", [0, 0, 0])
    log.attendance_log.resolve(ana.id, "present", "")
    log.attendance_log.resolve(eva.id, "rejected", "")
    assert asistencias(log) == [1, 0, 0]
    record_class_photo(log.attendance_log, [judged("live", 0, 0.9)], taken)
    assert asistencias(log) == [1, 0, 0]  # a person said that Eva was not there


def test_statistics_count_both_kinds_of_waiting(log: SessionLog, session: StoredSession) -> None:
    photo(log, session, judged("live", 0.9), judged("live", 0, 0.6, 0.6))
    other = log.begin(ClassSession(CLASS, DAY, "10:00", None, None, "photos", "open", "", "local", "2026"))
    photo(log, other, judged("attack", 0, 0.9), judged("attack", 0.9))
    statistics, subjects = log.store.statistics, [student_in(log.store, name).id for name in NAMES]
    meetings = statistics.meetings(StatisticsFilter(), subjects)
    assert [(each.present, each.waiting) for each in meetings.values()] == [(1, 2), (0, 2)]
    of_each = {each.subject: each.attendance for each in statistics.of_students(StatisticsFilter())}
    assert [(of_each[each].present, of_each[each].waiting) for each in subjects] == [(1, 1), (0, 2), (0, 1)]
    assert list(statistics.of_student(subjects[1], StatisticsFilter()).values()) == ["ambiguous", "waiting"]


@pytest.mark.parametrize(
    ("own", "other", "holds"),
    [
        ([judged("attack", 0.9)], [judged("live", 0, 0.9)], "present"),
        ([judged("live", 0.9)], [judged("attack", 0, 0.9)], "present"),
        ([judged("attack", 0.9)], [], "waiting"),
        ([], [judged("attack", 0, 0.9)], "waiting"),
        ([face(0.6, 0, 0.6)], [judged("attack", 0, 0.9)], "waiting"),
    ],
)
def test_students_who_are_merged_wait_unless_one_was_there(
    log: SessionLog,
    session: StoredSession,
    own: Sequence[ClassPhotoFace],
    other: Sequence[ClassPhotoFace],
    holds: str,
) -> None:
    photo(log, session, *own)
    photo(log, session, *other)
    log.gallery.merge("Ana", "Eva")
    ana = student_in(log.store, "Ana").id
    held = standing(log.store.attendance.entries(EntryFilter(session=session.id, subject=ana)))[-1].entry
    assert held.status == holds and (holds != "waiting" or (held.reason, held.face is None) == ("not_live", False))
    assert log.store.attendance.miscounted() == []


def test_a_file_without_waiting_entries_is_brought_up_to_date(tmp_path: Path) -> None:
    """Entries stay, and no number is given twice: the last one was of a store that was restored."""
    with contextlib.closing(sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)) as db:
        before = STEPS[: STEPS.index(m015_waiting)]
        for step in before:
            step(db)
        db.execute("INSERT INTO students (id, matricula, nombre_del_alumno, kind) VALUES (1, 'A1', 'Ana', 'student')")
        db.execute(
            "INSERT INTO attendance (id, student, clase, fecha, turn, status, source, at, note, request, face_group) "
            "VALUES (7, 1, 'X', '2026-11-20', 0, 'present', 'hand', '', 'nota', 'r', '')"
        )
        db.execute("UPDATE sqlite_sequence SET seq = 50 WHERE name = 'attendance'")
        db.execute(f"PRAGMA user_version = {len(before)}")
    with contextlib.closing(SqliteStore(tmp_path / "gallery.db")) as store:
        (old,) = store.attendance.entries(EntryFilter())
        assert (old.id, old.entry.subject, old.entry.note, old.entry.reason, old.entry.late) == (
            7,
            1,
            "nota",
            "",
            False,
        )
        store.attendance.recount()
        again = store.attendance.add_entries([type(old.entry)(1, "X", "2026-11-21", 0, "waiting", "photo", "")])
        assert again == [] and store.attendance.entries(EntryFilter(desde="2026-11-21"))[0].id == 51
        store.remove(["A1"])
        assert [each.entry.note for each in store.attendance.entries(EntryFilter())] == ["", ""]
        assert list(store.damage()) == []


def test_entries_of_an_earlier_backup_are_restored(open_store: OpenStore) -> None:
    """Their records have no reason, and do not say who came late."""
    texts = ["nombre_del_alumno", "clase", "fecha_de_registro", "aviso", "note", "request", "face_group", "at"]
    numbers = ["asistencias_previas", "participaciones_previas", "session", "turn", "photo_number", "face_number"]
    fields: dict[str, Any] = dict.fromkeys(texts, "") | dict.fromkeys(numbers, 0)
    fields |= dict.fromkeys(("consentimiento", "key", "undoes", "face", "vector"))
    student = fields | {"id": 1, "matricula": "A1", "kind": "student", "otras_clases": []}
    said = {"id": 2, "student": 1, "clase": "X", "fecha": DAY, "status": "present", "source": "hand"}
    store, present = open_store(), Present()
    store.backup.begin_restore("a run")
    for record in (Record("student", student), Record("attendance", fields | said)):
        present.note(record)
        kept = present.kept(record)
        assert kept is not None
        store.backup.load([kept])
    store.backup.end_load(2)
    store.backup.end_restore()
    (stored,) = store.attendance.entries(EntryFilter())
    assert (stored.id, stored.entry.status, stored.entry.reason, stored.entry.late) == (2, "present", "", False)
