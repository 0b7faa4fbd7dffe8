"""Which part of a photo a liveness model sees, what is made of its numbers, and which faces it cannot judge."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from insightface.addons import Liveness
from numpy.typing import NDArray

from faces.detection.detected_face import DetectedFace
from faces.embedder import FaceEmbedder
from faces.liveness.crops import cut_part
from faces.liveness.description import CropRule, LivenessOutput
from faces.liveness.liveness_pack import load_liveness_pack
from faces.liveness.reader import LivenessReader, live_probabilities
from faces.packs.model_pack import ModelPack
from faces.runtime.session import RuntimeOptions, plain_session
from tests.conftest import SAMPLE
from tests.faces import liveness_models
from tests.faces.liveness_models import DESCRIBED

PLAIN = RuntimeOptions("onnxruntime")
POINTS = np.array([(38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)], np.float32)
"""ArcFace's landmarks in a square of 112 pixels."""


def photo(width: int = 400, height: int = 300) -> NDArray[np.uint8]:
    """Pixels that say where they are: red is half of x, green half of y."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x // 2, y // 2, np.full_like(x, 40)], axis=2).astype(np.uint8)


def face(x: float, y: float, width: float, height: float | None = None, turned: int = 0) -> DetectedFace:
    """An upright face about a point; or one that lies, by so many quarters clockwise."""
    height = width if height is None else height
    points = (POINTS - 56) / 112 * width
    for _ in range(turned):
        points = np.column_stack([-points[:, 1], points[:, 0]])
        width, height = height, width
    box = np.array((x - width / 2, y - height / 2, x + width / 2, y + height / 2), np.float32)
    return DetectedFace(box, (points + (x, y)).astype(np.float32), 0.9)  # noqa: RUF005


def seen(rule: CropRule, of: DetectedFace) -> tuple[float, float, float, float]:
    """The x and y in the photo of what a crop of 80 x 80 has at its left, upper, right and lower edge."""
    crop = cut_part(photo(), of, rule, 80, 80)
    assert crop is not None and crop.shape == (80, 80, 3) and crop.dtype == np.uint8
    left, upper = crop[40, 0, 0], crop[0, 40, 1]
    right, lower = crop[40, -1, 0], crop[-1, 40, 1]
    return 2.0 * left, 2.0 * upper, 2.0 * right, 2.0 * lower


@pytest.mark.parametrize("resize", ["linear", "area"])
def test_a_part_around_the_box(resize: Any) -> None:
    rule = CropRule("box", 2.5, "shrink", resize)
    assert seen(rule, face(200, 150, 60, 80)) == pytest.approx((125, 50, 275, 250), abs=5)
    square = CropRule("square", 2.5, "reflect", resize)
    assert seen(square, face(200, 150, 60, 80)) == pytest.approx((100, 50, 300, 250), abs=5)


def test_a_part_that_would_leave_the_photo_is_moved_into_it_and_shrunk() -> None:
    rule = CropRule("box", 2.5, "shrink", "area", least_seen=0.5)
    assert seen(rule, face(40, 280, 60, 40)) == pytest.approx((0, 200, 150, 300), abs=5)  # moved
    assert seen(rule, face(330, 150, 120, 150)) == pytest.approx((160, 0, 400, 300), abs=5)  # 2 times as large
    strict = replace_rule(rule, least_seen=0.81)
    assert cut_part(photo(), face(330, 150, 120, 150), strict, 80, 80) is None
    assert cut_part(photo(), face(330, 150, 120, 150), replace_rule(rule, least_seen=0.79), 80, 80) is not None


def replace_rule(rule: CropRule, **changes: Any) -> CropRule:
    parts = {name: getattr(rule, name) for name in rule.__struct_fields__}
    return CropRule(**parts | changes)


@pytest.mark.parametrize(("beyond", "left"), [("reflect", 60), ("repeat", 0)])
def test_a_part_beyond_the_photo_is_filled_from_its_edge(beyond: Any, left: float) -> None:
    rule = CropRule("square", 2.0, beyond, "linear", least_seen=0.6)
    # from -60 to 140, of which 0 to 140 is there
    assert seen(rule, face(40, 150, 100)) == pytest.approx((left, 50, 138, 248), abs=5)
    assert cut_part(photo(), face(40, 150, 100), replace_rule(rule, least_seen=0.72), 80, 80) is None


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_a_face_that_lies_is_turned_upright(turned: int) -> None:
    middle = (200, 150) if turned % 2 == 0 else (150, 200)
    upright, lying = face(200, 150, 80, 100), face(*middle, 80, 100, turned)
    pixels = np.ascontiguousarray(np.rot90(photo(), -turned))  # clockwise
    for rule in (
        CropRule("box", 2.0, "shrink", "area"),
        CropRule("square", 1.5, "reflect", "area"),
        CropRule("landmarks", 1.5, "repeat"),
    ):
        wanted = cut_part(photo(), upright, rule, 80, 80)
        found = cut_part(pixels, lying, rule, 80, 80)
        assert wanted is not None and found is not None
        assert np.abs(wanted.astype(int) - found.astype(int)).max() <= 4, rule


@pytest.fixture
def addon(tmp_path: Path) -> tuple[LivenessReader, Liveness]:
    """A network of the add-on's form, read by us and by insightface's own adapter. Its score is a mean of colours."""
    weights = np.array([[0.7], [0.2], [0.1]])
    liveness_models.folder(
        tmp_path / "addon",
        crop={"around": "landmarks", "scale": 1.5873, "beyond": "repeat", "least_seen": 0.7},
        input={"height": 80, "width": 80, "scale": 255},
        output={"form": "probabilities", "classes": 1},
        least_face=1,
    )
    file = liveness_models.model(tmp_path / "addon" / "live.onnx", weights, side=80, flat=True)
    ours = LivenessReader(load_liveness_pack(str(tmp_path / "addon"), []), PLAIN)
    return ours, Liveness(file, session=plain_session(file))


def test_a_crop_around_landmarks_is_that_of_insightfaces_add_on(addon: tuple[LivenessReader, Liveness]) -> None:
    ours, theirs = addon
    rng = np.random.default_rng(0)
    pixels = np.repeat(np.repeat(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), 10, axis=0), 10, axis=1)
    refused = judged = 0
    for _ in range(60):
        size, x, y = rng.uniform(40, 200), rng.uniform(20, 380), rng.uniform(20, 280)
        turned = face(x, y, size)
        turned = replace(turned, landmarks=(turned.landmarks + rng.normal(0, size / 40, (5, 2))).astype(np.float32))
        said = theirs.predict(np.ascontiguousarray(pixels[:, :, ::-1]), turned.landmarks)
        (score,) = ours.scores([ours.cut(pixels, turned)])
        if said["live_score"] is None:
            refused += 1
            assert (score.score, score.reason) == (None, "too_tight")
        else:
            judged += 1
            assert score.score == pytest.approx(said["live_score"], abs=0.002) and score.reason is None
    assert refused > 5 and judged > 20


def reader(folder: Path) -> LivenessReader:
    return LivenessReader(load_liveness_pack(str(folder), []), PLAIN)


def coloured(*levels: int) -> NDArray[np.uint8]:
    return np.full((300, 300, 3), levels, np.uint8)


@pytest.mark.parametrize(("colours", "live", "wanted"), [("rgb", 0, 0.576), ("bgr", 0, 0.212), ("rgb", 1, 0.212)])
def test_colours_scale_and_class_are_as_declared(tmp_path: Path, colours: str, live: int, wanted: float) -> None:
    first = DESCRIBED["models"][0]
    own = reader(
        liveness_models.folder(
            tmp_path / "mine", input=first["input"] | {"colours": colours}, output=first["output"] | {"live": live}
        )
    )
    (score,) = own.scores([own.cut(coloured(255, 0, 0), face(150, 150, 60))])
    assert score.score == pytest.approx(wanted, abs=0.001)  # the softmax of 1, 0, 0
    assert score.pack == own.pack.tag and own.threshold == 0.5


def test_the_models_of_a_pack_are_averaged_and_each_sees_its_own_part(tmp_path: Path) -> None:
    whole = {**DESCRIBED, "models": [DESCRIBED["models"][0], {**DESCRIBED["models"][0], "file": "wide.onnx"}]}
    whole["models"][1]["crop"] = {"around": "box", "scale": 4.0, "beyond": "shrink"}
    folder = liveness_models.folder(tmp_path / "pair", whole)
    liveness_models.model(folder / "wide.onnx")
    pixels = coloured(0, 0, 0)
    pixels[90:210, 90:210] = (255, 0, 0)  # all of what is seen at 2 times, a quarter of what is at 4
    own = reader(folder)
    crop = own.cut(pixels, face(150, 150, 60))
    assert len(crop.pictures) == 2
    soft = np.exp([1, 0.25]) / (np.exp([1, 0.25]) + 2)
    assert own.scores([crop])[0].score == pytest.approx(soft.mean(), abs=0.003)


@pytest.mark.parametrize("batch", ["n", 1, 4])
def test_many_faces_are_scored_in_their_order_whatever_the_batch(tmp_path: Path, batch: int | str) -> None:
    folder = liveness_models.folder(tmp_path / "mine")
    liveness_models.model(folder / "live.onnx", batch=batch)
    own = reader(folder)
    levels = np.random.default_rng(1).integers(0, 256, 21)
    crops = [own.cut(coloured(int(level), 0, 0), face(150, 150, 60)) for level in levels]
    crops.insert(3, own.cut(coloured(255, 0, 0), face(150, 150, 39.9)))
    crops.insert(9, own.cut(coloured(255, 0, 0), face(150, 150, 290)))
    found = own.scores(crops)
    unjudged = [found.pop(9), found.pop(3)]
    assert [(one.score, one.reason) for one in unjudged] == [(None, "too_tight"), (None, "too_small")]
    wanted = np.exp(levels / 255) / (np.exp(levels / 255) + 2)
    assert [one.score for one in found] == pytest.approx(wanted, abs=1e-3) and own.scores([]) == []


def test_probabilities_of_each_form() -> None:
    rows = np.array([[2.0, -1.0], [-800.0, 800.0], [0.0, 0.0]], np.float32)
    assert live_probabilities(rows, LivenessOutput("logits")) == pytest.approx([0.9526, 0, 0.5], abs=1e-4)
    one = np.array([[0.0], [3.0], [-900.0]], np.float32)
    with np.errstate(over="raise"):
        assert live_probabilities(one, LivenessOutput("logits", 1)) == pytest.approx([0.5, 0.9526, 0], abs=1e-4)
    given = np.array([0.2, 0.9], np.float32)
    assert live_probabilities(given, LivenessOutput("probabilities", 1)) == pytest.approx([0.2, 0.9])


def test_an_embedder_with_a_pack_cuts_what_it_judges_and_one_without_pays_nothing(
    sample_pack: ModelPack, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    own = reader(liveness_models.folder(tmp_path / "mine"))
    judging = FaceEmbedder(sample_pack, embedder.settings, liveness=own)
    content = (SAMPLE / "groups" / "group_02.jpg").read_bytes()
    faces = judging.read_faces(content).faces
    said = judging.judged(faces)
    assert len(said) == 10 and all(one.pack == own.pack.tag for one in said)
    assert all(0.2 < one.score < 0.6 for one in said if one.score is not None) and any(one.score for one in said)
    plain = embedder.read_faces(content).faces
    assert [one.liveness for one in plain] == [None] * 10
    assert [one.liveness for one in embedder.embed(plain)] == [None] * 10
    with pytest.raises(ValueError, match="liveness pack"):
        embedder.judged(faces)
    with pytest.raises(ValueError, match="liveness pack"):
        judging.judged(plain)
