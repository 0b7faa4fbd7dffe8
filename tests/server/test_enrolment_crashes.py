"""A keyed enrolment whose process dies before one of its writes: the retry is answered 201, and enrols once."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import load_pack
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente import composition
from tests.conftest import SAMPLE
from tests.killer import die_before
from tests.server.conftest import client_of
from tests.server.sample import ANA

PHOTO = base64.b64encode((SAMPLE / ANA["fotos"].split(";")[0]).read_bytes()).decode()
BODY = {"matricula": "N1", "nombre_del_alumno": "Nadia", "clase": "IA-101", "image": PHOTO}


def open_gallery(url: str, folder: Path) -> Gallery:
    pack = load_pack("sample", [SAMPLE / "models"])
    settings = GallerySettings(pack.threshold, "test")
    return Gallery(composition.open_store(url), GenerationStore(folder / "index"), pack.tag, pack.dim, settings)


@cache
def embedder() -> FaceEmbedder:
    return FaceEmbedder(load_pack("sample", [SAMPLE / "models"]))


def enrol(gallery: Gallery) -> Any:
    client = client_of(gallery, embedder(), Path("nowhere"))
    return client.post("/v1/students", json=BODY, headers={"Idempotency-Key": "key-1"})


DELTAS = {"enrol": enrol}


@pytest.mark.untraced
def test_death_before_a_write(store_url: str, tmp_path: Path) -> None:
    """Every fifth, to find how many there are, and then each of the last ones: between storing and saying so."""
    stored, acknowledged = dies_and_is_sent_again(store_url, tmp_path, deadly := 1)
    assert not stored
    while not acknowledged:
        deadly += 5
        assert deadly < 60
        stored, acknowledged = dies_and_is_sent_again(store_url, tmp_path, deadly)
    assert stored
    last = [dies_and_is_sent_again(store_url, tmp_path, number) for number in range(deadly - 4, deadly)]
    assert (True, False) in last, "no process died between storing and saying so"


def dies_and_is_sent_again(store_url: str, tmp_path: Path, deadly: int) -> tuple[bool, bool]:
    """Whether the first attempt stored the student, and whether it was acknowledged."""
    name, ending, suffix = store_url.partition(".db")
    url, folder = f"{name}_{deadly}{ending or suffix}", tmp_path / str(deadly)
    open_gallery(url, folder).close()
    acknowledged = die_before(deadly, url, folder, __name__, "enrol")
    gallery = open_gallery(url, folder)
    stored = gallery.store.counts().students == 1
    answers = [enrol(gallery) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
    assert answers[0].get_json()["student"] == answers[1].get_json()["student"]
    counts = gallery.store.counts()
    assert (counts.students, counts.images, counts.templates) == (1, 1, 1)
    assert gallery.index.verify().agrees
    gallery.close()
    return stored, acknowledged
