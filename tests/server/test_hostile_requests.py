"""Requests that are wrong, too large, or want more than their key allows: refused at once, by a typed short error."""

import base64
import io
import json
import logging
import re
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import werkzeug.exceptions
from flask.testing import FlaskClient

from faces.image.decode import ImageLimits
from gallery.gallery import Gallery
from gallery.threshold.calibration import CalibrationCurve
from presente.api_keys import read_keys
from presente.errors import InvalidInput, StoreError, listed, shown, without_folders
from server import body_sizes
from server.access.authentication import Access
from server.app import create_app
from server.requests import json_parser
from server.requests.photos import decode_base64
from server.service import ServiceHandle
from tests.conftest import on_sqlite, student_in
from tests.server.sample import ADMIN, ANA, ATTENDANCE, JPEG, KEYS, PROBE, STRANGER, STUDENTS, enrol, problem

JSON = {"Content-Type": "application/json"}
TAKE_JSON = (
    ("POST", "/v1/identify"),
    ("POST", "/v1/search"),
    ("POST", "/v1/verify"),
    ("POST", "/v1/students"),
    ("POST", f"/v1/students/{ANA['matricula']}/images"),
    ("PATCH", f"/v1/students/{ANA['matricula']}"),
    ("POST", "/v1/attendance?clase=IA-101"),
    ("PATCH", "/v1/attendance/1"),
    ("POST", "/v1/participations"),
    ("POST", "/upload"),
)
ODD_JSON = (
    b"5", b"true", b"null", b"[]", b'"x"', b"", b"\x00", b"{}{}", b"{'a': 1}", b'{"a": 1, "a": 1}',
    b'{"a": {"b": 1, "b": 1}}', b'{"a": "\\ud800"}', b'{"\\ud800": 1}', b'{"a": "\xed\xa0\x80"}',
    b"\xef\xbb\xbf{}", '{"a": "ñ"}'.encode("utf-16"), b"[" * 60_000, b'{"a":' * 12_000, b"[" * 9_000,
    b'{"a": %s}' % (b"9" * 5000), b'{"a": -%s}' % (b"9" * 21), b'{"a": 0.%s}' % (b"1" * 40),
    b'{"a": [%s1]}' % (b"1," * 20_000),
)  # fmt: skip


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


SMALL_BODIES = ("/v1/students/A0178", "/v1/attendance/1", "/v1/participations")
"""Of those that take JSON, the ones that take no photo and no vector."""


def npy_saying(header: str, version: int = 1, follows: bytes = b"\0" * 512) -> bytes:
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + header.encode("latin-1") + follows


@on_sqlite
@pytest.mark.parametrize(("method", "path"), TAKE_JSON)
def test_json_that_is_no_object_or_no_json(client: FlaskClient, method: str, path: str) -> None:
    enrol(client, ANA)
    for body in ODD_JSON:
        reply = client.open(path, method=method, data=body, headers=JSON)
        if path == "/v1/search" and body.startswith(b'{"a": [1'):  # that many values are what it is for
            problem(reply, 400, "unknown_field")
        else:
            assert "JSON" in problem(reply, 400, "invalid_json"), body[:40]
    deep = client.open(path, method=method, data=b"[" * 100_000, headers=JSON)
    refused = (413, "too_many_bytes") if path in SMALL_BODIES else (400, "invalid_json")
    assert (deep.status_code, deep.get_json()["code"]) == refused


@on_sqlite
@pytest.mark.parametrize("shape", ["[%s]", '{"a":%s}'])
def test_json_nested_almost_too_deep(client: FlaskClient, shape: str) -> None:
    """A value that the parser can just read may be too deep for the encoder."""
    enrol(client, ANA)
    before, after = shape.split("%s")
    for depth in (30, 40, *range(850, 1000)):
        deep = before * depth + "1" + after * depth
        for method, path, name in (
            ("PATCH", f"/v1/students/{ANA['matricula']}", "consentimiento"),
            ("PATCH", "/v1/attendance/1", "note"),
            ("POST", "/v1/students", "consentimiento"),
        ):
            body = f'{{"{name}": {deep}}}'
            reply = client.open(path, method=method, data=body, headers={**JSON, "Idempotency-Key": "k"})
            too_deep = reply.get_json()["code"] == "invalid_json"
            assert reply.status_code == 400 and too_deep == (depth > 32), (depth, path, reply.text)


