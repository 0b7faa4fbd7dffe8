"""What stores count for statistics: the same on both, and the same as reading every entry would give."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from gallery.documents.attendance import Attendance, AttendanceStatus, EntryFilter, Participation
from gallery.documents.attendance_rules import counted_participations, latest
from gallery.documents.mongo.statistics import MongoStatistics
from gallery.documents.protocol import DocumentStore
from gallery.documents.scope import Scope
from gallery.documents.scoped_documents import documents_within
from gallery.documents.statistics import COUNT_OF, Meeting, StatisticsFilter, StatusCounts
from gallery.documents.values import Enrolment, Student
from tests.conftest import OpenStore, student_in

EVERYTHING = StatisticsFilter()
AT = "2026-11-20T15:00:00+00:00"
DAYS = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")


def enrolled(store: DocumentStore, *students: tuple[str, str, tuple[str, ...]]) -> dict[str, int]:
    """Enrol students by matricula, class and further classes; their subject ids."""
    store.enrol([Enrolment(Student(name, name, clase, otras_clases=more), ()) for name, clase, more in students])
    return {name: student_in(store, name).id for name, *_ in students}


def entry(subject: int, status: AttendanceStatus, clase: str = "A", fecha: str = DAYS[0], **more: Any) -> Attendance:
    return Attendance(subject, clase, fecha, more.pop("revision", 0), status, "hand", AT, **more)


def took_part(subject: int, request: str, clase: str = "A", fecha: str = DAYS[0], **more: Any) -> Participation:
    return Participation(subject, clase, fecha, "", "", AT, request, **more)


def numbers(store: DocumentStore, which: StatisticsFilter = EVERYTHING) -> dict[tuple[str, int], StatusCounts]:
    return {(each.clase, each.subject): each.attendance for each in store.statistics.of_students(which)}


def test_of_each_student_and_meeting_the_entry_counts_that_holds(store: DocumentStore) -> None:
    ana, eva = enrolled(store, ("ana", "A", ()), ("eva", "A", ("B",))).values()
    store.attendance.add_entries([entry(ana, "present"), entry(eva, "ambiguous"), entry(eva, "present", "B")])
    store.attendance.add_entries([entry(eva, "rejected", revision=1), entry(ana, "ambiguous", fecha=DAYS[1])])
    store.attendance.add_entries([entry(eva, "present", revision=2), entry(eva, "rejected", fecha=DAYS[1])])
    assert numbers(store) == {
        ("A", ana): StatusCounts(present=1, waiting=1),
        ("A", eva): StatusCounts(present=1, rejected=1),
        ("B", eva): StatusCounts(present=1),
    }
    assert store.statistics.meeting_numbers(EVERYTHING) == {"A": 2, "B": 1}
    assert store.statistics.meetings(StatisticsFilter(frozenset({"A"})), {ana, eva}) == {
        Meeting("A", DAYS[0], 0): StatusCounts(present=2),
        Meeting("A", DAYS[1], 0): StatusCounts(waiting=1, rejected=1),
    }
    assert store.statistics.meetings(StatisticsFilter(frozenset({"A"})), {ana})[Meeting("A", DAYS[0], 0)].present == 1
    assert store.statistics.of_student(eva, StatisticsFilter(desde=DAYS[0], hasta=DAYS[0])) == {
        Meeting("A", DAYS[0], 0): "present",
        Meeting("B", DAYS[0], 0): "present",
    }
    assert store.statistics.members(["A", "B", "C", ""]) == {"A": {ana, eva}, "B": {eva}}


def test_where_there_is_a_session_the_date_alone_counts_nowhere(store: DocumentStore) -> None:
    ana, eva = enrolled(store, ("ana", "A", ()), ("eva", "A", ())).values()
    said = [
        entry(ana, "present"),
        entry(eva, "present"),
        entry(eva, "late", session=7),
        entry(ana, "excused", session=9),
    ]
    store.attendance.add_entries([*said, entry(ana, "present", fecha=DAYS[1])])
    assert numbers(store) == {("A", ana): StatusCounts(present=1, excused=1), ("A", eva): StatusCounts(late=1)}
    assert list(store.statistics.meetings(EVERYTHING, {ana, eva})) == [
        Meeting("A", DAYS[0], 7),
        Meeting("A", DAYS[0], 9),
        Meeting("A", DAYS[1], 0),
    ]
    assert store.statistics.meeting_numbers(EVERYTHING) == {"A": 3}


def test_what_was_withdrawn_is_no_meeting(store: DocumentStore) -> None:
    (ana,) = enrolled(store, ("ana", "A", ())).values()
    store.attendance.add_entries([entry(ana, "present", session=7), entry(ana, "present")])
    store.attendance.add_entries([entry(ana, "withdrawn", session=7, revision=1)])
    assert store.statistics.meeting_numbers(EVERYTHING) == {"A": 1}
    assert store.statistics.meetings(EVERYTHING, {ana}) == {Meeting("A", DAYS[0], 0): StatusCounts(present=1)}
    assert numbers(store) == {("A", ana): StatusCounts(present=1)}


def test_participations_that_were_withdrawn_do_not_count(store: DocumentStore) -> None:
    ana, eva = enrolled(store, ("ana", "A", ()), ("eva", "A", ())).values()
    first = store.attendance.add_participation(took_part(ana, "1")).id
    for number in ("2", "3"):
        store.attendance.add_participation(took_part(ana, number))
    store.attendance.add_participation(took_part(eva, "4", fecha=DAYS[1]))
    store.attendance.add_participation(took_part(ana, "5", withdraws=first))
    assert [(each.subject, each.participations) for each in store.statistics.of_students(EVERYTHING)] == [
        (ana, 2),
        (eva, 1),
    ]
    by_day = store.statistics.participations_by_day
    assert by_day(EVERYTHING, {ana, eva}) == {("A", DAYS[0]): 2, ("A", DAYS[1]): 1}
    assert by_day(StatisticsFilter(hasta=DAYS[0]), {eva}) == {}
    assert by_day(StatisticsFilter(frozenset({"B"})), {ana, eva}) == {}


def test_erased_students_are_in_no_count_and_their_meetings_remain(store: DocumentStore) -> None:
    ana, eva = enrolled(store, ("ana", "A", ()), ("eva", "A", ())).values()
    store.attendance.add_entries([entry(ana, "present"), entry(eva, "present"), entry(ana, "present", fecha=DAYS[1])])
    store.attendance.add_participation(took_part(ana, "1"))
    store.remove(["ana"])
    assert numbers(store) == {("A", eva): StatusCounts(present=1)}
    assert store.statistics.meetings(EVERYTHING, {ana, eva}) == {
        Meeting("A", DAYS[0], 0): StatusCounts(present=1),
        Meeting("A", DAYS[1], 0): StatusCounts(),
    }
    assert store.statistics.participations_by_day(EVERYTHING, {ana, eva}) == {}
    assert store.statistics.of_student(ana, EVERYTHING) == {} and store.statistics.members(["A"]) == {"A": {eva}}


def test_of_two_merged_students_one_entry_counts(store: DocumentStore) -> None:
    ana, anna = enrolled(store, ("ana", "A", ()), ("anna", "A", ())).values()
    store.attendance.add_entries(
        [entry(ana, "rejected"), entry(anna, "present"), entry(anna, "late", session=3, fecha=DAYS[1])]
    )
    store.attendance.add_entries([entry(ana, "present", session=3, fecha=DAYS[1])])
    store.merge("ana", "anna")
    assert numbers(store) == {("A", ana): StatusCounts(present=2)}


def test_a_scope_counts_its_own_classes(store: DocumentStore) -> None:
    ana, eva = enrolled(store, ("ana", "A", ("B",)), ("eva", "B", ())).values()
    store.attendance.add_entries([entry(ana, "present"), entry(ana, "present", "B"), entry(eva, "present", "B")])
    teacher = documents_within(store, Scope(frozenset({"A"}))).statistics
    assert teacher.meeting_numbers(EVERYTHING) == {"A": 1}
    assert {each.clase for each in teacher.of_students(EVERYTHING)} == {"A"}
    assert not teacher.of_students(StatisticsFilter(frozenset({"B"}))) and not teacher.members(["B"])
    assert list(teacher.of_student(ana, EVERYTHING)) == [Meeting("A", DAYS[0], 0)]
    assert not teacher.meetings(StatisticsFilter(frozenset({"B"})), {ana, eva})
    student = documents_within(store, Scope(matricula="ana")).statistics
    assert not student.of_students(EVERYTHING) and not student.of_student(ana, EVERYTHING)


@pytest.mark.parametrize("store_url", ["mongo"], indirect=True)
def test_a_database_of_before_is_counted_right(open_store: OpenStore) -> None:
    """Its entries have no marks."""
    store = open_store()
    (ana,) = enrolled(store, ("ana", "A", ())).values()
    store.attendance.add_entries([entry(ana, "ambiguous")])
    store.attendance.add_entries([entry(ana, "present", revision=1)])
    database: Any = store._db  # type: ignore[attr-defined]
    database.attendance.update_many({}, {"$unset": {"superseded": ""}})
    database.gallery.delete_one({"_id": "superseded"})
    assert numbers(open_store()) == {("A", ana): StatusCounts(present=1)}


def test_all_numbers_are_what_reading_every_entry_gives(store: DocumentStore) -> None:
    """Many entries, corrections, sessions and withdrawals at random, against an account that reads all of it."""
    chance = random.Random(7)
    ids = enrolled(store, *((f"s{i}", "AB"[i % 2], ("C",) if i < 3 else ()) for i in range(6)))
    statuses: list[AttendanceStatus] = ["present", "late", "excused", "ambiguous", "rejected", "withdrawn"]
    revisions: Counter[tuple[Any, ...]] = Counter()
    for _ in range(25):
        added = []
        for _ in range(8):
            subject, clase, fecha = chance.choice(list(ids.values())), chance.choice("ABC"), chance.choice(DAYS)
            session = chance.choice([0, 0, 0, DAYS.index(fecha) + 1])
            key = subject, clase, fecha, session
            added.append(
                entry(subject, chance.choice(statuses), clase, fecha, session=session, revision=revisions[key])
            )
            revisions[key] += 1
        assert not store.attendance.add_entries(added)
    for number in range(30):
        store.attendance.add_participation(
            took_part(chance.choice(list(ids.values())), f"p{number}", chance.choice("ABC"), chance.choice(DAYS))
        )
    for stored in store.attendance.participations(EntryFilter())[::4]:
        store.attendance.add_participation(replace(stored.entry, request=f"w{stored.id}", withdraws=stored.id))
    store.remove(["s5"])
    left = {number for name, number in ids.items() if name != "s5"}
    for which in (EVERYTHING, StatisticsFilter(frozenset("AC"), DAYS[1], DAYS[2])):
        _compare(store, which, left)
    if isinstance(store.statistics, MongoStatistics):  # as MongoDB's own server adds up, and as it is done here
        store.statistics.groups_in_server = not store.statistics.groups_in_server
        _compare(store, EVERYTHING, left)


def _compare(store: DocumentStore, which: StatisticsFilter, students: set[int]) -> None:
    asked = EntryFilter(desde=which.desde, hasta=which.hasta, clases=which.clases)
    standing = [s.entry for s in latest(store.attendance.entries(asked)) if s.entry.status != "withdrawn"]
    with_sessions = {(each.clase, each.fecha) for each in standing if each.session}
    counted = [each for each in standing if each.session or (each.clase, each.fecha) not in with_sessions]
    meetings = {Meeting(each.clase, each.fecha, each.session) for each in counted}
    known = [each for each in counted if each.subject is not None]
    by_student = Counter((each.clase, each.subject, COUNT_OF[each.status]) for each in known)
    by_meeting = Counter((each.clase, each.fecha, each.session, COUNT_OF[each.status]) for each in known)
    took = [each.entry for each in counted_participations(store.attendance.participations(asked)) if each.entry.subject]
    participated = Counter((each.clase, each.subject) for each in took)
    statistics = store.statistics
    assert statistics.meeting_numbers(which) == dict(sorted(Counter(m.clase for m in meetings).items()))
    found = statistics.meetings(which, students)
    assert list(found) == sorted(meetings)
    assert {(*m, n): c for m, of in found.items() for n in COUNT_OF.values() if (c := getattr(of, n))} == by_meeting
    rows = statistics.of_students(which)
    assert [(row.clase, row.subject) for row in rows] == sorted({key[:2] for key in by_student} | participated.keys())
    for row in rows:
        assert row.participations == participated[row.clase, row.subject]
        for name in COUNT_OF.values():
            assert getattr(row.attendance, name) == by_student[row.clase, row.subject, name]
    assert statistics.participations_by_day(which, students) == Counter((each.clase, each.fecha) for each in took)
