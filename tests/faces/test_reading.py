"""The two ways to read a photo: as a portrait, in few pixels where that is enough, and for every face."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces.detection.detector import DetectionSettings
from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.image.decode import DecodedPhoto, ImageLimits, decode
from faces.image.decoder import InlineDecoder
from faces.packs.model_pack import ModelPack
from faces.quality import QualityRules
from faces.runtime.session import RuntimeOptions, open_session
from tests.conftest import SAMPLE

PHOTOS = sorted((SAMPLE / "strangers").glob("*.jpg"))
GROUP = (SAMPLE / "groups" / "group_01.jpg").read_bytes()


def test_every_face_is_read_largest_first(embedder: FaceEmbedder) -> None:
    stages: list[str] = []

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        stages.append(name)
        yield

    read = embedder.read_faces(GROUP, stage)
    assert stages == ["decode", "detect", "detect_glance", "detect_usual", "detect_closer"]
    areas = [aligned.face.area for aligned in read.faces]
    assert len(areas) > 1 and areas == sorted(areas, reverse=True)
    # The most prominent is nearer the middle than the largest, which stands at the edge.
    assert read.prominent is read.faces[1]
    blank = Image.new("RGB", (200, 200), (90, 90, 90))
    assert embedder.read_faces(_png(blank)).faces == () and embedder.read_faces(_png(blank)).prominent is None


def test_faces_that_are_too_poor_are_read_and_not_enrolled(sample_pack: ModelPack) -> None:
    strict = FaceEmbedder(sample_pack, EmbedderSettings(rules=QualityRules(min_size=90)))
    read = strict.read_faces(GROUP).faces
    kept = strict.portraits(GROUP)
    sizes = [face.quality.size for face in read]
    assert 0 < len(kept) < len(read)
    assert [face.quality.size for face in kept] == [size for size in sizes if size >= 90]


def jpeg(path: Path, times: int, exif: Image.Exif | None = None) -> bytes:
    image = Image.open(path).convert("RGB")
    stream = io.BytesIO()
    image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC).save(
        stream, "JPEG", quality=95, **({"exif": exif} if exif else {})
    )
    return stream.getvalue()


def test_a_large_jpeg_is_decoded_in_fewer_pixels() -> None:
    data = jpeg(PHOTOS[0], 4)
    whole = decode(data)
    side = max(whole.pixels.shape)
    for enough, reduction in ((side, 1), (side // 2, 2), (side // 2 + 1, 1), (side // 4, 4), (side // 100, 8)):
        photo = decode(data, enough=enough)
        assert photo.reduction == pytest.approx(reduction, rel=0.01)
        assert max(photo.pixels.shape) >= min(enough, side // 8)
    assert decode(PHOTOS[0].read_bytes(), enough=10**6).reduction == 1


def test_a_reduced_portrait_is_the_same_face(embedder: FaceEmbedder) -> None:
    for path in PHOTOS[:4]:
        data = jpeg(path, 12)
        reduced = embedder.read_portrait(data)[1]
        whole = embedder.portrait(embedder.decode(data))
        with embedder.opened_for_portrait(data) as photo:
            assert photo.reduction in (pytest.approx(2, rel=0.01), pytest.approx(4, rel=0.01))
        assert np.abs(reduced.face.box - whole.face.box).max() < 0.02 * np.ptp(whole.face.box)
        assert reduced.quality.size == pytest.approx(whole.quality.size, rel=0.03)
        made = embedder.embed([reduced, whole])
        assert made[0].template @ made[1].template > 0.98


def test_a_small_face_in_a_large_photo_is_decoded_whole(embedder: FaceEmbedder) -> None:
    image = Image.open(PHOTOS[0]).convert("RGB")
    scene = Image.new("RGB", (3200, 2400), (128, 128, 128))
    scene.paste(image, (1500, 1100))
    stream = io.BytesIO()
    scene.save(stream, "JPEG", quality=95)
    found = embedder.read_portrait(stream.getvalue())[1]
    whole = embedder.portrait(embedder.decode(stream.getvalue()))
    assert (found.crop == whole.crop).all() and found.face.box[0] > 1450


class CountingDecoder:
    """Notes in how many pixels per side each photo was asked for."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    def opened(self, data: bytes, limits: ImageLimits, enough: int | None) -> AbstractContextManager[DecodedPhoto]:
        self.asked.append(enough)
        return InlineDecoder().opened(data, limits, enough)


