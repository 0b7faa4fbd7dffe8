"""Who may use the server: keys and their roles, and pages of other sites."""

import json
import logging
import socket
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.wrappers import Response

from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from server.access.authentication import Access
from server.access.permissions import GRANTED, Permission, permission_needed
from server.app import create_app
from server.service import ServiceHandle
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, ATTENDANCE, KEYS, UNKNOWN

PAGE = "http://localhost:3000"
PROBE = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()

PERMISSIONS = {
    "GET /": Permission.OPEN,
    "GET /console/<path:name>": Permission.OPEN,
    "GET /openapi.json": Permission.OPEN,
    "GET /docs": Permission.OPEN,
    "GET /docs/<name>": Permission.OPEN,
    "GET /metrics": Permission.STATUS,
    "GET /livez": Permission.OPEN,
    "GET /readyz": Permission.OPEN,
    "GET /v1/status": Permission.STATUS,
    "GET /v1/login": Permission.OPEN,
    "POST /v1/login": Permission.OPEN,
    "POST /v1/setup": Permission.OPEN,
    "POST /v1/logout": Permission.KNOWN,
    "POST /v1/password": Permission.KNOWN,
    "GET /v1/session": Permission.KNOWN,
    "GET /v1/keys": Permission.ADMINISTER,
    "POST /v1/keys": Permission.ADMINISTER,
    "DELETE /v1/keys/<name>": Permission.ADMINISTER,
    "GET /v1/users": Permission.ADMINISTER,
    "POST /v1/users": Permission.ADMINISTER,
    "PATCH /v1/users/<name>": Permission.ADMINISTER,
    "POST /v1/identify": Permission.ASK,
    "POST /v1/search": Permission.ASK,
    "POST /v1/verify": Permission.ASK,
    "POST /v1/imports": Permission.ENROL,
    "GET /v1/imports": Permission.ENROL,
    "GET /v1/imports/<number>": Permission.ENROL,
    "POST /v1/imports/<number>/run": Permission.ENROL,
    "DELETE /v1/imports/<number>": Permission.ENROL,
    "GET /v1/students": Permission.READ,
    "POST /v1/students": Permission.ENROL,
    "GET /v1/students/<matricula>": Permission.READ,
    "PATCH /v1/students/<matricula>": Permission.MANAGE,
    "DELETE /v1/students/<matricula>": Permission.MANAGE,
    "GET /v1/students/<matricula>/images": Permission.SEE_PHOTOS,
    "GET /v1/students/<matricula>/images/<image>": Permission.SEE_PHOTOS,
    "DELETE /v1/students/<matricula>/images/<image>": Permission.MANAGE,
    "POST /v1/students/<matricula>/images/<image>/move": Permission.MANAGE,
    "GET /v1/students/<matricula>/negatives": Permission.RECORD,
    "POST /v1/students/<matricula>/negatives": Permission.RECORD,
    "DELETE /v1/students/<matricula>/negatives/<int:number>": Permission.RECORD,
    "GET /v1/students/<matricula>/erasure": Permission.MANAGE,
    "GET /v1/students/<matricula>/lookalikes": Permission.MANAGE,
    "POST /v1/students/<matricula>/merge": Permission.MANAGE,
    "POST /v1/photos/check": Permission.ADD_PHOTOS,
    "POST /v1/students/<matricula>/images": Permission.ADD_PHOTOS,
    "POST /v1/attendance": Permission.RECORD,
    "GET /v1/attendance": Permission.READ,
    "PATCH /v1/attendance/<int:number>": Permission.RECORD,
    "POST /v1/sessions": Permission.RECORD,
    "GET /v1/sessions": Permission.READ,
    "GET /v1/sessions/<int:number>": Permission.READ,
    "PATCH /v1/sessions/<int:number>": Permission.RECORD,
    "POST /v1/sessions/<int:number>/close": Permission.RECORD,
    "POST /v1/sessions/<int:number>/photos": Permission.RECORD,
    "GET /v1/sessions/<int:number>/events": Permission.READ,
    "POST /v1/sessions/<int:number>/video": Permission.RECORD,
    "GET /v1/sessions/<int:number>/video": Permission.RECORD,
    "GET /v1/sessions/<int:number>/photos": Permission.RECORD,
    "GET /v1/sessions/<int:number>/photos/<int:photo>": Permission.RECORD,
    "POST /v1/sessions/<int:number>/entries": Permission.RECORD,
    "POST /v1/sessions/<int:number>/undo": Permission.RECORD,
    "GET /v1/sessions/<int:number>/roll": Permission.READ,
    "GET /v1/classes": Permission.READ,
    "PUT /v1/classes/<path:clase>/timetable": Permission.RECORD,
    "POST /v1/participations": Permission.RECORD,
    "GET /v1/participations": Permission.READ,
    "DELETE /v1/participations/<int:number>": Permission.RECORD,
    "GET /v1/statistics/classes": Permission.STATISTICS,
    "GET /v1/statistics/classes/<path:clase>": Permission.STATISTICS,
    "GET /v1/statistics/weeks": Permission.STATISTICS,
    "GET /v1/statistics/students/<matricula>": Permission.READ,
    "GET /v1/access-log": Permission.ADMINISTER,
    "POST /v1/jobs": Permission.ADMINISTER,
    "GET /v1/jobs": Permission.LOOK_AFTER,
    "GET /v1/jobs/<int:number>": Permission.STATUS,  # of films; of others LOOK_AFTER and ADMINISTER
    "POST /v1/jobs/<int:number>/cancel": Permission.RECORD,
    "GET /v1/audit": Permission.ADMINISTER,
    "PUT /v1/audit/findings/<finding>/aside": Permission.ADMINISTER,
    "DELETE /v1/audit/findings/<finding>/aside": Permission.ADMINISTER,
    "GET /v1/calibration": Permission.LOOK_AFTER,
    "PUT /v1/calibration": Permission.ADMINISTER,
    "GET /v1/reports/groups": Permission.LOOK_AFTER,
    "GET /v1/privacy": Permission.MANAGE,
    "GET /v1/receipts/<code>": Permission.OPEN,
    "GET /v1/receipts/key": Permission.OPEN,
    "GET /v1/students/<matricula>/data": Permission.OWN_DATA,
    "POST /v1/students/<matricula>/consent/withdraw": Permission.OWN_DATA,
    "GET /v1/unknowns": Permission.SEE_UNKNOWN,
    "GET /v1/unknowns/<int:number>": Permission.SEE_UNKNOWN,
    "GET /v1/unknowns/<int:number>/faces/<int:face>/picture": Permission.SEE_UNKNOWN,
    "POST /v1/unknowns/<int:number>/enrol": Permission.ENROL,
    "POST /v1/unknowns/<int:number>/merge": Permission.ENROL,
    "POST /v1/unknowns/<int:number>/join": Permission.MANAGE,
    "POST /v1/unknowns/<int:number>/split": Permission.MANAGE,
    "PATCH /v1/unknowns/<int:number>": Permission.MANAGE,
    "DELETE /v1/unknowns/<int:number>": Permission.MANAGE,
    "DELETE /v1/unknowns/<int:number>/faces/<int:face>": Permission.MANAGE,
    "POST /v1/unknowns/forget": Permission.MANAGE,
    "GET /v1/settings": Permission.LOOK_AFTER,
    "POST /login": Permission.OPEN,
    "GET /generate_heatmap": Permission.STATISTICS,
    "GET /generate_bubble_chart": Permission.STATISTICS,
    "GET /generate_pie_chart": Permission.STATISTICS,
    "POST /generate_class_specific_bar_chart": Permission.STATISTICS,
    "POST /generate_class_participation_box_plot": Permission.STATISTICS,
    "POST /generate_student_attendance_bar_chart": Permission.READ,
    "POST /generate_student_ranking_bar_graph": Permission.STATISTICS,
    "POST /upload-assistance": Permission.RECORD,
    "POST /upload-parti": Permission.RECORD,
    "GET /first": Permission.OPEN,
    "GET /first/": Permission.OPEN,
    "GET /first/<path:name>": Permission.OPEN,
    "GET /_next/<path:name>": Permission.OPEN,
    "POST /upload": Permission.MANAGE,
    "POST /save_all_images": Permission.MANAGE,
    "GET /get-students": Permission.READ,
}


