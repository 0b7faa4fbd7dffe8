"""YuNet and SFace of OpenCV's zoo: decoded as OpenCV does, read as any pack is, pulled by name with their terms."""

import hashlib
import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from faces.detection.detector import DetectionSettings, Detector
from faces.detection.networks import face_network
from faces.detection.yunet import YuNet
from faces.embedder import FaceEmbedder
from faces.packs.download import pull
from faces.packs.model_pack import load_pack, terms_of
from faces.packs.published import PUBLISHED, ModelFile, PublishedPack
from faces.recognition import Recogniser
from faces.runtime.session import RuntimeOptions, open_session
from presente.errors import PackError
from tests.conftest import Command, on_sqlite
from tests.faces.freely_licensed import BOX, POINTS, STRIDES, STRONGEST, photo_with, sface, sface_by_hand, yunet

ORT = RuntimeOptions("onnxruntime")
INPUT = {"size": 112, "mean": 0, "scale": 1, "colours": "rgb", "crop": "landmarks", "margin": 0}
FACES = [(96, 128, 32), (320, 64, 64), (480, 416, 16), (96, 400, 8), (500, 520, 128)]


def expected(pixels: np.ndarray, least: float) -> list[tuple[float, list[float], list[float]]]:
    """Score, box and landmarks of every cell that passes, by the paper's formula, cell by cell; doubles stay."""
    found = []
    for stride in STRIDES:
        for row in range(pixels.shape[0] // stride):
            for column in range(pixels.shape[1] // stride):
                cell = pixels[row * stride : (row + 1) * stride, column * stride : (column + 1) * stride]
                red, green, blue = cell.reshape(-1, 3).mean(axis=0)
                level = (blue - green - red) * STRONGEST[stride]
                cls, obj = (1 / (1 + np.exp(0.5 - level * times)) for times in (1, 2))
                score = float(np.sqrt(cls * obj))
                if score < least:
                    continue
                x, y = (column + BOX[0]) * stride, (row + BOX[1]) * stride
                width, height = np.exp(BOX[2]) * stride, np.exp(BOX[3]) * stride
                points = [(POINTS[i] + (row if i % 2 else column)) * stride for i in range(10)]
                found.append((score, [x - width / 2, y - height / 2, x + width / 2, y + height / 2], points))
    return sorted(found, key=lambda each: -each[0])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    yunet(folder / "fixed.onnx")
    yunet(folder / "bound.onnx", bound=True)
    yunet(folder / "open.onnx", side=None)
    sface(folder / "sface.onnx")
    return folder


@pytest.mark.parametrize("name", ["fixed", "bound", "open"])
def test_faces_are_where_the_formula_puts_them(models: Path, name: str) -> None:
    pixels = photo_with(640, 640, *FACES[:4])
    network = face_network(open_session(models / f"{name}.onnx", ORT, any_size=True), 0.7)
    assert isinstance(network, YuNet)
    boxes, landmarks = network.faces(pixels)
    assert boxes.dtype == landmarks.dtype == np.float32 and landmarks.shape == (len(boxes), 5, 2)
    assert (np.diff(boxes[:, 4]) <= 0).all() and len(boxes) >= 4
    all_cells = expected(pixels, 0.7)
    for box, points in zip(boxes, landmarks, strict=True):
        near = [e for e in all_cells if np.allclose(e[1], box[:4], atol=0.01)]
        assert near and abs(near[0][0] - box[4]) < 1e-4 and np.allclose(near[0][2], points.reshape(-1), atol=0.01)


def test_they_are_those_that_opencv_finds(models: Path) -> None:
    pixels = photo_with(640, 640, *FACES)
    theirs = cv2.FaceDetectorYN.create(str(models / "fixed.onnx"), "", (640, 640), 0.7, 0.3, 5000)
    _, found = theirs.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
    boxes, landmarks = face_network(open_session(models / "fixed.onnx", ORT), 0.7).faces(pixels)
    assert len(found) == len(boxes) >= 5
    order, ours = np.lexsort(found[:, :2].T.round()), np.lexsort(boxes[:, :2].T.round())
    corners = np.hstack([found[:, :2], found[:, :2] + found[:, 2:4]])
    assert np.allclose(corners[order], boxes[ours, :4], atol=0.05)
    assert np.allclose(found[order, 4:14].reshape(-1, 5, 2), landmarks[ours], atol=0.05)
    assert np.allclose(found[order, 14], boxes[ours, 4], atol=1e-3)


def test_a_network_of_one_size_takes_others_where_it_can(models: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = photo_with(96, 160, (64, 32, 32))
    with caplog.at_level(logging.WARNING):
        free = open_session(models / "fixed.onnx", ORT, any_size=True)
    assert not caplog.records and not any(isinstance(side, int) for side in free.get_inputs()[0].shape[2:])
    bound = open_session(models / "bound.onnx", ORT, any_size=True)
    assert "its own size only" in caplog.text and bound.get_inputs()[0].shape[2:] == [640, 640]
    one, other = (face_network(session, 0.7).faces(pixels) for session in (free, bound))
    assert len(one[0]) == len(other[0]) >= 1
    assert np.allclose(one[0], other[0], atol=0.01) and np.allclose(one[1], other[1], atol=0.01)


def test_a_canvas_that_is_larger_than_the_network_is_scaled_down(models: Path) -> None:
    network = YuNet(open_session(models / "bound.onnx", ORT), 0.7)
    boxes, landmarks = network.faces(photo_with(1280, 1024, (512, 256, 64)))
    small, points = network.faces(photo_with(640, 512, (256, 128, 32)))
    assert len(boxes) == len(small) >= 1
    assert np.allclose(boxes[:, :4], small[:, :4] * 2, atol=0.01) and np.allclose(landmarks, points * 2, atol=0.01)


def test_no_face_is_an_empty_answer(models: Path) -> None:
    boxes, landmarks = face_network(open_session(models / "fixed.onnx", ORT), 0.5).faces(photo_with(640, 640))
    assert boxes.shape == (0, 5) and landmarks.shape == (0, 5, 2)


def test_the_detector_gives_the_photo_s_own_pixels(models: Path) -> None:
    session = open_session(models / "fixed.onnx", ORT, any_size=True)
    detector = Detector(face_network(session, 0.5), DetectionSettings(border=0))
    (face, *_) = detector.detect(photo_with(320, 480, (64, 96, 32)))
    inside = expected(photo_with(320, 480, (64, 96, 32)), 0.6)
    assert any(np.allclose(np.clip(e[1], 0, [480, 320, 480, 320]), face.box, atol=0.01) for e in inside)


def test_sface_gets_red_green_blue_from_0_to_255_one_crop_at_a_time(models: Path) -> None:
    session = open_session(models / "sface.onnx", ORT)
    pack = PUBLISHED["opencv_zoo"]
    recogniser = Recogniser(session, models / "sface.onnx", preprocessing=pack.preprocessing)
    crops = list(np.random.default_rng(3).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8))
    templates = recogniser.embed(crops)
    assert templates.shape == (3, 128) and recogniser.dim == 128
    for crop, template in zip(crops, templates, strict=True):
        assert float(template @ sface_by_hand(crop)) > 0.99999
        assert float(template @ sface_by_hand(crop[:, :, ::-1])) < 0.999


@pytest.mark.parametrize("flip", [False, True])
def test_a_network_of_several_crops_at_once_takes_fewer_and_more(tmp_path: Path, flip: bool) -> None:
    session = open_session(sface(tmp_path / "four.onnx", at_once=4), ORT)
    recogniser = Recogniser(session, tmp_path / "four.onnx", flip, PUBLISHED["opencv_zoo"].preprocessing)
    crops = list(np.random.default_rng(3).integers(0, 256, (6, 112, 112, 3), dtype=np.uint8))
    for number in (1, 4, 6):
        vectors = recogniser.features(crops[:number])
        assert vectors.shape == (number, 128)
        for crop, template in zip(crops, recogniser.embed(crops[:number]), strict=False):
            alone = recogniser.embed([crop])[0]
            assert np.allclose(template, alone, atol=1e-6)
            assert flip or float(template @ sface_by_hand(crop)) > 0.99999


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A pack of both networks with a description."""
    made = tmp_path / "free"
    made.mkdir()
    described = {"detection": "det.onnx", "recognition": "rec.onnx", "input": INPUT, "use": "anyone", "licence": "MIT"}
    (made / "pack.json").write_text(json.dumps(described))
    (made / "det.onnx").write_bytes((models / "fixed.onnx").read_bytes())
    (made / "rec.onnx").write_bytes((models / "sface.onnx").read_bytes())
    return made


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_a_photo_is_read_from_its_bytes_to_its_templates(folder: Path) -> None:
    pack = load_pack(str(folder), [])
    assert (pack.dim, pack.threshold, pack.threshold_declared) == (128, 0.42, False)
    embedder = FaceEmbedder(pack)
    read = embedder.read_faces(png(photo_with(400, 600, (160, 160, 64))))
    assert read.prominent is not None and read.prominent.crop.shape == (112, 112, 3)
    for made, face in zip(embedder.embed(read.faces), read.faces, strict=True):
        assert float(made.template @ sface_by_hand(face.crop)) > 0.9999
    with pytest.raises(Exception, match="No face"):
        embedder.read_portrait(png(photo_with(400, 600)))


def test_the_two_are_told_apart_in_a_folder_without_a_description(folder: Path) -> None:
    (folder / "pack.json").unlink()
    pack = load_pack(str(folder), [])
    assert (pack.detection.name, pack.recognition.name, pack.licence) == ("det.onnx", "rec.onnx", "not stated")
    assert pack.preprocessing is None  # it has not SFace's digest: an ArcFace, for all that is known


def test_a_published_embedder_is_known_by_its_digest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pack.json").unlink()
    assert load_pack(str(folder), []).preprocessing is None
    content = (folder / "rec.onnx").read_bytes()
    known = ModelFile("another name.onnx", hashlib.sha256(content).hexdigest(), len(content))
    zoo = PUBLISHED["opencv_zoo"]
    made = PublishedPack("x", None, zoo.detection, known, 128, preprocessing=zoo.preprocessing)
    monkeypatch.setitem(PUBLISHED, "x", made)
    assert load_pack(str(folder), []).preprocessing == zoo.preprocessing


@pytest.mark.parametrize(
    "wrong", [{"crop": "eyes"}, {"size": 96}, {"margin": 8}, {"colours": "hsv"}, {"scale": 0}, {"mean": "x"}]
)
def test_a_wrong_input_is_named(folder: Path, wrong: dict[str, object]) -> None:
    described = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps(described | {"input": INPUT | wrong}))
    with pytest.raises(PackError, match="input"):
        load_pack(str(folder), [])


def test_a_wrong_use_is_named(folder: Path) -> None:
    described = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps(described | {"use": "me"}))
    with pytest.raises(PackError, match="research only"):
        terms_of(folder)


# -- pulled by name ----------------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(models: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server of files by name, and what it serves; it honours ranges."""
    served = {"det.onnx": (models / "fixed.onnx").read_bytes(), "rec.onnx": (models / "sface.onnx").read_bytes()}

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.get(self.path.removeprefix("/zoo/"))
            if body is None:
                self.send_error(404)
                return
            start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start:])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/zoo", served
    server.shutdown()
    server.server_close()


