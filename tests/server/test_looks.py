"""What a request says of how closely its photo is looked at, and what the reply says of it."""

import io

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.conftest import SAMPLE
from tests.server.sample import ANA, JPEG, PROBE, enrol, problem

LOOKS = {"detect_glance", "detect_usual", "detect_turned", "detect_closer"}


def jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92)
    return stream.getvalue()


def far_away(side: int = 2600) -> bytes:
    """The probe in the corner of a large photo, where only a closer look sees it well."""
    face = Image.open(io.BytesIO(PROBE)).convert("RGB")
    scene = Image.new("RGB", (side, side * 3 // 4), (120, 125, 130))
    scene.paste(face.resize((face.width // 2, face.height // 2), Image.Resampling.BOX), (60, 80))
    return jpeg(scene)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_photo_names_the_student_and_says_so(client: FlaskClient, turns: int) -> None:
    enrol(client, ANA)
    upright = Image.open(io.BytesIO(PROBE)).convert("RGB")
    turned = upright.rotate(90 * turns, expand=True)  # anticlockwise
    for route in ("/v1/identify", f"/v1/attendance?clase={ANA['clase']}"):
        body = client.post(route, data=jpeg(turned), headers=JPEG).get_json()
        assert body["rotated"] == 90 * turns
        face = body["faces"][0]
        assert face["matricula"] == ANA["matricula"] and face["rotated"] == 90 * turns
    plain = client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()["faces"][0]["box"]
    width, height = upright.size
    x1, y1, x2, y2 = plain
    expected = {1: [y1, width - x2, y2, width - x1], 2: [width - x2, height - y2, width - x1, height - y1],
                3: [height - y2, x1, height - y1, x2]}[turns]  # fmt: skip
    assert np.abs(np.array(face["box"]) - expected).max() < 0.05 * max(width, height)


def test_detail_decides_on_the_closer_look(client: FlaskClient) -> None:
    enrol(client, ANA)
    taken = {}
    for detail in ("auto", "portrait", "group"):
        body = client.post(f"/v1/identify?detail={detail}", data=far_away(), headers=JPEG).get_json()
        taken[detail] = set(body["timings_ms"]) & LOOKS, [face["matricula"] for face in body["faces"]]
    assert "detect_closer" in taken["auto"][0] and ANA["matricula"] in taken["auto"][1]
    assert "detect_closer" in taken["group"][0] and ANA["matricula"] in taken["group"][1]
    assert "detect_closer" not in taken["portrait"][0]
    plain = client.post("/v1/identify?detail=group", data=PROBE, headers=JPEG).get_json()
    assert "detect_closer" not in plain["timings_ms"]  # the photo is no larger than the usual look
    problem(client.post("/v1/identify?detail=close", data=PROBE, headers=JPEG), 400, "invalid_detail")


def test_a_class_photo_may_say_its_detail(client: FlaskClient) -> None:
    enrol(client, ANA)
    route = f"/v1/attendance?clase={ANA['clase']}&detail="
    body = client.post(route + "group", data=far_away(), headers=JPEG).get_json()
    assert [face["status"] for face in body["faces"]].count("present") == 1
    assert "detect_closer" in body["timings_ms"]
    problem(client.post(route + "x", data=PROBE, headers=JPEG), 400, "invalid_detail")


def test_a_turned_photo_is_enrolled(client: FlaskClient) -> None:
    photos = sorted((SAMPLE / "students" / ANA["matricula"]).glob("*.jpg"))
    turned = jpeg(Image.open(photos[0]).convert("RGB").rotate(180))
    fields = {name: ANA[name] for name in ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")}
    reply = client.post("/v1/students", data={**fields, "image": (io.BytesIO(turned), "a.jpg")})
    assert reply.status_code == 201 and [face["rotated"] for face in reply.get_json()["photos"]] == [180]
    face = client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()["faces"][0]
    assert face["matricula"] == ANA["matricula"]
