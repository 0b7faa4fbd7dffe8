"""Generations of an index that are sealed on disk, and opened into memory."""

import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.seals import Sealing
from gallery.documents.values import TemplateBatch
from gallery.gallery import Gallery
from gallery.index import sealed_files
from gallery.index.generations import Generation, GenerationStore
from gallery.index.manifest import FORMAT, SEALED_FORMAT, IndexedDocuments
from gallery.index.recall_gate import IndexSettings
from gallery.index.sealed_files import INDEX_KEY, PlainFile, SealedFile, open_sealed, seal_file
from gallery.index.template_parts import PublishedTemplates, by_subject
from gallery.settings import GallerySettings
from presente.composition import open_store
from presente.errors import IndexDamaged, InvalidInput
from presente.sealing import Cipher, MasterKey, new_key
from tests.conftest import PACK, enrolment, on_sqlite
from tests.gallery.erasing import DIM, holding, rows
from tests.gallery.indexes import KINDS, crowd

SEALING = Sealing(MasterKey(new_key()))
GOLDEN = Path(__file__).parent / "golden"
GOLDEN_KEY = b"the key of the golden files....."


def stored(folder: Path, cipher: Cipher | None, kind: str = "flat", sealed: bool = True) -> GenerationStore:
    return GenerationStore(folder, IndexSettings(kind, 0.5, sealed), cipher=cipher)  # type: ignore[arg-type]


def publish(store: GenerationStore, vectors: np.ndarray) -> Generation:
    ids = np.arange(len(vectors)) * 3 + 1
    batch = TemplateBatch(ids, ids // 2, vectors)
    return store.publish([batch], vectors.shape[1], IndexedDocuments("s", "p@1", len(vectors), "m"))


def part_of(generation: Generation) -> PublishedTemplates:
    return PublishedTemplates(generation.templates, generation.vectors, generation.index, generation.files)


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 250, 300])
def test_a_sealed_file_opens_as_it_was(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_files, "_CHUNK", 100)
    cipher, content = Cipher(new_key()), os.urandom(size)
    (tmp_path / "plain").write_bytes(content)
    seal_file(tmp_path / "plain", tmp_path / "sealed", cipher)
    opened = open_sealed(tmp_path / "sealed", cipher)
    assert opened.path.read_bytes() == content
    assert size < 20 or content[:20] not in (tmp_path / "sealed").read_bytes()
    handle = os.open(tmp_path / "sealed", os.O_RDWR)
    file = SealedFile(handle, cipher)
    assert file.size == size == PlainFile(opened.handle).size
    for start, patch in ((0, b"x"), (95, b"across"), (size - 3, b"end")):
        if 0 <= start <= size - len(patch):
            file.write(patch, start)
            content = content[:start] + patch + content[start + len(patch) :]
            assert file.read(len(patch), start) == patch
    assert open_sealed(tmp_path / "sealed", cipher).path.read_bytes() == content == file.read(size, 0)
    with pytest.raises(OSError, match="it would grow"):
        file.write(b"beyond", size)
    os.close(handle)


@pytest.mark.parametrize("change", ["a bit", "cut short", "a chunk less", "swapped", "header", "of another", "key"])
def test_a_sealed_file_that_was_changed_does_not_open(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_files, "_CHUNK", 100)
    cipher, sealed = Cipher(new_key()), tmp_path / "sealed"
    (tmp_path / "plain").write_bytes(os.urandom(300))
    for target in (sealed, tmp_path / "other"):
        seal_file(tmp_path / "plain", target, cipher)
    content, head, chunk = sealed.read_bytes(), 24, 129
    first, second, third = (content[head + chunk * at : head + chunk * (at + 1)] for at in range(3))
    sealed.write_bytes(
        {
            "a bit": content[:60] + bytes([content[60] ^ 1]) + content[61:],
            "cut short": content[:-1],
            "a chunk less": content[:-chunk],
            "swapped": content[:head] + second + first + third,
            "header": b"X" + content[1:],
            "of another": (tmp_path / "other").read_bytes()[: head + chunk] + second + third,
            "key": content,
        }[change]
    )
    with pytest.raises(OSError, match=r"cannot be opened|not a sealed file"):
        open_sealed(sealed, Cipher(new_key()) if change == "key" else cipher)