@on_sqlite
def test_numbers_in_paths_that_no_store_can_hold(client: FlaskClient) -> None:
    for number in (10**18, 2**63, 10**30, "9" * 4000, "٣", "-1", "1.0"):
        problem(client.patch(f"/v1/attendance/{number}", json={"status": "present"}), 404, "not_found")
        problem(client.delete(f"/v1/participations/{number}"), 404, "not_found")
    problem(client.patch(f"/v1/attendance/{10**18 - 1}", json={"status": "present"}), 404, "entry_not_found")


def test_a_number_beyond_all_is_not_found_by_whatever_method() -> None:
    app = create_app(ServiceHandle(), 1)
    asked = app.url_map.bind("x")
    numbered = [rule for rule in app.url_map.iter_rules() if "<int:" in rule.rule]
    assert len(numbered) > 20
    for rule in numbered:
        path = re.sub(r"<int:\w+>", str(10**18), rule.rule)
        for method in rule.methods or ():
            with pytest.raises(werkzeug.exceptions.NotFound):
                asked.match(re.sub(r"<\w+>", "x", path), method)


def test_texts_in_a_query_are_short_and_of_characters(client: FlaskClient) -> None:
    lists = {"/v1/students": ("clase", "q"), "/v1/attendance": ("clase", "matricula"), "/v1/participations": ("clase",)}
    for path, names in lists.items():
        for name in names:
            for text in ("x" * 50_000, "a" * 201, "%00", "a%00b", "%0A", "%7F"):
                assert len(problem(client.get(f"{path}?{name}={text}"), 400, "invalid_parameter")) < 400
    for query in (".*", "(", "[", "\\", "%25", "_", "$", "%FF", "'", "ñ" * 200, "%ED%A0%80"):
        assert client.get(f"/v1/students?q={query}").get_json()["students"] == []
    for path in ("/v1/identify", "/v1/search", "/v1/verify"):
        name = "matricula" if path == "/v1/verify" else "clase"
        problem(client.post(f"{path}?{name}=%00", data=PROBE, headers=JPEG), 400, "invalid_parameter")


@on_sqlite
def test_npy_files_that_are_not_arrays_of_numbers(client: FlaskClient) -> None:
    right = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 128), }\n"
    assert client.post("/v1/search", data=npy_saying(right, follows=np.ones(128, "<f4").tobytes())).status_code == 200
    kinds = (
        "'|b1'",
        "'|O'",
        "'<c8'",
        "'<M8[s]'",
        "'|S4'",
        "'<U1'",
        "'|V4'",
        "'<f1'",
        "'<f9'",
        "[('a', '<f4')]",
        "5",
        "'''",
    )
    shapes = (
        "(-1, 128)",
        "(1, -128)",
        "(128",
        "()",
        "(True, 128)",
        "(1.0, 128)",
        "(99999999999999999999, 1)",
        "(1,)*99",
        "('1',)",
        "(0, 999999999999, 999999999999)",
        "(999999999999, 999999999999, 0)",
        "(99999999999, 0, 99999999999, 1)",
        "(0, 999999999999)",
    )
    headers = [
        *(right.replace("'<f4'", kind) for kind in kinds),
        *(right.replace("(1, 128)", shape) for shape in shapes),
        *(
            "",
            "{",
            "5",
            "(" * 3000,
            "\0" * 64,
            "lambda: 0",
            "{" * 900,
            right.replace("False", "None"),
            right + "x",
            "x" * 5000,
        ),
    ]
    for header in headers:
        for version in (1, 2, 3, 4):
            detail = problem(client.post("/v1/search", data=npy_saying(header, version)), 400, "invalid_npy")
            assert len(detail) < 500
            problem(client.post("/v1/search", data=npy_saying(header, version, b"")), 400, "invalid_npy")
    empty = npy(np.empty((0, 128), np.float32))
    assert client.post("/v1/search", data=empty).get_json()["results"] == []
    for length in (b"\xff\xff", b"\x00\x00"):
        problem(client.post("/v1/search", data=b"\x93NUMPY\1\0" + length + b"{" * 99), 400, "invalid_npy")
    problem(client.post("/v1/search", data=npy_saying(right, follows=b"")), 400, "invalid_npy")
    problem(client.post("/v1/search", data=b"\x93NUMPY"), 400, "invalid_npy")


