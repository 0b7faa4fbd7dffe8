"""Bytes to templates, with the sample pack; parity with insightface, with the real pack."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from faces.detection.detector import DetectionSettings
from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.image.decode import DecodedPhoto
from faces.packs.model_pack import ModelPack
from presente.errors import PhotoRefused
from tests.conftest import SAMPLE

PORTRAIT = SAMPLE / "strangers" / "01.jpg"
GROUP = SAMPLE / "groups" / "group_01.jpg"


def template(embedder: FaceEmbedder, photo: DecodedPhoto) -> np.ndarray:
    return embedder.embed([embedder.portrait(photo)])[0].template


def as_photo(pixels: np.ndarray) -> DecodedPhoto:
    return DecodedPhoto(np.ascontiguousarray(pixels), "image/png", pixels.shape[:2])


def test_a_template_is_a_unit_row_of_the_packs_length(embedder: FaceEmbedder) -> None:
    made = template(embedder, embedder.decode(PORTRAIT.read_bytes()))
    assert made.shape == (embedder.pack.dim,) and made.dtype == np.float32
    assert np.linalg.norm(made) == pytest.approx(1.0, abs=1e-5)


def test_one_and_many_at_once_give_the_same(embedder: FaceEmbedder) -> None:
    aligned = embedder.detect(embedder.decode(GROUP.read_bytes()))
    together = np.stack([face.template for face in embedder.embed(aligned)])
    alone = np.stack([embedder.embed([face])[0].template for face in aligned])
    assert np.allclose(together, alone, atol=1e-5)
    assert embedder.embed([]) == []


def test_swapped_channels_are_seen(embedder: FaceEmbedder) -> None:
    """RGB fed to a BGR model was the first system's worst mistake: here it must not go unnoticed.

    The model itself says which order is right: it is asked through insightface, which takes BGR.
    """
    right, wrong = [], []
    for path in sorted((SAMPLE / "strangers").glob("*.jpg")):
        aligned = embedder.portrait(embedder.decode(path.read_bytes()))
        bgr = np.asarray(cv2.cvtColor(aligned.crop, cv2.COLOR_RGB2BGR), np.uint8)
        expected = embedder.recogniser._network.get_feat([bgr])[0]
        ours, swapped = embedder.recogniser.embed([aligned.crop, np.ascontiguousarray(aligned.crop[:, :, ::-1])])
        right.append(float(ours @ expected / np.linalg.norm(expected)))
        wrong.append(float(swapped @ expected / np.linalg.norm(expected)))
    assert min(right) > 0.9999
    assert np.mean(wrong) < 0.9 and max(wrong) < min(right)


def test_a_swapped_photo_is_not_the_same_person(embedder: FaceEmbedder) -> None:
    """From the file on: a photo stored with its channels swapped scores far from the photo itself."""
    student = SAMPLE / "students" / "A0178"
    whole = [embedder.decode(path.read_bytes()) for path in sorted(student.glob("*.jpg"))]
    probe = template(embedder, whole[0])
    for photo in whole[1:]:
        assert template(embedder, photo) @ probe > embedder.pack.threshold
        swapped = embedder.detect(as_photo(photo.pixels[:, :, ::-1]))
        for face in embedder.embed(swapped):
            assert face.template @ probe < embedder.pack.threshold


def test_a_mirrored_photo_finds_the_mirrored_face(embedder: FaceEmbedder) -> None:
    photo = embedder.decode(PORTRAIT.read_bytes())
    width = photo.pixels.shape[1]
    face = embedder.portrait(photo).face
    mirrored = embedder.portrait(as_photo(photo.pixels[:, ::-1])).face
    assert np.allclose(mirrored.box[[2, 0]], width - face.box[[0, 2]], atol=8)
    assert mirrored.landmarks[0, 0] < mirrored.landmarks[1, 0]  # left means left in the image, not the person's left


def test_a_face_that_fills_the_frame_is_found(embedder: FaceEmbedder) -> None:
    for path in sorted((SAMPLE / "strangers").glob("*.jpg")):
        photo = embedder.decode(path.read_bytes())
        x1, y1, x2, y2 = embedder.portrait(photo).face.box.astype(int)
        assert embedder.portrait(as_photo(photo.pixels[y1:y2, x1:x2])), path


def test_faces_come_largest_first_in_pixels_of_the_photo(embedder: FaceEmbedder) -> None:
    photo = embedder.decode(GROUP.read_bytes())
    faces = [aligned.face for aligned in embedder.detect(photo)]
    areas = [face.area for face in faces]
    assert len(faces) >= 8 and areas == sorted(areas, reverse=True)
    height, width = photo.pixels.shape[:2]
    for face in faces:
        assert 0 <= face.box[0] < face.box[2] <= width and 0 <= face.box[1] < face.box[3] <= height


def test_an_exif_turned_photo_gives_the_same_person(embedder: FaceEmbedder) -> None:
    upright = Image.open(PORTRAIT).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 8
    stream = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_270).save(stream, "PNG", exif=exif)
    turned = embedder.decode(stream.getvalue())
    assert turned.pixels.shape == (upright.height, upright.width, 3)
    assert template(embedder, turned) @ template(embedder, as_photo(np.array(upright))) > 0.999


def test_no_face_and_several_faces(embedder: FaceEmbedder, sample_pack: ModelPack) -> None:
    with pytest.raises(PhotoRefused) as none:
        embedder.portrait(as_photo(np.full((200, 200, 3), 90, np.uint8)))
    assert none.value.code == "no_face"
    strict = FaceEmbedder(sample_pack, EmbedderSettings(strict=True))
    with pytest.raises(PhotoRefused) as several:
        strict.portrait(strict.decode(GROUP.read_bytes()))
    assert several.value.code == "multiple_faces"
    assert strict.portrait(strict.decode(PORTRAIT.read_bytes()))
    assert embedder.portrait(embedder.decode(GROUP.read_bytes()))


def test_known_landmarks_make_the_face_that_detection_makes(embedder: FaceEmbedder) -> None:
    photo = embedder.decode((SAMPLE / "strangers" / "01.jpg").read_bytes())
    detected = embedder.portrait(photo)
    known = embedder.portrait(photo, detected.face.landmarks)
    assert np.array_equal(known.crop, detected.crop) and known.face.score == 1.0
    (x1, y1), (x2, y2) = known.face.landmarks.min(axis=0), known.face.landmarks.max(axis=0)
    assert known.face.box.tolist() == [x1, y1, x2, y2]
    assert (known.quality.yaw, known.quality.sharpness) == (detected.quality.yaw, detected.quality.sharpness)
    nobody = DecodedPhoto(np.full_like(photo.pixels, 90), "image/png", photo.size)
    with pytest.raises(PhotoRefused, match="no detail") as caught:
        embedder.portrait(nobody, detected.face.landmarks)
    assert caught.value.code == "low_quality", "the rules are the same"


@pytest.mark.parametrize("wrong", [np.full((5, 2), 50.0), np.full((5, 2), np.nan), np.eye(5, 2) - 9000])
def test_known_landmarks_that_are_no_face(embedder: FaceEmbedder, wrong: np.ndarray) -> None:
    photo = embedder.decode((SAMPLE / "strangers" / "01.jpg").read_bytes())
    with pytest.raises(PhotoRefused) as caught:
        embedder.portrait(photo, wrong.astype(np.float32))
    assert caught.value.code == "no_face"


def test_a_tiny_face_is_not_enrolled(embedder: FaceEmbedder) -> None:
    photo = embedder.decode(PORTRAIT.read_bytes())
    face = embedder.portrait(photo).face
    shrink = 15.0 / (face.box[2] - face.box[0])
    small = cv2.resize(photo.pixels, None, fx=float(shrink), fy=float(shrink), interpolation=cv2.INTER_AREA)
    canvas = np.full((200, 200, 3), 128, np.uint8)
    canvas[60 : 60 + small.shape[0], 60 : 60 + small.shape[1]] = small
    with pytest.raises(PhotoRefused) as refused:
        embedder.portrait(as_photo(canvas))
    assert refused.value.code == "no_face"


@pytest.mark.real
def test_parity_with_insightface(real_pack: ModelPack) -> None:
    """At the same detection size: the same boxes, and templates of cosine >= 0.999."""
    import insightface
    from insightface.app import FaceAnalysis

    theirs = FaceAnalysis(name=str(real_pack.detection.parent), allowed_modules=["detection", "recognition"])
    theirs.prepare(ctx_id=-1, det_size=(640, 640))
    path = f"{insightface.__path__[0]}/data/images/t1.jpg"
    ours = FaceEmbedder(real_pack, EmbedderSettings(detection=DetectionSettings(max_side=640, border=0.0)))
    photo = ours.decode(Path(path).read_bytes())
    # insightface pads to a square: the photo is padded for both, so that the network sees the same pixels.
    side = max(photo.pixels.shape[:2])
    square = np.zeros((side, side, 3), np.uint8)
    square[: photo.pixels.shape[0], : photo.pixels.shape[1]] = photo.pixels
    square = cv2.resize(square, (640, 640), interpolation=cv2.INTER_AREA)
    expected = {tuple(face.bbox.round().astype(int)): face for face in theirs.get(square[:, :, ::-1].copy())}
    found = ours.embed(ours.detect(as_photo(square)))
    assert len(found) == len(expected) == 6
    for face in found:
        match = min(expected.values(), key=lambda other: np.abs(other.bbox - face.face.box).sum())
        assert np.abs(match.bbox - face.face.box).max() < 0.01
        assert np.abs(match.kps - face.face.landmarks).max() < 0.01
        assert match.normed_embedding @ face.template >= 0.999


@pytest.mark.real
def test_every_orl_photo_has_a_face(real_pack: ModelPack, real_faces: Path) -> None:
    embedder = FaceEmbedder(real_pack)
    paths = sorted((real_faces / "orl").glob("s*/*.pgm"))
    assert len(paths) == 400
    for path in paths:
        assert embedder.portrait(embedder.decode(path.read_bytes())), path