# -- generations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_sealed_generation_finds_what_one_in_the_clear_finds(kind: str, tmp_path: Path) -> None:
    vectors, cipher = crowd(800, 3), Cipher(new_key())
    clear = publish(stored(tmp_path / "clear", None, kind), vectors)
    written = publish(stored(tmp_path / "sealed", cipher, kind), vectors)
    loaded = stored(tmp_path / "sealed", cipher, kind).load(1)
    assert (clear.manifest.format, loaded.manifest.format) == (FORMAT, SEALED_FORMAT)
    assert "vectors.npy" in holding(tmp_path / "clear", vectors[:1]) and not holding(tmp_path / "sealed", vectors)
    codes = (tmp_path / "clear" / "gen-0000000001" / "codes.faiss").read_bytes() if kind != "flat" else b""
    assert not codes or not any(
        codes[-2000:-1000] in path.read_bytes() for path in (tmp_path / "sealed").rglob("*") if path.is_file()
    )
    for generation in (written, loaded):
        assert np.array_equal(generation.vectors, vectors)
        scores, found = part_of(generation).search(vectors[::50], 5)
        expected = part_of(clear).search(vectors[::50], 5)
        assert (found == expected[1]).mean() > 0.99 and np.allclose(scores, expected[0], atol=1e-2)
        assert generation.is_locked is not None and clear.is_locked is None


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_overwritten_in_every_process_and_on_disk(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_files, "_CHUNK", 4096)
    vectors, cipher = crowd(800, 3), Cipher(new_key())
    store = stored(tmp_path, cipher, kind)
    publish(store, vectors)
    one, other = part_of(store.load(1)), part_of(store.load(1))
    gone, later = np.array([3, 700]), np.array([4])
    assert one.files is not None and other.files is not None
    one.files.overwrite(gone, one.index)
    other.files.overwrite(later, other.index)  # which has the others' rows in memory still, and must not write them
    again = store.load(1)
    assert not np.asarray(again.vectors)[[3, 4, 700]].any() and np.array_equal(again.erased_rows, [3, 4, 700])
    assert not np.asarray(one.vectors)[gone].any() and not np.asarray(other.vectors)[later].any()
    kept = np.setdiff1d(np.arange(len(vectors)), [3, 4, 700])
    assert np.array_equal(np.asarray(again.vectors)[kept], vectors[kept])
    alive = np.ones(len(vectors), dtype=bool)
    alive[[3, 4, 700]] = False
    _, found = again.index.search(vectors[kept[::100]], 1, alive)
    assert np.array_equal(found[:, 0], kept[::100])


def test_a_sealed_generation_needs_its_key_and_its_files(tmp_path: Path) -> None:
    vectors, cipher = crowd(50, 2), Cipher(new_key())
    publish(stored(tmp_path, cipher), vectors)
    for other in (None, Cipher(new_key())):
        generation, warnings = stored(tmp_path, other).latest()
        assert generation is None and len(warnings) == 1
    sealed = tmp_path / "gen-0000000001" / "vectors.sealed"
    sealed.write_bytes(sealed.read_bytes()[:-1])
    with pytest.raises(IndexDamaged):
        stored(tmp_path, cipher).load(1)


def test_one_in_the_clear_is_not_used_and_goes_with_the_first_that_is_sealed(tmp_path: Path) -> None:
    vectors, cipher = crowd(50, 2), Cipher(new_key())
    publish(stored(tmp_path, None), vectors)
    store = stored(tmp_path, cipher)
    generation, warnings = store.latest()
    assert generation is None and "in the clear" in warnings[0] and store.numbers() == [1]
    publish(store, vectors)
    assert store.numbers() == [2] == store.sealed()
    off = stored(tmp_path, cipher, sealed=False)
    assert off.latest()[0] is not None  # what is sealed can be read, and what is written is in the clear
    publish(off, vectors)
    assert off.numbers() == [2, 3] and off.sealed() == [2]


