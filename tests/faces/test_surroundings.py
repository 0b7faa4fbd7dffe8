"""Pictures of faces: what a person knows a face by, and can enrol."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from faces.embedder import FaceEmbedder
from faces.film.views import box_in_thumbnail, thumbnail
from faces.packs.model_pack import ModelPack
from faces.surroundings import LONGEST_SIDE, picture_of, surroundings
from tests.conftest import SAMPLE

PHOTOS = ("strangers/01.jpg", "groups/close_up.jpg", "groups/group_01.jpg")


@pytest.fixture(scope="module")
def cutter(sample_pack: ModelPack) -> FaceEmbedder:
    return FaceEmbedder(sample_pack, pictures=True)


def jpeg(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("turns", [0, 1])
def test_a_picture_can_be_enrolled(cutter: FaceEmbedder, name: str, turns: int) -> None:
    """Its one face is where it says, has the same template, and is upright, though the photo lay on its side."""
    pixels = cutter.decode((SAMPLE / name).read_bytes()).pixels
    read = cutter.read_faces(jpeg(np.ascontiguousarray(np.rot90(pixels, turns))))
    assert read.rotated == 90 * turns
    for face in cutter.embed(read.faces)[:3]:
        assert face.picture is not None and max(face.picture.pixels.shape) <= LONGEST_SIDE
        _, again = cutter.embed_portrait(face.picture.jpeg())
        assert float(again.template @ face.template) > 0.9
        assert np.allclose(again.face.box, face.picture.box, atol=0.06 * LONGEST_SIDE) and again.rotated == 0


def test_no_picture_is_cut_out_unless_asked(embedder: FaceEmbedder) -> None:
    face = embedder.read_faces((SAMPLE / PHOTOS[0]).read_bytes()).faces[0]
    assert face.picture is None and embedder.embed([face])[0].picture is None


def test_a_picture_outlives_the_photo() -> None:
    photo = np.full((60, 80, 3), 7, dtype=np.uint8)
    made = picture_of(photo, np.array([30, 20, 50, 40], dtype=np.float32))
    photo[:] = 0
    assert made.pixels.shape == (40, 40, 3) and (made.pixels == 7).all() and made.box == (10, 10, 30, 30)


def test_at_the_edge_of_a_photo_there_is_less_around_a_face() -> None:
    photo = np.zeros((60, 80, 3), dtype=np.uint8)
    made = picture_of(photo, np.array([0, 0, 20, 30], dtype=np.float32))
    assert made.pixels.shape[:2] == (45, 40) and list(made.box) == [0, 0, 20, 30]
    turned = picture_of(photo, np.array([0, 0, 20, 30], dtype=np.float32), turns=1)
    assert turned.pixels.shape[:2] == (40, 45) and list(turned.box) == [15, 0, 45, 20]
    for box in ([-50, -50, -10, -10], [200, 200, 300, 300], [5, 5, 5, 5]):
        left, top, right, bottom = surroundings(np.array(box, dtype=np.float32), 60, 80)
        assert 0 <= left < right <= 80 and 0 <= top < bottom <= 60


def test_where_a_face_is_in_its_thumbnail() -> None:
    photo = np.zeros((60, 80, 3), dtype=np.uint8)
    photo[20:40, 30:50] = 255
    for box in ([30, 20, 50, 40], [50, 30, 79, 59]):
        at = np.array(box, dtype=np.float32)
        shown = Image.open(io.BytesIO(thumbnail(photo, at)))
        x1, y1, x2, y2 = box_in_thumbnail(at, 60, 80)
        assert 0 <= x1 < x2 <= shown.width and 0 <= y1 < y2 <= shown.height
        if box[0] == 30:
            white = np.argwhere(np.asarray(shown.convert("L")) > 128)
            assert np.allclose([x1, y1, x2 - 1, y2 - 1], [*white.min(axis=0)[::-1], *white.max(axis=0)[::-1]], atol=1)
