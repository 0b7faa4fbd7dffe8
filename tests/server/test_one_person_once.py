"""A photo that shows a person twice names the person once: a collage is seen, not counted."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageOps

from gallery.gallery import Gallery
from tests.conftest import Command
from tests.server.sample import ANA, DAY, EVA, JPEG, STRANGER, asistencias, enrol, photo, present


def collage(*parts: bytes) -> bytes:
    """The photos side by side."""
    tiles = [ImageOps.pad(Image.open(io.BytesIO(part)), (400, 400)) for part in parts]
    whole = Image.new("RGB", (400 * len(tiles), 400), "white")
    for place, tile in enumerate(tiles):
        whole.paste(tile, (400 * place, 0))
    stream = io.BytesIO()
    whole.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def from_left(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """The faces of a reply, from left to right."""
    return sorted(reply["faces"], key=lambda face: float(face["box"][0]))


@pytest.fixture
def enrolled(client: FlaskClient, gallery: Gallery) -> Gallery:
    for student in (ANA, EVA):
        assert enrol(client, {**student, "clase": "IA-101"}).status_code == 201
    return gallery


@pytest.mark.usefixtures("enrolled")
def test_identify_and_attendance_say_the_same_of_a_collage(client: FlaskClient) -> None:
    content = collage(photo(ANA), photo(EVA), photo(ANA, 1), photo(ANA, 2), STRANGER)
    identified = from_left(client.post("/v1/identify", data=content, headers=JPEG).get_json())
    found = [(face["decision"], face["matricula"]) for face in identified]
    assert sorted(decision for decision, _ in found) == ["duplicate", "duplicate", "known", "known", "unknown"]
    assert sorted(matricula for _, matricula in found if matricula) == sorted([ANA["matricula"], EVA["matricula"]])
    assert found[1] == ("known", EVA["matricula"]) and found[4] == ("unknown", None)
    anas = [identified[place] for place in (0, 2, 3)]
    best = max(anas, key=lambda face: face["score"])
    assert best["decision"] == "known" and best["nombre"] == ANA["nombre_del_alumno"]
    for face in anas:
        assert face["candidates"][0]["matricula"] == ANA["matricula"]
        if face is not best:
            assert (face["nombre"], face["matricula"], face["reason"]) == (
                "Desconocido",
                None,
                "another_face_is_closer",
            )
    taken = client.post(f"/v1/attendance?clase=IA-101&fecha={DAY}", data=content, headers=JPEG).get_json()
    says = {"present": "known", "duplicate": "duplicate", "unknown": "unknown"}
    assert [(says[str(face["status"])], face["matricula"]) for face in from_left(taken)] == found
    assert [face["score"] for face in from_left(taken)] == pytest.approx(
        [face["score"] for face in identified], abs=1e-6
    )
    assert taken["counts"] == {"duplicate": 2, "present": 2, "unknown": 1}
    assert sorted(present(client, f"clase=IA-101&fecha={DAY}")) == sorted([ANA["matricula"], EVA["matricula"]])
    assert asistencias(client, ANA["matricula"]) == 1


@pytest.mark.usefixtures("enrolled")
def test_the_same_picture_twice_is_named_once(client: FlaskClient) -> None:
    faces = client.post("/v1/identify", data=collage(photo(ANA), photo(ANA)), headers=JPEG).get_json()["faces"]
    assert sorted(face["decision"] for face in faces) == ["duplicate", "known"]
    largest = client.post("/v1/identify?faces=largest", data=collage(photo(ANA), photo(ANA)), headers=JPEG)
    assert [face["decision"] for face in largest.get_json()["faces"]] == ["known"]


@pytest.mark.usefixtures("enrolled")
def test_a_search_with_many_probes_is_no_photo(client: FlaskClient, gallery: Gallery) -> None:
    vector = gallery.templates_of(gallery.store.student(ANA["matricula"]).id)[0]  # type: ignore[union-attr]
    reply = client.post("/v1/search", json={"embeddings": [vector.tolist()] * 2, "k": 1}).get_json()
    assert [found[0]["matricula"] for found in reply["results"]] == [ANA["matricula"]] * 2


@pytest.mark.usefixtures("sample_gallery")
def test_predict_says_whose_face_it_is(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "collage.jpg"
    path.write_bytes(collage(photo(ANA), photo(ANA, 1)))
    report = json.loads(command("evaluation", "predict", path, "--json").stdout)
    assert sorted(face["decision"] for face in report["photos"][0]["faces"]) == ["duplicate", "known"]
    said = command("evaluation", "predict", path).stdout
    assert f"another face of {ANA['nombre_del_alumno']}" in said and said.count(ANA["matricula"]) == 1
