"""Evaluation reads photos exactly as the service does: probes as identify, a gallery's photos as enrolment."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.templates import TemplateMaker, as_enrolled, as_probe, as_served
from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.packs.model_pack import ModelPack
from faces.quality import QualityRules
from gallery.documents.values import Student
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.photo_export import PhotoExport
from gallery.settings import GallerySettings
from indexer.pipeline.enrol_source import enrol_source
from indexer.sources.folder import read_folder
from presente.clock import MACHINE_CLOCK
from presente.composition import open_store
from presente.recognition import IdentifyQuery, identify
from server.app import create_app
from server.photo_enrolment import PhotoEnroller
from server.service import Service, ServiceHandle
from tests.conftest import SAMPLE, on_sqlite

GROUP = (SAMPLE / "groups" / "group_01.jpg").read_bytes()


@pytest.fixture
def gallery(store_url: str, tmp_path: Path, sample_pack: ModelPack) -> Iterator[Gallery]:
    opened = Gallery(
        open_store(store_url),
        GenerationStore(tmp_path / "index"),
        sample_pack.tag,
        sample_pack.dim,
        GallerySettings(0.8, "test"),
    )
    yield opened
    opened.close()


def template_of(maker: TemplateMaker, content: bytes) -> np.ndarray:
    made = maker.make(content)
    assert made.template is not None, made.code
    return made.template


def large(path: Path) -> bytes:
    """A photo of the sample class as a phone would send it: reading a portrait decodes a quarter of its pixels."""
    stream = io.BytesIO()
    with Image.open(path) as photo:
        photo.resize((photo.width * 8, photo.height * 8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


@on_sqlite
def test_a_probe_is_read_as_identify_reads_it(embedder: FaceEmbedder, gallery: Gallery) -> None:
    maker = as_probe(embedder)
    for content in (
        GROUP,
        large(SAMPLE / "probes" / "A0178" / "1.jpg"),
        (SAMPLE / "strangers" / "01.jpg").read_bytes(),
    ):
        found = identify(content, embedder, gallery, IdentifyQuery())
        template = template_of(maker, content)
        assert any(np.allclose(template, face.template, atol=1e-5) for face, _ in found.faces)
    assert maker.make(b"text").code == "not_an_image"
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), (90, 90, 90)).save(blank, "PNG")
    assert identify(blank.getvalue(), embedder, gallery, IdentifyQuery()).faces == ()
    assert maker.make(blank.getvalue()).code == "no_face"


def test_only_enrolment_refuses_a_face_for_its_quality(sample_pack: ModelPack) -> None:
    strict = FaceEmbedder(sample_pack, EmbedderSettings(rules=QualityRules(min_sharpness=1e9)))
    content = (SAMPLE / "strangers" / "01.jpg").read_bytes()
    assert (as_enrolled(strict).make(content).code, as_probe(strict).make(content).code) == ("low_quality", "ok")


@on_sqlite
def test_a_gallerys_photo_is_read_as_server_and_indexer_enrol_it(
    embedder: FaceEmbedder, gallery: Gallery, tmp_path: Path
) -> None:
    content = large(SAMPLE / "students" / "A0178" / "1.jpg")
    template = template_of(as_served(embedder).of("gallery"), content)
    PhotoEnroller(gallery, embedder).enrol(Student("S1", "Served"), [content], "create")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "Indexed.jpg").write_bytes(content)
    assert enrol_source(read_folder(tmp_path / "photos"), embedder, gallery, 1, lambda *_: None).done == 1
    for matricula in ("S1", "Indexed"):
        stored = gallery.compare(template, matricula)
        assert stored == pytest.approx(1, abs=1e-6)
    assert as_served(embedder).of("unknown").key == as_served(embedder).of("probe").key != as_enrolled(embedder).key


@on_sqlite
def test_a_probe_that_enrolment_refuses_is_answered_as_the_server_answers_it(
    embedder: FaceEmbedder, gallery: Gallery, tmp_path: Path
) -> None:
    handle = ServiceHandle()
    export = PhotoExport(tmp_path / "export")
    handle.put(Service(embedder, gallery, export, export.forget, MACHINE_CLOCK))
    client = create_app(handle, 4_000_000).test_client()
    person, probe = SAMPLE / "students" / "A0178", SAMPLE / "probes" / "A0178" / "1.jpg"
    photos = [path.read_bytes() for path in sorted(person.glob("*.jpg"))]
    PhotoEnroller(gallery, embedder).enrol(Student("A0178", "Ana"), photos, "create")
    content = far_away(embedder, probe)

    files = {"matricula": "A1", "nombre_del_alumno": "Bea", "image": (io.BytesIO(content), "1.jpg")}
    assert client.post("/v1/students", data=files).get_json()["code"] == "low_quality"
    assert as_enrolled(embedder).make(content).code == "low_quality"

    (face,) = client.post("/v1/identify", data=content, content_type="image/png").get_json()["faces"]
    template = template_of(as_served(embedder).of("probe"), content)
    assert face["quality"]["size"] < QualityRules().min_size
    ((candidate,),) = gallery.search(template[None], 1)
    assert face["candidates"][0]["matricula"] == candidate.student.matricula == "A0178"
    assert face["candidates"][0]["score"] == pytest.approx(candidate.score, abs=1e-4)


def far_away(embedder: FaceEmbedder, path: Path) -> bytes:
    """A photo in so few pixels that its face is too small to enrol."""
    face = embedder.read_faces(path.read_bytes()).faces[0].face
    scale = (QualityRules().min_size - 1) / face.side
    stream = io.BytesIO()
    with Image.open(path) as photo:
        size = (round(photo.width * scale), round(photo.height * scale))
        photo.resize(size, Image.Resampling.LANCZOS).save(stream, "PNG")
    return stream.getvalue()
