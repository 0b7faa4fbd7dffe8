"""Every route's answers, and every wrong request's own error."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from gallery.threshold.calibration import CalibrationCurve
from presente.errors import NotFound
from server.app import create_app
from server.service import ServiceHandle
from tests.conftest import SAMPLE, on_sqlite
from tests.server.sample import ANA, EVA, JPEG, PROBE, STRANGER, STUDENTS, enrol, problem


def image(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (picture or Image.new("RGB", (64, 64), (9, 99, 200))).save(stream, kind, **options)
    return stream.getvalue()


def nothing_stored(gallery: Gallery) -> bool:
    counts = gallery.store.counts()
    return counts.students == counts.images == counts.templates == gallery.status().indexed == 0


def test_before_loading_the_server_lives_but_is_not_ready() -> None:
    client = create_app(ServiceHandle(), 1000).test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
    reply = client.get("/v1/status")
    problem(reply, 503, "not_ready")
    assert reply.headers["Retry-After"] == "1"


def test_enrolled_is_identified_and_a_stranger_is_desconocido(client: FlaskClient, embedder: FaceEmbedder) -> None:
    for student in (ANA, EVA):
        reply = enrol(client, student)
        assert reply.status_code == 201
        assert reply.headers["Location"] == f"/v1/students/{student['matricula']}"
        assert reply.get_json()["student"]["images"] == 4 and len(reply.get_json()["photos"]) == 4
    body = client.post("/v1/identify?k=2", data=PROBE, headers=JPEG).get_json()
    assert body["pack"] == "sample" and body["threshold_source"] == "pack sample"
    assert body["threshold"] == pytest.approx(embedder.pack.threshold, abs=1e-4)
    assert set(body["timings_ms"]) == {"decode", "detect", "detect_usual", "embed", "search", "total"}
    assert body["rotated"] == 0 and body["faces"][0]["rotated"] == 0
    face = body["faces"][0]
    assert (face["decision"], face["matricula"], face["nombre"], face["reason"]) == (
        "known",
        ANA["matricula"],
        ANA["nombre_del_alumno"],
        None,
    )
    assert [candidate["rank"] for candidate in face["candidates"]] == [1, 2]
    assert set(face["candidates"][0]) == {"rank", "matricula", "nombre_del_alumno", "clase", "kind", "score", "fpir"}
    assert len(face["landmarks"]) == 5 and face["quality"]["size"] > 20 and 0.5 <= face["detection_score"] <= 1
    stranger = client.post("/v1/identify", data=STRANGER, headers=JPEG).get_json()["faces"][0]
    assert (stranger["decision"], stranger["nombre"], stranger["matricula"], stranger["reason"]) == (
        "unknown",
        "Desconocido",
        None,
        "below_threshold",
    )
    assert face["fpir"] is None and client.get("/v1/status").get_json()["calibration"] is None


def test_a_calibrated_gallery_says_how_many_strangers_score_as_high(client: FlaskClient, gallery: Gallery) -> None:
    curve = CalibrationCurve(
        gallery.pack, 2, 500, 50, 3.0, 30.0, (0.01, 0.01, 0.02), 0.01, "2026-11-21T00:00:00+00:00", {}
    )
    gallery.store.store_calibration(curve.to_json())
    gallery.settings = replace(gallery.settings, target=0.05)
    for student in (ANA, EVA):
        enrol(client, student)
    body = client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()
    assert body["threshold_source"] == "calibrated fpir=0.05" and body["threshold"] == curve.threshold(0.05, 2)
    (face,) = body["faces"]
    assert face["fpir"] == pytest.approx(curve.fpir(face["score"], 2), rel=1e-5)
    assert face["fpir"] < 0.05 and face["decision"] == "known"
    rates = [curve.fpir(one["score"], 2) for one in face["candidates"]]
    assert [one["fpir"] for one in face["candidates"]] == pytest.approx(rates, rel=1e-5)
    asked = client.post("/v1/identify?threshold=0.1", data=PROBE, headers=JPEG).get_json()
    assert asked["threshold_source"] == "request" and asked["faces"][0]["fpir"] == face["fpir"]
    status = client.get("/v1/status").get_json()
    assert status["threshold"] == body["threshold"] and status["calibration"]["warning"] == ""


def test_the_three_ways_to_send_a_photo_agree(client: FlaskClient) -> None:
    enrol(client, ANA)
    text = base64.b64encode(PROBE).decode()
    replies = [
        client.post("/v1/identify", data=PROBE, headers=JPEG),
        client.post("/v1/identify", data=PROBE, headers={"Content-Type": "application/octet-stream"}),
        client.post("/v1/identify", data={"image": (io.BytesIO(PROBE), "p.jpg")}),
        client.post("/v1/identify", json={"image": text}),
        client.post("/v1/identify", json={"image": f"data:image/jpeg;base64,{text}"}),
    ]
    assert len({json.dumps(reply.get_json()["faces"]) for reply in replies}) == 1
    assert all(reply.status_code == 200 for reply in replies)


@on_sqlite
def test_a_group_photo_largest_first_or_only_the_largest(client: FlaskClient) -> None:
    group = (SAMPLE / "groups" / "group_01.jpg").read_bytes()
    faces = client.post("/v1/identify", data=group, headers=JPEG).get_json()["faces"]
    areas = [(f["box"][2] - f["box"][0]) * (f["box"][3] - f["box"][1]) for f in faces]
    assert len(faces) >= 8 and areas == sorted(areas, reverse=True)
    assert {face["reason"] for face in faces} == {"empty_gallery"} and faces[0]["score"] is None
    largest = client.post("/v1/identify?faces=largest", data=group, headers=JPEG).get_json()["faces"]
    # of the largest alone no closer look is taken
    assert len(largest) == 1 and np.abs(np.subtract(largest[0]["box"], faces[0]["box"])).max() < 6


def test_no_face_is_an_empty_list_when_asking_and_an_error_when_enrolling(
    client: FlaskClient, gallery: Gallery
) -> None:
    blank = image("PNG")
    assert client.post("/v1/identify", data=blank, headers={"Content-Type": "image/png"}).get_json()["faces"] == []
    reply = client.post(
        "/v1/students",
        data={
            "matricula": "A1",
            "nombre_del_alumno": "Ana",
            "image": [(io.BytesIO(PROBE), "1"), (io.BytesIO(blank), "2")],
        },
    )
    assert "Photo 2" in problem(reply, 422, "no_face") and nothing_stored(gallery)


BAD_PHOTOS = {
    "empty": (b"", 400, "empty_image"),
    "text": (b"hello", 415, "not_an_image"),
    "truncated": (PROBE[: len(PROBE) // 2], 422, "damaged_image"),
    "bomb": (image("PNG", Image.new("1", (10_000, 5_001))), 422, "too_many_pixels"),
    "gif": (image("GIF"), 415, "unsupported_format"),
    "jpeg xl": (b"\xff\x0a" + bytes(40), 415, "unsupported_format"),
    "video": (b"\x00\x00\x00\x18ftypisom" + bytes(40), 415, "unsupported_format"),
    "heic": (b"\x00\x00\x00\x18ftypheic" + bytes(40), 422, "damaged_image"),
    "tiny": (image("PNG", Image.new("RGB", (4, 4))), 422, "too_small"),
}


@on_sqlite
@pytest.mark.parametrize("name", BAD_PHOTOS)
def test_bad_photos_have_their_own_errors(client: FlaskClient, gallery: Gallery, name: str) -> None:
    data, status, code = BAD_PHOTOS[name]
    problem(client.post("/v1/identify", data=data, headers=JPEG), status, code)
    encoded = base64.b64encode(data).decode()
    problem(
        client.post("/v1/students", json={"matricula": "A1", "nombre_del_alumno": "Ana", "image": encoded}),
        status,
        code,
    )
    assert nothing_stored(gallery)


@on_sqlite
@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("P", "PNG"), ("L", "PNG"), ("RGBA", "WEBP")])
def test_unusual_photos_are_handled(client: FlaskClient, mode: str, kind: str) -> None:
    enrol(client, ANA)
    picture = Image.open(io.BytesIO(PROBE))
    data = image(kind, picture.quantize(256) if mode == "P" else picture.convert(mode))
    assert len(client.post("/v1/identify", data=data, headers=JPEG).get_json()["faces"]) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("k=0", "invalid_k"),
        ("k=-1", "invalid_k"),
        ("k=1000000000", "invalid_k"),
        ("k=two", "invalid_k"),
        ("k=1.5", "invalid_k"),
        ("threshold=nan", "invalid_threshold"),
        ("threshold=2", "invalid_threshold"),
        ("threshold=inf", "invalid_threshold"),
        ("faces=some", "invalid_faces"),
        ("cohort=maybe", "invalid_cohort"),
        ("treshold=0.4", "unknown_parameter"),
        ("k=1&k=2", "invalid_parameter"),
    ],
)
def test_wrong_parameters(client: FlaskClient, query: str, code: str) -> None:
    problem(client.post(f"/v1/identify?{query}", data=PROBE, headers=JPEG), 400, code)


def test_wrong_bodies(client: FlaskClient, gallery: Gallery) -> None:
    problem(
        client.post("/v1/identify", data="x", headers={"Content-Type": "text/plain"}), 415, "unsupported_media_type"
    )
    problem(client.post("/v1/identify", data="{", headers={"Content-Type": "application/json"}), 400, "invalid_json")
    problem(client.post("/v1/identify", json={"image": "%%%"}), 400, "invalid_base64")
    problem(client.post("/v1/identify", json={"image": 7}), 400, "invalid_base64")
    problem(client.post("/v1/identify", json={"picture": ""}), 400, "unknown_field")
    problem(
        client.post(
            "/v1/attendance?clase=IA-101", data={"image": [(io.BytesIO(PROBE), "1"), (io.BytesIO(PROBE), "2")]}
        ),
        400,
        "one_photo_needed",
    )
    problem(client.post("/v1/students", data={"image": (io.BytesIO(PROBE), "1")}), 400, "missing_field")
    problem(client.post("/v1/students", json={"matricula": "A1", "nombre_del_alumno": "Ana"}), 400, "no_photos")
    problem(
        client.post(
            "/v1/students", data={"matricula": "A/1", "nombre_del_alumno": "Ana", "image": (io.BytesIO(PROBE), "1")}
        ),
        400,
        "invalid_student",
    )
    problem(
        client.post(
            "/v1/students",
            data={"matricula": "A1", "nombre_del_alumno": "Ana", "clas": "x", "image": (io.BytesIO(PROBE), "1")},
        ),
        400,
        "unknown_field",
    )
    problem(client.post("/v1/identify", data=bytes(5_000_000), headers=JPEG), 413, "too_many_bytes")
    problem(client.get("/nowhere"), 404, "not_found")
    wrong = client.delete("/v1/identify")
    problem(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]
    assert nothing_stored(gallery)


def test_a_students_life(client: FlaskClient) -> None:
    enrol(client, ANA)
    matricula = ANA["matricula"]
    problem(enrol(client, ANA), 409, "student_exists")
    path = f"/v1/students/{matricula}"
    more = client.post(f"{path}/images", data=PROBE, headers=JPEG)
    assert more.status_code == 201 and more.get_json()["student"]["images"] == 5
    changed = client.patch(path, json={"clase": "IA-999"}).get_json()
    assert (changed["clase"], changed["nombre_del_alumno"]) == ("IA-999", ANA["nombre_del_alumno"])
    assert client.get(path).get_json() == changed
    problem(client.patch(path, json={"matricula": "B1"}), 400, "unknown_field")
    problem(client.patch(path, json={"clase": 7}), 400, "invalid_field")
    verified = client.post(f"/v1/verify?matricula={matricula}", data=PROBE, headers=JPEG).get_json()
    # The photo itself is one of the student's five: the best cosine is 1, that of the centroid less.
    assert verified["same_person"] and 0.95 < verified["score"] < 0.999
    other = client.post("/v1/verify", data={"matricula": matricula, "image": (io.BytesIO(STRANGER), "s")}).get_json()
    assert not other["same_person"] and other["score"] < other["threshold"]
    assert client.delete(path).status_code == 204
    for reply in (
        client.get(path),
        client.delete(path),
        client.patch(path, json={}),
        client.post(f"{path}/images", data=PROBE, headers=JPEG),
        client.post(f"/v1/verify?matricula={matricula}", data=PROBE, headers=JPEG),
    ):
        problem(reply, 404, "student_not_found")
    assert client.post("/v1/identify", data=PROBE, headers=JPEG).get_json()["faces"][0]["matricula"] is None


def test_listing_pages_and_filters(client: FlaskClient) -> None:
    for student in STUDENTS[:3]:
        enrol(client, student)
    page = client.get("/v1/students?limit=2").get_json()
    assert len(page["students"]) == 2 and page["next_cursor"]
    rest = client.get(f"/v1/students?limit=2&cursor={page['next_cursor']}").get_json()
    assert len(rest["students"]) == 1 and rest["next_cursor"] is None
    found = client.get(f"/v1/students?q={STUDENTS[1]['nombre_del_alumno'].split()[0]}").get_json()["students"]
    assert STUDENTS[1]["matricula"] in {student["matricula"] for student in found}
    problem(client.get("/v1/students?clase=none"), 404, "class_not_found")
    problem(client.get("/v1/students?limit=0"), 400, "invalid_limit")


def test_search_with_json_and_npy(client: FlaskClient, gallery: Gallery) -> None:
    enrol(client, ANA)
    enrol(client, EVA)
    rows = next(iter(gallery.store.templates())).vectors[[0, 4]] * 3.0  # length does not matter
    by_json = client.post("/v1/search", json={"embeddings": rows.tolist(), "k": 2}).get_json()["results"]
    stream = io.BytesIO()
    np.save(stream, rows)
    by_npy = client.post("/v1/search?k=2", data=stream.getvalue(), headers={"Content-Type": "application/x-npy"})
    assert by_npy.get_json()["results"] == by_json
    assert [found[0]["matricula"] for found in by_json] == [ANA["matricula"], EVA["matricula"]]
    # Each is one of the four photos of that student: the best cosine is 1, that of the centroid a little less.
    assert 0.95 < by_json[0][0]["score"] < 0.999 and len(by_json[0]) == 2
    assert client.post("/v1/search", json={"embeddings": np.zeros((0, 128)).tolist()}).status_code == 400


@on_sqlite
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"embeddings": [[1.0, 2.0]]}, "dimension_mismatch"),
        ({"embeddings": [[0.0] * 128]}, "not_finite"),
        ({"embeddings": [[float("nan")] * 128]}, "not_finite"),
        ({"embeddings": [[1.0], [1.0, 2.0]]}, "invalid_embeddings"),
        ({"embeddings": "x"}, "invalid_embeddings"),
        ({"embeddings": [["a"] * 128]}, "invalid_embeddings"),
        ({}, "invalid_embeddings"),
        ({"embeddings": [[1.0] * 128], "k": 0}, "invalid_k"),
        ({"embeddings": [[1.0] * 128], "k": "5"}, "invalid_k"),
        ({"probes": []}, "unknown_field"),
    ],
)
def test_wrong_searches(client: FlaskClient, body: dict[str, object], code: str) -> None:
    problem(client.post("/v1/search", json=body), 400, code)


@on_sqlite
def test_a_pickled_npy_is_not_opened(client: FlaskClient) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    reply = client.post("/v1/search", data=stream.getvalue(), headers={"Content-Type": "application/x-npy"})
    problem(reply, 400, "invalid_npy")


@on_sqlite
def test_what_would_stall_or_crash_the_server_is_refused(client: FlaskClient) -> None:
    npy = {"Content-Type": "application/x-npy"}
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f4", "fortran_order": False, "shape": (10**15, 128)})
    problem(client.post("/v1/search", data=huge.getvalue(), headers=npy), 400, "invalid_npy")
    deep = "[" * 200_000
    problem(client.post("/v1/search", data=deep, headers={"Content-Type": "application/json"}), 400, "invalid_json")
    over = '{"embeddings": [[' + ", ".join(["1" + "0" * 400] * 128) + "]]}"
    problem(client.post("/v1/search", data=over, headers={"Content-Type": "application/json"}), 400, "invalid_json")
    many = io.BytesIO()
    np.save(many, np.ones((1000, 128), np.float32))
    problem(client.post("/v1/search?k=1000", data=many.getvalue(), headers=npy), 400, "invalid_k")
    crowd = {"matricula": "A1", "nombre_del_alumno": "Ana", "images": ["AAAA"] * 17}
    problem(client.post("/v1/students", json=crowd), 400, "too_many_photos")


@on_sqlite
def test_pages_of_other_sites_are_kept_out(client: FlaskClient) -> None:
    problem(client.get("/v1/students", headers={"Host": "evil.example"}), 403, "foreign_host")
    problem(
        client.post("/v1/identify", data=PROBE, headers={**JPEG, "Origin": "https://evil.example"}),
        403,
        "foreign_origin",
    )
    problem(client.get("/livez", headers={"Host": "[::1"}), 403, "foreign_host")
    problem(client.post("/v1/identify", data=PROBE, headers={**JPEG, "Origin": "null"}), 403, "foreign_origin")
    own = {**JPEG, "Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}
    assert client.post("/v1/identify", data=PROBE, headers=own).status_code == 200


@on_sqlite
def test_readiness_is_about_answering(client: FlaskClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.readiness.EVERY_S", 0.0)
    assert client.get("/readyz").status_code == 200
    enrol(client, ANA)
    gallery.store.adopt_pack("other@222222222222", 64)  # as `indexer sync` with another pack does
    assert client.get("/readyz").status_code == 503
    problem(client.post("/v1/identify", data=PROBE, headers=JPEG), 503, "pack_mismatch")


def test_a_student_deleted_meanwhile_does_not_come_back(client: FlaskClient, gallery: Gallery) -> None:
    enrol(client, ANA)
    student = gallery.student(ANA["matricula"]).student
    service = client.application.extensions["presente"].get()
    gallery.remove([ANA["matricula"]])
    with pytest.raises(NotFound):
        service.enrol(student, [PROBE], "extend")
    assert nothing_stored(gallery)


@on_sqlite
def test_request_ids(client: FlaskClient) -> None:
    assert client.get("/livez", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    made = client.get("/livez", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert made != "a b" and len(made) == 32


def test_status(client: FlaskClient) -> None:
    enrol(client, ANA)
    status = client.get("/v1/status").get_json()
    assert (status["subjects"], status["templates"], status["pack"], status["dim"]) == (1, 4, "sample", 128)
    assert status["index_kind"] == "flat" and status["threshold_source"] == "pack sample"


def test_an_unexpected_failure_says_so_and_keeps_its_details(
    client: FlaskClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(gallery, "status", broken)
    assert "secret" not in problem(client.get("/v1/status"), 500, "internal_error")
