"""The access log over HTTP: every route declares what it writes, and each request writes it before its reply."""

import csv
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.access_log import recorder
from gallery.access_log.recorder import AccessLog
from gallery.access_log.verification import verify
from gallery.documents.access import Grant
from gallery.documents.access_log import ALL_LINES, AccessAction, AccessEvent, AccessLine
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from presente.clock import MACHINE_CLOCK
from presente.errors import StoreError
from server.access.permissions import Permission, needs, permission_needed
from server.access_log.declaration import action_of
from server.app import Access, create_app
from server.service import Service, ServiceHandle
from tests.conftest import Command, on_sqlite
from tests.server.conftest import Serve
from tests.server.people import PASSWORD, guarded_app, key_of, logged_in, presente_at
from tests.server.sample import (
    ADMIN,
    ANA,
    ATTENDANCE,
    EVA,
    GROUP,
    JPEG,
    KEYS,
    PROBE,
    STRANGER,
    STUDENTS,
    UNKNOWN,
    enrol,
    problem,
)

A = AccessAction
HARMLESS = {Permission.OPEN, Permission.KNOWN, Permission.STATUS, Permission.LOOK_AFTER}
AS_ADMIN, AS_ATTENDANCE = {"X-API-Key": ADMIN}, {"X-API-Key": ATTENDANCE}


def undeclared_routes(app: Flask) -> list[str]:
    """Routes that read people or change something, and do not say what they write into the access log."""
    return [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if (method != "GET" or permission_needed(app, rule.endpoint) not in HARMLESS)
        and action_of(app, rule.endpoint) is None
    ]


def test_every_route_that_reads_people_or_changes_something_declares_what_it_writes() -> None:
    app = create_app(ServiceHandle(), 1)
    assert undeclared_routes(app) == []
    app.add_url_rule("/forgotten", view_func=needs(Permission.READ)(lambda: ""))
    app.add_url_rule("/also", "also", view_func=needs(Permission.OPEN)(lambda: ""), methods=["POST"])
    assert undeclared_routes(app) == ["GET /forgotten", "POST /also"]


@pytest.fixture
def log(gallery: Gallery) -> Iterator[AccessLog]:
    made = AccessLog(gallery.store.access_log, "all")
    yield made
    made.close()


@pytest.fixture
def service(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path, log: AccessLog) -> Service:
    export = PhotoExport(tmp_path / "export")
    return Service(embedder, gallery, export, export.forget, MACHINE_CLOCK, access_log=log)


@pytest.fixture
def guarded(service: Service) -> FlaskClient:
    handle = ServiceHandle()
    handle.put(service)
    return create_app(handle, 4_000_000, Access(read_keys(KEYS))).test_client()


@pytest.fixture
def admin(guarded: FlaskClient) -> FlaskClient:
    guarded.environ_base["HTTP_X_API_KEY"] = ADMIN
    return guarded


Written = Callable[[], list[AccessLine]]


@pytest.fixture
def written(gallery: Gallery, log: AccessLog) -> Written:
    """The lines once all that waited are written."""

    def lines() -> list[AccessLine]:
        deadline = time.monotonic() + 20
        while log._waiting and time.monotonic() < deadline:
            time.sleep(0.05)
        return gallery.store.access_log.lines(ALL_LINES, 0, 1000)

    return lines


def said(lines: list[AccessLine]) -> list[tuple[str, str, list[str | None]]]:
    return [(str(line.event.action), line.event.outcome, [each.matricula for each in line.concerned]) for line in lines]


