"""A face that is not good is said so in words wherever it is refused, stored, observed, or judged weak by an audit."""

import io
from collections.abc import Callable

from flask.testing import FlaskClient
from PIL import Image, ImageEnhance

from faces.embedder import FaceEmbedder
from faces.quality import QualityRules
from faces.quality_words import ADVICE_WORDS
from gallery.documents.audit_findings import FindingPerson, FindingPhoto, KeptFinding
from gallery.gallery import Gallery
from tests.conftest import on_sqlite
from tests.server.sample import ANA, EVA, JPEG, PROBE, enrol, photos, problem


def changed(content: bytes, change: Callable[[Image.Image], Image.Image]) -> bytes:
    out = io.BytesIO()
    change(Image.open(io.BytesIO(content)).convert("RGB")).save(out, "PNG")
    return out.getvalue()


def dark(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.25)


def said(*codes: str) -> dict[str, str]:
    words = [text for code, text in ADVICE_WORDS.items() if code in codes]
    return {"es": " ".join(each.es for each in words), "en": " ".join(each.en for each in words)}


@on_sqlite
def test_faults_are_said_in_words(client: FlaskClient, gallery: Gallery, embedder: FaceEmbedder) -> None:
    good = client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()["faces"][0]
    assert (good["faults"], good["words"]) == ([], None)
    face = client.post("/v1/identify", data=changed(PROBE, dark), headers=JPEG).get_json()["faces"][0]
    assert face["faults"][0] == "too_dark" and face["words"] == said(*face["faults"])
    checked = client.post("/v1/photos/check", data=changed(PROBE, dark), headers=JPEG).get_json()
    assert "too_dark" in checked["advice"] and checked["words"] == said(*checked["advice"])
    assert client.post("/v1/photos/check", data=PROBE, headers=JPEG).get_json()["words"] is None

    scale = (QualityRules().min_size - 1) / embedder.read_faces(PROBE).faces[0].face.side

    def far_away(picture: Image.Image) -> Image.Image:
        size = round(picture.width * scale), round(picture.height * scale)
        return picture.resize(size, Image.Resampling.LANCZOS)

    sent = {"matricula": "A1", "nombre_del_alumno": "Bea"}
    refused = client.post("/v1/students", data={**sent, "image": (io.BytesIO(changed(PROBE, far_away)), "1.png")})
    assert "Come nearer." in problem(refused, 422, "low_quality")
    body = refused.get_json()
    assert "too_small" in body["faults"] and body["words"] == said(*body["faults"])
    assert "words" not in client.get("/v1/students/nadie").get_json()

    enrol(client, EVA)
    stored = client.post("/v1/students", data={**sent, "image": (io.BytesIO(changed(photos(ANA)[0], dark)), "1.png")})
    assert stored.status_code == 201
    (photo,) = client.get("/v1/students/A1/images").get_json()["photos"]
    assert "too_dark" in photo["faults"] and photo["words"] == said(*photo["faults"])

    subject = gallery.student("A1").id
    eva, first = gallery.student(EVA["matricula"]).id, gallery.store.digests(EVA["matricula"])[0]
    weak = (FindingPerson(subject, 1),), (FindingPhoto(subject, photo["id"]),)
    twice = (FindingPerson(eva, 4),), (FindingPhoto(eva, first),)
    gallery.store.findings.put([
        KeptFinding("weak_photo", "low", *weak, 0.2, 0.4, "dark"),
        KeptFinding("duplicate", "low", *twice, 0.9, 0.4, "twice"),
    ])  # fmt: skip
    found = {each["kind"]: each["photos"][0] for each in client.get("/v1/audit").get_json()["findings"]}
    assert found["weak_photo"]["faults"] == photo["faults"] and found["weak_photo"]["words"] == photo["words"]
    assert (found["duplicate"]["faults"], found["duplicate"]["words"]) == ([], None)