def test_npy_files_of_every_kind_of_number_and_order_are_read(client: FlaskClient) -> None:
    enrol(client, ANA)
    rows = np.arange(1, 257).reshape(2, 128) % 100
    expected = client.post("/v1/search", json={"embeddings": rows.tolist()}).get_json()["results"]
    assert len(expected) == 2 and expected[0]
    for kind in ("<f4", ">f4", "<f8", "<f2", "<i8", ">i2", "|u1", "|i1"):
        for order in ("C", "F"):
            sent = npy(np.array(rows, dtype=kind, order=order))
            assert client.post("/v1/search", data=sent).get_json()["results"] == expected, (kind, order)
    three = io.BytesIO()
    np.lib.format.write_array(three, rows.astype("<f4"), version=(3, 0))
    assert client.post("/v1/search", data=three.getvalue()).get_json()["results"] == expected


@on_sqlite
@pytest.mark.parametrize(
    "embeddings",
    [
        [["x" * 1_000_000]] + [["a"]] * 2000,  # as an array of texts: 8 GB
        [[None]], [[True]], [["1"]], [[[1]]], [{}], [1], [[1], 1], "x", 5,
    ],
)  # fmt: skip
def test_embeddings_that_are_no_numbers(client: FlaskClient, embeddings: Any) -> None:
    assert len(problem(client.post("/v1/search", json={"embeddings": embeddings}), 400, "invalid_embeddings")) < 400


def test_numbers_in_json_are_as_long_as_programs_write_them() -> None:
    """Whole numbers cost by the square of their digits, fractions near a half of the smallest by their length."""
    wide = [2**64 - 1, -(2**63), -1.7976931348623157e308, -2.2250738585072014e-308]
    assert json_parser.parse(json.dumps(wide).encode()) == wide
    for number in ("9" * 21, "-" + "9" * 4300, "0." + "3" * 50, "1e" + "0" * 50 + "1"):
        for body in (number, f"[{number}]", f'{{"a": [1, {number}]}}'):
            with pytest.raises(InvalidInput, match="digits") as caught:
                json_parser.parse(body.encode())
            assert caught.value.code == "invalid_json"


def test_base64_with_white_space_costs_little_more_than_its_bytes() -> None:
    photo = bytes(range(256)) * 1000
    wrapped = base64.encodebytes(photo).decode()
    for text in (wrapped, wrapped.replace("\n", "\r\n\t "), f"data:image/jpeg;base64,{wrapped}"):
        assert decode_base64(text) == photo
    blanks = "AA AA " * 500_000
    tracemalloc.start()
    try:
        assert len(decode_base64(blanks)) == 1_500_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(blanks)
    for wrong in ("ñ" * 8, "AAA", "AA\0AA", "\u3000AAAA", "A" * 5):
        with pytest.raises(InvalidInput) as caught:
            decode_base64(wrong)
        assert caught.value.code == "invalid_base64"


@on_sqlite
def test_base64_longer_than_any_photo_is_refused_before_it_is_decoded(client: FlaskClient) -> None:
    largest = base64.encodebytes(bytes(ImageLimits().max_bytes)).decode()
    assert len(decode_base64(f"data:image/jpeg;base64,{largest}")) == ImageLimits().max_bytes
    roomy = create_app(client.application.extensions["presente"], 90_000_000).test_client()
    for text in (b" " * 30_000_000, b"data:," + b"AA " * 10_000_000):
        for body in (b'{"image": "%s"}' % text, b'{"images": ["%s"]}' % text):
            for path in ("/v1/identify", "/v1/students"):
                problem(roomy.post(path, data=body, headers=JSON), 413, "too_many_bytes")