def test_each_request_writes_who_did_what_about_whom(admin: FlaskClient, gallery: Gallery, written: Written) -> None:
    ana, eva = ANA["matricula"], EVA["matricula"]
    for student in (ANA, EVA):
        assert enrol(admin, student).status_code == 201
    assert admin.post(f"/v1/students/{ana}/images", data=PROBE, headers=JPEG).status_code == 201
    assert admin.post("/v1/identify", data=PROBE, headers=JPEG).status_code == 200
    assert admin.post(f"/v1/verify?matricula={ana}", data=STRANGER, headers=JPEG).status_code == 200
    with gallery.index.reading() as searcher:
        vector = searcher.subject_vectors(gallery.student(eva).id)[0].tolist()
    assert admin.post("/v1/search?k=1", json={"embeddings": [vector]}).status_code == 200
    assert admin.get(f"/v1/students?clase={ANA['clase']}").status_code == 200
    assert admin.patch(f"/v1/students/{eva}", json={"clase": "IA-109"}).status_code == 200
    statement = {"matricula": eva, "status": "present"}
    entry = admin.post("/v1/attendance?clase=IA-109", json=statement).get_json()["id"]
    assert admin.patch(f"/v1/attendance/{entry}", json={"status": "rejected"}).status_code == 200
    number = admin.post("/v1/participations", json={"matricula": eva}).get_json()["id"]
    assert admin.delete(f"/v1/participations/{number}").status_code == 204
    assert admin.get(f"/v1/attendance?matricula={eva}&format=csv").status_code == 200
    assert admin.get("/get-students").status_code == 200
    assert admin.post("/save_all_images").status_code == 200
    lines = written()
    assert said(lines) == [
        ("enrolled", "done", [ana]),
        ("enrolled", "done", [eva]),
        ("photos_added", "done", [ana]),
        ("identified", "done", [ana]),
        ("verified", "done", [ana]),
        ("searched", "done", [eva]),
        ("read", "done", []),
        ("changed", "done", [eva]),
        ("attendance_taken", "done", [eva]),
        ("attendance_corrected", "done", [eva]),
        ("participation_recorded", "done", [eva]),
        ("participation_withdrawn", "done", [eva]),
        ("exported", "done", [eva]),
        ("exported", "done", []),
        ("exported", "done", []),
    ]
    assert {(line.event.caller, line.event.role, line.event.address) for line in lines} == {
        ("key:setting-1", "admin", "127.0.0.1")
    }
    assert lines[6].event.detail == f"clase={ANA['clase']} lines={2 if ANA['clase'] == EVA['clase'] else 1}"
    assert verify(gallery.store).findings == ()


@on_sqlite
def test_a_class_photo_is_about_all_whom_it_may_show(
    admin: FlaskClient, school: Gallery, written: Written, gallery: Gallery
) -> None:
    reply = admin.post("/v1/attendance?clase=IA-101", data=GROUP, headers=JPEG).get_json()
    named = [face["matricula"] for face in reply["faces"] if face["matricula"]]
    (line,) = written()
    assert named and set(named) <= {each.matricula for each in line.concerned}
    assert line.event.request == reply["request_id"]


def test_a_change_is_on_disk_before_its_reply(admin: FlaskClient, gallery: Gallery) -> None:
    enrol(admin, ANA)
    assert said(gallery.store.access_log.lines(ALL_LINES, 0, 9)) == [("enrolled", "done", [ANA["matricula"]])]


def test_an_erased_student_is_in_no_line(admin: FlaskClient, gallery: Gallery, written: Written) -> None:
    enrol(admin, ANA)
    admin.post("/v1/identify", data=PROBE, headers=JPEG)
    assert admin.delete(f"/v1/students/{ANA['matricula']}").status_code == 204
    assert admin.get(f"/v1/students/{ANA['matricula']}").status_code == 404
    assert said(written()) == [
        ("enrolled", "done", [None]),
        ("identified", "done", [None]),
        ("erased", "done", [None]),
        ("read", "student_not_found", [None]),
    ]
    assert verify(gallery.store).findings == ()
    assert problem(admin.get(f"/v1/access-log?matricula={ANA['matricula']}"), 404, "student_not_found")


