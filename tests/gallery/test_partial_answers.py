"""What is answered while shards of an index are not there: nothing by default; where it is asked for, what the others
know, which says what it covers and takes no one for unknown. The shards are real, in this process."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gallery.gallery import Gallery
from gallery.settings import GallerySettings
from presente.errors import StoreError
from server.readiness import ReadinessCheck
from server.responses.status import NotReadyReply, ready_reply
from tests.conftest import DIM, PACK, enrolment, unit
from tests.gallery.galleries import open_gallery
from tests.gallery.near_shards import SHARDS, NearShards, gallery_in_near_shards

PEOPLE = 40


def faces() -> NDArray[np.float32]:
    return unit(np.random.default_rng(4).normal(size=(PEOPLE, DIM))).astype(np.float32)


@pytest.fixture
def sharded(store_url: str, tmp_path: Path) -> Iterator[tuple[Gallery, NearShards]]:
    """A gallery of people with one template each, in three shards."""
    made, shards = gallery_in_near_shards(store_url, tmp_path / "shards", (PACK, DIM), GallerySettings(0.9, "test"))
    made.enrol([enrolment(f"A{place:02d}", face[None]) for place, face in enumerate(faces())])
    yield made, shards
    shards.lost.clear()
    made.close()


def decisions(gallery: Gallery) -> tuple[list[tuple[str, str | None]], float, int]:
    """Verdict and matricula of each face, the share that was searched, and how many people the threshold is for."""
    (point, made), covers = gallery.partially(lambda view: view.identify(faces(), 3))
    return [(each.verdict, each.student.matricula if each.student else None) for each in made], covers, point.people


def test_all_of_the_gallery_answers_alike_either_way(
    sharded: tuple[Gallery, NearShards], store_url: str, tmp_path: Path
) -> None:
    gallery, _ = sharded
    plain = open_gallery(store_url, tmp_path)
    found, covers, people = decisions(gallery)
    assert (covers, people) == (1.0, PEOPLE)
    assert found == [("known", f"A{place:02d}") for place in range(PEOPLE)]
    mine, theirs = gallery.identify(faces(), 10), plain.identify(faces(), 10)
    assert mine[0].people == theirs[0].people
    for one, other in zip(mine[1], theirs[1], strict=True):
        assert [each.subject for each in one.candidates] == [each.subject for each in other.candidates]
        assert np.allclose(
            [each.score for each in one.candidates], [each.score for each in other.candidates], atol=1e-6
        )
    plain.close()


def test_a_part_answers_only_who_asks_for_it_and_takes_no_one_for_unknown(sharded: tuple[Gallery, NearShards]) -> None:
    gallery, shards = sharded
    shards.lost = {1}
    for ask in (lambda: gallery.identify(faces(), 3), lambda: gallery.search(faces(), 1)):
        with pytest.raises(StoreError) as refused:
            ask()
        assert refused.value.code == "shards_missing"
    there = [gallery.student(f"A{place:02d}").id % SHARDS != 1 for place in range(PEOPLE)]
    found, covers, people = decisions(gallery)
    assert people == PEOPLE, "the threshold is that of the whole gallery"
    assert covers == pytest.approx(sum(there) / PEOPLE) and covers < 1
    expected = [("known", f"A{place:02d}") if here else ("undecided", None) for place, here in enumerate(there)]
    assert found == expected
    shards.lost.clear()
    assert decisions(gallery)[1] == 1.0


def test_a_part_sees_what_was_written_meanwhile(sharded: tuple[Gallery, NearShards]) -> None:
    gallery, shards = sharded
    shards.lost = {0}
    erased = next(place for place in range(PEOPLE) if gallery.student(f"A{place:02d}").id % SHARDS)
    gallery.store.remove([f"A{erased:02d}"])
    assert decisions(gallery)[0][erased] == ("undecided", None)
    with pytest.raises(StoreError) as refused:
        gallery.remove(["A39"])
    assert refused.value.code in ("shards_missing", "erasure_incomplete")


def test_no_shard_at_all_is_an_error_for_everyone(sharded: tuple[Gallery, NearShards]) -> None:
    gallery, shards = sharded
    shards.lost = set(range(SHARDS))
    with pytest.raises(StoreError) as refused:
        decisions(gallery)
    assert refused.value.code == "shards_missing"


def test_readiness_and_states_name_the_shards_that_are_not_there(sharded: tuple[Gallery, NearShards]) -> None:
    gallery, shards = sharded
    status = gallery.status()
    assert [(each.shard, each.ready, each.behind) for each in status.shards] == [(n, True, 0) for n in range(SHARDS)]
    assert sum(each.templates for each in status.shards) == sum(each.subjects for each in status.shards) == PEOPLE
    shards.lost = {2}
    reply = ready_reply(ReadinessCheck(gallery).now())
    assert isinstance(reply, NotReadyReply)
    assert (reply.status, reply.code, reply.missing_shards) == ("unavailable", "shards_missing", [2])
    assert [each.ready for each in gallery.index.shard_states()] == [True, True, False]
    state = gallery.index.state()
    assert (state.shards, state.shards_ready, state.templates) == (SHARDS, SHARDS - 1, PEOPLE)
