"""The stored photos of a student over HTTP: listed, shown, erased; and advice before one is taken."""

import io
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageEnhance

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.recognition import digest_of
from tests.conftest import SAMPLE, on_sqlite
from tests.server.people import guarded_app, key_of
from tests.server.sample import ANA, EVA, JPEG, PROBE, enrol, photos, problem

ANAS = f"/v1/students/{ANA['matricula']}/images"


@pytest.fixture
def school(client: FlaskClient) -> FlaskClient:
    for student in (ANA, EVA):
        assert enrol(client, student).status_code == 201
    return client


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def test_every_stored_photo_is_listed_with_what_was_measured(school: FlaskClient) -> None:
    reply = school.get(ANAS).get_json()
    sent = photos(ANA)
    assert reply["matricula"] == ANA["matricula"]
    assert [each["id"] for each in reply["photos"]] == [digest_of(content) for content in sent]
    for each, content in zip(reply["photos"], sent, strict=True):
        assert (each["media_type"], each["bytes"], each["source"]) == ("image/jpeg", len(content), "http")
        assert each["has_template"] and each["faults"] == []
        x1, y1, x2, y2 = each["box"]
        assert each["quality"]["size"] == pytest.approx(min(x2 - x1, y2 - y1), abs=1)
        assert 50 < each["quality"]["brightness"] < 205 and abs(each["quality"]["roll"]) < 25
    problem(school.get("/v1/students/NO-ONE/images"), 404, "student_not_found")


def test_a_photo_without_a_template_of_the_pack_is_described_too(school: FlaskClient, gallery: Gallery) -> None:
    found = gallery.store.student_photos.described(ANA["matricula"], "other@1")
    assert [(each.box, each.quality) for each in found] == [(None, {})] * len(photos(ANA))


def test_faults_are_those_of_what_is_stored(school: FlaskClient) -> None:
    dark = jpeg(ImageEnhance.Brightness(opened(PROBE)).enhance(0.3))
    added = school.post(f"{ANAS}?force=true", data=dark, headers=JPEG)
    assert added.status_code == 201, added.text
    (last,) = (each for each in school.get(ANAS).get_json()["photos"] if each["id"] == digest_of(dark))
    assert last["faults"] == ["too_dark"] and last["quality"]["brightness"] < 50


