"""HEIC, AVIF and TIFF over HTTP: identified and enrolled as a JPEG is, kept as they came, exported as all can see."""

import base64
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from benchmarks.costly_images import encoded
from faces.image.jpeg_copy import jpeg_copy
from gallery.documents.values import Enrolment
from gallery.gallery import Gallery
from presente.errors import PhotoRefused
from tests.conftest import ROOT, SAMPLE, Command, enrolment, on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import PROBE, STUDENTS, enrol, problem

HEIC = (ROOT / "tests" / "faces" / "photos" / "iphone.heic").read_bytes()
SHOWN = next(student for student in STUDENTS if student["matricula"] == "A0178")
JPEG = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()
PICTURE = Image.open(io.BytesIO(JPEG)).convert("RGB")
FORMATS = {
    "image/heic": HEIC,
    "image/heif": HEIC,
    "image/avif": encoded(PICTURE, "AVIF"),
    "image/tiff": encoded(PICTURE, "TIFF", compression="tiff_lzw"),
}


def test_a_running_server_knows_a_student_in_every_format(serve: Serve, tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "photos"
    running = serve(PRESENTE_EXPORT=str(folder))
    fields = {name: SHOWN[name] for name in ("matricula", "nombre_del_alumno", "clase")}
    body = json.dumps(fields | {"images": [base64.b64encode(HEIC).decode()]}).encode()
    assert running.fetch("POST", "/v1/students", body, Content_Type="application/json").status == 201
    expected = running.ask("/v1/identify", JPEG)["faces"][0]
    assert expected["matricula"] == SHOWN["matricula"]
    for kind, data in FORMATS.items():
        form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="IMG_0001"\r\n'
        form += f"Content-Type: {kind}\r\n\r\n".encode() + data + b"\r\n--x--\r\n"
        text = json.dumps({"image": f"data:{kind};base64,{base64.b64encode(data).decode()}"}).encode()
        for sent, content_type in ((data, kind), (form, "multipart/form-data; boundary=x"), (text, "application/json")):
            (face,) = running.ask("/v1/identify", sent, content_type)["faces"]
            assert face["matricula"] == SHOWN["matricula"]
            assert np.abs(np.subtract(face["box"], expected["box"])).max() < 4
    assert running.ask("/save_all_images", b"", "application/json")["saved"] == 1
    (written,) = folder.iterdir()
    with Image.open(written) as shown:
        assert (shown.format, shown.size) == ("JPEG", PICTURE.size)
        assert np.abs(np.asarray(shown).astype(int) - np.asarray(PICTURE)).mean() < 4
    assert command("indexer", "verify").returncode == 0


@pytest.mark.parametrize("kind", ["image/heic", "image/avif", "image/tiff"])
def test_what_was_enrolled_is_kept_as_it_came(client: FlaskClient, gallery: Gallery, kind: str) -> None:
    fields = {"matricula": "A1", "nombre_del_alumno": "Ana", "image": (io.BytesIO(FORMATS[kind]), "1")}
    assert client.post("/v1/students", data=fields).status_code == 201
    (stored,) = gallery.store.photos()
    assert (stored.content, stored.media_type) == (FORMATS[kind], kind)


def enrolled(matricula: str, content: bytes, gallery: Gallery) -> Enrolment:
    """A student with a TIFF, whatever it shows."""
    made = enrolment(matricula, np.eye(gallery.dim, dtype=np.float32)[:1])
    (photo,) = made.photos
    template = replace(photo.template, pack=gallery.pack)
    digest = hashlib.sha256(content).hexdigest()
    kept = replace(photo, content=content, sha256=digest, media_type="image/tiff", template=template)
    return replace(made, photos=(kept,))


@pytest.mark.parametrize("size", [(66_000, 20), (20, 66_000)])
def test_a_photo_that_no_jpeg_can_hold_is_exported_as_it_came(
    client: FlaskClient, gallery: Gallery, tmp_path: Path, size: tuple[int, int]
) -> None:
    long = encoded(Image.new("RGB", size), "TIFF", compression="tiff_lzw")
    gallery.store.enrol([enrolled("A1", long, gallery), enrolled("A2", FORMATS["image/tiff"], gallery)])
    reply = client.post("/save_all_images")
    assert (reply.status_code, reply.json and reply.json["saved"]) == (200, 2)
    one, two = sorted((tmp_path / "export").iterdir())
    assert one.read_bytes() == long and one.suffix == ".tif"
    with Image.open(two) as shown:
        assert (shown.format, shown.size) == ("JPEG", PICTURE.size)


def test_the_longest_side_of_a_jpeg() -> None:
    with Image.open(io.BytesIO(jpeg_copy(np.zeros((1, 65_500, 3), np.uint8)))) as longest:
        assert longest.size == (65_500, 1)
    with pytest.raises(PhotoRefused) as caught:
        jpeg_copy(np.zeros((65_501, 1, 3), np.uint8))
    assert caught.value.code == "too_many_pixels"


@on_sqlite
def test_what_is_still_refused_is_415(client: FlaskClient) -> None:
    enrol(client, STUDENTS[0])
    for data in (encoded(PICTURE, "GIF"), encoded(PICTURE, "BMP"), encoded(PICTURE, "TIFF", compression="zstd")):
        problem(
            client.post("/v1/identify", data=data, headers={"Content-Type": "image/tiff"}), 415, "unsupported_format"
        )
    assert client.post("/v1/identify", data=PROBE, headers={"Content-Type": "image/heic"}).status_code == 200


@on_sqlite
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PPM"])
def test_a_large_photo_in_a_form_is_read_whatever_its_bytes(client: FlaskClient, kind: str) -> None:
    """Noise has line breaks at random places, a flat PPM has none after its header: neither is too long a field."""
    if kind == "PPM":
        picture = Image.new("RGB", (600, 500), (90, 90, 90))
    else:
        picture = Image.fromarray(np.random.default_rng(7).integers(0, 255, (900, 1000, 3), dtype=np.uint8))
    stream = io.BytesIO()
    picture.save(stream, kind)
    content = stream.getvalue()
    assert len(content) > 500_000
    for _ in range(3):
        reply = client.post("/v1/identify", data={"image": (io.BytesIO(content), "photo")})
        assert reply.status_code == 200, reply.text
        assert reply.request is not None
        reply.request.environ["wsgi.input"].close()  # the test client leaves its temporary file open