def offered(url: str, served: dict[str, bytes]) -> PublishedPack:
    detection, recognition = (
        ModelFile(name, hashlib.sha256(served[name]).hexdigest(), len(served[name]), url) for name in sorted(served)
    )
    return PublishedPack("offered", None, detection, recognition, 128, use="anyone")


def test_two_files_are_pulled_and_nothing_else_is_left(mirror: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, served = mirror
    seen: list[tuple[int, int]] = []
    folder = pull(offered(url, served), tmp_path, lambda done, total: seen.append((done, total)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == served
    assert [path.name for path in tmp_path.iterdir()] == ["offered"]
    size = sum(map(len, served.values()))
    assert seen[-1] == (size, size) and seen == sorted(seen)
    assert pull(offered("http://127.0.0.1:9", served), tmp_path, lambda *_: None, f"{url}/") == folder


def test_a_part_that_is_there_is_continued(mirror: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, served = mirror
    (tmp_path / "offered-rec.onnx.part").write_bytes(served["rec.onnx"][:10_000])
    assert pull(offered(url, served), tmp_path, lambda *_: None).joinpath("rec.onnx").read_bytes() == served["rec.onnx"]


def test_a_pointer_of_git_lfs_is_not_installed(mirror: tuple[str, dict[str, bytes]], tmp_path: Path) -> None:
    url, served = mirror
    pack = offered(url, dict(served))
    served["rec.onnx"] = b"version https://git-lfs.github.com/spec/v1\noid sha256:0ba9\nsize 38696353\n"
    with pytest.raises(PackError) as caught:
        pull(pack, tmp_path, lambda *_: None)
    assert caught.value.code == "checksum_mismatch" and not (tmp_path / "offered").exists()
    assert not (tmp_path / "offered-rec.onnx.part").exists()
    del served["rec.onnx"]
    with pytest.raises(PackError) as caught:
        pull(pack, tmp_path, lambda *_: None)
    assert caught.value.code == "download_failed"
    for part in ("rec.onnx", str(tmp_path / "offered" / "det.onnx"), "faces check offered"):
        assert part in str(caught.value)


def test_what_is_published_is_complete() -> None:
    pack = PUBLISHED["opencv_zoo"]
    assert pack.use == "anyone" and "MIT" in pack.licence and "Apache-2.0" in pack.licence
    for file in (pack.detection, pack.recognition):
        assert len(file.sha256) == 64 and file.folder_url.startswith("https://") and file.size > 100_000
    assert all(each.use == "research only" for name, each in PUBLISHED.items() if name != "opencv_zoo")


@on_sqlite
def test_the_list_says_who_may_use_what(command: Command) -> None:
    done = command("faces", "list", "--json")
    terms = json.loads(done.stdout)["terms"]
    assert terms["sample"] == {"licence": "MIT", "use": "anyone"}
    assert terms["opencv_zoo"]["use"] == "anyone" and terms["buffalo_l"]["use"] == "research only"
    text = command("faces", "list").stdout
    assert any("opencv_zoo" in line and "anyone" in line and "Apache-2.0" in line for line in text.splitlines())
    unasked = command("faces", "pull", "opencv_zoo")
    assert unasked.returncode == 1 and "Apache-2.0" in unasked.stderr and "licence_not_accepted" in unasked.stderr