def test_a_photo_is_decoded_in_all_pixels_only_where_its_faces_need_them(sample_pack: ModelPack) -> None:
    counting = CountingDecoder()
    reader = FaceEmbedder(sample_pack, EmbedderSettings(), counting)
    portrait, image = jpeg(PHOTOS[0], 12), Image.open(PHOTOS[0]).convert("RGB")
    scene = Image.new("RGB", (3200, 2400), (128, 128, 128))
    scene.paste(image, (1500, 1100))
    stream = io.BytesIO()
    scene.save(stream, "JPEG", quality=95)
    small, few = stream.getvalue(), reader.portrait_side
    for asked, read in (
        ([few], lambda: reader.read_faces(portrait)),
        ([few, None], lambda: reader.read_faces(small)),
        ([None], lambda: reader.read_faces(small, detail="group")),
        ([few], lambda: reader.read_portrait(portrait)),
        ([few, None], lambda: reader.read_portrait(small)),
    ):
        counting.asked.clear()
        assert read()
        assert counting.asked == asked
    box = reader.read_faces(small).faces[0].face.box
    assert 1480 < box[0] < box[2] < 1520 + image.width  # in pixels of the whole photo, whichever was decoded
    reduced, whole = reader.read_faces(portrait).faces[0], reader.detect(reader.decode(portrait))[0]
    assert np.abs(reduced.face.box - whole.face.box).max() < 0.02 * np.ptp(whole.face.box)


def test_boxes_stay_inside_a_photo_that_is_decoded_in_fewer_pixels(embedder: FaceEmbedder) -> None:
    """libjpeg rounds the reduced sides up: a box at the far edge may reach past the whole photo's."""
    image = Image.open(PHOTOS[0]).convert("RGB")
    for width, height in ((2401, 1801), (3203, 2399), (7681, 5121)):
        scene = Image.new("RGB", (width, height), (128, 128, 128))
        side = height * 2 // 3
        scene.paste(image.resize((side, side)), (width - side, height - side * 5 // 6))
        stream = io.BytesIO()
        scene.save(stream, "JPEG", quality=90)
        with embedder.opened_for_portrait(stream.getvalue()) as photo:
            assert photo.size == (height, width) and photo.reduction > 1
        for face in embedder.read_faces(stream.getvalue(), detail="portrait").faces:
            assert face.face.box[2] <= width and face.face.box[3] <= height


def test_a_turned_photo_is_read_alike_in_both_ways(embedder: FaceEmbedder) -> None:
    for path in PHOTOS[:2]:
        upright = Image.open(path).convert("RGB")
        whole = embedder.read_faces(_png(upright)).prominent
        assert whole is not None
        plain = embedder.embed([whole])[0].template
        for turns in (1, 2, 3):
            data = _png(upright.rotate(90 * turns, expand=True))
            face = embedder.embed_portrait(data)[1]
            read = embedder.read_faces(data)
            assert face.rotated == read.rotated == 90 * turns
            assert face.template @ plain > 0.95
            assert read.prominent is not None and embedder.embed([read.prominent])[0].template @ plain > 0.95


def test_a_first_look_finds_the_same_face(embedder: FaceEmbedder, sample_pack: ModelPack) -> None:
    whole = FaceEmbedder(sample_pack, EmbedderSettings(detection=DetectionSettings(glance_side=0)))
    sure = 0
    for path in PHOTOS:
        photo = embedder.decode(path.read_bytes())
        seen = embedder.finder.detector.prominent_at_a_glance(photo.pixels)
        assert whole.finder.detector.prominent_at_a_glance(photo.pixels) is None
        if seen is not None:
            sure += 1
            assert np.abs(seen.box - whole.portrait(photo).face.box).max() < 0.1 * np.ptp(seen.box)
    assert sure >= len(PHOTOS) // 2


def test_a_first_look_does_not_take_a_face_at_the_edge(embedder: FaceEmbedder) -> None:
    """A smaller face in the middle may be too small for the first look."""
    image = Image.open(PHOTOS[0]).convert("RGB")
    scene = Image.new("RGB", (900, 600), (128, 128, 128))
    scene.paste(image, (0, 0))
    assert embedder.finder.detector.prominent_at_a_glance(np.array(scene)) is None
    scene.paste(image, ((900 - image.width) // 2, (600 - image.height) // 2))
    assert embedder.portrait(embedder.decode(_png(scene))).face.box[0] > 200


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_fewer_anchors_are_decoded_to_the_same_faces(sample_pack: ModelPack) -> None:
    from insightface.model_zoo.scrfd import SCRFD

    from faces.detection.scrfd import LeanScrfd

    session = open_session(sample_pack.detection, RuntimeOptions("onnxruntime"))
    pixels = np.array(Image.open(SAMPLE / "groups" / "group_01.jpg").convert("RGB"))[:384, :512].copy()
    counts = []
    for threshold in (0.3, 0.5, 0.999999):
        lean = LeanScrfd(session=session)
        lean.prepare(0, det_thresh=threshold)
        boxes, landmarks = lean.faces(pixels)
        bgr = np.ascontiguousarray(pixels[:, :, ::-1])
        theirs = SCRFD(session=session).detect(bgr, input_size=(512, 384), det_thresh=threshold)
        assert np.array_equal(theirs[0], boxes) and np.array_equal(theirs[1], landmarks)
        counts.append(len(boxes))
    assert counts[0] >= counts[1] > counts[2] == 0
