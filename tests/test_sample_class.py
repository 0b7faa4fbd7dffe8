"""What the sample pack promises, on students and strangers that its training never saw."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_sample.make_class import choose_students, write_experiment, write_groups
from faces.embedder import EmbeddedFace, FaceEmbedder
from tests.conftest import SAMPLE

with (SAMPLE / "students.csv").open(encoding="utf-8") as stream:
    STUDENTS = list(csv.DictReader(stream))
GROUPS = json.loads((SAMPLE / "groups" / "groups.json").read_text(encoding="utf-8"))


def faces_of(embedder: FaceEmbedder, name: str) -> list[EmbeddedFace]:
    return embedder.embed(embedder.detect(embedder.decode((SAMPLE / name).read_bytes())))


@pytest.fixture(scope="module")
def enrolled(embedder: FaceEmbedder) -> dict[str, np.ndarray]:
    gallery = {}
    for student in STUDENTS:
        found = [faces_of(embedder, name) for name in student["fotos"].split(";")]
        assert [len(faces) for faces in found] == [1] * 4, student
        gallery[student["matricula"]] = np.stack([faces[0].template for faces in found])
    return gallery


def nearest(template: np.ndarray, enrolled: dict[str, np.ndarray]) -> tuple[float, str]:
    return max((float((rows @ template).max()), matricula) for matricula, rows in enrolled.items())


def test_the_list_to_evaluate_on_has_every_portrait_once(tmp_path: Path) -> None:
    write_experiment(tmp_path, choose_students())
    text = (SAMPLE / "identify.tsv").read_bytes()
    assert (tmp_path / "identify.tsv").read_bytes() == text
    paths = [line.split("\t")[2] for line in text.decode().splitlines()[1:]]
    portraits = [path for folder in ("students", "probes", "strangers") for path in (SAMPLE / folder).rglob("*.jpg")]
    assert sorted(paths) == sorted(str(path.relative_to(SAMPLE)) for path in portraits)


def test_the_pack_is_small(embedder: FaceEmbedder) -> None:
    pack = embedder.pack
    assert pack.detection.stat().st_size + pack.recognition.stat().st_size < 3_000_000


def test_every_probe_is_its_student(embedder: FaceEmbedder, enrolled: dict[str, np.ndarray]) -> None:
    ranked_first = known = total = 0
    for student in STUDENTS:
        for path in sorted((SAMPLE / "probes" / student["matricula"]).glob("*.jpg")):
            (face,) = faces_of(embedder, str(path.relative_to(SAMPLE)))
            score, matricula = nearest(face.template, enrolled)
            total += 1
            ranked_first += matricula == student["matricula"]
            known += matricula == student["matricula"] and score >= embedder.pack.threshold
    assert total == 48
    assert ranked_first / total >= 0.99
    assert known / total >= 0.95


def test_no_stranger_is_accepted(embedder: FaceEmbedder, enrolled: dict[str, np.ndarray]) -> None:
    paths = sorted((SAMPLE / "strangers").glob("*.jpg"))
    assert len(paths) == 6
    for path in paths:
        (face,) = faces_of(embedder, f"strangers/{path.name}")
        assert nearest(face.template, enrolled)[0] < embedder.pack.threshold, path


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_every_face_of_a_group_is_named(embedder: FaceEmbedder, enrolled: dict[str, np.ndarray], name: str) -> None:
    found = faces_of(embedder, f"groups/{name}")
    truth = GROUPS[name]
    assert len(found) == len(truth)
    for face in found:
        expected = max(truth, key=lambda known: _overlap(known["box"], face.face.box))
        assert _overlap(expected["box"], face.face.box) > 0.5
        score, matricula = nearest(face.template, enrolled)
        assert (matricula if score >= embedder.pack.threshold else None) == expected["matricula"]
    assert any(known["matricula"] is None for known in GROUPS["group_02.jpg"])


def test_the_demo_has_a_phones_photo_of_the_class_and_a_close_up() -> None:
    photo, sides = SAMPLE / "groups" / "phone_class.jpg", [_side(known["box"]) for known in GROUPS["phone_class.jpg"]]
    with Image.open(photo) as opened:
        assert opened.size == (4000, 3000)
    assert photo.stat().st_size < 600_000
    assert {known["matricula"] for known in GROUPS["phone_class.jpg"]} == {each["matricula"] for each in STUDENTS} | {
        None
    }
    assert 45 < min(sides) < 60 and 100 < max(sides) < 130
    with Image.open(SAMPLE / "groups" / "close_up.jpg") as opened:
        (near,) = GROUPS["close_up.jpg"]
        assert max(opened.size) <= 1600 and _side(near["box"]) > 0.6 * opened.width


def test_the_photos_of_the_demo_are_drawn_again_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    write_groups(tmp_path, choose_students())
    made = {path.name: path.read_bytes() for path in (tmp_path / "groups").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (SAMPLE / "groups").iterdir()}


def _side(box: Sequence[float]) -> float:
    """Shorter side of a box."""
    return min(box[2] - box[0], box[3] - box[1])


def _overlap(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))
