"""Pose models of the published shapes find dots where they are, below every face of a picture; others are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from faces.pose.keypoints import COCO, PLACE, Keypoints
from faces.pose.neighbourhood import ABOVE, BELOW, cut
from faces.pose.pose_pack import load_pose_pack
from faces.pose.reader import PoseReader
from faces.runtime.session import RuntimeOptions
from presente.errors import PackError
from tests.faces import pose_models
from tests.faces.pose_models import MEAN, STD, with_dots

ORT = RuntimeOptions("onnxruntime")
RTMPOSE: dict[str, Any] = {
    "model": "pose.onnx",
    "input": {"height": 256, "width": 192, "mean": MEAN, "scale": STD},
    "output": {"form": "simcc"},
}
MOVENET: dict[str, Any] = {
    "model": "pose.onnx",
    "input": {"height": 192, "width": 192, "layout": "nhwc"},
    "output": {"form": "movenet"},
}
HEATMAP: dict[str, Any] = {
    "model": "pose.onnx",
    "input": {"height": 128, "width": 128, "colours": "bgr"},
    "output": {"form": "heatmap"},
}
KINDS = {"simcc": RTMPOSE, "movenet": MOVENET, "heatmap": HEATMAP}
FACE = (300.0, 200.0, 340.0, 250.0)


def described(folder: Path, description: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pose.json").write_text(json.dumps(description))
    return folder


def reader_of(folder: Path, description: dict[str, Any]) -> PoseReader:
    return PoseReader(load_pose_pack(str(described(folder, description)), []), ORT)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pose")
    for kind in KINDS:
        (folder / kind).mkdir()
        getattr(pose_models, kind)(folder / kind / "pose.onnx")
    return {kind: folder / kind for kind in KINDS}


@pytest.fixture(scope="module")
def readers(models: dict[str, Path]) -> dict[str, PoseReader]:
    return {kind: reader_of(models[kind], description) for kind, description in KINDS.items()}


def found(keypoints: Keypoints, name: str) -> tuple[float, float, float]:
    x, y = keypoints.points[PLACE[name]]
    return float(x), float(y), float(keypoints.scores[PLACE[name]])


def off(keypoints: Keypoints, name: str, x: float, y: float) -> float:
    """How far a keypoint is from where its dot's middle is, in longer sides of the face."""
    at = found(keypoints, name)
    return float(np.hypot(at[0] - x - 0.5, at[1] - y - 0.5)) / keypoints.face_side


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 3])
def test_each_dot_is_the_keypoint_of_its_colour(readers: dict[str, PoseReader], kind: str, times: int) -> None:
    dots = {"nose": (320, 230), "left_wrist": (390, 130), "right_wrist": (230, 160), "left_hip": (345, 390)}
    pixels = with_dots(480, 640, 3, **dots).repeat(times, axis=0).repeat(times, axis=1)
    x1, y1, x2, y2 = (times * edge for edge in FACE)
    (keypoints,) = readers[kind].keypoints(pixels, [(x1, y1, x2, y2)])
    assert keypoints.points.dtype == keypoints.scores.dtype == np.float32
    for name, (x, y) in dots.items():
        assert off(keypoints, name, times * x, times * y) < 0.12, name
        assert 0.1 < found(keypoints, name)[2] <= 1, name


@pytest.mark.parametrize("kind", KINDS)
def test_without_dots_nothing_scores(readers: dict[str, PoseReader], kind: str) -> None:
    (keypoints,) = readers[kind].keypoints(np.zeros((480, 640, 3), np.uint8), [FACE])
    assert keypoints.points.shape == (17, 2) and (keypoints.scores < 1e-6).all() and np.isfinite(keypoints.points).all()


@pytest.mark.parametrize("kind", KINDS)
def test_several_people_each_below_their_own_face(readers: dict[str, PoseReader], kind: str) -> None:
    pixels, faces, wrists = np.zeros((600, 2000, 3), np.uint8), [], []
    for number in range(11):  # more than one call of the model takes
        x, y, side = 90 + 180 * number, 150 + 30 * (number % 5), 24 + number
        faces.append((x - side / 2, y - side / 2, x + side / 2, y + side / 2))
        wrists.append((x + side, y - side))
        pixels |= with_dots(600, 2000, 1, nose=(x, y), left_wrist=wrists[-1])
    read = readers[kind].keypoints(pixels, faces)
    assert [each.face for each in read] == faces
    assert all(off(each, "left_wrist", *wrist) < 0.15 for each, wrist in zip(read, wrists, strict=True))
    assert readers[kind].keypoints(pixels, []) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("face", [(0.0, 0.0, 40.0, 40.0), (600.0, 440.0, 640.0, 480.0), (-30.0, 200.0, 10.0, 240.0)])
def test_at_the_picture_s_border_what_is_inside_is_found(
    readers: dict[str, PoseReader], kind: str, face: tuple[float, float, float, float]
) -> None:
    x, y = int(np.clip(sum(face[::2]) / 2 + 20, 5, 630)), int(np.clip(sum(face[1::2]) / 2, 5, 470))
    (keypoints,) = readers[kind].keypoints(with_dots(480, 640, left_wrist=(x, y)), [face])
    assert off(keypoints, "left_wrist", x, y) < 0.15


