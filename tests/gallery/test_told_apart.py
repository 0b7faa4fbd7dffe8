"""Whoever a face is not, as a person said it, is left out; and nobody else's candidates move."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto
from gallery.documents.attendance import EntryFilter
from gallery.documents.negatives import Negative, of_entry
from gallery.documents.unknown_people import UnknownFace
from gallery.gallery import Gallery
from gallery.settings import GallerySettings
from gallery.told_apart import MARGIN, Anchors, Outsiders, told_apart
from tests.conftest import DIM, PACK, enrolment, unit
from tests.gallery.class_photos import THRESHOLD, face
from tests.gallery.galleries import open_gallery
from tests.gallery.near_shards import gallery_in_near_shards
from tests.gallery.unknown_faces import unknown_face

AT = "2026-11-28T10:00:00+00:00"
CLASS, DAY = "IA-101", "2026-11-20"
PEOPLE = 12


def like(probe: np.ndarray, cosine: float, seed: int) -> np.ndarray:
    """A unit vector with a cosine with another."""
    other = np.random.default_rng(seed).normal(size=probe.shape)
    other -= (other @ probe) * probe
    return unit(cosine * probe + np.sqrt(1 - cosine**2) * unit(other))


def say_not(gallery: Gallery, matricula: str, vector: np.ndarray, number: int) -> int:
    subject = gallery.student(matricula).id
    kept = gallery.anchors.add(Negative(subject, of_entry(number), vector, PACK, AT, "attendance"))
    assert kept is not None
    return kept.id


@pytest.mark.parametrize(
    ("score", "nearest", "expected"),
    [
        (0.95, 0.995, True),  # the very face that was spoken of
        (0.95, 0.98, False),
        (0.5, 0.5 + MARGIN + 0.01, True),
        (0.5, 0.5 + MARGIN - 0.01, False),  # as near to the student: it may well be the student
        (0.39, 0.99, False),  # who is not named need not be told apart
        (0.4, 0.99, True),
    ],
)
def test_the_rule(score: float, nearest: float, expected: bool) -> None:
    probe = unit(np.arange(1, DIM + 1, dtype=np.float64))
    hits = [[(7, score), (8, score)]]
    one = Anchors({7: np.stack([like(probe, -0.5, 1), like(probe, nearest, 2)])})
    assert told_apart(probe[None], hits, one, 0.4) == [frozenset({7} if expected else ())]
    both = Anchors({}, Outsiders.of(np.array([3, 9]), np.stack([like(probe, -0.5, 1), like(probe, nearest, 2)])))
    assert told_apart(probe[None], hits, both, 0.4) == [frozenset({7, 8} if expected else ())]
    assert not Anchors({}) and one and both


def test_an_outsider_is_compared_by_the_score_of_a_person() -> None:
    """One template that happens to be near is less than a person's score: the others of that person are unlike it."""
    probe = unit(np.ones(DIM))
    rows = np.stack([like(probe, 0.8, 1), like(probe, 0.2, 2), like(probe, 0.2, 3)])
    hits = [[(7, 0.6)]]
    assert told_apart(probe[None], hits, Anchors({}, Outsiders.of(np.array([5, 5, 5]), rows)), 0.4) == [frozenset()]
    alone = Anchors({}, Outsiders.of(np.array([5, 6, 6]), rows))
    assert told_apart(probe[None], hits, alone, 0.4) == [frozenset({7})]


Open = Callable[[str, Path], Gallery]


def in_shards(url: str, folder: Path) -> Gallery:
    return gallery_in_near_shards(url, folder / "shards", (PACK, DIM), GallerySettings(0.5, "test"))[0]


