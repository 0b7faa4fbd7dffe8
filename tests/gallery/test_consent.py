"""Consents: what is on record, what becomes of it, and that a withdrawal stops recognition at once, in both stores."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.consent_rules import consent_after, consent_fields, consent_of, is_due
from gallery.documents.protocol import DocumentStore
from gallery.documents.student_lists import StudentFilter, StudentOrder
from gallery.documents.student_rules import check_student
from gallery.documents.values import Consent, Position, Student, Template
from presente.errors import Conflict, InvalidInput, NotFound, PhotoRefused
from tests.conftest import PACK, OpenGallery, OpenStore, enrolment, student_in
from tests.gallery.conftest import vectors
from tests.gallery.erasing import holding

GIVEN = Consent("2026-08-01", "aviso 3", "tutor", "Rosa Ruiz", "madre", "2027-07-31")
AT = "2026-11-28T10:00:00-06:00"


def consented(store: DocumentStore, matricula: str, consent: Consent) -> None:
    assert store.update(replace(student_in(store, matricula).student, consentimiento=consent))


def consent_in(store: DocumentStore, matricula: str) -> Consent:
    found = student_in(store, matricula).student.consentimiento
    assert found is not None
    return found


def listed(store: DocumentStore, which: StudentFilter) -> list[str]:
    return [found.student.matricula for found in store.listed_students(which, StudentOrder(), None, 10)]


def test_a_consent_is_read_back_as_it_was_given(store: DocumentStore, open_store: OpenStore) -> None:
    store.enrol([enrolment("A1", vectors(1))])
    consented(store, "A1", GIVEN)
    assert consent_in(open_store(), "A1") == GIVEN
    assert consent_of(consent_fields(GIVEN) | {"later": "field"}) == GIVEN
    assert consent_fields(Consent("2026-08-01", "x")) == {"fecha": "2026-08-01", "texto": "x"}


def test_clients_that_know_date_and_text_alone_lose_nothing(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(1))])
    consented(store, "A1", GIVEN)
    consented(store, "A1", Consent(GIVEN.fecha, GIVEN.texto))
    assert consent_in(store, "A1") == GIVEN
    given = enrolment("A1", vectors(1))
    store.enrol([replace(given, student=replace(given.student, consentimiento=Consent(GIVEN.fecha, GIVEN.texto)))])
    assert consent_in(store, "A1") == GIVEN
    consented(store, "A1", Consent("2027-08-01", "aviso 4"))
    assert consent_in(store, "A1") == Consent("2027-08-01", "aviso 4", anteriores=(GIVEN,))


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (replace(GIVEN, otorgado_por="abuela"), "otorgado_por"),  # type: ignore[arg-type]
        (replace(GIVEN, tutor="", parentesco=""), "tutor"),
        (replace(GIVEN, otorgado_por="alumno"), "tutor"),
        (replace(GIVEN, hasta="mañana"), "hasta"),
        (replace(GIVEN, hasta="2026-07-31"), "hasta"),
        (replace(GIVEN, tutor="x" * 201), "tutor"),
        (replace(GIVEN, parentesco="\x00"), "parentesco"),
        (replace(GIVEN, fecha=""), "fecha"),
    ],
)
def test_a_consent_that_makes_no_sense_is_refused(wrong: Consent, names: str) -> None:
    with pytest.raises(InvalidInput, match=f"consentimiento.{names}"):
        check_student(Student("A1", "Ana", consentimiento=wrong))


def test_only_a_newer_consent_follows_one_that_has_ended() -> None:
    ended = replace(GIVEN, retirado=AT, motivo="withdrawn")
    assert consent_after(ended, None, "A1") == ended
    assert consent_after(ended, Consent(GIVEN.fecha, GIVEN.texto), "A1") == ended
    for old in (replace(GIVEN, hasta="2030-01-01"), Consent("2026-11-27", "aviso 3")):
        with pytest.raises(Conflict) as refused:
            consent_after(ended, old, "A1")
        assert refused.value.code == "consent_withdrawn"
    anew = Consent("2026-11-28", "aviso 3")
    assert consent_after(ended, anew, "A1") == replace(anew, anteriores=(ended,))


@pytest.mark.parametrize(("now", "due"), [("2026-12-12T15:59:59+00:00", False), ("2026-12-12T16:00:00+00:00", True)])
def test_when_the_erasure_is_due(now: str, due: bool) -> None:
    ended = replace(GIVEN, retirado=AT, motivo="withdrawn")
    assert is_due(ended, 14, datetime.fromisoformat(now)) is due
    assert not is_due(GIVEN, 14, datetime.fromisoformat(now)) and not is_due(None, 14, datetime.fromisoformat(now))


def test_lists_by_consent(store: DocumentStore) -> None:
    store.enrol([enrolment(f"A{number}", vectors(1, number)) for number in (1, 2, 3, 4)])
    consented(store, "A1", GIVEN)
    consented(store, "A2", replace(GIVEN, hasta="2027-08-31"))
    consented(store, "A3", replace(GIVEN, hasta=""))
    store.end_consent("A2", AT, "withdrawn")
    for which, expected in (
        (StudentFilter(consent_until="2027-07-31"), ["A1"]),
        (StudentFilter(consent_until="2027-07-30"), []),
        (StudentFilter(consent_until="2030-01-01"), ["A1"]),
        (StudentFilter(consent_ended=True), ["A2"]),
        (StudentFilter(without_consent=True), ["A4"]),
    ):
        assert listed(store, which) == expected
        assert [found.student.matricula for found in store.students() if which.meets(found)] == expected


def test_a_withdrawal_takes_every_template_and_lets_none_come_back(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(2)), enrolment("A2", vectors(1, 2))])
    consented(store, "A1", GIVEN)
    before, subject = store.position(), student_in(store, "A1").id
    store.end_consent("A1", AT, "withdrawn")
    found = student_in(store, "A1")
    assert found.student.consentimiento == replace(GIVEN, retirado=AT, motivo="withdrawn")
    assert (found.images, found.templates) == (2, 0) and len(store.digests("A1")) == 2
    changes = store.changes(before)
    assert len(changes.removed) == 2 and store.removed_since(before.change) and store.changed_since(before)
    assert not any(subject in batch.subjects for batch in store.templates())
    assert list(store.unembedded(PACK)) == [] and next(store.unembedded("other@111111111111")).matricula == "A2"
    photo = next(photo for photo in store.photos() if photo.matricula == "A1")
    store.add_templates([(photo.id, Template(vectors(1)[0], PACK, (0, 0, 9, 9)))])
    assert student_in(store, "A1").templates == 0
    assert [each for each in store.damage() if each.code == "photo_without_template"] == []
    for refused in ("put", "extend"):
        with pytest.raises(Conflict) as error:
            store.enrol([enrolment("A1", vectors(1, 5))], refused)
        assert error.value.code == "consent_withdrawn"
    assert student_in(store, "A1").images == 2
    store.end_consent("A1", "2026-11-29T10:00:00-06:00", "expired")
    assert consent_in(store, "A1").retirado == AT  # it has ended, and not again


def test_what_a_withdrawn_student_takes_part_in_no_longer(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(2)), enrolment("A2", vectors(2, 2))])
    store.end_consent("A1", AT, "withdrawn")  # no consent was on record
    assert consent_in(store, "A1") == Consent("", "", retirado=AT, motivo="withdrawn")
    for keep, other in (("A1", "A2"), ("A2", "A1")):
        with pytest.raises(Conflict):
            store.merge(keep, other)
    for giver, receiver in (("A1", "A2"), ("A2", "A1")):
        with pytest.raises(Conflict):
            store.take_photos(giver, store.digests(giver)[:1], receiver)
    with pytest.raises(Conflict):
        store.update(replace(student_in(store, "A1").student, consentimiento=None))
    with pytest.raises(NotFound):
        store.end_consent("nobody", AT, "withdrawn")
    check_student(student_in(store, "A1").student)
    assert store.update(replace(student_in(store, "A1").student, nombre_del_alumno="Ana"))
    assert (student_in(store, "A1").images, student_in(store, "A2").images) == (2, 2)


def test_whoever_withdrew_asked_for_the_erasure_whoever_carries_it_out(store: DocumentStore) -> None:
    store.enrol([enrolment(f"A{number}", vectors(1, number)) for number in (1, 2, 3)])
    store.end_consent("A1", AT, "withdrawn")
    store.end_consent("A2", AT, "expired")
    store.remove(["A1", "A2", "A3"])
    listed = [(each.kind, each.asked) for each in store.erasures.entries() if not each.kind.startswith("consent")]
    assert listed == [("withdrawn", True), ("withdrawn", False), ("student", False)]


def test_a_consent_given_anew_lets_photos_be_embedded(store: DocumentStore) -> None:
    store.enrol([enrolment("A1", vectors(2))])
    store.end_consent("A1", AT, "withdrawn")
    consented(store, "A1", Consent("2026-11-29", "aviso 3"))
    assert len(list(store.unembedded(PACK))) == 2
    store.enrol([enrolment("A1", vectors(2))], "extend")
    assert student_in(store, "A1").templates == 2 and list(store.unembedded(PACK)) == []


def test_every_process_stops_recognising_at_once(open_gallery: OpenGallery, tmp_path: Path) -> None:
    one, other = open_gallery(), open_gallery()
    rows = vectors(4)
    one.enrol([enrolment("A1", rows[:2]), enrolment("A2", rows[2:])])
    one.index.publish()
    assert other.search(rows[:1], 1)[0][0].student.matricula == "A1"
    one.end_consent("A1", AT, "withdrawn")
    for gallery in (one, other):
        found = gallery.search(rows, 5)
        assert {candidate.student.matricula for candidates in found for candidate in candidates} == {"A2"}
        assert gallery.compare(rows[0], "A1") is None and len(gallery.templates_of(gallery.student("A1").id)) == 0
        assert gallery.identify(rows[:1])[1][0].verdict == "unknown"
        with pytest.raises(PhotoRefused):
            gallery.check_consent(gallery.student("A1").student)
    other.index.finish_erasing()
    assert holding(tmp_path / "index", np.asarray(rows[:2])) == []
    assert one.index.verify().agrees and one.store.position() != Position()