def test_a_crop_reaches_as_far_as_is_said_and_shows_what_is_there() -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        height, width = int(rng.integers(20, 500)), int(rng.integers(20, 700))
        x, y, side = rng.uniform(-50, 700), rng.uniform(-50, 500), rng.uniform(4, 400)
        ramp = np.zeros((height, width, 3), np.uint8)
        ramp[..., 0], ramp[..., 1] = np.arange(width) % 200 + 40, np.arange(height)[:, None] % 200 + 40
        crop = cut(ramp, (x - side / 3, y - side / 2, x + side / 3, y + side / 2), 256, 192)
        assert crop.pixels.shape == (256, 192, 3) and crop.pixels.dtype == np.uint8
        ends = crop.to_picture(np.array([[96, 0], [96, 256]], np.float32))
        assert np.allclose(ends, [[x, y - ABOVE * side], [x, y + BELOW * side]], atol=0.01)
        rows, columns = np.mgrid[0:256:17, 0:192:13].reshape(2, -1)
        at = crop.to_picture(np.stack([columns, rows], axis=1).astype(np.float32) + 0.5)
        inside = ((at > 2 * crop.scale) & (at < np.array([width, height]) - 2 * crop.scale)).all(axis=1)
        smooth = ((at % 200 > 3 * crop.scale + 2) & (at % 200 < 197 - 3 * crop.scale)).all(axis=1)
        seen = crop.pixels[rows, columns][inside & smooth][:, :2].astype(float)
        assert np.allclose(seen, at[inside & smooth] % 200 + 39.5, atol=2)
        outside = ((at < -2 * crop.scale) | (at > np.array([width, height]) + 2 * crop.scale)).any(axis=1)
        assert (crop.pixels[rows, columns][outside] == 0).all()


def test_a_huge_face_costs_no_more_memory_than_its_picture() -> None:
    crop = cut(np.full((100, 200, 3), 9, np.uint8), (-90_000, -90_000, 90_000, 90_000), 128, 128)
    assert crop.pixels.shape == (128, 128, 3) and crop.pixels.max() <= 9


def test_a_declared_order_is_undone_and_what_is_not_known_scores_nothing(tmp_path: Path) -> None:
    order = (
        "right_wrist",
        "left_wrist",
        "left_elbow",
        "right_elbow",
        "left_shoulder",
        "right_shoulder",
        "chin",
        "nose",
    )
    pose_models.simcc(tmp_path / "pose.onnx", order=order)
    reader = reader_of(tmp_path, RTMPOSE | {"keypoints": order})
    pixels = with_dots(480, 640, nose=(320, 230), left_wrist=(390, 130), right_wrist=(230, 160))
    (keypoints,) = reader.keypoints(pixels, [FACE])
    assert off(keypoints, "right_wrist", 230, 160) < 0.1 and off(keypoints, "nose", 320, 230) < 0.1
    unknown = [PLACE[name] for name in COCO if name not in order]
    assert len(unknown) == 10 and (keypoints.scores[unknown] == 0).all()


def test_a_model_of_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    pose_models.simcc(tmp_path / "pose.onnx", batch=4)
    reader, pixels = reader_of(tmp_path, RTMPOSE), with_dots(480, 640, left_wrist=(350, 150))
    read = reader.keypoints(pixels, [FACE] * 5)
    assert len(read) == 5 and all(off(each, "left_wrist", 350, 150) < 0.1 for each in read)


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.FLOAT])
def test_movenet_may_take_other_numbers(tmp_path: Path, kind: int) -> None:
    pose_models.movenet(tmp_path / "pose.onnx", 256, kind)
    reader = reader_of(tmp_path, MOVENET | {"input": {"height": 256, "width": 256, "layout": "nhwc"}})
    (keypoints,) = reader.keypoints(with_dots(480, 640, right_wrist=(350, 150)), [FACE])
    assert off(keypoints, "right_wrist", 350, 150) < 0.1


def test_a_box_without_area_is_refused(readers: dict[str, PoseReader]) -> None:
    with pytest.raises(ValueError, match="area"):
        readers["movenet"].keypoints(np.zeros((48, 64, 3), np.uint8), [(3, 4, 3, 9)])


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("simcc", {"input": {"height": 192, "width": 256}}),
        ("simcc", {"output": {"form": "simcc", "split_ratio": 3}}),
        ("simcc", {"output": {"form": "heatmap"}}),
        ("movenet", {"input": {"height": 192, "width": 192}}),
        ("movenet", {"output": {"form": "simcc"}}),
        ("heatmap", {"keypoints": list(COCO[:16])}),
    ],
)
def test_a_model_that_is_not_what_is_described(
    models: dict[str, Path], tmp_path: Path, kind: str, wrong: dict[str, Any]
) -> None:
    shutil.copytree(models[kind], tmp_path / "pack")
    with pytest.raises(PackError) as caught:
        reader_of(tmp_path / "pack", KINDS[kind] | wrong)
    assert caught.value.code in ("unsuitable_model", "pack_invalid") and "pose.json" in str(caught.value)


def test_a_model_that_gives_no_numbers(tmp_path: Path) -> None:
    pose_models.movenet(tmp_path / "pose.onnx", poison=float("nan"))
    with pytest.raises(PackError, match="not finite") as caught:
        reader_of(tmp_path, MOVENET)
    assert caught.value.code == "unsuitable_model"


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "pose.onnx").write_bytes(b"no model")
    with pytest.raises(PackError) as caught:
        reader_of(tmp_path, MOVENET)
    assert caught.value.code == "damaged_model"


def test_one_that_another_runtime_computes_otherwise_is_run_by_onnx_runtime(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def disagrees(*_: object) -> None:
        raise PackError("runtime_disagrees", "It gives other numbers.", "")

    monkeypatch.setattr("faces.declared_network.open_session", disagrees)
    reader = reader_of(models["movenet"], MOVENET)
    assert "It is run by ONNX Runtime on the CPU" in caplog.text
    (keypoints,) = reader.keypoints(with_dots(480, 640, left_wrist=(350, 150)), [FACE])
    assert off(keypoints, "left_wrist", 350, 150) < 0.1
