"""Attacks that are drawn of photos: the same from the same seed, of each kind, with the face still found in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.liveness_attacks import chosen, make
from benchmarks.liveness_media import ON_A_MEDIUM, on_paper, on_screen
from evaluation.presentations import read_folder
from evaluation.protocols import Entry, read_list
from faces.embedder import FaceEmbedder
from tests.conftest import SAMPLE

pytestmark = pytest.mark.untraced


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_photos_and_attacks_are_written_from_a_seed(embedder: FaceEmbedder, tmp_path: Path) -> None:
    entries = chosen(read_list(SAMPLE / "identify.tsv"), 2, seed=1)
    assert len({entry.person for entry in entries}) == 2
    counts = make(entries, embedder, tmp_path / "a", seed=1)
    kinds = tuple(ON_A_MEDIUM)
    assert counts == dict.fromkeys(
        ["bona_fide", *(f"attacks/{kind}" for kind in kinds), "tight/bona_fide", "tight/attacks/screen"], 2
    )
    for folder in (tmp_path / "a", tmp_path / "a" / "tight"):
        found = read_folder(folder)  # as `evaluation liveness` reads it
        assert {one.person for one in found} == {entry.person for entry in entries}
    assert {one.kind for one in read_folder(tmp_path / "a")} == {"", *kinds}
    for entry in entries:  # as the service gets it
        copy = tmp_path / "a" / "bona_fide" / entry.person / entry.path.name
        assert copy.read_bytes() == entry.path.read_bytes()
    faces = [embedder.read_faces(one.path.read_bytes()).prominent for one in read_folder(tmp_path / "a")]
    assert faces.count(None) <= 2  # a face on a phone is smaller, and a print is pale
    make(entries, embedder, tmp_path / "b", seed=1)
    make(entries, embedder, tmp_path / "c", seed=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    same, other = contents(tmp_path / "a"), contents(tmp_path / "c")
    assert all((same[name] == other[name]) == ("bona_fide" in name) for name in same)


def test_a_wall_without_a_face_is_left_out(embedder: FaceEmbedder, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (80, 80), "grey").save(wall)
    assert make([Entry("probe", "nobody", wall)], embedder, tmp_path / "out", seed=1) == {"without_face": 1}
    assert not (tmp_path / "out").exists()


def test_each_person_has_one_photo_before_anyone_has_two() -> None:
    entries = [Entry("probe", person, Path(f"{person}{i}.jpg")) for person in "abc" for i in range(3)]
    drawn = chosen(entries, 5, seed=3)
    assert sorted(entry.person for entry in drawn[:3]) == ["a", "b", "c"]
    assert len({entry.path for entry in drawn}) == 5 and len({entry.person for entry in drawn[3:]}) == 2
    assert chosen(entries, 5, seed=3) == drawn != chosen(entries, 5, seed=4)
    assert len(chosen(entries, 50, seed=3)) == 9


def test_media_leave_their_marks() -> None:
    grey = np.full((120, 120, 3), 140, np.uint8)
    ramp = np.tile(np.linspace(0, 255, 120, dtype=np.uint8)[None, :, None], (120, 1, 3))
    screen, paper = on_screen(grey, chance()), on_paper(grey, chance())
    assert screen.shape == paper.shape == grey.shape
    assert screen.std(axis=(0, 1)).min() > 1 and paper.std(axis=(0, 1)).min() > 1  # a grid, dots
    fine = on_screen(grey, chance(), fine=True), on_paper(grey, chance(), fine=True)
    assert fine[0].std() < screen.std() and fine[1].std() < paper.std()
    assert screen[..., 2].mean() > screen[..., 0].mean() + 3  # a colder white
    printed = on_paper(ramp, chance())
    assert printed.min() > 10 and printed.max() < 250  # neither ink nor paper is as dark, or as light, as a pixel
    for kind, draw in ON_A_MEDIUM.items():
        before = ramp.copy()
        drawn = draw(ramp, grey, chance())
        assert (ramp == before).all() and drawn.dtype == np.uint8
        assert (drawn.shape == ramp.shape) == ("screen" in kind or "print" in kind)  # others have room around them
