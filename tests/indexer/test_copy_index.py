"""A replica that begins with a copied generation applies what has changed since, and makes nothing anew."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.index.searcher import Searcher
from gallery.settings import GallerySettings
from presente.composition import open_store
from tests.conftest import PACK, Command, enrolment, on_sqlite
from tests.gallery.erasing import DIM, holding, rows


@pytest.fixture
def first(store_url: str, tmp_path: Path) -> Iterator[Gallery]:
    """A server's gallery with a generation, after which one student came and another one was erased."""
    gallery = opened(store_url, tmp_path / "first")
    gallery.enrol([enrolment("GONE", rows(3, 41)), *(enrolment(f"S{i}", rows(2, 100 + i)) for i in range(20))])
    gallery.index.publish()
    gallery.enrol([enrolment("LATER", rows(2, 7))])
    yield gallery
    gallery.close()


def opened(url: str, index: Path) -> Gallery:
    return Gallery(open_store(url), GenerationStore(index), PACK, DIM, GallerySettings(0.5, "test"))


def refused(done: Any) -> str:
    assert done.returncode != 0
    return str(json.loads(done.stdout)["error"]["code"])


def erased_elsewhere(gallery: Gallery) -> None:
    """Erase a student as a server does that does not hold these files."""
    gallery.store.remove(["GONE"])


def test_a_copy_continues_from_its_mark(
    first: Gallery, command: Command, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased_elsewhere(first)
    done = command("indexer", "copy-index", tmp_path / "first", "--json", PRESENTE_INDEX=str(tmp_path / "second"))
    assert json.loads(done.stdout) == {"generation": 1, "templates": 42, "unpublished": 2}, done.stderr
    assert holding(tmp_path / "second", rows(3, 41)) == []
    with monkeypatch.context() as patched:
        patched.setattr(Searcher, "rebuild", None)  # it cannot begin from zero
        second = opened(store_url, tmp_path / "second")
    assert second.index.generation == 1 and second.index.verify().agrees and second.index.state().unpublished == 2
    assert second.search(rows(2, 7)[:1], 1)[0][0].student.matricula == "LATER"
    second.close()


def test_a_folder_that_was_copied_by_other_means_is_accepted_as_it_is(
    first: Gallery, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    erased_elsewhere(first)
    assert holding(tmp_path / "second", rows(3, 41)) == ["vectors.npy"]
    monkeypatch.setattr(Searcher, "rebuild", None)
    second = opened(store_url, tmp_path / "second")
    assert second.index.generation == 1 and second.index.verify().agrees
    assert holding(tmp_path / "second", rows(3, 41)) == []
    second.close()


def test_a_copy_that_was_cut_off_is_passed_over(first: Gallery, store_url: str, tmp_path: Path) -> None:
    """As ``cp -r`` leaves it, of a folder that was pruned meanwhile."""
    for name in ("templates.npy", "vectors.npy", "manifest.json"):
        shutil.copytree(tmp_path / "first", tmp_path / name)
        (tmp_path / name / "gen-0000000001" / name).unlink()
        second = opened(store_url, tmp_path / name)
        assert second.index.verify().agrees and second.index.state().unpublished == 45
        second.close()


def test_rows_that_are_overwritten_while_they_are_copied(
    first: Gallery, command: Command, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile
    number = [0]

    def erasing(source: Path, target: Path) -> None:
        number[0] += 1
        if number[0] == at:
            first.remove(["GONE"])
        copy(source, target)

    monkeypatch.setattr("gallery.index.generation_files.shutil.copyfile", erasing)
    for at in (1, 2, 3):
        if first.store.student("GONE") is None:
            first.enrol([enrolment("GONE", rows(3, 41))])
            first.index.publish()
        number[0] = 0
        target = GenerationStore(tmp_path / f"copy{at}")
        target.adopt(tmp_path / "first", lambda origin: True)
        copied = opened(store_url, target.folder)
        assert copied.index.state().generation == first.index.generation and copied.index.verify().agrees
        assert holding(target.folder, rows(3, 41)) == []
        copied.close()


def test_a_generation_that_is_deleted_while_it_is_copied_is_given_up_for_a_newer_one(
    first: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def publishing(source: Path, target: Path) -> None:
        if first.index.generation == 1:
            first.index.publish()
            first.index.publish()
        copy(source, target)

    monkeypatch.setattr("gallery.index.generation_files.shutil.copyfile", publishing)
    target = GenerationStore(tmp_path / "second")
    assert target.adopt(tmp_path / "first", lambda origin: True) == 3
    assert target.numbers() == [3] and list(target.folder.glob(".new-*")) == []
    assert target.load(3).manifest.templates == 45


@on_sqlite
def test_what_cannot_be_used_is_refused_and_nothing_is_left(first: Gallery, command: Command, tmp_path: Path) -> None:
    def copied(source: str, **more: str) -> str:
        words = {"PRESENTE_INDEX": str(tmp_path / "second")} | more
        return refused(command("indexer", "copy-index", tmp_path / source, "--json", **words))

    assert copied("first", PRESENTE_SHARDS="2") == "sharded_index"
    assert copied("nowhere") == "no_generation"
    assert copied("first", PRESENTE_INDEX=str(tmp_path / "first")) == "index_not_empty"
    assert copied("first", PRESENTE_STORE=f"sqlite:///{tmp_path}/another.db") == "foreign_index"
    vectors = tmp_path / "first" / "gen-0000000001" / "vectors.npy"
    content = bytearray(vectors.read_bytes())
    content[-1] ^= 1
    vectors.write_bytes(content)
    assert copied("first") == "index_damaged"
    assert list((tmp_path / "second").iterdir()) == []
    assert np.load(vectors).shape == (43, DIM)
