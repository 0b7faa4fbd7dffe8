"""Every role on every route, with a key and with a session. A route that is added needs a line here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from presente.api_keys import read_keys
from server.access.authentication import Access
from server.access.permissions import permission_needed
from server.app import create_app
from server.service import ServiceHandle
from tests.server.people import grants, guarded_app, key_of, logged_in
from tests.server.sample import KEYS

ANYONE = "none viewer student teacher attendance admin"
KNOWN = "viewer student teacher attendance admin"
TEACHING = "teacher attendance admin"
MATRIX = {
    "GET /": ANYONE,
    "GET /console/<path:name>": ANYONE,
    "GET /openapi.json": ANYONE,
    "GET /docs": ANYONE,
    "GET /docs/<name>": ANYONE,
    "GET /metrics": f"viewer {TEACHING}",
    "GET /livez": ANYONE,
    "GET /readyz": ANYONE,
    "GET /v1/login": ANYONE,
    "POST /v1/login": ANYONE,
    "POST /v1/setup": ANYONE,
    "GET /v1/session": KNOWN,
    "POST /v1/logout": KNOWN,
    "POST /v1/password": KNOWN,
    "GET /v1/status": f"viewer {TEACHING}",
    "POST /v1/identify": TEACHING,
    "POST /v1/search": TEACHING,
    "POST /v1/verify": TEACHING,
    "POST /v1/imports": "admin",
    "GET /v1/imports": "admin",
    "GET /v1/imports/<number>": "admin",
    "POST /v1/imports/<number>/run": "admin",
    "DELETE /v1/imports/<number>": "admin",
    "GET /v1/students": KNOWN,
    "POST /v1/students": "admin",
    "GET /v1/students/<matricula>": KNOWN,
    "PATCH /v1/students/<matricula>": "admin",
    "DELETE /v1/students/<matricula>": "admin",
    "GET /v1/students/<matricula>/images": "student teacher admin",
    "GET /v1/students/<matricula>/images/<image>": "student teacher admin",
    "DELETE /v1/students/<matricula>/images/<image>": "admin",
    "POST /v1/students/<matricula>/images/<image>/move": "admin",
    "GET /v1/students/<matricula>/negatives": TEACHING,
    "POST /v1/students/<matricula>/negatives": TEACHING,
    "DELETE /v1/students/<matricula>/negatives/<int:number>": TEACHING,
    "GET /v1/students/<matricula>/erasure": "admin",
    "GET /v1/students/<matricula>/data": "student admin",
    "POST /v1/students/<matricula>/consent/withdraw": "student admin",
    "GET /v1/privacy": "admin",
    "GET /v1/receipts/<code>": ANYONE,
    "GET /v1/receipts/key": ANYONE,
    "GET /v1/students/<matricula>/lookalikes": "admin",
    "POST /v1/students/<matricula>/merge": "admin",
    "POST /v1/photos/check": "student admin",
    "POST /v1/students/<matricula>/images": "student admin",
    "POST /v1/attendance": TEACHING,
    "GET /v1/attendance": KNOWN,
    "PATCH /v1/attendance/<int:number>": TEACHING,
    "POST /v1/sessions": TEACHING,
    "GET /v1/sessions": KNOWN,
    "GET /v1/sessions/<int:number>": KNOWN,
    "PATCH /v1/sessions/<int:number>": TEACHING,
    "POST /v1/sessions/<int:number>/close": TEACHING,
    "POST /v1/sessions/<int:number>/photos": TEACHING,
    "GET /v1/sessions/<int:number>/events": KNOWN,
    "POST /v1/sessions/<int:number>/video": TEACHING,
    "GET /v1/sessions/<int:number>/video": TEACHING,
    "GET /v1/sessions/<int:number>/photos": TEACHING,
    "GET /v1/sessions/<int:number>/photos/<int:photo>": TEACHING,
    "POST /v1/sessions/<int:number>/entries": TEACHING,
    "POST /v1/sessions/<int:number>/undo": TEACHING,
    "GET /v1/sessions/<int:number>/roll": KNOWN,
    "GET /v1/classes": KNOWN,
    "PUT /v1/classes/<path:clase>/timetable": TEACHING,
    "POST /v1/participations": TEACHING,
    "GET /v1/participations": KNOWN,
    "DELETE /v1/participations/<int:number>": TEACHING,
    "GET /v1/statistics/classes": f"viewer {TEACHING}",
    "GET /v1/statistics/classes/<path:clase>": f"viewer {TEACHING}",
    "GET /v1/statistics/weeks": f"viewer {TEACHING}",
    "GET /v1/statistics/students/<matricula>": KNOWN,
    "GET /v1/keys": "admin",
    "POST /v1/keys": "admin",
    "DELETE /v1/keys/<name>": "admin",
    "GET /v1/access-log": "admin",
    "GET /v1/users": "admin",
    "POST /v1/users": "admin",
    "PATCH /v1/users/<name>": "admin",
    "POST /v1/jobs": "admin",
    "GET /v1/jobs": "admin",
    "GET /v1/jobs/<int:number>": f"viewer {TEACHING}",  # those of films of own sessions
    "POST /v1/jobs/<int:number>/cancel": TEACHING,
    "GET /v1/audit": "admin",
    "PUT /v1/audit/findings/<finding>/aside": "admin",
    "DELETE /v1/audit/findings/<finding>/aside": "admin",
    "GET /v1/calibration": "admin",
    "PUT /v1/calibration": "admin",
    "GET /v1/reports/groups": "admin",
    "GET /v1/unknowns": "teacher admin",
    "GET /v1/unknowns/<int:number>": "teacher admin",
    "GET /v1/unknowns/<int:number>/faces/<int:face>/picture": "teacher admin",
    "POST /v1/unknowns/<int:number>/enrol": "admin",
    "POST /v1/unknowns/<int:number>/merge": "admin",
    "POST /v1/unknowns/<int:number>/join": "admin",
    "POST /v1/unknowns/<int:number>/split": "admin",
    "PATCH /v1/unknowns/<int:number>": "admin",
    "DELETE /v1/unknowns/<int:number>": "admin",
    "DELETE /v1/unknowns/<int:number>/faces/<int:face>": "admin",
    "POST /v1/unknowns/forget": "admin",
    "GET /v1/settings": "admin",
    "POST /login": ANYONE,
    "GET /generate_heatmap": f"viewer {TEACHING}",
    "GET /generate_bubble_chart": f"viewer {TEACHING}",
    "GET /generate_pie_chart": f"viewer {TEACHING}",
    "POST /generate_class_specific_bar_chart": f"viewer {TEACHING}",
    "POST /generate_class_participation_box_plot": f"viewer {TEACHING}",
    "POST /generate_student_attendance_bar_chart": KNOWN,
    "POST /generate_student_ranking_bar_graph": f"viewer {TEACHING}",
    "POST /upload-assistance": TEACHING,
    "POST /upload-parti": TEACHING,
    "GET /first": ANYONE,
    "GET /first/": ANYONE,
    "GET /first/<path:name>": ANYONE,
    "GET /_next/<path:name>": ANYONE,
    "POST /upload": "admin",
    "GET /get-students": KNOWN,
    "POST /save_all_images": "admin",
}
OWN = "A0178"


@pytest.fixture
def app(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[Flask]:
    gallery.enrol([Enrolment(Student(OWN, "Abril Montemayor Ríos", "IA-101"), ())])
    with guarded_app(gallery, embedder, tmp_path, Access(read_keys(KEYS), accounts=True, student_photos=True)) as made:
        made.add_url_rule("/forgotten", view_func=lambda: "its permission was forgotten")
        yield made


def routes(app: Flask) -> set[str]:
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_has_a_line() -> None:
    app = create_app(ServiceHandle(), 1)
    assert routes(app) == set(MATRIX)
    assert all(permission_needed(app, rule.endpoint) for rule in app.url_map.iter_rules())


def granted(client: FlaskClient, headers: dict[str, str]) -> dict[str, bool | str]:
    """Which routes a caller may use; the code of a refusal that is not about the role."""
    found: dict[str, bool | str] = {}
    places = {
        "<matricula>": OWN,
        "<int:number>": "1",
        "<int:photo>": "1",
        "<int:face>": "1",
        "<image>": "0",
        "<path:name>": "page.js",
        "<path:clase>": "IA-101",
        "<name>": "no-one",
    }
    for route in sorted(routes(client.application), key=lambda route: "logout" in route):  # which ends the session
        method, path = route.split(" ")
        for place, value in places.items():
            path = path.replace(place, value)
        if route == "DELETE /v1/students/<matricula>":
            path += "-not-there"
        with client.open(path, method=method, headers=headers) as reply:
            code = reply.get_json()["code"] if reply.mimetype == "application/problem+json" else ""
        if reply.status_code in (401, 403):
            found[route] = code if code not in ("role_not_enough", "missing_key") else False
        else:
            assert reply.status_code < 500 or code == "hands_off", (route, code)
            found[route] = True
    return found


def expected(role: str) -> dict[str, bool]:
    return {route: role in allowed.split() for route, allowed in MATRIX.items()} | {"GET /forgotten": role == "admin"}


def test_no_one_gets_further_than_the_door(app: Flask) -> None:
    found = granted(app.test_client(), {})
    assert found == expected("none")


@pytest.mark.parametrize("role", ["viewer", "student", "teacher", "attendance", "admin"])
def test_each_role_with_a_key(app: Flask, gallery: Gallery, role: str) -> None:
    key = key_of(app, gallery, f"a-{role}", grants("IA-101", OWN)[role])
    assert granted(app.test_client(), key) == expected(role)


@pytest.mark.parametrize("role", ["viewer", "student", "teacher", "admin"])
def test_each_role_with_a_session(app: Flask, gallery: Gallery, role: str) -> None:
    browser, token = logged_in(app, gallery, f"a-{role}", grants("IA-101", OWN)[role])
    assert granted(browser, token) == expected(role)
    assert browser.get("/v1/session").get_json()["code"] in ("missing_key", "session_ended")