@on_sqlite
def test_what_is_refused_is_logged_of_callers_who_are_known(guarded: FlaskClient, written: Written) -> None:
    refused = guarded.delete("/v1/students/A1", headers=AS_ATTENDANCE)
    problem(refused, 403, "role_not_enough")
    problem(
        guarded.post("/v1/identify?threshold=0.0", data=PROBE, headers=JPEG | AS_ATTENDANCE), 403, "threshold_too_low"
    )
    problem(guarded.post("/v1/identify", data=b"no photo", headers=JPEG | AS_ATTENDANCE), 415, "not_an_image")
    problem(guarded.get("/v1/students"), 401, "missing_key")
    problem(guarded.get("/v1/students", headers={"X-API-Key": UNKNOWN}), 401, "unknown_key")
    assert guarded.options("/v1/identify", headers=AS_ATTENDANCE).status_code == 200
    assert guarded.get("/v1/status", headers=AS_ATTENDANCE).status_code == 200
    lines = written()
    assert said(lines) == [
        ("erased", "role_not_enough", [None]),
        ("identified", "threshold_too_low", []),
        ("identified", "not_an_image", []),
    ]
    assert lines[0].event.caller == "key:setting-2" and lines[0].event.request == refused.headers["X-Request-Id"]


@on_sqlite
def test_a_lowered_threshold_has_a_line_of_its_own(admin: FlaskClient, school: Gallery, written: Written) -> None:
    assert admin.post("/v1/identify?threshold=0.01", data=PROBE, headers=JPEG).status_code == 200
    own = school.operating_point().threshold
    lowered, asked = written()
    assert (lowered.event.action, asked.event.action) == ("threshold_lowered", "identified")
    assert lowered.event.detail == f"threshold 0.01 instead of {own:.4f}"
    assert lowered.event.request == asked.event.request


def test_a_lowered_threshold_has_its_line_also_when_the_reply_is_streamed(
    admin: FlaskClient, school: Gallery, written: Written
) -> None:
    headers = JPEG | {"Accept": "application/x-ndjson"}
    assert admin.post("/v1/identify?threshold=0.01", data=PROBE, headers=headers).data
    assert [line.event.action for line in written()] == ["threshold_lowered", "identified"]


def test_photos_of_which_none_was_answered_are_not_logged_as_done(
    admin: FlaskClient, school: Gallery, written: Written
) -> None:
    for accept in ("application/json", "application/x-ndjson"):
        photos = [(io.BytesIO(b"no photo"), "photo.jpg") for _ in range(2)]
        reply = admin.post("/v1/identify", data={"image": photos}, headers={"Accept": accept})
        assert reply.status_code == 200 and reply.data
    assert [line.event.outcome for line in written()] == ["not_an_image"] * 2


def test_a_session_with_a_wrong_csrf_token_is_named(
    school: Gallery, embedder: FaceEmbedder, tmp_path: Path, log: AccessLog, written: Written
) -> None:
    with guarded_app(school, embedder, tmp_path, log=log) as app:
        admin, _ = logged_in(app, school, "root", Grant(AccessRole.ADMIN))
        wrong = {"X-CSRF-Token": "of another page"}
        problem(admin.delete(f"/v1/students/{ANA['matricula']}", headers=wrong), 403, "wrong_csrf_token")
    log.close()
    assert [(line.event.caller, line.event.outcome) for line in written()][1:] == [("user:root", "wrong_csrf_token")]


