"""Merging two students who are one person, and moving photos, on both stores and with a crash at any point."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.attendance import Attendance, AttendanceStatus, EntryFilter, Participation, StoredAttendance
from gallery.documents.attendance_rules import latest, merged_revisions
from gallery.documents.student_rules import merge_students
from gallery.documents.values import Consent, EnrolledPhoto, Enrolment, Student
from gallery.gallery import Gallery
from gallery.person_score import scores_with
from presente.errors import InvalidInput, NotFound, PackError
from tests.conftest import DIM, enrolment
from tests.gallery.conftest import vectors
from tests.gallery.galleries import open_gallery
from tests.killer import decided_once, die_before, next_death

SHARED = 4
"""How many different photos the two students have; the last one of one is also the first one of the other."""


def entry(subject: int, fecha: str, revision: int = 0, status: AttendanceStatus = "present") -> Attendance:
    return Attendance(subject, "IA-101", fecha, revision, status, "hand", "2026-11-20T08:00:00+00:00")


def fill(gallery: Gallery) -> None:
    """Enrol KEEP and OTHER, who are one person and have a photo in common, and a bystander."""
    kept = enrolment("KEEP", vectors(2, 1), clase="")
    other = enrolment("OTHER", vectors(2, 2))
    shared = replace(kept.photos[1], source="once more")
    consent = Consent("2026-08-01", "aviso")
    named = replace(other.student, consentimiento=consent, asistencias_previas=3, participaciones_previas=2)
    gallery.enrol([kept, Enrolment(named, (shared, *other.photos)), enrolment("BYSTANDER", vectors(2, 3))])
    keep, gone = gallery.student("KEEP").id, gallery.student("OTHER").id
    said = [entry(keep, "2026-11-20"), entry(gone, "2026-11-20"), entry(gone, "2026-11-21")]
    said += [entry(keep, "2026-11-23"), entry(gone, "2026-11-23", status="rejected")]
    said += [entry(keep, "2026-11-24", status="rejected"), entry(gone, "2026-11-24", status="ambiguous")]
    said += [entry(gone, "2026-11-24", revision=1)]
    assert gallery.store.attendance.add_entries(said) == []
    for number, subject in enumerate((keep, gone, gone)):
        made = Participation(subject, "IA-101", "2026-11-20", "pregunta", "", "2026-11-20T08:00:00+00:00", f"r{number}")
        gallery.store.attendance.add_participation(made)


def check_merged(gallery: Gallery) -> None:
    """One student is left, nothing is lost, nothing is there twice."""
    merged, bystander = gallery.student("KEEP"), gallery.student("BYSTANDER")
    assert gallery.store.student("OTHER") is None
    assert (merged.images, merged.templates, bystander.templates) == (SHARED, SHARED, 2)
    counts = gallery.store.counts()
    assert (counts.students, counts.images, counts.templates) == (2, SHARED + 2, SHARED + 2)
    assert (merged.student.clase, merged.student.consentimiento) == ("IA-101", Consent("2026-08-01", "aviso"))
    assert (merged.student.nombre_del_alumno, merged.student.fecha_de_registro) == ("Nombre KEEP", "2026-01-01")
    assert (merged.asistencias, merged.participaciones) == (4 + 3, 3 + 2)
    attendance = gallery.store.attendance
    said = attendance.entries(EntryFilter(subject=merged.id))
    assert len(said) == 8 == len(attendance.entries(EntryFilter())) and attendance.miscounted() == []
    assert {stored.entry.fecha for stored in latest(said) if stored.entry.status == "present"} == {
        "2026-11-20",
        "2026-11-21",
        "2026-11-23",
        "2026-11-24",
    }
    assert len(attendance.participations(EntryFilter(subject=merged.id))) == 3
    assert gallery.index.verify().agrees
    everyone = np.vstack([vectors(2, 1), vectors(2, 2)])
    for found, score in zip(gallery.search(everyone, 1), scores_with(everyone, everyone), strict=True):
        assert found[0].student.matricula == "KEEP" and found[0].score == pytest.approx(score)


def test_two_names_become_one(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    fill(gallery)
    gallery.index.publish()
    gallery.merge("KEEP", "OTHER")
    check_merged(gallery)
    gone = gallery.student("KEEP").id
    assert gallery.store.attendance.add_entries([entry(gone, "2026-11-24", revision=3)]) == []  # as before
    gallery.close()
    again = open_gallery(store_url, tmp_path)
    assert again.student("KEEP").templates == SHARED and again.index.verify().agrees
    again.close()


def test_merging_keeps_all_classes(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    kept, other = enrolment("KEEP", vectors(1, 1), clase="IA-101"), enrolment("OTHER", vectors(1, 2), clase="IA-102")
    more = replace(other.student, otras_clases=("IA-101", "IA-103"))
    gallery.enrol([kept, replace(other, student=more)])
    gallery.merge("KEEP", "OTHER")
    found = gallery.student("KEEP")
    assert (found.student.clase, found.student.otras_clases) == ("IA-101", ("IA-102", "IA-103"))
    assert [list(gallery.store.roster(clase=clase)) for clase in found.student.clases] == [[found.id]] * 3
    gallery.close()


@pytest.mark.parametrize(
    ("kept", "other", "left"),
    [
        ("", "possible_duplicate", ""),  # which the merge has settled
        ("possible_duplicate", "possible_duplicate", ""),
        ("possible_duplicate", "image_damaged", "image_damaged"),
        ("image_fallback", "image_damaged", "image_fallback"),
    ],
)
def test_merging_settles_that_one_person_may_be_two(kept: str, other: str, left: str) -> None:
    one, two = (Student(name, name, aviso=aviso) for name, aviso in (("A1", kept), ("A2", other)))
    assert merge_students(one, two).aviso == left


def test_errors_change_nothing(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    fill(gallery)
    before = gallery.store.counts(), gallery.store.last_change()
    digest = gallery.store.digests("KEEP")[0]
    for call, error, code in (
        (lambda: gallery.merge("KEEP", "KEEP"), InvalidInput, "same_student"),
        (lambda: gallery.merge("KEEP", "NOBODY"), NotFound, "student_not_found"),
        (lambda: gallery.merge("NOBODY", "KEEP"), NotFound, "student_not_found"),
        (lambda: gallery.take_photos("KEEP", [digest], "KEEP"), InvalidInput, "same_student"),
        (lambda: gallery.take_photos("KEEP", [digest], "NOBODY"), NotFound, "student_not_found"),
        (lambda: gallery.take_photos("NOBODY", [digest]), NotFound, "student_not_found"),
        (lambda: gallery.take_photos("KEEP", ["f00"]), NotFound, "photo_not_found"),
        (lambda: gallery.take_photos("KEEP", ["KEEP-"]), InvalidInput, "ambiguous_photo"),
    ):
        with pytest.raises(error) as caught:
            call()
        assert caught.value.code == code
    assert (gallery.store.counts(), gallery.store.last_change()) == before
    gallery.store.adopt_pack("other@111111111111", DIM)
    with pytest.raises(PackError) as caught:
        gallery.merge("KEEP", "OTHER")
    assert caught.value.code == "pack_mismatch" and gallery.store.student("OTHER") is not None
    gallery.close()


def test_a_photo_is_moved_or_erased(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    fill(gallery)
    moved = enrolment("KEEP", vectors(2, 1)).photos[0]
    assert gallery.take_photos("KEEP", [moved.sha256[:80]], to="BYSTANDER") == [moved.sha256]
    check_moved(gallery, moved)
    assert gallery.take_photos("BYSTANDER", [moved.sha256]) == [moved.sha256]
    assert gallery.student("BYSTANDER").templates == gallery.student("BYSTANDER").images == 2
    assert moved.sha256 not in {known.sha256 for known in gallery.store.enrolled()}
    assert gallery.search(moved.template.vector[None, :], 1)[0][0].score < 0.999 and gallery.index.verify().agrees
    gallery.close()


def check_moved(gallery: Gallery, moved: EnrolledPhoto) -> None:
    assert gallery.search(moved.template.vector[None, :], 1)[0][0].student.matricula == "BYSTANDER"
    assert (gallery.student("KEEP").images, gallery.student("BYSTANDER").templates) == (1, 3)
    known = next(known for known in gallery.store.enrolled() if known.sha256 == moved.sha256)
    assert known.subject == gallery.student("BYSTANDER").id
    assert (known.source, dict(known.quality)) == ("test", {"size": 10.0})
    counts = gallery.store.counts()
    assert counts.images == counts.templates == 7 and gallery.index.verify().agrees


def merge(gallery: Gallery) -> None:
    gallery.merge("KEEP", "OTHER")


def move(gallery: Gallery) -> None:
    gallery.take_photos("KEEP", [enrolment("KEEP", vectors(2, 1)).photos[0].sha256], "BYSTANDER")


def erase(gallery: Gallery) -> None:
    gallery.take_photos("KEEP", [enrolment("KEEP", vectors(2, 1)).photos[0].sha256])


DELTAS = {"merge": merge, "move": move, "erase": erase}


@pytest.mark.untraced
@pytest.mark.parametrize("action", sorted(DELTAS))
def test_death_before_any_write(store_url: str, tmp_path: Path, action: str) -> None:
    acknowledged = False
    deadly = 0
    happened: list[bool] = []
    while not acknowledged:
        deadly = next_death(deadly)
        assert deadly < 80
        name, _, suffix = store_url.partition(".db")
        url, folder = f"{name}_{deadly}{'.db' if _ else suffix}", tmp_path / str(deadly)
        gallery = open_gallery(url, folder)
        fill(gallery)
        gallery.close(publish=True)
        acknowledged = die_before(deadly, url, folder, __name__, action)
        gallery = open_gallery(url, folder)  # what the dead process had begun is undone or finished here
        assert gallery.index.verify().agrees and gallery.store.attendance.miscounted() == []
        if action == "merge":
            happened.append(gallery.store.student("OTHER") is None)
            if not happened[-1]:
                merge(gallery)
            check_merged(gallery)
        else:
            photo = enrolment("KEEP", vectors(2, 1)).photos[0]
            happened.append(photo.sha256 not in gallery.store.digests("KEEP"))
            if not happened[-1]:
                DELTAS[action](gallery)
            if action == "move":
                check_moved(gallery, photo)
            assert photo.sha256 not in gallery.store.digests("KEEP")
            assert gallery.student("KEEP").templates == 1 and gallery.index.verify().agrees
            assert [stored.id for stored in gallery.store.photos()] == sorted(s.id for s in gallery.store.photos())
        gallery.close()
    assert deadly >= 5 and decided_once(happened), happened


def test_which_entry_holds_after_a_merge() -> None:
    """Worked out by hand: the other student's entries come first or last, and no revision is there twice."""
    statuses: tuple[AttendanceStatus, ...] = ("rejected", "ambiguous", "present")

    def entries(first: int, *said: AttendanceStatus) -> list[StoredAttendance]:
        return [
            StoredAttendance(first + revision, entry(1, "2026-11-20", revision, status))
            for revision, status in enumerate(said)
        ]

    for mine in statuses:
        for theirs in statuses:
            kept, others = entries(1, "present", mine), entries(11, "present", "rejected", theirs)
            revisions = dict(merged_revisions(kept, others))
            moved = [replace(stored, entry=replace(stored.entry, revision=revisions[stored.id])) for stored in others]
            together = sorted([*kept, *moved], key=lambda stored: stored.entry.revision)
            assert len({stored.entry.revision for stored in together}) == 5
            assert [stored.id for stored in together if stored.id > 10] == [11, 12, 13]
            current = latest(together)[0].entry.status
            assert current == max(mine, theirs, key=statuses.index), (mine, theirs)
            assert max(stored.entry.revision for stored in together) < len(together)  # the next revision is free
    assert merged_revisions(entries(1, "present"), []) == [] and merged_revisions([], entries(1, "present")) == [(1, 0)]
