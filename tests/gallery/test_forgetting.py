"""Erasing a person erases what is kept of the person among unknown people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.erasure_list import Cause
from gallery.forgetting import near
from gallery.gallery import Gallery
from gallery.privacy.receipts import erase_photo, erase_student
from gallery.removal_preview import holdings_of, preview_merge
from presente.errors import InvalidInput
from tests.conftest import DIM, PACK, OpenGallery, enrolment, unit
from tests.gallery.galleries import open_gallery as open_at
from tests.gallery.unknown_faces import known_faces, unknown_face
from tests.killer import die_before, next_death

AXES = np.eye(DIM, dtype=np.float32)
ANA, LUZ, STRANGER = AXES[0], AXES[1], AXES[2]


def like(person: np.ndarray, cosine: float = 0.9) -> np.ndarray:
    """A template at a cosine from a person, and at a right angle to everyone else."""
    return unit(cosine * person + np.sqrt(1 - cosine**2) * AXES[7])


def meet(gallery: Gallery, *vectors: np.ndarray) -> list[int]:
    """Keep unknown faces, each in a group of its own; their ids."""
    faces = [(replace(unknown_face(seed), vector=vector), 0) for seed, vector in enumerate(vectors)]
    return [each.id for each in gallery.store.unknowns.add(faces)]


open_gallery = open_at  # the process that dies calls it
DELTAS = {"remove": lambda gallery: gallery.remove(["A1"], Cause(asked=True))}


@pytest.fixture
def gallery(open_gallery: OpenGallery) -> Gallery:
    made = open_gallery()
    made.enrol([enrolment("A1", np.stack([ANA, like(ANA, 0.95)])), enrolment("A2", LUZ)])
    return made


def test_what_resembles_a_student_goes_with_the_student(gallery: Gallery) -> None:
    own, far, others, stranger = meet(gallery, like(ANA), like(ANA, 0.1), like(LUZ), STRANGER)
    assert holdings_of(gallery, "A1").unknown_faces == 1 and gallery.unknown_faces_of(["A1", "A2", "A9"]) == [
        own,
        others,
    ]
    assert preview_merge(gallery, "A2", "A1").gone.unknown_faces == 0
    assert gallery.remove(["A1"], Cause(asked=True)) == ["A1"]
    assert list(known_faces(gallery.store)) == [far, others, stranger]
    first, second = gallery.store.erasures.entries()
    assert (first.kind, first.subject, first.asked, second.kind) == ("unknown_face", own, True, "student")
    gallery.remove(["A2"])
    assert list(known_faces(gallery.store)) == [far, stranger]


def test_a_group_goes_whole_when_half_of_it_resembles_the_student(gallery: Gallery) -> None:
    faces = meet(gallery, like(LUZ), like(LUZ, 0.2), like(LUZ), like(LUZ, 0.1), like(LUZ, 0.25))
    groups = [known_faces(gallery.store)[each] for each in faces]
    gallery.store.unknowns.join(groups[0], groups[1])
    for other in groups[3:]:
        gallery.store.unknowns.join(groups[2], other)
    assert gallery.unknown_faces_of(["A2"]) == faces[:3]


def test_the_score_of_a_person_counts_as_the_nearest_template_does(gallery: Gallery) -> None:
    """Between two templates that are far apart the mean is nearer than either."""
    people = [np.stack([AXES[3], AXES[4]]), np.zeros((0, DIM), np.float32)]
    (face,) = meet(gallery, unit(AXES[3] + AXES[4]))
    assert near(gallery.store, people, PACK, 0.8) == [face] and near(gallery.store, people, PACK, 0.99) == []
    assert near(gallery.store, people, "other@1", 0.5) == near(gallery.store, people[1:], PACK, 0.5) == []


def test_receipts_count_them(gallery: Gallery) -> None:
    meet(gallery, like(ANA), like(LUZ), like(LUZ))
    made = erase_student(gallery, "A1", Cause(asked=True))
    assert made.stated["erased"]["unknown_faces"] == 1 and made.stated["what"] == "student"
    (photo,) = gallery.store.digests("A2")
    made = erase_photo(gallery, "A2", photo, Cause())
    assert made.stated["erased"] == {"photos": 1, "unknown_faces": 2}
    assert gallery.store.unknowns.counts() == (0, 0, 0)


def test_a_receipt_names_the_student_and_no_face_of_the_same_number(gallery: Gallery) -> None:
    """Ids of unknown faces are numbers of their own in SQLite."""
    subject = gallery.student("A1").id
    faces = meet(gallery, *[STRANGER] * subject)
    gallery.remove(["A1"])
    gallery.store.unknowns.erase(faces)
    gallery.enrol([enrolment("A1", ANA)])
    made = erase_student(gallery, "A1", Cause())
    entries = {each.mark: each for each in gallery.store.erasures.entries()}
    assert entries[made.stated["entry"]].kind == "student"


def test_moved_photos_take_nothing_with_them(gallery: Gallery) -> None:
    meet(gallery, like(ANA))
    photo = gallery.store.digests("A1")[0]
    gallery.take_photos("A1", [photo], to="A2")
    gallery.merge("A2", "A1")
    assert gallery.store.unknowns.counts()[2] == 1


def test_a_consent_that_ends_takes_them(gallery: Gallery) -> None:
    meet(gallery, like(ANA), STRANGER)
    gallery.end_consent("A1", "2026-03-02T10:00:00+00:00", "withdrawn")
    assert gallery.store.unknowns.counts()[2] == 1 and len(gallery.templates_of(gallery.student("A1").id)) == 0
    assert [(each.kind, each.asked) for each in gallery.store.erasures.entries()] == [
        ("unknown_face", True),
        ("consent_ended", True),
    ]


def test_someone_who_was_never_enrolled_is_forgotten(gallery: Gallery) -> None:
    faces = meet(gallery, STRANGER, like(STRANGER), like(ANA))
    assert gallery.forget_person(np.stack([STRANGER]), Cause(asked=True)) == 2
    assert list(known_faces(gallery.store)) == faces[2:]
    assert gallery.forget_person(np.stack([STRANGER])) == 0
    with pytest.raises(InvalidInput):
        gallery.forget_person(np.ones((1, DIM + 1), np.float32))


@pytest.mark.untraced
def test_a_process_dies_while_it_erases(store_url: str, tmp_path: Path) -> None:
    """Whoever repeats the call leaves nothing behind, wherever it was cut off."""
    deadly, done = 0, False
    while not done:
        deadly = next_death(next_death(deadly)) if deadly else 1
        url, folder = f"{store_url}_{deadly}", tmp_path / str(deadly)
        gallery = open_at(url, folder)
        gallery.enrol([enrolment("A1", ANA), enrolment("A2", LUZ)])
        meet(gallery, like(ANA), like(LUZ))
        gallery.close()
        done = die_before(deadly, url, folder, __name__, "remove")
        gallery = open_at(url, folder)
        if gallery.store.student("A1") is None:  # its faces went before
            assert gallery.forget_person(ANA[None]) == 0
        gallery.remove(["A1"], Cause(asked=True))
        assert gallery.store.unknowns.counts() == (1, 0, 1) and gallery.store.student("A1") is None
        assert [each.kind for each in gallery.store.erasures.entries()] == ["unknown_face", "student"]
        gallery.close()
    assert deadly > 8