def test_what_was_asked_for_is_named_also_when_it_is_refused(
    school: Gallery, embedder: FaceEmbedder, tmp_path: Path, log: AccessLog, written: Written
) -> None:
    """With role and classes; a student's account by the student only; a name that is no one's not at all."""
    own = ANA["matricula"]
    with guarded_app(school, embedder, tmp_path, log=log) as app:
        root, csrf = logged_in(app, school, "root", Grant(AccessRole.ADMIN))
        logged_in(app, school, "maestra", Grant(AccessRole.TEACHER, frozenset({"IA-101"})))
        logged_in(app, school, "ana.m", Grant(AccessRole.STUDENT, frozenset(), own))
        key_of(app, school, "gate", Grant(AccessRole.VIEWER))
        client = app.test_client()
        for name in ("maestra", "ana.m", "Abril-Montemayor"):
            asked = client.patch(f"/v1/users/{name}", json={"role": "admin"}, headers=AS_ATTENDANCE)
            problem(asked, 403, "role_not_enough")
        problem(client.delete("/v1/keys/gate", headers=AS_ATTENDANCE), 403, "role_not_enough")
        problem(client.delete("/v1/keys/Abril", headers=AS_ADMIN), 404, "key_not_found")
        problem(root.patch("/v1/users/root", json={"role": "viewer"}, headers=csrf), 409, "last_admin")
        taken = {"name": "maestra", "role": "admin", "password": PASSWORD}
        problem(root.post("/v1/users", json=taken, headers=csrf), 409, "name_taken")
        problem(root.post("/v1/keys", json={"name": "gate", "role": "admin"}, headers=csrf), 409, "name_taken")
        promoted = root.patch("/v1/users/maestra", json={"role": "admin"}, headers=csrf)
        assert promoted.status_code == 200
        changed = root.post("/v1/password", json={"current": PASSWORD, "new": f"{PASSWORD}!"}, headers=csrf)
        assert changed.status_code == 200
    log.close()
    lines = [(line.event.outcome, line.event.detail) for line in written() if line.event.action != A.LOGGED_IN]
    assert lines == [
        ("role_not_enough", "maestra role=teacher classes=IA-101"),
        ("role_not_enough", "role=student"),
        ("role_not_enough", "unknown"),
        ("role_not_enough", "gate role=viewer"),
        ("key_not_found", "unknown"),
        ("last_admin", "root role=admin wanted=viewer role"),
        ("name_taken", "maestra role=admin"),
        ("name_taken", "gate role=admin"),
        ("done", "maestra role=admin role"),
        ("done", "password"),
    ]
    about = [[each.matricula for each in line.concerned] for line in written() if line.event.outcome != "done"]
    assert about == [[], [own], *[[]] * 6]


def test_logins_keys_and_accounts_have_lines(
    school: Gallery, embedder: FaceEmbedder, tmp_path: Path, log: AccessLog, written: Written
) -> None:
    own, name, who = ANA["matricula"], "ana.m", "maestra"
    with guarded_app(school, embedder, tmp_path, log=log) as app:
        teacher, token = logged_in(app, school, who, Grant(AccessRole.TEACHER, frozenset({"IA-101"})))
        wrong = [{"name": who, "password": "not this one"}, {"name": "hunter2-typed-here", "password": "x"}]
        for fields in wrong:
            problem(app.test_client().post("/v1/login", json=fields), 401, "wrong_password")
        student, _ = logged_in(app, school, name, Grant(AccessRole.STUDENT, frozenset(), own))
        problem(app.test_client().post("/v1/login", json={"name": name, "password": "x"}), 401, "wrong_password")
        assert student.get(f"/v1/students/{own}").status_code == 200
        problem(teacher.delete(f"/v1/students/{own}", headers=token), 403, "role_not_enough")
        assert teacher.post("/v1/logout", headers=token).status_code == 204
        admin = app.test_client()
        key = {"name": "door", "role": "viewer"}
        assert admin.post("/v1/keys", json=key, headers=AS_ADMIN).status_code == 201
        assert admin.delete("/v1/keys/door", headers=AS_ADMIN).status_code == 204
        second = {"name": "ana.movil", "role": "student", "matricula": own}
        fields = second | {"password": "una clave bastante larga"}
        assert admin.post("/v1/users", json=fields, headers=AS_ADMIN).status_code == 201
        changes = {"enabled": False}
        assert admin.patch("/v1/users/ana.movil", json=changes, headers=AS_ADMIN).status_code == 200
        assert admin.patch(f"/v1/users/{who}", json=changes, headers=AS_ADMIN).status_code == 200
        assert admin.post("/v1/keys", json=second, headers=AS_ADMIN).status_code == 201
        assert admin.delete("/v1/keys/ana.movil", headers=AS_ADMIN).status_code == 204
    log.close()
    lines = [(line.event.action, line.event.caller, line.event.outcome, line.event.detail) for line in written()]
    assert lines == [
        ("logged_in", f"user:{who}", "done", ""),
        ("login_failed", f"user:{who}", "wrong_password", ""),
        ("login_failed", "-", "wrong_password", ""),
        ("logged_in", "student", "done", ""),
        ("login_failed", "student", "wrong_password", ""),
        ("read", "student", "done", ""),
        ("erased", f"user:{who}", "role_not_enough", ""),
        ("logged_out", f"user:{who}", "done", ""),
        ("key_made", "key:setting-1", "done", "door role=viewer"),
        ("key_revoked", "key:setting-1", "done", "door role=viewer"),
        ("account_made", "key:setting-1", "done", "role=student"),
        ("account_changed", "key:setting-1", "done", "role=student enabled"),
        ("account_changed", "key:setting-1", "done", f"{who} role=teacher classes=IA-101 enabled"),
        ("key_made", "key:setting-1", "done", "role=student"),
        ("key_revoked", "key:setting-1", "done", "role=student"),
    ]
    assert [[each.matricula for each in written()[place].concerned] for place in (3, 4, 10, 11, 13, 14)] == [[own]] * 6
    school.remove([own])
    assert own not in str(written()) and "ana." not in str(written())