@pytest.fixture
def guarded(client: FlaskClient) -> FlaskClient:
    """The same service behind keys, for pages of one other site too."""
    service_handle = client.application.extensions["presente"]
    return create_app(service_handle, 4_000_000, Access(read_keys(KEYS), (PAGE,))).test_client()


def code_of(reply: Response) -> str | None:
    return reply.get_json()["code"] if reply.content_type == "application/problem+json" else None


def test_every_route_needs_the_permission_that_is_written_here() -> None:
    app = create_app(ServiceHandle(), 1)
    found = {
        f"{method} {rule.rule}": permission_needed(app, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert found == PERMISSIONS


@on_sqlite
def test_each_key_opens_what_its_role_opens(guarded: FlaskClient) -> None:
    guarded.application.add_url_rule("/forgotten", view_func=lambda: "no role was declared")
    for route, needed in {**PERMISSIONS, "GET /forgotten": Permission.ADMINISTER}.items():
        method, _, path = route.partition(" ")
        path = (
            path.replace("<matricula>", "A1")
            .replace("<int:number>", "1")
            .replace("<int:photo>", "1")
            .replace("<int:face>", "1")
            .replace("<path:clase>", "x")
            .replace("<path:name>", "page.js")
            .replace("<name>", "x")
            .replace("<image>", "0")
            .replace("<number>", "0")
        )
        for headers, granted, refused in (
            ({}, AccessRole.NONE, (401, "missing_key")),
            ({"Authorization": f"Bearer {UNKNOWN}"}, AccessRole.NONE, (401, "unknown_key")),
            ({"Authorization": f"Bearer {ATTENDANCE}"}, AccessRole.ATTENDANCE, (403, "role_not_enough")),
            ({"X-API-Key": ATTENDANCE}, AccessRole.ATTENDANCE, (403, "role_not_enough")),
            ({"Authorization": f"bearer {ADMIN}"}, AccessRole.ADMIN, None),
            ({"X-API-Key": ADMIN, "Authorization": "Basic cHJveHk6cHJveHk="}, AccessRole.ADMIN, None),
        ):
            own = {"REMOTE_ADDR": f"10.0.0.{len(path)}"}  # wrong keys are counted per address
            with guarded.open(path, method=method, headers=headers, environ_base=own) as reply:
                if needed in GRANTED[granted]:
                    assert reply.status_code not in (401, 403), (route, headers)
                else:
                    assert (reply.status_code, code_of(reply)) == refused, (route, headers)
                assert (reply.headers.get("WWW-Authenticate") == "Bearer") == (reply.status_code == 401)


@on_sqlite
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Authorization": f"Basic {ADMIN}"}, "missing_key"),
        ({"Authorization": ADMIN}, "missing_key"),
        ({"Authorization": "Bearer "}, "missing_key"),
        ({"Authorization": f"Bearer {ADMIN}x"}, "unknown_key"),
        ({"Authorization": f"Bearer admin:{ADMIN}"}, "unknown_key"),
        ({"X-API-Key": "ñ" * 20}, "unknown_key"),
    ],
)
def test_what_is_no_key(guarded: FlaskClient, headers: dict[str, str], code: str) -> None:
    assert code_of(guarded.get("/v1/status", headers=headers)) == code
    assert code_of(guarded.get(f"/v1/status?key={ADMIN}&api_key={ADMIN}")) == "missing_key"


