"""A process dies before any one of its writes about unknown people: what it wrote is finished or undone as a whole."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gallery.documents.protocol import DocumentStore
from presente import composition
from tests.conftest import DIM, PACK
from tests.gallery.galleries import open_gallery
from tests.gallery.unknown_faces import at, known_faces, unknown_face
from tests.killer import EVERY, decided_once, die_before, next_death

__all__ = ["open_gallery"]  # the process that dies calls it
OTHER = "other@111111111111"


def fill(store: DocumentStore) -> None:
    """Three people: of two faces, of one, and of one who is not ours."""
    store.claim_pack(PACK, DIM)
    made = store.unknowns.add([(unknown_face(seed, 8 + seed, seed / 10), 0) for seed in range(3)])
    store.unknowns.add([(unknown_face(3, 12, 0.5), made[0].group)])
    store.unknowns.mark(made[2].group, "not_ours")


def groups(store: DocumentStore) -> list[int]:
    return sorted(set(known_faces(store).values()))


def faces(store: DocumentStore) -> list[int]:
    return sorted(known_faces(store))


DELTAS = {
    "add": lambda gallery: gallery.store.unknowns.add(
        [(unknown_face(9, 15), groups(gallery.store)[0]), (unknown_face(10, 16), 0)]
    ),
    "see": lambda gallery: gallery.store.unknowns.see_again(
        faces(gallery.store)[0], at(18), 3, unknown_face(11, 18, 0.9)
    ),
    "join": lambda gallery: gallery.store.unknowns.join(*groups(gallery.store)[:2]),
    "split": lambda gallery: gallery.store.unknowns.split([faces(gallery.store)[0], faces(gallery.store)[1]]),
    "mark": lambda gallery: gallery.store.unknowns.mark(groups(gallery.store)[0], "not_ours", "a parent"),
    "erase": lambda gallery: gallery.store.unknowns.erase([faces(gallery.store)[0], faces(gallery.store)[1]]),
    "erase group": lambda gallery: gallery.store.unknowns.erase_group(groups(gallery.store)[0]),
    "drop": lambda gallery: gallery.store.unknowns.drop(at(10)),
    "change the pack": lambda gallery: gallery.store.adopt_pack(OTHER, DIM),
}
ACTIONS = [
    pytest.param(url, action, id=f"{url}-{action}")
    for url in ("sqlite", "mongo")
    for action in DELTAS
    if EVERY == 1 or action in (("erase",) if url == "sqlite" else ("add", "see", "join", "erase", "change the pack"))
]
"""Those that are tried; in the long form all are. In SQLite each is one transaction."""


def seen(store: DocumentStore) -> list[Any]:
    """Everything about unknown people but the ids."""
    found = []
    for state in ("open", "not_ours"):
        for group in store.unknowns.groups(state, "last_at", None, 99):
            own = [
                (face.face.at, face.face.last_at, face.face.looks, face.face.vector.tolist(), picture)
                for face in store.unknowns.faces(group.id, 0, 99)
                if (picture := store.unknowns.picture(face.id))
            ]
            about = group.state, group.note, group.visits, group.looks, group.first_at, group.last_at
            found.append((*about, store.unknowns.picture(group.cover), own))
    return found


@pytest.mark.untraced
@pytest.mark.parametrize(("store_url", "action"), ACTIONS, indirect=["store_url"])
def test_death_before_any_write(store_url: str, tmp_path: Path, action: str) -> None:
    deadly, acknowledged = 0, False
    found: list[list[Any]] = []
    while not acknowledged:
        deadly = next_death(deadly)
        assert deadly < 40
        url, folder = f"{store_url}_{deadly}", tmp_path / str(deadly)
        with closing(composition.open_store(url)) as store:
            fill(store)
            before, epoch = seen(store), store.unknowns.epoch()
        acknowledged = die_before(deadly, url, folder, __name__, action)
        with closing(composition.open_store(url)) as store:
            found.append(seen(store))
            happened = found[-1] != before
            assert action in ("add", "see") or not happened or store.unknowns.epoch() != epoch
            listed = [entry.kind for entry in store.erasures.entries()]
            assert listed == ["unknown_face"] * 2 * (happened and action in ("erase", "erase group"))
            assert [damage.line() for damage in store.damage()] == []
            (made,) = store.unknowns.add([(unknown_face(99, 20), 0)])
            assert known_faces(store)[made.id] == made.group or store.pack() == (OTHER, DIM)
    assert decided_once([each != before for each in found])
    assert all(each in (before, found[-1]) for each in found)