@pytest.mark.parametrize("opens", [open_gallery, in_shards])
def test_nobody_elses_candidates_move(store_url: str, tmp_path: Path, opens: Open) -> None:
    """Made-up people who lie close together, probes between them, and statements that each take one from a probe."""
    chance = np.random.default_rng(5)
    centres = unit(chance.normal(size=(PEOPLE, DIM)) + 0.6)
    gallery = opens(store_url, tmp_path)
    for place, centre in enumerate(centres):
        gallery.enrol([enrolment(f"A{place:02d}", unit(centre + 0.3 * chance.normal(size=(1 + place % 3, DIM))))])
    probes = unit(chance.normal(size=(40, DIM)) + 0.6)
    whole = gallery.search(probes, PEOPLE)
    number = 0
    for row in range(0, len(probes), 3):
        for candidate in whole[row][: 1 + row % 4]:
            number += 1
            say_not(gallery, candidate.student.matricula, like(probes[row], 0.99, number), number)
    apart = [found.told_apart for found in gallery.nearest(probes, PEOPLE)]
    assert sum(map(bool, apart)) >= 15 and not all(apart) and max(map(len, apart)) > 2
    for k in (1, 3, PEOPLE):
        point, decisions = gallery.identify(probes, k)
        for before, out, after, decided in zip(whole, apart, gallery.search(probes, k), decisions, strict=True):
            expected = [(each.subject, each.score) for each in before if each.subject not in out][:k]
            for found in (after, decided.candidates):
                assert [each.subject for each in found] == [subject for subject, _ in expected]
                assert np.allclose([each.score for each in found], [score for _, score in expected], atol=1e-6)
                assert [each.rank for each in found] == list(range(1, len(expected) + 1))
            left = [each for each in before if each.subject not in out]
            if not left or left[0].score < point.threshold:
                assert decided.reason == ("told_apart" if out else "below_threshold" if left else "empty_gallery")
    gallery.close()