def test_memory_that_cannot_be_locked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, cipher = crowd(50, 2), Cipher(new_key())
    limits = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    assert publish(stored(tmp_path, cipher), vectors).is_locked
    if os.geteuid() == 0:  # root may lock what it likes
        monkeypatch.setattr(sealed_files, "lock_in_memory", lambda _: False)
        monkeypatch.setattr("gallery.index.generations.lock_in_memory", lambda _: False)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, limits[1]))
    try:
        loaded = stored(tmp_path, cipher).load(1)
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
    assert loaded.is_locked is False and np.array_equal(loaded.vectors, vectors)


@pytest.mark.parametrize("kind", ["flat", "rabitq"])
def test_golden_sealed_generations_are_read(kind: str) -> None:
    generation, warnings = stored(GOLDEN / f"format-3-{kind}", Cipher(GOLDEN_KEY), kind).latest()
    assert generation is not None and warnings == []
    vectors = np.asarray(generation.vectors)
    scores, found = part_of(generation).search(vectors[:9], 3)
    assert (found[:, 0] == np.arange(9)).all() and np.allclose(scores[:, 0], 1.0, atol=1e-5)
    ids = np.arange(len(vectors)) * 3 + 1
    assert np.array_equal(generation.templates, by_subject(ids, ids // 2))


# -- a gallery --------------------------------------------------------------------------------------------------------


def opened(url: str, index: Path, sealed: bool = True) -> Gallery:
    store = open_store(url, sealing=SEALING)
    generations = stored(index, store.seals.derived(INDEX_KEY), sealed=sealed)
    return Gallery(store, generations, PACK, DIM, GallerySettings(0.5, "test"))


@pytest.mark.parametrize("sealed", [True, False])
def test_no_vector_is_in_a_file_of_a_sealed_gallery(store_url: str, tmp_path: Path, sealed: bool) -> None:
    people, index = rows(30, 1), tmp_path / "index"
    gallery = opened(store_url, index, sealed)
    gallery.enrol([enrolment(f"A{number}", row) for number, row in enumerate(people)])
    gallery.index.publish()
    assert gallery.status().files == ("sealed" if sealed else "clear")
    gallery.remove(["A3"])
    gallery.close()
    assert bool(holding(tmp_path, people)) is not sealed
    again = opened(store_url, index, sealed)
    assert again.index.generation == 1 and again.index.verify().agrees
    with again.index.reading() as searcher:
        best = searcher.best_subjects(people[5:6], 1)[0][0]
        assert best[1] == pytest.approx(1.0, abs=1e-5) and len(searcher) == 29
    again.close()


@on_sqlite
def test_a_gallery_that_was_in_the_clear(store_url: str, tmp_path: Path) -> None:
    people, index = rows(30, 1), tmp_path / "index"
    gallery = Gallery(open_store(store_url), GenerationStore(index), PACK, DIM, GallerySettings(0.5, "test"))
    gallery.enrol([enrolment(f"A{number}", row) for number, row in enumerate(people)])
    gallery.index.publish()
    gallery.close()
    sealed = opened(store_url, index)
    assert sealed.status().files is None and sealed.index.verify().agrees
    sealed.store.seals.seal_all()
    sealed.index.rebuild()
    sealed.close()
    assert holding(tmp_path, people) == []


@on_sqlite
def test_a_sealed_index_is_copied(store_url: str, tmp_path: Path) -> None:
    gallery = opened(store_url, tmp_path / "one")
    gallery.enrol([enrolment(f"A{number}", row) for number, row in enumerate(rows(30, 1))])
    gallery.index.publish()
    copy = stored(tmp_path / "two", gallery.store.seals.derived(INDEX_KEY))
    assert copy.adopt(tmp_path / "one", lambda _: True) == 1
    assert np.array_equal(copy.load(1).vectors, stored_vectors(gallery))
    shutil.rmtree(tmp_path / "two")
    with pytest.raises(InvalidInput, match="PRESENTE_INDEX_SEALED"):
        stored(tmp_path / "three", None).adopt(tmp_path / "one", lambda _: True)
    gallery.close()


def stored_vectors(gallery: Gallery) -> np.ndarray:
    (batch,) = gallery.store.templates()
    return np.asarray(batch.vectors)
