"""Rates, spread and ranks, on numbers that were worked out by hand."""

import pytest

from gallery.attendance.class_statistics import (
    AttendanceSums,
    StudentLine,
    meeting_lines,
    own_sums,
    ranked,
    spread,
    summary_of,
    sums,
    week_lines,
)
from gallery.documents.statistics import Meeting, StatusCounts, StudentCounts


def line(subject: int, participations: int, present: int = 1, absent: int = 0) -> StudentLine:
    return StudentLine(subject, AttendanceSums(present=present, absent=absent), participations)


def test_the_rate_counts_present_and_late_and_leaves_excused_out() -> None:
    of = sums(StatusCounts(present=5, late=1, excused=2, waiting=1, rejected=1), 12)
    assert of == AttendanceSums(present=5, late=1, excused=2, absent=3, waiting=1)
    assert of.attended == 6 and of.rate == pytest.approx(6 / 9)
    assert [sums(StatusCounts(excused=n), 4).rate for n in (4, 0)] == [None, 0.0]
    assert sums(StatusCounts(present=2, rejected=1), 0).absent == 1  # no longer in the class, and said to be absent


def test_a_spread_has_quartiles_whiskers_and_outliers() -> None:
    found = spread([None, 1, 2, 3, 4, 5, 20])
    assert found is not None
    assert (found.count, found.low, found.q1, found.median, found.q3, found.high) == (6, 1, 2.25, 3.5, 4.75, 5)
    assert list(found.outliers) == [20] and found.mean == pytest.approx(35 / 6)
    one = spread([0.5])
    assert one is not None and (one.low, one.q1, one.median, one.high, one.outliers) == (0.5, 0.5, 0.5, 0.5, ())
    assert spread([None]) is None


def test_a_class_is_summed_up_over_who_is_in_it() -> None:
    counted = [
        StudentCounts("A", 1, StatusCounts(present=3, late=1), 4),
        StudentCounts("A", 9, StatusCounts(present=4), 9),  # has left
        StudentCounts("B", 2, StatusCounts(present=4), 9),
    ]
    of = summary_of("A", 4, {1, 2}, counted)
    assert [(each.subject, each.attendance.absent, each.participations) for each in of.lines] == [(1, 0, 4), (2, 4, 0)]
    assert of.attendance == AttendanceSums(present=3, late=1, absent=4) and of.attendance.rate == 0.5
    assert of.participations == 4 and of.participation_rate == 0.5
    assert of.attendance_spread is not None and of.attendance_spread.median == 0.5
    assert of.participation_spread is not None and of.participation_spread.high == 1.0
    empty = summary_of("C", 0, (), ())
    assert [empty.participation_rate, empty.attendance_spread, empty.participation_spread] == [None] * 3


def test_equals_share_a_rank_and_the_better_attendance_decides_who_is_beside_whom() -> None:
    names = {1: "A1", 2: "A2", 3: "A3", 4: "A4", 5: "A5"}
    lines = [line(1, 2), line(2, 7), line(3, 2, present=1, absent=1), line(4, 0), line(5, 2)]
    found = ranked(lines, names)
    assert [(each.line.subject, each.rank) for each in found] == [(2, 1), (1, 2), (5, 2), (3, 2), (4, 5)]
    middle = found[2]
    assert middle.before == (1, 2) and middle.after == (3, 4)
    assert found[0].before == () and found[-1].after == ()


def test_participations_of_a_date_count_at_its_first_meeting() -> None:
    early, late_ = Meeting("A", "2026-11-16", 3), Meeting("A", "2026-11-16", 8)
    lines = meeting_lines(
        {late_: StatusCounts(present=1), early: StatusCounts(late=2)},
        3,
        {("A", "2026-11-16"): 5, ("A", "2026-11-17"): 1},
    )
    assert [(each.meeting, each.participations, each.attendance.absent) for each in lines] == [
        (early, 5, 1),
        (late_, 0, 2),
    ]


def test_who_has_left_a_class_misses_nothing_there() -> None:
    said = ["present", None, "ambiguous", "withdrawn", "late"]
    assert own_sums(said, member=True) == AttendanceSums(present=1, late=1, absent=2, waiting=1)  # type: ignore[arg-type]
    assert own_sums(said, member=False) == AttendanceSums(present=1, late=1, waiting=1)  # type: ignore[arg-type]


def test_weeks_begin_on_monday_and_those_without_a_meeting_are_left_out() -> None:
    counts = StatusCounts(present=2, late=1, excused=1)
    days = {"2026-11-15": 1, "2026-11-16": 2, "2026-11-22": 4, "2026-12-31": 8, "2027-01-01": 16}
    lines = meeting_lines({Meeting("A", day, 0): counts for day in days}, 5, {("A", day): n for day, n in days.items()})
    found = week_lines(lines, 5)
    assert [(each.monday, each.meetings, each.participations) for each in found] == [
        ("2026-11-09", 1, 1),
        ("2026-11-16", 2, 6),
        ("2026-12-28", 2, 24),
    ]
    assert found[1].attendance == AttendanceSums(present=4, late=2, excused=2, absent=2)
    assert found[1].participation_rate == pytest.approx(6 / 10)
    assert (
        week_lines(meeting_lines({Meeting("A", "2026-11-16", 0): StatusCounts()}, 0, {}), 0)[0].participation_rate
        is None
    )