@on_sqlite
def test_several_photos_are_one_line_also_when_they_are_streamed(
    admin: FlaskClient, school: Gallery, written: Written
) -> None:
    for accept in ("application/json", "application/x-ndjson"):
        photos = [(io.BytesIO(photo), "photo.jpg") for photo in (PROBE, STRANGER, b"no photo", GROUP)]
        reply = admin.post("/v1/identify", data={"image": photos}, headers={"Accept": accept})
        assert reply.status_code == 200 and reply.data
    one, other = written()
    assert (one.event.action, other.event.action) == ("identified", "identified")
    concerned = {each.matricula for each in one.concerned}
    assert ANA["matricula"] in concerned and len(concerned) > 5
    assert concerned == {each.matricula for each in other.concerned}


@on_sqlite
def test_a_trusted_proxy_says_whose_address_it_is(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path, log: AccessLog, written: Written
) -> None:
    for trusted in ((), ("127.0.0.1/32",)):
        access = Access(read_keys(KEYS), proxies=trusted)
        with guarded_app(gallery, embedder, tmp_path, access, log) as app:
            headers = AS_ADMIN | {"X-Forwarded-For": "10.1.2.3"}
            assert app.test_client().get("/v1/students", headers=headers).status_code == 200
    assert [line.event.address for line in written()] == ["127.0.0.1", "10.1.2.3"]


@on_sqlite
def test_ids_that_clients_choose_are_not_written(admin: FlaskClient, written: Written) -> None:
    chosen = {"X-Request-Id": ANA["matricula"]}
    assert admin.get("/v1/students", headers=chosen).status_code == 200
    assert admin.get("/v1/students").status_code == 200
    first, second = written()
    assert first.event.request == "" and len(second.event.request) == 32