@on_sqlite
def test_only_clients_with_a_key_learn_that_an_address_does_not_exist(guarded: FlaskClient) -> None:
    assert guarded.get("/nowhere").status_code == 401
    assert guarded.get("/nowhere", headers={"X-API-Key": ATTENDANCE}).status_code == 404
    assert guarded.delete("/v1/identify", headers={"X-API-Key": ATTENDANCE}).status_code == 405


@on_sqlite
def test_a_key_stands_for_the_host_but_not_for_the_origin(guarded: FlaskClient) -> None:
    key = {"X-API-Key": ATTENDANCE, "Host": "aula.example"}
    assert guarded.get("/v1/status", headers=key).status_code == 200
    assert guarded.get("/v1/status", headers={**key, "Origin": "https://aula.example"}).status_code == 200
    reply = guarded.get("/v1/status", headers={**key, "Origin": "https://evil.example"})
    assert (reply.status_code, code_of(reply)) == (403, "foreign_origin")


@on_sqlite
def test_no_log_has_a_key(
    guarded: FlaskClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    service = guarded.application.extensions["presente"].get()
    monkeypatch.setattr(type(service), "everyone", broken)
    with caplog.at_level(logging.DEBUG):
        for key in (ADMIN, UNKNOWN):
            guarded.get("/get-students", headers={"Authorization": f"Bearer {key}"})
            guarded.get("/get-students", headers={"X-API-Key": key})
    assert "unexpected" in caplog.text and ADMIN not in caplog.text and UNKNOWN not in caplog.text


# -- pages of other sites ------------------------------------------------------------------------------------------


def asked(method: str = "POST", origin: str = PAGE) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x-api-key"}


@on_sqlite
def test_a_preflight_of_a_listed_page_is_answered_without_a_key(guarded: FlaskClient) -> None:
    for path in ("/upload", "/v1/students/A1"):
        reply = guarded.options(path, headers=asked("PATCH"))
        assert reply.status_code == 204 and reply.data == b"" and "Origin" in reply.vary
        assert reply.headers["Access-Control-Allow-Origin"] == PAGE
        assert {"GET", "POST", "PATCH", "DELETE"} <= set(reply.headers["Access-Control-Allow-Methods"].split(", "))
        allowed = {"Content-Type", "Authorization", "X-API-Key", "Idempotency-Key", "X-Request-Id"}
        assert set(reply.headers["Access-Control-Allow-Headers"].split(", ")) == allowed
        assert int(reply.headers["Access-Control-Max-Age"]) >= 60
    foreign = guarded.options("/upload", headers=asked(origin="http://localhost:3001"))
    assert code_of(foreign) == "foreign_origin" and "Access-Control-Allow-Origin" not in foreign.headers
    assert code_of(guarded.options("/upload", headers={"Origin": PAGE})) == "missing_key"  # that is no preflight


@on_sqlite
def test_every_reply_to_a_listed_page_can_be_read_by_it(guarded: FlaskClient) -> None:
    key = {"X-API-Key": ADMIN, "Origin": PAGE}
    replies = [
        guarded.get("/get-students", headers=key),
        guarded.get("/get-students", headers={"Origin": PAGE}),
        guarded.post("/v1/students", data=bytes(5_000_000), headers=key),
        guarded.get("/v1/students/nobody", headers=key),
        guarded.get("/nowhere", headers=key),
    ]
    assert [reply.status_code for reply in replies] == [200, 401, 413, 404, 404]
    for reply in replies:
        assert reply.headers["Access-Control-Allow-Origin"] == PAGE and "Origin" in reply.vary
        exposed = set(reply.headers["Access-Control-Expose-Headers"].split(", "))
        assert exposed == {"X-Request-Id", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"}
        assert "Access-Control-Allow-Credentials" not in reply.headers
    own = guarded.get("/livez", headers={"Origin": "http://localhost"})
    assert own.status_code == 200 and "Access-Control-Allow-Origin" not in own.headers and "Origin" in own.vary


@on_sqlite
def test_without_listed_origins_nothing_changes(client: FlaskClient) -> None:
    reply = client.get("/livez")
    assert "Vary" not in reply.headers and "Access-Control-Allow-Origin" not in reply.headers
    assert code_of(client.options("/upload", headers=asked())) == "foreign_origin"


# -- over the wire -------------------------------------------------------------------------------------------------


def announced(address: str, *lines: str) -> socket.socket:
    """A connection on which a request's head was sent, and no byte of its body."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=5)
    connection.sendall("\r\n".join([*lines, f"Host: {host}:{port}", "", ""]).encode())
    return connection


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@on_sqlite
def test_a_refused_body_is_never_waited_for(serve: Serve) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS, PRESENTE_CORS_ORIGINS=PAGE)
    body, chunked = "Content-Length: 10000000", "Transfer-Encoding: chunked"
    for expected, *lines in (
        (b"401", "POST /v1/students HTTP/1.1", body),
        (b"411", "POST /v1/identify HTTP/1.1", chunked),
        (b"403", "POST /v1/students HTTP/1.1", body, f"X-API-Key: {ATTENDANCE}"),
        (b"403", "POST /v1/students HTTP/1.1", body, f"X-API-Key: {ADMIN}", "Origin: http://evil.example"),
        (b"413", "POST /v1/students HTTP/1.1", "Content-Length: 1000000000000", f"X-API-Key: {ADMIN}"),
    ):
        with announced(running.address, *lines, f"Origin: {PAGE}" if "evil" not in lines[-1] else "X: y") as connection:
            head, _, problem = until_closed(connection).partition(b"\r\n\r\n")  # it ends: the server closed
        assert head.startswith(b"HTTP/1.1 " + expected) and b"\r\nconnection: close" in head, head
        assert json.loads(problem)["status"] == int(expected)
        assert (b"access-control-allow-origin" in head) == ("evil" not in lines[-1])
    for expected, length in ((b"200", 10**7), (b"413", 10**12)):  # nor one that no client asked for
        with announced(running.address, "GET /livez HTTP/1.1", f"Content-Length: {length}") as connection:
            assert until_closed(connection).startswith(b"HTTP/1.1 " + expected)
    # A refused request without a body costs the client no connection, and an accepted body is read.
    with announced(running.address, "GET /v1/status HTTP/1.1") as connection:
        assert b"connection: close" not in connection.recv(65536)
    assert running.fetch("POST", "/v1/identify", PROBE, X_API_Key=ATTENDANCE, Content_Type="image/jpeg").status == 200


@on_sqlite
def test_with_keys_any_address_may_be_bound_and_nothing_prints_them(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    refused = command("server", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2 and "PRESENTE_API_KEYS" in refused.stderr
    running = serve(PRESENTE_API_KEYS=KEYS, PRESENTE_HOST="0.0.0.0")
    running.address = running.address.replace("0.0.0.0", "127.0.0.1")
    assert running.fetch("GET", "/v1/status").status == 401
    assert running.fetch("GET", "/v1/status", X_API_Key=ATTENDANCE, Host="any.example").status == 200
    assert running.stop() == 0
    shown = command("indexer", "status", PRESENTE_API_KEYS=KEYS)
    assert "2 keys" in shown.stdout
    wrong = command("server", PRESENTE_API_KEYS=f"admin:{ADMIN},teacher:{ATTENDANCE}")
    assert wrong.returncode == 2 and "invalid_setting" in wrong.stderr
    log = (tmp_path / "server.log").read_text()
    assert " 401 " in log
    for text in (log, shown.stdout, shown.stderr, wrong.stdout, wrong.stderr):
        assert ADMIN not in text and ATTENDANCE not in text
