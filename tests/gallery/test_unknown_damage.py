"""``verify --deep`` finds what is wrong with unknown people."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from presente import composition
from presente.sealing import MasterKey, new_key
from tests.gallery.unknown_faces import known_faces, unknown_face

SEALING = Sealing(MasterKey(new_key()))


class Spoiler:
    """Changes what a store has behind its back."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, sqlite: str, mongo: tuple[str, dict[str, Any], dict[str, Any] | None]) -> None:
        """A statement; or a collection, a filter, and an update or the deletion."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as db, db:
                db.execute(sqlite)
            return
        with MongoClient[dict[str, Any]](self.url) as client:
            collection = client[urlsplit(self.url).path[1:]][mongo[0]]
            if mongo[2] is None:
                assert collection.delete_many(mongo[1]).deleted_count
            else:
                assert collection.update_many(mongo[1], mongo[2]).matched_count


@pytest.fixture
def spoiler(store_url: str) -> Spoiler:
    return Spoiler(store_url)


@pytest.fixture(params=["clear", "sealed"])
def kept(request: pytest.FixtureRequest, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DocumentStore]:
    """Two faces of one person, and one of another."""
    monkeypatch.setattr("gallery.documents.mongo.check._SETTLE_S", 0.0)  # no one else writes
    with closing(composition.open_store(store_url, sealing=SEALING if request.param == "sealed" else None)) as store:
        first, _ = store.unknowns.add([(unknown_face(seed), 0) for seed in range(2)])
        store.unknowns.add([(unknown_face(2), first.group)])
        assert list(store.damage()) == []
        yield store


def found(store: DocumentStore) -> set[tuple[str, str]]:
    return {(each.code, each.where) for each in store.damage()}


def test_templates_and_pictures_that_were_changed(kept: DocumentStore, spoiler: Spoiler) -> None:
    first, second, third = known_faces(kept)
    is_sealed = kept.seals.state().sealed
    spoiler.run(
        f"UPDATE unknown_faces SET vector = zeroblob(32) WHERE id = {first}",
        ("unknown_faces", {"_id": first}, {"$set": {"vector": bytes(32)}}),
    )
    spoiler.run(
        f"UPDATE unknown_faces SET picture = x'ffd8ff' WHERE id = {third}",
        ("unknown_pictures", {"face": third}, {"$set": {"content": b"\xff\xd8\xff"}}),
    )
    codes = ("seal_broken", "seal_broken") if is_sealed else ("template_damaged", "picture_damaged")
    assert found(kept) == {(codes[0], f"unknown face {first}"), (codes[1], f"unknown face {third}")}
    assert all(each.fix for each in kept.damage()) and kept.unknowns.picture(second)


def test_sums_that_were_changed(kept: DocumentStore, spoiler: Spoiler) -> None:
    group = min(known_faces(kept).values())
    spoiler.run(
        f"UPDATE unknown_groups SET visits = 7 WHERE id = {group}",
        ("unknown_groups", {"_id": group}, {"$set": {"visits": 7}}),
    )
    assert found(kept) == {("group_miscounted", f"unknown group {group}")}


def test_a_key_that_is_missing(kept: DocumentStore, spoiler: Spoiler) -> None:
    if not kept.seals.state().sealed:
        pytest.skip("a store in the clear has no keys")
    first, *_ = known_faces(kept)
    owner = f"unknown_face {first}"
    spoiler.run(f"DELETE FROM data_keys WHERE owner = '{owner}'", ("data_keys", {"owner": owner}, None))
    assert found(kept) == {("data_key_missing", f"unknown face {first}")}


def test_pictures_and_groups_that_are_missing(kept: DocumentStore, spoiler: Spoiler) -> None:
    if spoiler.url.startswith("sqlite"):
        pytest.skip("they are in one row, and references are kept by the file")
    first, second, _ = known_faces(kept)
    groups = known_faces(kept)
    spoiler.run("", ("unknown_pictures", {"face": first}, None))
    spoiler.run("", ("unknown_pictures", {"face": second}, {"$set": {"face": 10**6}}))
    spoiler.run("", ("unknown_groups", {"_id": groups[second]}, None))
    assert found(kept) == {
        ("picture_missing", f"unknown face {first}"),
        ("group_miscounted", f"unknown group {groups[second]}"),
    }
    spoiler.run("", ("unknown_faces", {"_id": second}, {"$set": {"picture": "another"}}))
    assert ("picture_without_face", "picture of unknown face 1000000") in found(kept)
