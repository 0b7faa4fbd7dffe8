"""Faces of unknown people, kept: one card per person, one face per visit, and servers that agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.documents.unknown_people import UnknownFace, UnknownGroup
from gallery.gallery import Gallery
from gallery.unknowns.apart import apart_pairs, join_groups, split_group
from gallery.unknowns.keeper import MOST_FACES, UnknownKeeper
from gallery.unknowns.resemblance import students_like
from presente.errors import StoreError
from tests.conftest import DIM, enrolment
from tests.gallery.galleries import open_gallery
from tests.gallery.unknown_faces import unknown_face


def towards(*values: float) -> NDArray[np.float32]:
    """A unit vector that begins with these values."""
    vector = np.zeros(DIM, dtype=np.float32)
    vector[: len(values)] = values
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def seen(vector: NDArray[np.float32], minute: int = 0, worth: float = 0.5, day: int = 1) -> UnknownFace:
    """A face that shows someone at a minute of a day."""
    at = f"2026-11-{day:02d}T{8 + minute // 60:02d}:{minute % 60:02d}:00+00:00"
    return replace(unknown_face(1), vector=vector, at=at, last_at=at, worth=worth)


ANA, LUIS, SOL = towards(1), towards(0, 1), towards(0, 0, 1)


@pytest.fixture
def gallery(store_url: str, tmp_path: Path) -> Iterator[Gallery]:
    with closing(open_gallery(store_url, tmp_path)) as opened:
        yield opened


def cards(gallery: Gallery, state: str = "open") -> list[UnknownGroup]:
    return gallery.store.unknowns.groups(state, "visits", None, 99)  # type: ignore[arg-type]


def test_a_look_of_another_class_or_session_shows_no_picture_of_it(gallery: Gallery) -> None:
    keeper = UnknownKeeper(gallery)
    for clase, session in (("IA-101", 1), ("IA-102", 2), ("IA-101", 1), ("IA-101", 3), ("", 0)):
        keeper.keep(replace(seen(ANA, 1, worth=0.9), clase=clase, session=session))
    (ana,) = cards(gallery)
    faces = gallery.store.unknowns.faces(ana.id, 0, 9)
    assert [(each.face.clase, each.face.session, each.face.looks) for each in faces] == [
        ("IA-101", 1, 2),
        ("IA-102", 2, 1),
        ("IA-101", 3, 1),
        ("", 0, 1),
    ]


def test_a_full_class_takes_no_place_of_another(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.unknowns.keeper.MOST_FACES", 2)
    keeper = UnknownKeeper(gallery)
    for number, clase in enumerate(("IA-101", "IA-101", "IA-102", "IA-101")):
        keeper.keep(replace(seen(ANA, 30 * number, worth=0.1 * number), clase=clase, session=number + 1))
    (ana,) = cards(gallery)
    faces = gallery.store.unknowns.faces(ana.id, 0, 9)
    assert [(each.face.clase, round(each.face.worth, 1)) for each in faces] == [
        ("IA-101", 0.3),
        ("IA-101", 0.1),
        ("IA-102", 0.2),
    ]


def test_strangers_become_cards_and_looks_of_a_visit_one_face(gallery: Gallery) -> None:
    keeper = UnknownKeeper(gallery)
    assert keeper.keep(seen(ANA, 0)) == "added"
    assert keeper.keep(seen(towards(1, 0.1), 9, worth=0.9)) == "seen_again"
    assert keeper.keep(seen(LUIS, 5)) == "added"
    assert keeper.keep(seen(towards(1, 0, 0.1), 25)) == "added"  # another visit
    ana, luis = cards(gallery)
    assert (ana.visits, ana.looks, luis.visits, luis.looks) == (2, 3, 1, 1)
    assert ana.last_at == seen(ANA, 25).at and ana.first_at == seen(ANA, 0).at
    first, second = gallery.store.unknowns.faces(ana.id, 0, 9)
    assert np.allclose(first.face.vector, towards(1, 0.1), atol=1e-6)  # the better look of the visit is shown
    assert ana.cover == first.id and second.face.looks == 1


def test_a_face_that_anyone_in_the_school_has_is_not_kept(gallery: Gallery) -> None:
    gallery.enrol([enrolment("A1", ANA[None, :], clase="IA-101")])
    keeper = UnknownKeeper(gallery)
    assert keeper.keep(seen(towards(1, 0.2))) == "known" and gallery.store.unknowns.counts() == (0, 0, 0)
    assert keeper.keep(seen(LUIS)) == "added"
    gallery.enrol([enrolment("A2", LUIS[None, :])])
    assert keeper.keep(seen(LUIS, 60)) == "known"


def test_a_person_who_is_not_ours_raises_no_card(gallery: Gallery) -> None:
    keeper = UnknownKeeper(gallery)
    keeper.keep(seen(ANA))
    keeper.keep(seen(LUIS))
    first = cards(gallery)[-1]
    gallery.store.unknowns.mark(first.id, "not_ours")
    before = gallery.store.unknowns.counts()
    vector = gallery.store.unknowns.faces(first.id, 0, 1)[0].face.vector
    assert keeper.keep(seen(vector, 120)) == "not_ours" and gallery.store.unknowns.counts() == before
    gallery.store.unknowns.mark(first.id, "open")
    assert keeper.keep(seen(vector, 120)) == "added"


def test_a_group_keeps_its_best_faces(gallery: Gallery) -> None:
    keeper = UnknownKeeper(gallery)
    for day in range(1, MOST_FACES // 3 + 2):
        for hour in range(3):
            keeper.keep(seen(towards(1, 0.01 * day), 60 * hour, worth=day / 100, day=day))
    (card,) = cards(gallery)
    faces = gallery.store.unknowns.faces(card.id, 0, 99)
    assert len(faces) == card.visits == MOST_FACES and card.looks == 3 * (MOST_FACES // 3 + 1)
    assert min(each.face.worth for each in faces) >= 0.01 and card.last_at.startswith(f"2026-11-{day:02d}")
    last = seen(ANA, 300, worth=0.0, day=28)
    assert keeper.keep(last) == "seen_again"  # the worst of all: a further look of the last visit
    (card,) = cards(gallery)
    assert card.visits == MOST_FACES and card.last_at == last.at and gallery.store.erasures.entries() == []


def test_two_servers_that_begin_a_group_at_once_agree(gallery: Gallery, store_url: str, tmp_path: Path) -> None:
    """Each has read the store before the other wrote. The next face that either sees joins the groups."""
    with closing(open_gallery(store_url, tmp_path / "other")) as other_gallery:
        one, other = UnknownKeeper(gallery), UnknownKeeper(other_gallery)
        assert one.keep(seen(SOL)) == "added" and other.keep(seen(SOL, 1)) == "seen_again"
        made = gallery.store.unknowns.add([(seen(ANA, 0), 0), (seen(towards(1, 0.1), 60), 0)])  # by two others at once
        assert len({each.group for each in made}) == 2 and gallery.store.unknowns.counts()[0] == 3
        other.keep(seen(LUIS, 2))
        assert gallery.store.unknowns.counts() == (3, 0, 4)  # Sol, Ana, Luis
        one.keep(seen(towards(1, 0.05), 120))
        assert {card.visits for card in cards(gallery)} == {1, 3}
        assert min(card.id for card in cards(gallery) if card.visits == 3) == made[0].group


def test_what_was_said_of_a_card_outlives_it(gallery: Gallery) -> None:
    made = gallery.store.unknowns.add([(seen(ANA, 0), 0), (seen(towards(1, 0.1), 60), 0)])
    gallery.store.unknowns.mark(made[1].group, "open", "cartero")
    assert UnknownKeeper(gallery).keep(seen(towards(1, 0.05), 120)) == "added"
    (card,) = cards(gallery)
    assert (card.id, card.visits, card.note) == (made[0].group, 3, "cartero")


def test_what_others_erase_is_forgotten(gallery: Gallery) -> None:
    keeper = UnknownKeeper(gallery)
    keeper.keep(seen(ANA))
    (card,) = cards(gallery)
    gallery.store.unknowns.erase_group(card.id)
    assert keeper.keep(seen(ANA, 1)) == "added"
    (again,) = cards(gallery)
    assert again.id > card.id and again.visits == 1


def test_groups_that_a_person_split_stay_apart(gallery: Gallery) -> None:
    keeper = UnknownKeeper(gallery)
    twins = towards(1, 0.4), towards(1, -0.4)  # cosine 0.72
    for hour in range(2):
        for place, vector in enumerate(twins):
            keeper.keep(seen(vector, 60 * hour + 20 * place))
    (card,) = cards(gallery)
    faces = gallery.store.unknowns.faces(card.id, 0, 9)
    left = [each.id for each in faces if each.face.vector[1] < 0]
    made = split_group(gallery.store, card.id, left)
    assert made and apart_pairs(gallery.store) == {(card.id, made)}
    assert keeper.keep(seen(towards(1, 0.05), 300)) == "added"  # near both
    assert len(cards(gallery)) == 2 and keeper.alike(card.id, 5) == []
    assert join_groups(gallery.store, card.id, made)  # a person has looked again
    assert keeper.keep(seen(ANA, 400)) == "added" and len(cards(gallery)) == 1


def test_what_was_apart_from_a_group_is_apart_from_the_one_it_joins(gallery: Gallery) -> None:
    made = [each.group for each in gallery.store.unknowns.add([(seen(ANA, 30 * each), 0) for each in range(2)])]
    more = gallery.store.unknowns.add([(seen(ANA, 90), made[1])])
    apart = split_group(gallery.store, made[1], [more[0].id])
    assert join_groups(gallery.store, made[0], made[1]) and (made[0], apart) in apart_pairs(gallery.store)
    gallery.store.unknowns.erase_group(apart)
    assert not join_groups(gallery.store, made[0], apart)
    keeper = UnknownKeeper(gallery)
    (one,) = cards(gallery)
    assert keeper.keep(seen(ANA, 200)) == "added" and cards(gallery)[0].id == one.id


def test_there_are_only_so_many_groups(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.unknowns.keeper.MOST_GROUPS", 1)
    keeper = UnknownKeeper(gallery)
    assert [keeper.keep(seen(each)) for each in (ANA, LUIS)] == ["added", "full"]
    assert keeper.keep(seen(ANA, 60)) == "added" and gallery.store.unknowns.counts() == (1, 0, 2)


def test_whom_a_card_resembles(gallery: Gallery) -> None:
    gallery.enrol([enrolment("A1", towards(1, 2)[None, :]), enrolment("A2", SOL[None, :])])
    keeper = UnknownKeeper(gallery)
    keeper.keep(seen(ANA))
    keeper.keep(seen(towards(0.52, 0, 0, 0, 1), 60))  # cosine 0.46: nearly Ana
    other, ana = (card.id for card in gallery.store.unknowns.groups("open", "last_at", None, 2))
    found = students_like(gallery, ana, 2)
    assert [each.student.matricula for each in found] == ["A1", "A2"]
    assert found[0].score == pytest.approx(1 / 5**0.5, abs=1e-5)
    assert students_like(gallery, 99_999, 3) == []
    ((like, likeness),) = keeper.alike(other, 3)
    assert like == ana and likeness == pytest.approx(0.4614, abs=1e-3)
    assert keeper.alike(99_999, 3) == keeper.alike(other, 0) == []


def test_after_an_error_of_the_store_it_is_read_anew(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = UnknownKeeper(gallery)
    keeper.keep(seen(LUIS))
    add = type(gallery.store.unknowns).add

    def breaks(store: object, faces: object) -> None:
        add(store, faces)  # type: ignore[arg-type]
        raise StoreError("store_unavailable", "It went away.", "Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(type(gallery.store.unknowns), "add", breaks)
        with pytest.raises(StoreError):
            keeper.keep(seen(ANA))
    assert keeper.keep(seen(ANA, 1)) == "seen_again"  # it was written
    assert gallery.store.unknowns.counts() == (2, 0, 2)