def test_a_stored_jpeg_is_shown_as_it_is_and_small(school: FlaskClient) -> None:
    first = photos(ANA)[0]
    whole = school.get(f"{ANAS}/{digest_of(first)}")
    assert (whole.status_code, whole.content_type, whole.data) == (200, "image/jpeg", first)
    assert whole.headers["Cache-Control"] == "private, no-store"
    assert whole.headers["X-Content-Type-Options"] == "nosniff" and "Date" not in whole.headers
    small = school.get(f"{ANAS}/{digest_of(first)}?size=thumbnail")
    assert max(opened(small.data).size) <= 320 and len(small.data) < len(first)
    assert small.headers["ETag"] != whole.headers["ETag"]
    again = school.get(f"{ANAS}/{digest_of(first)}", headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    problem(school.get(f"{ANAS}/{digest_of(first)}?size=huge"), 400, "invalid_size")
    problem(school.get(f"{ANAS}/{'0' * 64}"), 404, "photo_not_found")
    # A photo is only reached through the student whose it is.
    problem(school.get(f"/v1/students/{EVA['matricula']}/images/{digest_of(first)}"), 404, "photo_not_found")


@on_sqlite
def test_what_browsers_do_not_show_is_shown_as_jpeg(school: FlaskClient) -> None:
    picture, tiff = opened(PROBE), io.BytesIO()
    picture.save(tiff, "TIFF")
    sent = tiff.getvalue()
    assert school.post(f"{ANAS}?force=true", data=sent, headers={"Content-Type": "image/tiff"}).status_code == 201
    stored = school.get(f"{ANAS}/{digest_of(sent)}")
    assert stored.content_type == "image/jpeg" and stored.data[:2] == b"\xff\xd8"
    shown = opened(stored.data)
    assert shown.size == picture.size
    assert np.abs(np.asarray(shown, int) - np.asarray(picture, int)).mean() < 8


def test_an_erased_photo_leaves_nothing_and_the_student_stays_without_any(
    school: FlaskClient, gallery: Gallery, tmp_path: Path
) -> None:
    gallery.index.publish()
    school.post("/save_all_images")
    exported = tmp_path / "export"
    assert list(exported.glob(f"{ANA['matricula']}_*"))
    everyone = gallery.store.counts().templates
    for left, content in reversed(list(enumerate(photos(ANA)))):
        assert school.delete(f"{ANAS}/{digest_of(content)}").status_code == 204
        problem(school.get(f"{ANAS}/{digest_of(content)}"), 404, "photo_not_found")
        problem(school.delete(f"{ANAS}/{digest_of(content)}"), 404, "photo_not_found")
        assert not list(exported.glob(f"{ANA['matricula']}_*"))
        student = school.get(f"/v1/students/{ANA['matricula']}").get_json()
        assert (student["images"], student["templates"]) == (left, left)
    assert list(exported.glob(f"{EVA['matricula']}_*"))
    assert gallery.store.counts().templates == everyone - len(photos(ANA))
    assert not len(gallery.templates_of(gallery.student(ANA["matricula"]).id))
    (face,) = school.post("/v1/identify?k=1000", data=PROBE, headers=JPEG).get_json()["faces"]
    assert ANA["matricula"] not in {each["matricula"] for each in face["candidates"]}
    assert digest_of(photos(ANA)[0]) not in str(gallery.store.digests(ANA["matricula"]))
    # The photo can be enrolled again.
    assert school.post(ANAS, data=photos(ANA)[0], headers=JPEG).status_code == 201


@on_sqlite
def test_who_may_see_photos(school: FlaskClient, gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    path = f"{ANAS}/{digest_of(photos(ANA)[0])}"
    other = "IA-999"
    with guarded_app(gallery, embedder, tmp_path) as app:
        for name, grant, status in (
            ("admin", Grant(AccessRole.ADMIN), 200),
            ("teacher", Grant(AccessRole.TEACHER, frozenset({ANA["clase"]})), 200),
            ("other-teacher", Grant(AccessRole.TEACHER, frozenset({other})), 404),
            ("self", Grant(AccessRole.STUDENT, frozenset(), ANA["matricula"]), 200),
            ("classmate", Grant(AccessRole.STUDENT, frozenset(), EVA["matricula"]), 404),
            ("viewer", Grant(AccessRole.VIEWER), 403),
            ("gate", Grant(AccessRole.ATTENDANCE), 403),
        ):
            key = key_of(app, gallery, name, grant)
            for asked in (ANAS, path, f"{path}?size=thumbnail"):
                assert app.test_client().get(asked, headers=key).status_code == status, (name, asked)
            erased = app.test_client().delete(f"{ANAS}/{'0' * 64}", headers=key).status_code
            assert erased == (404 if name == "admin" else 403), name


# -- advice ----------------------------------------------------------------------------------------------------------


def advice(client: FlaskClient, content: bytes, query: str = "") -> list[str]:
    reply = client.post(f"/v1/photos/check?purpose=enrolment{query}", data=content, headers=JPEG)
    assert reply.status_code == 200, reply.text
    found: list[str] = reply.get_json()["advice"]
    return found


def beside(*pictures: Image.Image) -> Image.Image:
    made = Image.new("RGB", (sum(each.width for each in pictures), max(each.height for each in pictures)), "grey")
    left = 0
    for each in pictures:
        made.paste(each, (left, 0))
        left += each.width
    return made


@on_sqlite
def test_advice_names_what_is_wrong(client: FlaskClient, gallery: Gallery) -> None:
    good, other = opened(PROBE), opened((SAMPLE / "strangers" / "01.jpg").read_bytes())
    reply = client.post("/v1/photos/check", data=PROBE, headers=JPEG).get_json()
    assert (reply["advice"], reply["accepted"], reply["prominent"]) == (["ok"], True, 0)
    assert (reply["width"], reply["height"]) == good.size
    (face,) = reply["faces"]
    assert face["advice"] == ["ok"] and 0 <= face["box"][0] < face["box"][2] <= good.width
    assert not {"matricula", "candidates", "nombre"} & set(face)

    assert advice(client, jpeg(Image.new("RGB", (400, 400), "grey"))) == ["no_face"]
    assert advice(client, jpeg(ImageEnhance.Brightness(good).enhance(0.3))) == ["too_dark"]
    assert "too_bright" in advice(client, jpeg(ImageEnhance.Brightness(good).enhance(2.4)))
    assert "tilted" in advice(client, jpeg(good.rotate(90, expand=True)))
    assert "several_faces" in advice(client, jpeg(beside(good, other)))
    small = Image.new("RGB", (600, 600), "grey")
    small.paste(good.resize((52, 52 * good.height // good.width)), (270, 270))
    assert "too_small" in advice(client, jpeg(small), "&detail=auto")
    blurred = good.resize((24, 24 * good.height // good.width)).resize(good.size, Image.Resampling.BICUBIC)
    assert "not_sharp" in advice(client, jpeg(blurred))
    x1, y1, x2, y2 = face["box"]
    assert "too_close" in advice(client, jpeg(good.crop((int(x1), int(y1), int(x2), int(y2)))))
    assert gallery.store.counts().students == gallery.store.counts().images == 0  # nothing was stored


@on_sqlite
def test_accepted_is_what_enrolment_does(client: FlaskClient) -> None:
    good = opened(PROBE)
    tiny = Image.new("RGB", (300, 300), "grey")
    tiny.paste(good.resize((26, 26 * good.height // good.width)), (137, 137))
    seen = set()
    for number, content in enumerate((PROBE, jpeg(ImageEnhance.Brightness(good).enhance(0.2)), jpeg(tiny))):
        reply = client.post("/v1/photos/check?detail=auto", data=content, headers=JPEG).get_json()
        student = {**{n: ANA[n] for n in ("nombre_del_alumno", "clase")}, "matricula": f"C{number}"}
        sent = client.post("/v1/students?force=true", data={**student, "image": (io.BytesIO(content), "a.jpg")})
        assert (sent.status_code == 201) == reply["accepted"], (number, reply, sent.text)
        seen.add(reply["accepted"])
    assert seen == {True, False}


@on_sqlite
def test_what_a_check_refuses(client: FlaskClient) -> None:
    problem(client.post("/v1/photos/check?purpose=fun", data=PROBE, headers=JPEG), 400, "invalid_purpose")
    two = {"image": [(io.BytesIO(PROBE), "1.jpg"), (io.BytesIO(PROBE), "2.jpg")]}
    problem(client.post("/v1/photos/check", data=two), 400, "one_photo_needed")
    problem(client.post("/v1/photos/check", data=b"no photo", headers=JPEG), 415, "not_an_image")