def test_the_second_of_two_is_decided_as_if_alone(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    probe = unit(np.ones(DIM))
    gallery.enrol([enrolment(name, like(probe, cosine, 3)) for name, cosine in (("A", 0.7), ("B", 0.695), ("C", 0.2))])
    assert gallery.identify(probe[None], 1)[1][0].verdict == "ambiguous"
    said = say_not(gallery, "A", probe, 1)
    decided = gallery.identify(probe[None], 1)[1][0]
    assert decided.verdict == "known" and decided.student is not None and decided.student.matricula == "B"
    say_not(gallery, "B", probe, 2)
    decided = gallery.identify(probe[None], 1)[1][0]
    assert (decided.verdict, decided.reason, decided.student) == ("unknown", "told_apart", None)
    assert [each.student.matricula for each in decided.candidates] == ["C"]
    gallery.anchors.erase([said])
    (again,) = gallery.identify(probe[None], 2)[1]
    assert [each.student.matricula for each in again.candidates] == ["A", "C"]
    gallery.close()


def test_another_process_is_told_within_a_second(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = open_gallery(store_url, tmp_path / "1"), open_gallery(store_url, tmp_path / "2")
    probe = unit(np.ones(DIM))
    one.enrol([enrolment("A", probe[None])])
    clock = 100.0
    monkeypatch.setattr("gallery.anchors.time.monotonic", lambda: clock)
    other.anchors.look_again()
    assert other.search(probe[None], 1)[0]
    say_not(one, "A", like(probe, 0.98, 6), 1)  # nothing is nearer by the margin than the student's own photo
    assert one.search(probe[None], 1)[0]
    near = like(probe, 0.7, 4)
    say_not(one, "A", like(near, 0.9, 5), 2)
    assert one.search(near[None], 1) == [[]]
    assert other.search(near[None], 1)[0]
    clock = 101.5
    assert other.search(near[None], 1) == [[]]
    one.close()
    other.close()


def test_a_class_photo_is_assigned_without_the_pair(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol([enrolment(name, np.eye(DIM, dtype=np.float32)[place]) for place, name in enumerate(("Ana", "Eva"))])
    log = AttendanceLog(gallery)
    mixed, eva = face(0.6, 0.5), face(0, 0.9)

    def taken(number: int) -> list[tuple[str, str | None, bool]]:
        photo = ClassPhoto(CLASS, f"2026-11-{number:02d}", f"{number:064d}", THRESHOLD)
        found = record_class_photo(log, [mixed, eva], photo)
        return [(e.status, e.student.matricula if e.student else None, e.told_apart) for e in found]

    assert taken(1) == [("present", "Ana", False), ("present", "Eva", False)]
    say_not(gallery, "Ana", mixed.vector, 1)
    assert taken(2) == [("duplicate", None, True), ("present", "Eva", False)]
    say_not(gallery, "Eva", mixed.vector, 2)
    assert taken(3) == [("unknown", None, True), ("present", "Eva", False)]
    gallery.close()


def test_of_a_list_without_sessions_a_rejected_face_teaches_until_it_is_confirmed(
    store_url: str, tmp_path: Path
) -> None:
    gallery = open_gallery(store_url, tmp_path)
    gallery.enrol([enrolment("Ana", np.eye(DIM, dtype=np.float32)[0])])
    log, stranger = AttendanceLog(gallery), face(0.6)

    def taken(number: int) -> str:
        photo = ClassPhoto(CLASS, f"2026-11-{number:02d}", f"{number:064d}", THRESHOLD)
        return record_class_photo(log, [stranger], photo)[0].status

    assert taken(1) == "present"
    (stored,) = log.store.entries(EntryFilter())
    log.resolve(stored.id, "rejected", "")
    assert taken(2) == "unknown"
    log.resolve(stored.id, "present", "era ella")
    assert taken(3) == "present" and gallery.store.negatives.count() == 0
    gallery.close()


def seen_as(vector: np.ndarray) -> UnknownFace:
    return replace(unknown_face(1), vector=vector)


def test_a_group_that_is_not_ours_is_told_apart_from_every_student(store_url: str, tmp_path: Path) -> None:
    gallery, other = open_gallery(store_url, tmp_path / "1"), open_gallery(store_url, tmp_path / "2")
    probe = unit(np.ones(DIM))
    gallery.enrol([enrolment(name, like(probe, cosine, 3)) for name, cosine in (("A", 0.7), ("B", 0.6), ("C", 0.2))])
    unknowns = gallery.store.unknowns
    (seen,) = unknowns.add([(seen_as(like(probe, 0.95, 8)), 0)])

    def left() -> list[str]:
        for each in (gallery, other):
            each.anchors.look_again()
        found = [[each.student.matricula for each in view.search(probe[None], 3)[0]] for view in (gallery, other)]
        assert found[0] == found[1]
        return found[0]

    assert left() == ["A", "B", "C"]
    assert unknowns.mark(seen.group, "not_ours")
    assert left() == ["C"]  # who is not named is left as it is
    unknowns.add([(seen_as(like(probe, -0.9, 9)), seen.group)])  # by the score of a person it is as near no more
    assert left() == ["A", "B", "C"]
    assert unknowns.mark(seen.group, "open")
    unknowns.add([(seen_as(probe), 0)])
    assert left() == ["A", "B", "C"]
    gallery.close()
    other.close()


def test_whoever_enrols_a_refused_face_has_the_last_word(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    probe, other = unit(np.ones(DIM)), like(unit(np.ones(DIM)), 0.3, 5)
    gallery.enrol([enrolment("A", like(probe, 0.7, 3)), enrolment("B", like(probe, 0.6, 4))])
    for name in ("A", "B"):
        say_not(gallery, name, probe, 1)
        say_not(gallery, name, other, 2)
    assert gallery.search(probe[None], 2) == [[]]
    gallery.enrol([enrolment("A", probe)], "extend")
    assert [each.student.matricula for each in gallery.search(probe[None], 2)[0]] == ["A"]
    (photo,) = [each for each in gallery.store.digests("A") if each.endswith(probe.tobytes().hex())]
    gallery.take_photos("A", [photo], "B")
    assert [each.student.matricula for each in gallery.search(probe[None], 2)[0]] == ["B", "A"]
    assert gallery.store.negatives.count() == 2  # the other face is still no one of them
    gallery.close()


def test_an_example_goes_with_the_person_whom_it_shows(store_url: str, tmp_path: Path) -> None:
    gallery = open_gallery(store_url, tmp_path)
    ana, eva, luz, stranger = np.eye(DIM, dtype=np.float32)[:4]
    gallery.enrol([enrolment(name, vector) for name, vector in (("Ana", ana), ("Eva", eva), ("Luz", luz))])
    for number, vector in enumerate((like(eva, 0.9, 1), like(luz, 0.9, 2), like(stranger, 0.9, 3)), start=1):
        say_not(gallery, "Ana", vector, number)
    say_not(gallery, "Luz", like(ana, 0.9, 4), 4)

    def of(name: str) -> list[str]:
        return [each.negative.about for each in gallery.store.negatives.of(gallery.student(name).id)]

    gallery.remove(["Eva"])
    assert of("Ana") == [of_entry(2), of_entry(3)]
    assert gallery.forget_person(stranger[None]) == 1
    assert of("Ana") == [of_entry(2)] and of("Luz") == [of_entry(4)]
    gallery.merge("Ana", "Luz")  # they are one after all
    assert of("Ana") == [] and gallery.store.negatives.count() == 0
    gallery.close()