@on_sqlite
def test_photos_of_a_form_do_not_lie_on_the_disk(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file is made")

    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp", "_mkstemp_inner"):
        monkeypatch.setattr(tempfile, name, refuse)
    enrol(client, ANA)
    large = PROBE + bytes(1_000_000)  # what follows a JPEG's end is nothing
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    form = head + large + b"\r\n--x--\r\n"  # by hand: the test's own client would write it to a file
    reply = client.post("/v1/identify", data=form, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert len(reply.get_json()["faces"]) == 1


@on_sqlite
def test_a_body_longer_than_its_route_takes_is_refused_by_its_head(client: FlaskClient) -> None:
    for method, path in (("PATCH", "/v1/students/x"), ("PATCH", "/v1/attendance/1"), ("POST", "/v1/participations")):
        body = b'{"note": "' + b"x" * body_sizes.SMALL + b'"}'
        assert "65536" in problem(client.open(path, method=method, data=body, headers=JSON), 413, "too_many_bytes")
    service_handle = client.application.extensions["presente"]
    roomy = create_app(service_handle, 90_000_000).test_client()
    long = b'{"embeddings": [[' + b"1," * 4_000_000 + b"1]]}"
    assert "numpy.save" in problem(roomy.post("/v1/search", data=long, headers=JSON), 413, "too_many_bytes")
    many = b'{"embeddings": [[' + b"1," * 500_000 + b"1]]}"
    assert "500000 values" in problem(roomy.post("/v1/search", data=many, headers=JSON), 400, "invalid_json")
    brackets = b'{"image": [' + b"[]," * 2_000_000 + b"1]}"
    assert "10000 values" in problem(roomy.post("/v1/identify", data=brackets, headers=JSON), 400, "invalid_json")


def test_every_route_takes_little_unless_it_says_so() -> None:
    app = create_app(ServiceHandle(), 1)
    more = {rule.rule for rule in app.url_map.iter_rules() if body_sizes.of(app, rule.endpoint) != body_sizes.Sizes()}
    assert more == {
        "/v1/identify",
        "/v1/search",
        "/v1/verify",
        "/v1/students",
        "/v1/students/<matricula>/images",
        "/v1/students/<matricula>/negatives",
        "/v1/unknowns/forget",
        "/v1/sessions/<int:number>/photos",
        "/v1/sessions/<int:number>/video",
        "/v1/attendance",
        "/upload",
        "/v1/imports",
        "/v1/photos/check",
        "/upload-assistance",
        "/upload-parti",
    }


def test_what_messages_quote_is_short() -> None:
    for value in ("x" * 10**6, ["y" * 10**6] * 1000, {"a": {"b": {"c": "z" * 10**6}}}, 10**4000, object(), [[[[]]]]):
        assert len(shown(value)) <= 310
    assert shown("a'b") == repr("a'b") and shown(None) == "None" and shown("\ud800") == "'\\ud800'"
    assert listed(["b", "a"]) == "a, b" and listed(["\0"]) == "'\\x00'" and listed([""]) == "''"
    assert len(listed(str(number) * 5000 for number in range(1000))) < 600


def test_paths_of_this_machine_stay_in_its_log() -> None:
    for text, left in (
        ("/home/ana maría/var/gallery.db cannot be used (disk full).", "gallery.db cannot be used (disk full)."),
        ("no: '/tmp/x/y'; C:/a/b.db-wal, /var/c/", "no: 'y'; b.db-wal, "),
        ("Ask again and/or wait. See 1/2.", "Ask again and/or wait. See 1/2."),
    ):
        assert without_folders(text) == left


@on_sqlite
def test_a_store_that_cannot_be_read_is_not_said_where(
    client: FlaskClient, gallery: Gallery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery.store.close()
    for leftover in ("gallery.db-wal", "gallery.db-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    (tmp_path / "gallery.db").write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.ERROR):
        detail = problem(client.get("/v1/students"), 503, "store_unavailable")
    assert "gallery.db cannot be used" in detail and str(tmp_path) not in detail and "/" not in detail
    assert str(tmp_path) in caplog.text
    with pytest.raises(StoreError, match=str(tmp_path)):
        gallery.store.students()


@on_sqlite
@pytest.mark.parametrize(("method", "path"), TAKE_JSON)
def test_no_reply_repeats_what_was_sent(client: FlaskClient, method: str, path: str) -> None:
    enrol(client, ANA)
    long = "Zq" * 15_000
    fields = (
        "matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "consentimiento", "image", "images", "status",
        "note", "kind", "fecha", "embeddings", "k", "aviso", "otras_clases", long,
    )  # fmt: skip
    for name in fields:
        for value in (long, [long], {long: long}, [[long]] * 9):
            sent = {"matricula": ANA["matricula"], "nombre_del_alumno": "x"} if path != "/v1/search" else {}
            reply = client.open(path, method=method, json={**sent, name: value}, headers={"Idempotency-Key": "k"})
            assert len(reply.data) < 2500 and "Zq" * 200 not in reply.text, (name, reply.text[:300])
    for headers in ({"Idempotency-Key": long}, {"Content-Type": long}, {"Origin": long}, {"X-Request-Id": long}):
        assert long[:400] not in client.open(path, method=method, data=b"{}", headers=headers).text
    for target, code in (
        (f"/v1/students/{long}", "student_not_found"),
        (f"/v1/students?{long}=1", "unknown_parameter"),
        (f"/v1/students?limit={long}", "invalid_parameter"),
        (f"/v1//{long}", "not_found"),
        (f"/{long}", "not_found"),
    ):
        reply = client.get(target)
        assert len(reply.data) < 1000 and reply.get_json()["code"] == code and len(str(reply.headers)) < 1000


@on_sqlite
def test_a_form_with_parts_that_have_no_name_or_the_same(client: FlaskClient) -> None:
    def form(*parts: bytes) -> Any:
        body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        return client.post("/v1/students", data=body, headers=headers)

    field = b'Content-Disposition: form-data; name="%s"\r\n\r\n%s'
    nameless = b"Content-Disposition: form-data\r\n\r\nx"
    problem(form(nameless, field % (b"other", b"1")), 400, "unknown_field")
    twice = (field % (b"matricula", b"A1"), field % (b"matricula", b"A2"), field % (b"nombre_del_alumno", b"Ana"))
    assert "matricula" in problem(form(*twice), 400, "invalid_field")


# -- thresholds ----------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(client: FlaskClient) -> FlaskClient:
    enrol(client, ANA)
    return create_app(client.application.extensions["presente"], 4_000_000, Access(read_keys(KEYS))).test_client()


ASK = ("/v1/identify?", f"/v1/verify?matricula={ANA['matricula']}&", "/v1/attendance?clase=IA-101&fecha=2026-11-20&")


@on_sqlite
@pytest.mark.parametrize("path", ASK)
def test_only_an_admin_asks_for_less_than_the_gallerys_threshold(
    guarded: FlaskClient, gallery: Gallery, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = gallery.settings.threshold

    def ask(key: str, threshold: float) -> Any:
        return guarded.post(f"{path}threshold={threshold!r}", data=STRANGER, headers={**JPEG, "X-API-Key": key})

    with caplog.at_level(logging.WARNING, "server.threshold_policy"):
        for low in (-1.0, 0.0, own - 1e-6):
            assert f"{own:.4f}" in problem(ask(ATTENDANCE, low), 403, "threshold_too_low")
        for high in (own, 0.99, 1.0):
            assert ask(ATTENDANCE, high).status_code == 200
        assert caplog.records == [] and student_in(gallery.store, ANA["matricula"]).asistencias == 0
        reply = ask(ADMIN, -1.0)
    assert reply.status_code == 200
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(reply.headers["X-Request-Id"]) and "-1 instead of" in line and path.partition("?")[0] in line


@on_sqlite
def test_without_keys_every_client_on_this_machine_is_admin(client: FlaskClient) -> None:
    enrol(client, ANA)
    face = client.post("/v1/identify?threshold=-1", data=STRANGER, headers=JPEG).get_json()["faces"][0]
    assert face["decision"] == "known"


@on_sqlite
def test_a_class_with_a_threshold_of_its_own_is_held_to_it(client: FlaskClient, gallery: Gallery) -> None:
    """With a calibration fewer people mean a lower threshold: that one is the gallery's own for the class."""
    curve = CalibrationCurve(
        gallery.pack, 2, 500, 50, 3.0, 30.0, (0.01, 0.01, 0.02), 0.01, "2026-11-21T00:00:00+00:00", {}
    )
    gallery.store.store_calibration(curve.to_json())
    gallery.settings = replace(gallery.settings, target=0.05)
    for student in (ANA, next(other for other in STUDENTS if other["clase"] != ANA["clase"])):
        enrol(client, student)
    guarded = create_app(client.application.extensions["presente"], 4_000_000, Access(read_keys(KEYS))).test_client()
    headers = {**JPEG, "X-API-Key": ATTENDANCE}
    own = {clase: gallery.operating_point(None, clase).threshold for clase in (None, ANA["clase"])}
    assert own[ANA["clase"]] < own[None]
    for clase, threshold in own.items():
        asked = f"/v1/identify?{f'clase={clase}&' if clase else ''}threshold="
        assert guarded.post(f"{asked}{threshold!r}", data=PROBE, headers=headers).status_code == 200
        problem(guarded.post(f"{asked}{threshold - 1e-6!r}", data=PROBE, headers=headers), 403, "threshold_too_low")
