"""What the sample's liveness net promises, on drawn people and attacks that its training never saw."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from data_sample.draw import sample_identity, sample_look
from data_sample.draw.attack import render_filling
from data_sample.draw.medium import KINDS, Kind
from data_sample.draw.seeds import ATTACKS_HELD_OUT, HELD_OUT
from data_sample.make_attacks import make_attacks
from data_sample.train.attacks import draw_picture
from data_sample.train.evaluate_liveness import nearest
from faces.embedder import AlignedFace, FaceEmbedder
from faces.image.decode import DecodedPhoto
from faces.liveness.liveness_pack import load_liveness_pack
from faces.liveness.reader import LivenessReader
from faces.packs.model_pack import ModelPack
from faces.runtime.session import RuntimeOptions
from tests.conftest import SAMPLE

TRUTH = json.loads((SAMPLE / "attacks" / "attacks.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def judging(sample_pack: ModelPack, embedder: FaceEmbedder) -> FaceEmbedder:
    reader = LivenessReader(load_liveness_pack("sample_liveness", [SAMPLE / "models"]), RuntimeOptions("onnxruntime"))
    return FaceEmbedder(sample_pack, embedder.settings, liveness=reader)


def said_of(judging: FaceEmbedder, name: str) -> list[tuple[AlignedFace, str]]:
    """The faces of a shipped photo, each with live, attack or why it is not judged."""
    faces = judging.read_faces((SAMPLE / name).read_bytes()).faces
    assert judging.liveness is not None
    threshold = judging.liveness.threshold
    return [
        (face, said.reason or ("attack" if said.score is None or said.score < threshold else "live"))
        for face, said in zip(faces, judging.judged(faces), strict=True)
    ]


def test_it_is_small(judging: FaceEmbedder) -> None:
    assert judging.liveness is not None
    pack = judging.liveness.pack
    assert sum(file.stat().st_size for file in pack.files) < 1_000_000
    assert pack.terms.use == "anyone" and "not real ones" in pack.description.about


def test_held_out_people_are_told_from_their_photos(judging: FaceEmbedder) -> None:
    passed: dict[str, list[bool]] = defaultdict(list)
    for number in range(48):
        picture = draw_picture(np.random.default_rng([0x7E57, ATTACKS_HELD_OUT.start + number]), HELD_OUT)
        found = judging.detect(DecodedPhoto(picture.pixels, "image/png", picture.pixels.shape[:2]))
        for shown in picture.faces:
            face = nearest(found, np.array(shown.truth.box, np.float32))
            said = None if face is None else judging.judged([face])[0].score
            if said is not None:
                passed[shown.attack or "live"].append(said >= 0.5)
    live = passed.pop("live")
    attacks = [one for kind in KINDS for one in passed[kind]]
    assert len(live) > 15 and len(attacks) > 15 and all(len(passed[kind]) > 1 for kind in KINDS)
    assert np.mean(live) >= 0.88 and np.mean(attacks) <= 0.2


def test_the_class_is_live(judging: FaceEmbedder) -> None:
    said = [
        word
        for student in sorted((SAMPLE / "probes").iterdir())
        for photo in sorted(student.glob("*.jpg"))
        for _, word in said_of(judging, str(photo.relative_to(SAMPLE)))
    ]
    assert len(said) == 48 and said.count("live") >= 46 and not {"too_tight", "too_small"} & set(said)
    for name in ("group_01.jpg", "group_02.jpg"):
        assert [word for _, word in said_of(judging, f"groups/{name}")] == ["live"] * 10


@pytest.mark.parametrize("name", sorted(TRUTH.keys() - {"screen.jpg"}))  # it passes for live: data_sample/README.md
def test_shipped_attacks_are_seen_and_whoever_holds_them_is_live(name: str, judging: FaceEmbedder) -> None:
    said = said_of(judging, f"attacks/{name}")
    assert len(said) == len(TRUTH[name])
    for true in TRUTH[name]:
        face = nearest([face for face, _ in said], np.array(true["box"], np.float32))
        word = next(word for other, word in said if other is face)
        assert word == ("attack" if true["attack"] else "live"), true


def test_the_shipped_attacks_are_what_the_program_draws(tmp_path: Path) -> None:
    make_attacks(tmp_path)
    names = sorted(path.name for path in (SAMPLE / "attacks").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (SAMPLE / "attacks" / name).read_bytes(), name


def test_who_is_presented_is_recognised(embedder: FaceEmbedder) -> None:
    """So that an attack would pass as the student if nothing looked for it."""
    for name, faces in TRUTH.items():
        found = embedder.read_faces((SAMPLE / "attacks" / name).read_bytes()).faces
        for true in faces:
            face = nearest(found, np.array(true["box"], np.float32))
            assert face is not None
            (probe,) = embedder.embed([face])
            photos = sorted((SAMPLE / "students" / true["matricula"]).glob("*.jpg"))
            own = max(float(embedder.embed_portrait(p.read_bytes())[1].template @ probe.template) for p in photos)
            assert own >= embedder.pack.threshold, (name, true)


def test_a_photo_that_fills_the_frame_is_drawn_from_its_seed_and_says_where_the_face_is(embedder: FaceEmbedder) -> None:
    who = sample_identity(HELD_OUT.start + 7)
    kinds: tuple[Kind, ...] = ("screen", "print")
    for number, kind in enumerate(kinds):
        shown, again = (
            render_filling(who, kind, sample_look(number), ATTACKS_HELD_OUT.start + number, (240, 300))
            for _ in range(2)
        )
        assert (shown.pixels == again.pixels).all() and shown.pixels.shape == (300, 240, 3)
        (face,) = embedder.detect(DecodedPhoto(shown.pixels, "image/png", (300, 240)))
        assert np.abs(face.face.landmarks - np.array(shown.truth.points)).mean() < 8
