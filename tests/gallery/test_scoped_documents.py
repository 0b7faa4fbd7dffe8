"""A part of the school as a store of its own: what it shows, what it refuses, and what it does not have."""

import inspect

import pytest

from gallery.attendance.attendance_log import AttendanceLog
from gallery.documents.attendance import EntryFilter
from gallery.documents.protocol import AttendanceStore, DocumentStore
from gallery.documents.scope import WHOLE_SCHOOL, Scope
from gallery.documents.scoped_documents import ScopedAttendance, ScopedDocuments
from gallery.documents.scoped_sessions import ScopedSessionPhotos
from gallery.documents.session_store import SessionPhotoStore
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.errors import Forbidden, NotFound
from tests.conftest import OpenGallery

CLASS_OF = {"A1": ("x", ()), "A2": ("y", ("x",)), "A3": ("y", ()), "A4": ("z", ("w", "y")), "A5": ("", ())}
DAY = "2026-11-20"


@pytest.fixture
def school(open_gallery: OpenGallery) -> Gallery:
    """Five students in four classes, each with an entry and a participation in the first class."""
    gallery = open_gallery()
    for matricula, (clase, others) in CLASS_OF.items():
        gallery.enrol([Enrolment(Student(matricula, f"Name of {matricula}", clase, otras_clases=others), ())])
    log = AttendanceLog(gallery)
    for matricula, (clase, _) in CLASS_OF.items():
        log.record_by_hand(matricula, clase, DAY, "present", "")
        log.record_participation(matricula, clase, DAY, "said", "")
    return gallery


def matriculas(gallery: Gallery, **asked: object) -> list[str]:
    return [stored.student.matricula for stored in gallery.store.students(**asked)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "seen", "entries"),
    [
        ({"x"}, ["A1", "A2"], {"x": 1}),
        ({"y"}, ["A2", "A3", "A4"], {"y": 2}),
        ({"x", "w"}, ["A1", "A2", "A4"], {"x": 1}),
        ({"x", "y", "z", "w"}, ["A1", "A2", "A3", "A4"], {"x": 1, "y": 2, "z": 1}),
        ({"no such class"}, [], {}),
        (set(), [], {}),
    ],
)
def test_a_scope_has_the_students_and_the_records_of_its_classes(
    school: Gallery, classes: set[str], seen: list[str], entries: dict[str, int]
) -> None:
    part = school.within(Scope(frozenset(classes)))
    assert matriculas(part) == seen
    assert matriculas(part, limit=1) + matriculas(part, after="A1") == (seen if "A1" in seen else seen[:1] + seen)
    assert matriculas(part, query="of a2") == [each for each in seen if each == "A2"]
    by_id = {stored.id for stored in school.store.students() if stored.student.matricula in seen}
    assert part.roster().tolist() == sorted(by_id)
    store, everything = part.store.attendance, EntryFilter()
    listed = [each.entry.clase for _, each in store.entries_after(everything, None, 10)]
    assert {clase: listed.count(clase) for clase in set(listed)} == entries
    assert store.count_present(everything) == store.count_participations(everything) == sum(entries.values())
    assert [each.entry.clase for each in store.participations_after(everything, 0, 10)] == listed
    for clase in {"x", "y", "z"} - classes:
        for ask in (
            lambda clase=clase: part.store.students(clase=clase),
            lambda clase=clase: store.entries(EntryFilter(clase=clase)),
            lambda clase=clase: store.count_participations(EntryFilter(clase=clase)),
            lambda clase=clase: part.roster(clase=clase),
            lambda clase=clase: part.operating_point(None, clase),
        ):
            with pytest.raises(Forbidden) as caught:
                ask()
            assert caught.value.code == "class_not_yours"


def test_a_scope_of_one_student_has_that_record(school: Gallery) -> None:
    part = school.within(Scope(frozenset(), "A2"))
    assert matriculas(part) == matriculas(part, clase="x") == matriculas(part, query="name OF") == ["A2"]
    assert matriculas(part, clase="z") == matriculas(part, after="A2") == matriculas(part, kind="cohort") == []
    with pytest.raises(NotFound):
        part.student("A1")
    store = part.store.attendance
    (entry,) = store.entries(EntryFilter())
    assert store.entry(entry.id) == entry and store.count_present(EntryFilter(clase="y")) == 1
    other = school.student("A3").id
    assert store.entries(EntryFilter(subject=other)) == []
    (foreign,) = school.store.attendance.entries(EntryFilter(subject=other))
    assert store.entry(foreign.id) is None
    with pytest.raises(Forbidden):
        AttendanceLog(part).record_by_hand("A2", "y", DAY, "rejected", "")
    school.remove(["A2"])
    assert matriculas(part) == [] == store.entries(EntryFilter()) and len(part.roster()) == 0


def test_a_scope_writes_in_its_classes_only(school: Gallery) -> None:
    log = AttendanceLog(school.within(Scope(frozenset({"x"}))))
    assert log.record_by_hand("A2", "x", DAY, "present", "").entry.clase == "x"
    for record in (
        lambda: log.record_by_hand("A2", "y", DAY, "rejected", ""),
        lambda: log.record_participation("A2", "y", DAY, "said", ""),
    ):
        with pytest.raises(Forbidden):
            record()
    with pytest.raises(NotFound):
        log.record_by_hand("A3", "x", DAY, "present", "")
    (entry,) = school.store.attendance.entries(EntryFilter(clase="z"))
    with pytest.raises(NotFound):
        log.resolve(entry.id, "rejected", "")


def test_what_knows_of_no_scope_is_not_there(school: Gallery) -> None:
    part = school.within(Scope(frozenset({"x"})))
    for name in ("enrol", "update", "remove", "photos", "templates", "access", "enrolled", "damage"):
        with pytest.raises(AttributeError):
            getattr(part.store, name)
    assert part.whole is school and school.within(WHOLE_SCHOOL) is school and part.within(WHOLE_SCHOOL) is school


def test_only_what_a_part_must_not_do_with_attendance_is_missing() -> None:
    whole = {name for name, _ in inspect.getmembers(AttendanceStore, inspect.isfunction) if not name.startswith("_")}
    of_the_school = {"entries_since", "last_numbers", "drop_faces", "miscounted", "recount"}
    assert whole - set(dir(ScopedAttendance)) == of_the_school
    photos = {name for name, _ in inspect.getmembers(SessionPhotoStore, inspect.isfunction) if not name.startswith("_")}
    assert photos - set(dir(ScopedSessionPhotos)) == {"drop"}


@pytest.mark.parametrize(
    ("part", "whole"),
    [(ScopedDocuments, DocumentStore), (ScopedAttendance, AttendanceStore)],
    ids=lambda kind: kind.__name__,
)
def test_its_methods_are_those_of_a_store(part: type, whole: type) -> None:
    for name, method in inspect.getmembers(part, inspect.isfunction):
        if name.startswith("_"):
            continue
        given, declared = (inspect.signature(each, eval_str=False) for each in (method, getattr(whole, name)))
        asked = {each: kind for each, kind in declared.parameters.items() if each != "clases"}
        assert given.parameters == asked and given.return_annotation == declared.return_annotation, name


def test_participations_are_those_of_the_scope(school: Gallery) -> None:
    found = school.within(Scope(frozenset({"y"}))).store.attendance.participations(EntryFilter())
    assert [each.entry.clase for each in found] == ["y", "y"]
