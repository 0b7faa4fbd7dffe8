"""Lists of students in every order and under every condition, on both stores: what pages give is what sorting gives."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from gallery.documents.protocol import DocumentStore
from gallery.documents.scope import Scope
from gallery.documents.scoped_documents import documents_within
from gallery.documents.student_lists import SortField, StudentFilter, StudentOrder, StudentPlace, place_in
from gallery.documents.values import Consent, Enrolment, StoredStudent, Student
from gallery.gallery import Gallery
from tests.conftest import DIM, OpenGallery, enrolment, unit

NAMES = ["Zoe Ñuñez", "Álvaro Díaz", "alvaro diaz", "Óscar", "Nz", "Ña", "Na", "O%_\\", "Beto", "Beto"]


@pytest.fixture
def store(open_gallery: OpenGallery) -> DocumentStore:
    """Ten students of two classes with up to two photos, and one of the cohort."""
    gallery: Gallery = open_gallery()
    rng = np.random.default_rng(0)
    made = []
    for number, name in enumerate(NAMES):
        photos = enrolment(f"A{number}", unit(rng.normal(size=(number % 3, DIM)))).photos if number % 3 else ()
        made.append(
            Enrolment(
                Student(
                    f"A{number}",
                    name,
                    ("Época", "epoca 2", "")[number % 3],
                    "2026-01-01",
                    otras_clases=("IB",) if number % 4 == 0 else (),
                    aviso=("possible_duplicate", "", "image_damaged", "")[number % 4],
                    consentimiento=Consent("2026-08-01", "1") if number % 2 else None,
                ),
                photos,
            )
        )
    gallery.enrol([*made, enrolment("C0", unit(rng.normal(size=(1, DIM))), kind="cohort")])
    return gallery.store


def pages(store: DocumentStore, which: StudentFilter, order: StudentOrder, limit: int) -> list[str]:
    """The matriculas of a whole list, read page by page."""
    after: StudentPlace | None = None
    found: list[str] = []
    while page := store.listed_students(which, order, after, limit):
        assert len(page) <= limit
        found += [each.student.matricula for each in page]
        after = place_in(order, page[-1])
    return found


ORDERS: list[SortField] = ["matricula", "nombre", "clase", "photos"]
FILTERS = [
    StudentFilter(),
    StudentFilter(clase="IB"),
    StudentFilter(clases=frozenset({"IB", "Época"})),
    StudentFilter(query="O"),
    StudentFilter(query="%_\\"),
    StudentFilter(query="oscar"),
    StudentFilter(query="DIAZ Álv"),
    StudentFilter(query="ñunez a0"),
    StudentFilter(query="na"),
    StudentFilter(kind=None),
    StudentFilter(aviso="possible_duplicate"),
    StudentFilter(aviso="any"),
    StudentFilter(without_photos=True),
    StudentFilter(without_consent=True),
    StudentFilter(aviso="any", without_photos=True, without_consent=True, clase="IB", query="a"),
]


def test_every_order_and_condition_gives_what_sorting_everyone_gives(store: DocumentStore) -> None:
    everyone = store.students(kind=None, limit=100)
    assert len(everyone) == len(NAMES) + 1
    seen = set()
    for which, by, descending in itertools.product(FILTERS, ORDERS, (False, True)):
        order = StudentOrder(by, descending)
        wanted = sorted(filter(which.meets, everyone), key=lambda each: place_in(order, each), reverse=descending)
        expected = [each.student.matricula for each in wanted]
        for limit in (1, 3, 100):
            assert pages(store, which, order, limit) == expected, (which, order, limit)
        seen.add(len(expected))
    assert len(seen) > 4 and 0 not in seen  # the conditions tell students apart


def test_names_are_sorted_as_a_dictionary_has_them(store: DocumentStore) -> None:
    assert pages(store, StudentFilter(), StudentOrder("nombre"), 4) == ALPHABETICAL_ORDER


ALPHABETICAL_ORDER = ["A1", "A2", "A8", "A9", "A6", "A4", "A5", "A7", "A3", "A0"]


def test_students_who_come_and_go_between_pages_move_nothing(store: DocumentStore) -> None:
    order = StudentOrder("nombre")
    first = store.listed_students(StudentFilter(), order, None, 4)
    after = place_in(order, first[-1])
    store.remove([first[0].student.matricula, first[-1].student.matricula])
    store.enrol([Enrolment(Student("B0", "Aaron"), ())])
    rest = [each.student.matricula for each in store.listed_students(StudentFilter(), order, after, 100)]
    assert rest == ALPHABETICAL_ORDER[4:]


def test_a_consent_that_was_taken_back_is_missing(store: DocumentStore) -> None:
    which = StudentFilter(without_consent=True)
    student = store.student("A1")
    assert student is not None and "A1" not in pages(store, which, StudentOrder(), 5)
    store.update(replace(student.student, consentimiento=None))
    assert "A1" in pages(store, which, StudentOrder(), 5)


def test_a_scope_lists_its_own_students_only(store: DocumentStore) -> None:
    for by, descending in itertools.product(ORDERS, (False, True)):
        order = StudentOrder(by, descending)
        teacher = documents_within(store, Scope(frozenset({"IB"})))
        assert sorted(pages(teacher, StudentFilter(), order, 2)) == ["A0", "A4", "A8"]
        assert pages(teacher, StudentFilter(without_consent=True, aviso="any"), order, 2) != []
        own = documents_within(store, Scope(frozenset(), "A4"))
        assert pages(own, StudentFilter(), order, 1) == ["A4"]
        assert pages(own, StudentFilter(without_photos=True), order, 1) == []
        assert pages(own, StudentFilter(aviso="any"), order, 1) == ["A4"]


def stored(images: int) -> StoredStudent:
    return StoredStudent(1, Student("A1", "Ana"), images, images)


def test_a_filter_of_photos_counts_photos() -> None:
    which = StudentFilter(without_photos=True)
    assert which.meets(stored(0)) and not which.meets(stored(1))
