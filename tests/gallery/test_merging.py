"""Two students who are the same person become one, and photos change hands; on both stores, whatever is cut off."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.model import Consent, EnrolledPhoto, Enrolment
from gallery.documents.records import Attendance, Participation, Selection, Status, StoredAttendance, joined, latest
from gallery.gallery import Gallery
from presente.errors import InvalidInput, NotFound, PackError
from tests.conftest import DIM, enrolment
from tests.gallery.test_mongo_crashes import open_gallery, rows
from tests.killer import decided_once, die_before

SHARED = 4
"""How many photos the two students have between them; the last of the one is also the first of the other."""


def entry(subject: int, fecha: str, turn: int = 0, status: Status = "present") -> Attendance:
    return Attendance(subject, "IA-101", fecha, turn, status, "hand", "2026-11-20T08:00:00+00:00")


def fill(gallery: Gallery) -> None:
    """KEEP and OTHER, who are the same person, with a photo in common; and a bystander."""
    kept = enrolment("KEEP", rows(2, 1), clase="")
    other = enrolment("OTHER", rows(2, 2))
    shared = replace(kept.photos[1], source="once more")
    consent = Consent("2026-08-01", "aviso")
    named = replace(other.student, consentimiento=consent, asistencias_previas=3, participaciones_previas=2)
    gallery.enrol([kept, Enrolment(named, (shared, *other.photos)), enrolment("BYSTANDER", rows(2, 3))])
    keep, gone = gallery.student("KEEP").id, gallery.student("OTHER").id
    said = [entry(keep, "2026-11-20"), entry(gone, "2026-11-20"), entry(gone, "2026-11-21")]
    said += [entry(keep, "2026-11-23"), entry(gone, "2026-11-23", status="rejected")]
    said += [entry(keep, "2026-11-24", status="rejected"), entry(gone, "2026-11-24", status="ambiguous")]
    said += [entry(gone, "2026-11-24", turn=1)]
    assert gallery.store.records.add_attendance(said) == []
    for number, subject in enumerate((keep, gone, gone)):
        made = Participation(subject, "IA-101", "2026-11-20", "pregunta", "", "2026-11-20T08:00:00+00:00", f"r{number}")
        gallery.store.records.add_participation(made)


def check_merged(gallery: Gallery) -> None:
    """One of two, nothing lost, nothing twice."""
    merged, bystander = gallery.student("KEEP"), gallery.student("BYSTANDER")
    assert gallery.store.student("OTHER") is None
    assert (merged.images, merged.templates, bystander.templates) == (SHARED, SHARED, 2)
    counts = gallery.store.counts()
    assert (counts.students, counts.images, counts.templates) == (2, SHARED + 2, SHARED + 2)
    assert (merged.student.clase, merged.student.consentimiento) == ("IA-101", Consent("2026-08-01", "aviso"))
    assert (merged.student.nombre_del_alumno, merged.student.fecha_de_registro) == ("Nombre KEEP", "2026-01-01")
    assert (merged.asistencias, merged.participaciones) == (4 + 3, 3 + 2)
    records = gallery.store.records
    said = records.attendance(Selection(subject=merged.id))
    assert len(said) == 8 == len(records.attendance(Selection())) and records.miscounted() == []
    assert {stored.entry.fecha for stored in latest(said) if stored.entry.status == "present"} == {
        "2026-11-20",
        "2026-11-21",
        "2026-11-23",
        "2026-11-24",
    }
    assert len(records.participations(Selection(subject=merged.id))) == 3
    assert gallery.index.verify().agrees
    for found in gallery.search(np.vstack([rows(2, 1), rows(2, 2)]), 1):
        assert found[0].student.matricula == "KEEP" and found[0].score > 0.999


def test_two_names_become_one(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    fill(gallery)
    gallery.index.publish()
    gallery.merge("KEEP", "OTHER")
    check_merged(gallery)
    gone = gallery.student("KEEP").id
    assert gallery.store.records.add_attendance([entry(gone, "2026-11-24", turn=3)]) == []  # the book goes on
    gallery.close()
    again = open_gallery(store_url, tmp_path)
    assert again.student("KEEP").templates == SHARED and again.index.verify().agrees
    again.close()


def test_nobody_leaves_a_class_by_being_merged(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    kept, other = enrolment("KEEP", rows(1, 1), clase="IA-101"), enrolment("OTHER", rows(1, 2), clase="IA-102")
    more = replace(other.student, otras_clases=("IA-101", "IA-103"))
    gallery.enrol([kept, replace(other, student=more)])
    gallery.merge("KEEP", "OTHER")
    found = gallery.student("KEEP")
    assert (found.student.clase, found.student.otras_clases) == ("IA-101", ("IA-102", "IA-103"))
    assert [list(gallery.store.roster(clase=clase)) for clase in found.student.clases] == [[found.id]] * 3
    gallery.close()


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


def test_a_photo_changes_hands_or_is_erased(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    fill(gallery)
    moved = enrolment("KEEP", rows(2, 1)).photos[0]
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
    gallery.take_photos("KEEP", [enrolment("KEEP", rows(2, 1)).photos[0].sha256], "BYSTANDER")


def erase(gallery: Gallery) -> None:
    gallery.take_photos("KEEP", [enrolment("KEEP", rows(2, 1)).photos[0].sha256])


DELTAS = {"merge": merge, "move": move, "erase": erase}


@pytest.mark.parametrize("action", sorted(DELTAS))
def test_death_before_any_write(store_url: str, tmp_path: Path, action: str) -> None:
    acknowledged = False
    deadly = 0
    happened: list[bool] = []
    while not acknowledged:
        deadly += 1
        assert deadly < 80
        name, _, suffix = store_url.partition(".db")
        url, folder = f"{name}_{deadly}{'.db' if _ else suffix}", tmp_path / str(deadly)
        gallery = open_gallery(url, folder)
        fill(gallery)
        gallery.close(publish=True)
        acknowledged = die_before(deadly, url, folder, __name__, action)
        gallery = open_gallery(url, folder)  # what the dead process had begun is undone or finished here
        assert gallery.index.verify().agrees and gallery.store.records.miscounted() == []
        if action == "merge":
            happened.append(gallery.store.student("OTHER") is None)
            if not happened[-1]:
                merge(gallery)
            check_merged(gallery)
        else:
            photo = enrolment("KEEP", rows(2, 1)).photos[0]
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


def test_what_holds_after_a_merge() -> None:
    """Worked by hand: what was said under the other name comes first or last, and nothing twice at one place."""
    words: tuple[Status, ...] = ("rejected", "ambiguous", "present")

    def book(first: int, *said: Status) -> list[StoredAttendance]:
        return [
            StoredAttendance(first + turn, entry(1, "2026-11-20", turn, status)) for turn, status in enumerate(said)
        ]

    for mine in words:
        for theirs in words:
            kept, others = book(1, "present", mine), book(11, "present", "rejected", theirs)
            turns = dict(joined(kept, others))
            moved = [replace(stored, entry=replace(stored.entry, turn=turns[stored.id])) for stored in others]
            together = sorted([*kept, *moved], key=lambda stored: stored.entry.turn)
            assert len({stored.entry.turn for stored in together}) == 5
            assert [stored.id for stored in together if stored.id > 10] == [11, 12, 13]
            held = latest(together)[0].entry.status
            assert held == max(mine, theirs, key=words.index), (mine, theirs)
            assert max(stored.entry.turn for stored in together) < len(together)  # the next turn is free
    assert joined(book(1, "present"), []) == [] and joined([], book(1, "present")) == [(1, 0)]
