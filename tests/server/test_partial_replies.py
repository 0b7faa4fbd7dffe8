"""What clients get while a shard of the index is not there, on the sample class."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from gallery.settings import GallerySettings
from tests.gallery.near_shards import SHARDS, NearShards, gallery_in_near_shards
from tests.server.conftest import client_of, enrolment_of
from tests.server.sample import ANA, JPEG, PROBE, STUDENTS

Sharded = tuple[FlaskClient, Gallery, NearShards]


@pytest.fixture
def sharded(store_url: str, tmp_path: Path, embedder: FaceEmbedder) -> Iterator[Sharded]:
    """A server of the sample class in three shards."""
    pack = embedder.pack
    settings = GallerySettings(pack.threshold, "test")
    gallery, shards = gallery_in_near_shards(store_url, tmp_path / "shards", (pack.tag, pack.dim), settings)
    gallery.enrol([enrolment_of(student, embedder) for student in STUDENTS])
    yield client_of(gallery, embedder, tmp_path), gallery, shards
    shards.lost.clear()
    gallery.close()


def test_whole_answers_say_nothing_of_parts(sharded: Sharded) -> None:
    client, _, _ = sharded
    whole = client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()
    asked = client.post("/v1/identify?partial=true", data=PROBE, headers=JPEG).get_json()
    assert whole["faces"] == asked["faces"] and "partial" not in asked and "covers" not in asked
    assert whole["faces"][0]["matricula"] == ANA["matricula"]
    assert len(client.get("/v1/status").get_json()["shards"]) == SHARDS


def test_a_shard_that_is_not_there_is_said_and_no_one_becomes_unknown(sharded: Sharded) -> None:
    client, gallery, shards = sharded
    matricula = ANA["matricula"]
    shards.lost = {gallery.student(matricula).id % SHARDS}
    refused = client.post("/v1/identify", data=PROBE, headers=JPEG)
    assert (refused.status_code, refused.get_json()["code"]) == (503, "shards_missing")
    assert refused.headers["Retry-After"]
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["missing_shards"]) == (503, sorted(shards.lost))
    reply = client.post("/v1/identify?partial=true", data=PROBE, headers=JPEG).get_json()
    assert reply["partial"] is True and 0 < reply["covers"] < 1
    face = reply["faces"][0]
    assert (face["decision"], face["nombre"], face["reason"]) == ("undecided", "Sin decidir", "not_all_searched")
    assert matricula not in {candidate["matricula"] for candidate in face["candidates"]}
    probe = np.ones((1, gallery.dim)).tolist()
    assert client.post("/v1/search", json={"embeddings": probe}).status_code == 503
    found = client.post("/v1/search?partial=true", json={"embeddings": probe}).get_json()
    assert found["partial"] is True and found["covers"] == reply["covers"] and found["results"][0]
    assert client.post("/v1/identify?partial=perhaps", data=PROBE, headers=JPEG).get_json()["code"] == "invalid_partial"


def test_no_one_is_enrolled_or_verified_by_a_part(sharded: Sharded) -> None:
    client, gallery, shards = sharded
    shards.lost = {gallery.student(ANA["matricula"]).id % SHARDS}
    fields = {"matricula": "Z1", "nombre_del_alumno": "Otra", "clase": "Z"}
    enrolled = client.post("/v1/students", data={**fields, "image": (io.BytesIO(PROBE), "a.jpg")})
    assert (enrolled.status_code, enrolled.get_json()["code"]) == (503, "shards_missing")
    assert gallery.store.student("Z1") is None
    path = f"/v1/verify?matricula={ANA['matricula']}"
    assert client.post(path, data=PROBE, headers=JPEG).status_code == 503
