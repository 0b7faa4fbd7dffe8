"""Periods: what goes when, and that the access log that is left is still proved."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gallery.access_log.shortening import log_start, shorten
from gallery.access_log.verification import verify
from gallery.documents.access_log import NO_LINES, AccessAction, AccessEvent, ChainHead
from gallery.documents.attendance import Attendance, EntryFilter, SeenFace
from gallery.documents.note_store import LOG_START
from gallery.documents.protocol import DocumentStore
from gallery.gallery import Gallery
from gallery.privacy.retention import Policy, RetentionReport, RetentionRun
from gallery.signing import canonical, is_signed, public_key, signature_of
from presente.clock import Clock
from presente.errors import InvalidInput
from presente.settings.retention import retention, shown_retention
from tests.conftest import PACK, OpenGallery, OpenStore, enrolment, student_in
from tests.gallery.conftest import vectors

TODAY = "2026-11-28"
CLOCK = Clock("America/Mexico_City", lambda: datetime(2026, 11, 28, 16, tzinfo=UTC))


def run(gallery: Gallery, periods: str, dry: bool = False) -> RetentionReport:
    lines: list[tuple[AccessAction, tuple[str, ...], str]] = []
    forgotten: list[str] = []
    report = RetentionRun(
        gallery, Policy(retention(periods), 14), CLOCK, forgotten.extend, lambda *line: lines.append(line), dry
    ).run()
    erased = [about[0] for action, about, _ in lines if action is AccessAction.ERASED]
    assert set(erased) <= set(forgotten) and not (dry and lines)
    return report


def attend(store: DocumentStore, matricula: str, clase: str, fecha: str) -> None:
    face = SeenFace(vectors(1, 9)[0], PACK, (0.0, 0.0, 9.0, 9.0), 0.9, 0.5, 1, 0, "ab" * 32)
    subject = student_in(store, matricula).id
    made = Attendance(subject, clase, fecha, 0, "present", "photo", f"{fecha}T15:00:00+00:00", face=face)
    assert store.attendance.add_entries([made]) == []


@pytest.fixture
def gallery(open_gallery: OpenGallery) -> Gallery:
    """Students who were registered on 2026-01-01: one of no class, of a class, of two classes."""
    made = open_gallery()
    made.enrol(
        [
            enrolment("LEFT", vectors(1, 1), clase=""),
            enrolment("SEEN", vectors(1, 2), clase=""),
            enrolment("IN", vectors(1, 3), clase="IA-101"),
            enrolment("COHORT", vectors(1, 4), "cohort", clase=""),
        ]
    )
    attend(made.store, "SEEN", "IA-101", "2026-11-01")
    return made


def there(gallery: Gallery) -> set[str]:
    return {stored.student.matricula for stored in gallery.store.students(kind=None)}


def test_without_periods_nothing_goes(gallery: Gallery) -> None:
    assert run(gallery, "") == RetentionReport()
    assert len(there(gallery)) == 4 and gallery.store.counts().images == 4


def test_students_who_left_go_a_period_after_they_were_last_seen(gallery: Gallery) -> None:
    assert run(gallery, "students=331d").students == 0  # 2026-01-01 is 331 days ago
    assert run(gallery, "students=330d", dry=True).students == 1 and "LEFT" in there(gallery)
    assert run(gallery, "students=330d").students == 1
    assert there(gallery) == {"SEEN", "IN", "COHORT"}
    assert run(gallery, "students=27d").students == 0
    assert run(gallery, "students=26d").students == 1
    assert there(gallery) == {"IN", "COHORT"}
    assert [each.asked for each in gallery.store.erasures.entries()] == [False, False]


def test_a_class_has_a_period_of_its_own_and_the_longest_holds(gallery: Gallery) -> None:
    gallery.enrol([enrolment("BOTH", vectors(1, 5), clase="IA-101")])
    both = student_in(gallery.store, "BOTH").student
    gallery.store.update(type(both)(**{**{n: getattr(both, n) for n in both.__slots__}, "otras_clases": ("IB 2",)}))
    assert run(gallery, "IA-101.photos=10d").photo_owners == 1
    assert student_in(gallery.store, "IN").images == 0 and student_in(gallery.store, "BOTH").images == 1
    assert run(gallery, "IA-101.photos=10d 'IB 2.photos=400d'").photo_owners == 0
    assert run(gallery, "IA-101.photos=10d 'IB 2.photos=20d'").photo_owners == 1
    assert student_in(gallery.store, "BOTH").templates == 0 and gallery.search(vectors(1, 5), 9)[0][0].score < 0.99
    assert run(gallery, "IA-101.photos=10d").photo_owners == 0  # there is nothing left


def test_faces_of_attendance_go_and_entries_stay(gallery: Gallery) -> None:
    attend(gallery.store, "IN", "IB-201", "2026-10-01")
    attend(gallery.store, "IN", "IB-201", "2026-11-20")

    def faces() -> list[tuple[str, str]]:
        entries = [stored.entry for stored in gallery.store.attendance.entries(EntryFilter())]
        return [(entry.clase, entry.fecha) for entry in entries if entry.face is not None]

    assert run(gallery, "attendance_faces=30d IB-201.attendance_faces=90d").attendance_faces == 0
    assert run(gallery, "attendance_faces=10d IB-201.attendance_faces=20d", dry=True).attendance_faces == 2
    assert len(faces()) == 3
    assert run(gallery, "attendance_faces=10d IB-201.attendance_faces=20d").attendance_faces == 2
    assert faces() == [("IB-201", "2026-11-20")]
    assert len(gallery.store.attendance.entries(EntryFilter())) == 3 and gallery.store.attendance.miscounted() == []
    assert student_in(gallery.store, "IN").asistencias == 2
    assert [each for each in gallery.store.damage() if each.code != "photo_changed"] == []


# -- the access log -------------------------------------------------------------------------------------------------


def log(store: DocumentStore, days: int) -> None:
    """A line per day, the last one today."""
    now = CLOCK.now()
    for ago in reversed(range(days)):
        at = (now - timedelta(days=ago)).isoformat(timespec="milliseconds")
        store.access_log.append([AccessEvent(at, "key:x", "admin", "local", AccessAction.READ, about=("A1",))])


def test_a_shortened_log_is_still_proved(store: DocumentStore, open_store: OpenStore) -> None:
    store.enrol([enrolment("A1", vectors(1))])
    log(store, 30)
    kept = store.access_log.head()
    before = (CLOCK.now() - timedelta(days=9, hours=12)).isoformat(timespec="milliseconds")
    assert shorten(store, before, before) == 20
    assert shorten(store, before, before) == 0
    found = verify(open_store(), kept)
    assert (found.findings, found.lines, found.start.number, found.head) == ((), 10, 20, kept)
    log(store, 1)
    assert verify(store).findings == () and verify(store).lines == 11
    assert shorten(store, "9999", before) == 0 or store.access_log.head().number == 31  # the last line stays
    assert verify(store).findings == ()


def test_who_cuts_the_log_without_the_key_is_found(store: DocumentStore) -> None:
    log(store, 10)
    whole = {line.number: line for line in store.access_log.every_line()}
    store.access_log.drop_until(4)
    assert [each.code for each in verify(store).findings] == ["line_missing"]
    stated = {"format": 1, "access_log_start": str(whole[4].head), "at": "", "installation": store.identity()}
    store.notes.write(LOG_START, canonical({"stated": stated, "signature": "A" * 88}).decode())
    assert log_start(store) is None
    assert {each.code for each in verify(store).findings} == {"start_forged", "line_missing"}
    for wrong in ("", "{}", "[]", '{"stated": 1, "signature": ""}'):
        store.notes.write(LOG_START, wrong)
        assert log_start(store) is None


def test_a_cut_that_was_cut_off_is_no_finding_and_is_finished(store: DocumentStore) -> None:
    log(store, 10)
    line = next(line for line in store.access_log.every_line() if line.number == 6)
    stated = {"format": 1, "access_log_start": str(line.head), "at": "", "installation": store.identity()}
    signed = {"stated": stated, "signature": signature_of(store, stated)}
    store.notes.write(LOG_START, canonical(signed).decode())
    assert verify(store).findings == () and verify(store).lines == 4
    before = (CLOCK.now() - timedelta(days=3, hours=12)).isoformat(timespec="milliseconds")
    assert shorten(store, before, before) == 6
    assert verify(store).findings == () and log_start(store) == line.head


def test_the_run_shortens_the_log(gallery: Gallery) -> None:
    assert log_start(gallery.store) == NO_LINES
    log(gallery.store, 30)
    assert run(gallery, "access_log=10d", dry=True).access_lines == 19
    assert run(gallery, "access_log=10d").access_lines == 19
    assert verify(gallery.store).findings == () and isinstance(log_start(gallery.store), ChainHead)


# -- signing and the setting ----------------------------------------------------------------------------------------


def test_one_key_per_installation(store: DocumentStore, open_store: OpenStore) -> None:
    value = {"b": "ñ", "a": [1, "x"]}
    assert canonical(value) == '{"a":[1,"x"],"b":"ñ"}'.encode()
    signature, key = signature_of(store, value), public_key(open_store())
    assert is_signed(value, signature, key) and not is_signed({**value, "a": [2, "x"]}, signature, key)
    assert not is_signed(value, "nonsense", key) and not is_signed(value, "ñ", key)
    for wrong in ("", "AAAA", "not base64"):
        with pytest.raises(InvalidInput):
            is_signed(value, signature, wrong)


@pytest.mark.parametrize(
    "text",
    ["photos", "photos=180", "photos=0d", "photos=d", "x=1d", "IA-101.access_log=9d", "photos=1d photos=2d",
     "IA.photos=1d IA.photos=2d", "photos==1d", "'photos=1d", "photos=100000d", "x.photos=1d y"],
)  # fmt: skip
def test_periods_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"kinds|period|twice|quote"):
        retention(text)


def test_periods_are_shown_as_they_are_written() -> None:
    text = "photos=180d IA-101.photos=90d 'IB 2.students=5d' access_log=365d jobs=9d attendance_faces=90d"
    assert shown_retention(retention(text)) == text and retention("").rules == ()
    periods = retention(text)
    assert periods.longest("photos", []) == 180 and periods.longest("photos", ["IA-101"]) == 90
    assert periods.longest("photos", ["IA-101", "IB 2"]) is None and np.isscalar(periods.days("jobs"))