def test_lines_about_refused_requests_wait_for_nothing(
    gallery: Gallery, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop answers requests that their head refuses: it must not stop for a store that is away."""
    monkeypatch.setattr(recorder, "_ROOM", 0)
    monkeypatch.setattr(recorder, "_WAIT_FOR_ROOM_S", 600.0)
    log = AccessLog(gallery.store.access_log, "all")
    refused = AccessEvent("2026-11-27T10:00:00.000+00:00", "key:x", "viewer", "-", A.ERASED, "role_not_enough")
    log.record([refused])
    log.close()
    assert "no room" in caplog.text


def test_a_change_whose_line_cannot_be_written_is_no_success(
    admin: FlaskClient, gallery: Gallery, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise StoreError("store_unavailable", "It is away.", "Wait.")

    kind = type(gallery.store.access_log)
    with monkeypatch.context() as patch:
        patch.setattr(kind, "append", away)
        detail = problem(enrol(admin, ANA), 503, "store_unavailable")
    assert "It is away" in detail
    problem(enrol(admin, ANA), 409, "student_exists")
    assert said(written())[0] == ("enrolled", "done", [ANA["matricula"]])  # late, but not lost


# -- reading it ----------------------------------------------------------------------------------------------------


def test_admins_read_it_page_by_page_and_with_conditions(
    admin: FlaskClient, gallery: Gallery, written: Written
) -> None:
    ana = ANA["matricula"]
    enrol(admin, ANA)
    for _ in range(3):
        admin.get(f"/v1/students/{ana}")
    admin.patch(f"/v1/students/{ana}", json={"clase": "IA-109"})
    kept = written()

    def read(**asked: Any) -> Any:
        reply = admin.get("/v1/access-log", query_string=asked)
        assert reply.status_code == 200, reply.text
        return reply.get_json()

    first = read(limit=2)
    second = read(limit=2, cursor=first["next_cursor"])
    assert [line["number"] for line in first["lines"] + second["lines"]] == [1, 2, 3, 4]
    assert [line["hash"] for line in first["lines"]] == [line.hash for line in kept[:2]]
    assert first["lines"][0]["about"] == [{"matricula": ana, "commitment": kept[0].concerned[0].commitment}]
    assert [line["accion"] for line in read(accion="changed")["lines"]] == ["changed"]
    assert len(read(matricula=ana, accion="read")["lines"]) == 3 and read(quien="key:setting-2")["lines"] == []
    today = MACHINE_CLOCK.today()
    assert len(read(desde=today, hasta=today, accion="read")["lines"]) == 3
    assert read(hasta="2020-01-01")["lines"] == [] == read(desde="9999-12-31")["lines"]
    assert read(hasta="9999-12-31", accion="changed")["lines"]
    number, _, digest = read(limit=1)["head"].partition(":")
    assert int(number) >= 5 and len(digest) == 64
    assert "log_read" in {line.event.action for line in written()}


@on_sqlite
def test_it_is_csv_where_that_is_asked_for(admin: FlaskClient, school: Gallery, written: Written) -> None:
    admin.patch(f"/v1/students/{ANA['matricula']}", json={"clase": "IA-109"})
    reply = admin.get("/v1/access-log?format=csv")
    assert reply.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff"))))
    assert [(row["number"], row["accion"], row["about"]) for row in rows] == [("1", "changed", ANA["matricula"])]
    assert rows[0]["hash"] == written()[0].hash and written()[-1].event.action == "exported"
    problem(admin.get("/v1/access-log?format=csv&limit=3"), 400, "unknown_parameter")


@on_sqlite
@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("accion=flown", "invalid_accion"),
        ("desde=yesterday", "invalid_fecha"),
        ("cursor=x", "invalid_cursor"),
        ("limit=0", "invalid_limit"),
        ("quienes=a", "unknown_parameter"),
    ],
)
def test_a_wrong_condition_is_refused(admin: FlaskClient, asked: str, code: str) -> None:
    problem(admin.get(f"/v1/access-log?{asked}"), 400, code)


@on_sqlite
def test_no_one_else_reads_it(guarded: FlaskClient) -> None:
    problem(guarded.get("/v1/access-log", headers=AS_ATTENDANCE), 403, "role_not_enough")
    problem(guarded.get("/v1/access-log"), 401, "missing_key")


# -- processes -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sample_gallery")
def test_two_servers_and_commands_write_one_chain(serve: Serve, command: Command, tmp_path: Path) -> None:
    servers = [serve(PRESENTE_API_KEYS=KEYS), serve(PRESENTE_API_KEYS=KEYS)]
    ana, eva = ANA["matricula"], EVA["matricula"]
    answers: list[int] = []

    def ask(address: Any, matricula: str) -> None:
        for number in range(12):
            change = json.dumps({"clase": f"IA-{number}"}).encode()
            headers = {"X_API_Key": ADMIN, "Content_Type": "application/json"}
            answers.append(address.fetch("PATCH", f"/v1/students/{matricula}", change, **headers).status)
            answers.append(address.fetch("GET", f"/v1/students/{matricula}", None, X_API_Key=ADMIN).status)

    threads = [threading.Thread(target=ask, args=(address, who)) for address in servers for who in (ana, eva)]
    for thread in threads:
        thread.start()
    gone, merged, into = (student["matricula"] for student in STUDENTS[2:5])
    assert command("indexer", "remove", gone).returncode == 0
    done = command("indexer", "merge", into, merged)
    assert done.returncode == 0, done.stderr
    for thread in threads:
        thread.join()
    assert set(answers) == {200}
    assert [server.stop() for server in servers] == [0, 0]
    verified = command("indexer.audit_log", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    told = json.loads(verified.stdout)
    assert told["lines"] >= 4 * 24 + 2
    shown = json.loads(command("indexer.audit_log", "show", "--json").stdout)["lines"]
    assert sum(line["action"] == "changed" for line in shown) == 48
    assert sum(line["action"] == "read" for line in shown) == 48
    by_hand = [
        (line["action"], line["about"], line["caller"].split(":")[0]) for line in shown if line["address"] == "local"
    ]
    assert ("erased", [None], "shell") in by_hand and ("merged", [into, None], "shell") in by_hand
    assert f"access log head {told['lines']}:" in (tmp_path / "server.log").read_text()


@pytest.mark.usefixtures("sample_gallery")
def test_the_command_shows_verifies_and_tells_the_head(command: Command, tmp_path: Path) -> None:
    ana, eva = ANA["matricula"], EVA["matricula"]
    head = command("indexer.audit_log", "head").stdout.strip()
    assert command("indexer", "remove", eva).returncode == 0
    shown = command("indexer.audit_log", "show", "--last", "1").stdout
    assert " erased [-]" in shown and len(shown.splitlines()) == 1
    found = command("indexer.audit_log", "show", "--json", "--matricula", ana, "--accion", "enrolled").stdout
    assert ana in json.loads(found)["lines"][0]["about"]  # `indexer add` made the gallery
    fine = command("indexer.audit_log", "verify", "--head", head)
    assert fine.returncode == 0 and "every line is as it was written" in fine.stdout
    number = head.partition(":")[0]
    forged = command("indexer.audit_log", "verify", "--head", f"{number}:{'0' * 64}")
    assert forged.returncode == 1 and f"head_differs: Line {number}" in forged.stdout
    cut = command("indexer.audit_log", "verify", "--head", f"{int(number) + 7}:{'0' * 64}")
    assert cut.returncode == 1 and "end_missing" in cut.stdout
    wrong = command("indexer.audit_log", "verify", "--head", "later")
    assert wrong.returncode == 2 and "invalid_head" in wrong.stderr
    nobody = command("indexer.audit_log", "show", "--matricula", "nobody")
    assert nobody.returncode == 1 and "student_not_found" in nobody.stderr
    early = command("indexer.audit_log", "show", "--hasta", "2020-01-01", "--json")
    assert json.loads(early.stdout)["lines"] == []


@pytest.mark.usefixtures("sample_gallery")
def test_commands_for_keys_accounts_and_calibration_have_lines(
    command: Command, environment: dict[str, str], tmp_path: Path
) -> None:
    own = ANA["matricula"]
    for program, *words in (
        ("keys", "add", "door", "--role", "viewer"),
        ("keys", "revoke", "door"),
        ("users", "add", "maestra", "--role", "teacher", "--clase", "IA-101"),
        ("users", "disable", "maestra"),
        ("users", "add", "ana.m", "--role", "student", "--matricula", own),
    ):
        done = presente_at(tmp_path, environment, program, *words, typed="una clave bastante larga\n")
        assert done.returncode == 0, done.stderr
    done = command("evaluation", "calibrate", "--fpir", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(command("indexer.audit_log", "show", "--json", "--last", "6").stdout)["lines"]
    assert [(line["action"], line["detail"], line["about"]) for line in shown] == [
        ("key_made", "door role=viewer", []),
        ("key_revoked", "door role=viewer", []),
        ("account_made", "maestra role=teacher classes=IA-101", []),
        ("account_changed", "maestra role=teacher classes=IA-101 enabled=false", []),
        ("account_made", "role=student", [own]),
        ("calibrated", "", []),
    ]
    assert all(line["caller"].startswith("shell:") for line in shown)
    assert command("indexer.audit_log", "verify").returncode == 0


@on_sqlite
def test_a_log_that_is_off_gets_no_lines(command: Command, sample_gallery: None) -> None:
    lines = json.loads(command("indexer.audit_log", "verify", "--json").stdout)["lines"]
    assert command("indexer", "remove", EVA["matricula"], PRESENTE_ACCESS_LOG="off").returncode == 0
    assert json.loads(command("indexer.audit_log", "verify", "--json").stdout)["lines"] == lines > 0
