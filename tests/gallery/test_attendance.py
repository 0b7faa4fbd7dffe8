"""The contract of an attendance store: attendance and participation. Every store passes it."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gallery.documents.attendance import Attendance, EntryFilter, Participation, SeenFace, SeenLiveness
from gallery.documents.attendance_rules import counted_participations, latest
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Consent, Student
from presente.errors import InvalidInput, NotFound
from tests.conftest import DIM, PACK, enrolment, student_in, unit
from tests.gallery.conftest import vectors

AT = "2026-11-21T08:00:00+00:00"


def face(seed: int) -> SeenFace:
    return SeenFace(vectors(1, seed)[0], PACK, (1.0, 2.0, 30.5, 40.25), 0.71, 0.5, 12, 3, "ab" * 32)


def entry(subject: int, revision: int = 0, fecha: str = "2026-11-21", **more: Any) -> Attendance:
    fields: dict[str, Any] = {"status": "present", "source": "photo", "at": AT} | more
    return Attendance(subject, "IA-101", fecha, revision, **fields)


@pytest.fixture
def ana(store: DocumentStore) -> int:
    store.enrol([enrolment("A1", vectors(1, 1)), enrolment("A2", vectors(1, 2))])
    return student_in(store, "A1").id


def counts(store: DocumentStore, matricula: str = "A1") -> tuple[int, int]:
    found = store.student(matricula)
    assert found is not None
    return found.asistencias, found.participaciones


def test_an_entry_is_read_back_exactly(store: DocumentStore, ana: int) -> None:
    made = entry(ana, note="tarde", request="key-1", face_group="g1", face=face(7))
    assert store.attendance.add_entries([made]) == []
    (stored,) = store.attendance.entries(EntryFilter())
    assert replace(stored.entry, face=None) == replace(made, face=None)
    assert stored.entry.face is not None and made.face is not None
    assert (stored.entry.face.vector == made.face.vector).all()
    assert replace(stored.entry.face, vector=0) == replace(made.face, vector=0)  # type: ignore[arg-type]
    again = store.attendance.entry(stored.id)
    assert again is not None and again.entry.entry_key == (ana, "IA-101", "2026-11-21", 0)
    assert store.attendance.entry(10**6) is None


@pytest.mark.parametrize("score", [0.25, None])
def test_an_entry_that_waits_is_read_back_exactly(store: DocumentStore, ana: int, score: float | None) -> None:
    judged = SeenLiveness(score, "not_judged" if score is None else "attack", "lives@1")
    made = entry(ana, status="waiting", reason="not_live", late=True, face=replace(face(7), liveness=judged))
    assert store.attendance.add_entries([made]) == []
    (stored,) = store.attendance.entries(EntryFilter())
    assert stored.entry.face is not None and stored.entry.face.liveness == judged
    assert replace(stored.entry, face=None) == replace(made, face=None) and stored.entry.late is True
    assert counts(store) == (0, 0) and store.attendance.count_present(EntryFilter()) == 0
    store.remove(["A1"])
    (stored,) = store.attendance.entries(EntryFilter())
    assert stored.entry.face is None and stored.entry.subject is None


def test_entries_are_selected(store: DocumentStore, ana: int) -> None:
    days = ["2026-11-19", "2026-11-20", "2026-11-21"]
    store.attendance.add_entries([entry(ana, fecha=day, request=f"r{day}", face_group=f"g{day}") for day in days])
    store.attendance.add_entries([entry(ana + 10**6)])  # no such student

    def dates(**which: object) -> list[str]:
        return [found.entry.fecha for found in store.attendance.entries(EntryFilter(**which))]  # type: ignore[arg-type]

    assert dates() == days == dates(subject=ana) == dates(clase="IA-101")
    assert dates(desde="2026-11-20") == days[1:] and dates(hasta="2026-11-20") == days[:2]
    assert dates(desde=days[1], hasta=days[1]) == [days[1]] == dates(request=f"r{days[1]}")
    assert dates(face_group=f"g{days[2]}") == [days[2]]
    assert dates(clase="IA-102") == [] == dates(subject=ana + 1)


def test_entries_are_read_in_the_order_of_their_ids(store: DocumentStore, ana: int) -> None:
    records = store.attendance
    assert (records.last_numbers(), records.entries_since(0, 9)) == ((0, 0), [])
    for revision in range(3):
        records.add_entries([entry(ana, revision)])
    found = records.entries_since(0, 9)
    assert [each.entry.revision for each in found] == [0, 1, 2]
    assert records.entries_since(found[0].id, 1) == found[1:2] and records.entries_since(found[2].id, 9) == []
    took_part = records.add_participation(
        Participation(ana, "x", "2026-11-21", "", "", "2026-11-21T08:00:00+00:00", "r")
    )
    assert records.last_numbers() == (found[2].id, took_part.id)


def test_a_revision_is_taken_once(store: DocumentStore, ana: int) -> None:
    first, second = entry(ana), entry(ana, status="rejected", source="hand")
    assert store.attendance.add_entries([first]) == []
    assert store.attendance.add_entries([second, entry(ana, fecha="2026-11-22")]) == [second]
    assert counts(store) == (2, 0)
    assert store.attendance.add_entries([replace(second, revision=1)]) == []
    assert counts(store) == (1, 0)
    current = latest(store.attendance.entries(EntryFilter(subject=ana)))
    assert [found.entry.status for found in current] == ["rejected", "present"]


def test_an_entry_of_a_missing_student_is_not_stored(store: DocumentStore, ana: int) -> None:
    missing = entry(10**6)
    assert store.attendance.add_entries([missing]) == [missing] and store.attendance.entries(EntryFilter()) == []
    with pytest.raises(NotFound):
        store.attendance.add_participation(Participation(10**6, "IA-101", "2026-11-21", "pregunta", "", AT, "r"))
    assert store.attendance.participations(EntryFilter()) == []


def test_counts_are_updated_and_can_be_recounted(store: DocumentStore, ana: int) -> None:
    store.attendance.add_entries([entry(ana), entry(ana, 1), entry(ana, fecha="2026-11-22")])
    store.attendance.add_entries([entry(ana, fecha="2026-11-23", status="ambiguous")])
    assert counts(store) == (2, 0) and counts(store, "A2") == (0, 0)
    before = student_in(store, "A1").student
    store.update(replace(before, asistencias_previas=30, participaciones_previas=4))
    assert counts(store) == (32, 4) and store.attendance.miscounted() == []
    store.attendance.recount()
    assert counts(store) == (32, 4)


def test_participations_are_counted_and_withdrawn(store: DocumentStore, ana: int) -> None:
    made = Participation(ana, "IA-101", "2026-11-21", "pregunta", "buena", AT, "r1")
    first = store.attendance.add_participation(made)
    assert first.entry == made and store.attendance.add_participation(made) == first
    second = store.attendance.add_participation(replace(made, request="r2"))
    assert counts(store) == (0, 2)
    store.attendance.add_participation(replace(made, request="r3", withdraws=second.id))
    assert counts(store) == (0, 1)
    assert [found.entry.request for found in store.attendance.participations(EntryFilter(subject=ana))] == [
        "r1",
        "r2",
        "r3",
    ]
    assert store.attendance.participation(first.id) == first and store.attendance.participation(10**6) is None


def test_erasure_leaves_counts_without_the_person(store: DocumentStore, ana: int) -> None:
    eva = student_in(store, "A2").id
    ambiguous: dict[str, Any] = {"status": "ambiguous", "face_group": "g1", "face": face(7), "note": "nota"}
    store.attendance.add_entries(
        [entry(ana, **ambiguous), entry(eva, **ambiguous), entry(ana, 1, face=face(8), request="r")]
    )
    store.attendance.add_entries([entry(eva, fecha="2026-11-22", face=face(9))])
    store.attendance.add_participation(Participation(ana, "IA-101", "2026-11-21", "pregunta", "nota", AT, "r1"))
    store.remove(["A1"])
    left = store.attendance.entries(EntryFilter())
    assert len(left) == 4
    gone = [found.entry for found in left if found.entry.subject is None]
    assert [(found.status, found.note, found.request, found.face) for found in gone] == [
        ("ambiguous", "", "", None),
        ("present", "", "", None),
    ]
    kept = [found.entry for found in left if found.entry.subject == eva]
    assert [found.face is None for found in kept] == [True, False]  # the first may have shown the other
    (participation,) = store.attendance.participations(EntryFilter())
    assert (
        participation.entry.subject is None and participation.entry.note == "" and participation.entry.request != "r1"
    )
    assert len(latest(left)) == 4
    store.enrol([enrolment("A1", vectors(1, 1))])
    assert counts(store) == (0, 0)


def test_threads_that_want_the_same_revision(store: DocumentStore, ana: int) -> None:
    refused: list[int] = []

    def work(number: int) -> None:
        made = [entry(ana, fecha=f"2026-11-{day:02d}", note=str(number)) for day in range(1, 6)]
        refused.append(len(store.attendance.add_entries(made)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(refused) == 15 and counts(store) == (5, 0) and store.attendance.miscounted() == []


def test_consent_is_kept_until_it_is_withdrawn(store: DocumentStore) -> None:
    given = Consent("2026-08-01", "aviso de privacidad 3")
    first = enrolment("A1", unit(np.ones((1, DIM))))
    store.enrol([replace(first, student=replace(first.student, consentimiento=given, aviso="image_fallback"))])
    store.enrol([enrolment("A1", vectors(1, 5))])
    found = store.student("A1")
    assert found is not None and found.student.consentimiento == given and found.student.aviso == ""
    store.update(Student("A1", "Ana"))
    assert student_in(store, "A1").student == Student("A1", "Ana")


@pytest.mark.parametrize("text", ["", "21/11/2026", "2026-11-21T08:00:00", "2026-02-30", "20261121"])
def test_dates_are_checked(text: str) -> None:
    from gallery.documents.attendance_rules import check_date

    with pytest.raises(InvalidInput) as caught:
        check_date(text)
    assert caught.value.code == "invalid_fecha"


def list_of(store: DocumentStore, limit: int, which: EntryFilter = EntryFilter(), history: bool = False) -> list[int]:  # noqa: B008
    """Ids of the whole attendance list, read in pages."""
    found: list[int] = []
    after = None
    while page := store.attendance.entries_after(which, after, limit, history):
        assert len(page) <= limit and [position.id for position, _ in page] == [stored.id for _, stored in page]
        found += [position.id for position, _ in page]
        after = page[-1][0]
    return found


@pytest.mark.parametrize("limit", [2, 1000])
def test_the_pages_of_the_list_are_the_whole_list(store: DocumentStore, limit: int) -> None:
    people = ["B2", "A1", "Ñ3", "a4", "B10"]
    store.enrol([enrolment(person, vectors(1, seed)) for seed, person in enumerate(people)])
    ids = {person: student_in(store, person).id for person in people}
    made = [
        replace(entry(ids[person], revision, fecha, status=status, face=face(3)), clase=clase)
        for fecha in ("2026-11-21", "2026-11-20", "2026-11-22")
        for clase in ("IA-102", "IA-101")
        for revision, status in enumerate(("present", "rejected", "present"))
        for person in people
        if (person, revision) not in (("B2", 2), ("A1", 1), ("A1", 2), ("Ñ3", 2))
    ]
    assert store.attendance.add_entries(made) == []
    store.remove(["a4"])
    names = {ids[person]: person for person in people}
    for which in (
        EntryFilter(),
        EntryFilter(clase="IA-101"),
        EntryFilter(desde="2026-11-21"),
        EntryFilter(subject=ids["B2"]),
        EntryFilter(clase="IA-102", desde="2026-11-20", hasta="2026-11-20"),
        EntryFilter(clase="none"),
    ):
        entries = store.attendance.entries(which)
        for history in (False, True):
            kept = entries if history else latest(entries)
            ordered = sorted(
                kept,
                key=lambda each: (each.entry.fecha, each.entry.clase, names.get(each.entry.subject or 0, ""), each.id),
            )
            assert list_of(store, limit, which, history) == [each.id for each in ordered]
            present = sum(each.entry.status == "present" for each in kept)
            assert store.attendance.count_present(which, history) == present
    (_, stored) = store.attendance.entries_after(EntryFilter(), None, 100)[-1]
    again = store.attendance.entry(stored.id)
    assert again is not None and stored.entry.face is not None and again.entry.face is not None
    assert (stored.entry.face.vector == again.entry.face.vector).all()


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_the_pages_of_participations_are_all_participations(store: DocumentStore, ana: int, limit: int) -> None:
    made = [Participation(ana, "IA-101", f"2026-11-{day}", "x", "", AT, f"r{day}") for day in range(10, 20)]
    stored = [store.attendance.add_participation(each) for each in made]
    for each in (stored[0], stored[4], stored[5], stored[9]):
        withdrawal = replace(each.entry, request=f"withdraws {each.id}", withdraws=each.id)
        store.attendance.add_participation(withdrawal)
    for which in (
        EntryFilter(),
        EntryFilter(desde="2026-11-14"),
        EntryFilter(subject=ana),
        EntryFilter(subject=ana + 1),
    ):
        entries = store.attendance.participations(which)
        for history in (False, True):
            expected = [each.id for each in (entries if history else counted_participations(entries))]
            found: list[int] = []
            while page := store.attendance.participations_after(which, found[-1] if found else 0, limit, history):
                assert len(page) <= limit
                found += [each.id for each in page]
            assert found == expected and store.attendance.count_participations(which, history) == len(expected)
