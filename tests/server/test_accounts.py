"""People who log in: sessions and their cookies, the CSRF token, the first admin; and keys of the store."""

import re
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from faces.embedder import FaceEmbedder
from gallery.documents.access import Grant, digest_of_secret
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.api_keys import read_keys
from server.access import administration
from server.access.authentication import Access
from server.access.register import AccessRegister
from server.access.sessions import SessionLimits, Sessions
from server.app import create_app
from server.service import ServiceHandle
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import enrolment_of
from tests.server.people import PASSWORD, authenticator_of, guarded_app, key_of, log_in, logged_in, wait_until
from tests.server.sample import ADMIN, ANA, JPEG, KEYS, STUDENTS, enrol, photo, problem

TEACHER = Grant(AccessRole.TEACHER, frozenset({"IA-101"}))
BEHIND_TLS = {"X-Forwarded-Proto": "https"}
BY_ADMIN = {"X-API-Key": ADMIN}


@pytest.fixture
def app(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[Flask]:
    with guarded_app(gallery, embedder, tmp_path) as made:
        yield made


def cookies(reply: TestResponse) -> dict[str, Any]:
    found: SimpleCookie = SimpleCookie()
    for line in reply.headers.getlist("Set-Cookie"):
        found.load(line)
    return dict(found)


def test_a_session_lasts_from_logging_in_until_logging_out(app: Flask, gallery: Gallery) -> None:
    browser, token = logged_in(app, gallery, "ruiz", TEACHER)
    who = browser.get("/v1/session").get_json()
    assert (who["name"], who["role"], who["classes"], who["matricula"]) == ("user:ruiz", "teacher", ["IA-101"], None)
    assert who["expires"] > "2026" and who["csrf_token"] == token["X-CSRF-Token"]
    assert browser.get("/v1/students").status_code == 200
    stranger = app.test_client()
    problem(stranger.get("/v1/session"), 401, "missing_key")
    kept = browser.get_cookie("presente_session")
    assert kept is not None
    assert browser.post("/v1/logout", headers=token).status_code == 204
    assert browser.get_cookie("presente_session") is None
    stranger.set_cookie("presente_session", kept.value)
    problem(stranger.get("/v1/session"), 401, "session_ended")


def test_logging_in_again_ends_the_session_before(app: Flask, gallery: Gallery) -> None:
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    first = browser.get_cookie("presente_session")
    assert first is not None and log_in(browser).status_code == 204
    assert browser.get("/v1/session").status_code == 200
    thief = app.test_client()
    thief.set_cookie("presente_session", first.value)
    problem(thief.get("/v1/session"), 401, "session_ended")


def test_a_password_that_changes_while_it_is_checked_lets_no_one_in(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    begin = Sessions.begin

    def late(sessions: Sessions, account: str) -> str:
        administration.change_account(gallery.store.access, account, password="otro caballo con alas")
        return begin(sessions, account)

    monkeypatch.setattr(Sessions, "begin", late)
    problem(log_in(app.test_client()), 401, "wrong_password")
    monkeypatch.undo()
    wait_until(lambda: browser.get("/v1/session").status_code == 401)


def test_the_store_has_no_token_and_no_password(app: Flask, gallery: Gallery, tmp_path: Path) -> None:
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    key = key_of(app, gallery, "gate", TEACHER)["Authorization"].removeprefix("Bearer ")
    token = browser.get_cookie("presente_session")
    assert token is not None and key.startswith("presente_") and len(key) > 40
    access = gallery.store.access
    assert access.session(digest_of_secret(token.value)) is not None
    (stored,) = access.access_keys()
    (account,) = access.accounts()
    assert stored.digest == digest_of_secret(key) and account.password_hash.startswith(
        "$argon2id$v=19$m=65536,t=3,p=4$"
    )
    for value in (repr(stored), repr(account), repr(access.session(digest_of_secret(token.value)))):
        assert stored.digest not in value and "argon2" not in value and digest_of_secret(token.value) not in value
    for path in tmp_path.glob("gallery.db*"):
        assert not any(word.encode() in path.read_bytes() for word in (key, token.value, PASSWORD))


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    administration.add_account(gallery.store.access, "ruiz", TEACHER, PASSWORD)
    behind = Access(accounts=True, proxies=("127.0.0.1/32",))
    with guarded_app(gallery, embedder, tmp_path, behind) as app:
        for headers, prefix in (({}, ""), (BEHIND_TLS, "__Host-")):
            browser = app.test_client()
            found = cookies(log_in(browser, headers=headers, base_url="https://localhost" if headers else None))
            assert set(found) == {f"{prefix}presente_session", f"{prefix}presente_device"}
            for name, morsel in found.items():
                assert morsel["httponly"] and morsel["samesite"] == "Strict" and morsel["path"] == "/"
                assert bool(morsel["secure"]) == bool(headers) and not morsel["domain"]
                assert bool(morsel["max-age"]) == ("device" in name)
        # A session that was begun over TLS is none without it, and no one but the proxy can say that it is there.
        secure = found["__Host-presente_session"].value
        stranger = app.test_client()
        stranger.set_cookie("presente_session", secure)
        problem(stranger.get("/v1/session", headers=BEHIND_TLS), 401, "missing_key")
        from_afar = {"REMOTE_ADDR": "10.1.2.3"}
        assert set(cookies(log_in(stranger, headers=BEHIND_TLS, environ_base=from_afar))) == {
            "presente_session",
            "presente_device",
        }


def test_changes_need_the_csrf_token_of_the_session(app: Flask, gallery: Gallery) -> None:
    browser, token = logged_in(app, gallery, "root", Grant(AccessRole.ADMIN))
    _, other = logged_in(app, gallery, "ruiz", TEACHER)
    key = {"name": "gate", "role": "viewer"}
    for wrong in ({}, {"X-CSRF-Token": ""}, other, {"X-CSRF-Token": "é"}):
        problem(browser.post("/v1/keys", json=key, headers=wrong), 403, "wrong_csrf_token")
    assert browser.post("/v1/keys", json=key, headers=token).status_code == 201
    # A machine has no browser that another page could use.
    assert app.test_client().post("/v1/keys", json=key | {"name": "b"}, headers=BY_ADMIN).status_code == 201


def test_sessions_end_by_time(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    for limits in (SessionLimits(idle=timedelta(0)), SessionLimits(absolute=timedelta(0))):
        with guarded_app(gallery, embedder, tmp_path, Access(accounts=True, session_limits=limits)) as app:
            name = f"ruiz-{limits.idle.seconds}"
            administration.add_account(gallery.store.access, name, TEACHER, PASSWORD)
            browser = app.test_client()
            assert log_in(browser, name).status_code == 204
            problem(browser.get("/v1/session"), 401, "session_ended")


@pytest.mark.parametrize("change", [{"enabled": False}, {"password": "otro caballo con alas"}])
def test_disabling_and_another_password_end_every_session(app: Flask, gallery: Gallery, change: dict[str, Any]) -> None:
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    other, _ = logged_in(app, gallery, "ana", TEACHER)
    assert browser.get("/v1/session").status_code == 200
    changed = app.test_client().patch("/v1/users/ruiz", json=change, headers=BY_ADMIN)
    assert changed.status_code == 200 and changed.get_json()["enabled"] == change.get("enabled", True)
    problem(browser.get("/v1/session"), 401, "session_ended")
    assert other.get("/v1/session").status_code == 200
    problem(log_in(browser), 401, "wrong_password")
    if "password" in change:
        assert log_in(browser, password=change["password"]).status_code == 204
    else:
        app.test_client().patch("/v1/users/ruiz", json={"enabled": True}, headers=BY_ADMIN)
        assert log_in(browser).status_code == 204


def test_a_role_that_changes_holds_for_the_sessions_that_are_open(app: Flask, gallery: Gallery) -> None:
    browser, token = logged_in(app, gallery, "ruiz", TEACHER)
    admin = app.test_client()
    changes = {"classes": ["IA-102", "IA-103"]}
    assert admin.patch("/v1/users/ruiz", json=changes, headers=BY_ADMIN).get_json()["classes"] == ["IA-102", "IA-103"]
    assert browser.get("/v1/session").get_json()["classes"] == ["IA-102", "IA-103"]
    problem(browser.get("/v1/students?clase=IA-101"), 403, "class_not_yours")
    assert admin.patch("/v1/users/ruiz", json={"role": "viewer"}, headers=BY_ADMIN).get_json()["classes"] is None
    problem(browser.post("/v1/search", json={}, headers=token), 403, "role_not_enough")


def test_what_is_wrong_with_an_account_or_a_key_is_said(app: Flask, gallery: Gallery, embedder: FaceEmbedder) -> None:
    admin = app.test_client()
    account = {"name": "ruiz", "role": "teacher", "classes": ["IA-101"], "password": PASSWORD}
    for change, status, code in (
        ({"classes": []}, 400, "invalid_grant"),
        ({"role": "viewer"}, 400, "invalid_grant"),
        ({"role": "student", "classes": []}, 400, "invalid_grant"),
        ({"role": "student", "classes": [], "matricula": "A9"}, 404, "student_not_found"),
        ({"role": "attendance"}, 400, "invalid_field"),
        ({"name": "no spaces"}, 400, "invalid_name"),
        ({"password": "corta"}, 400, "invalid_password"),
        ({"password": 12345678901}, 400, "invalid_password"),
    ):
        said = problem(admin.post("/v1/users", json=account | change, headers=BY_ADMIN), status, code)
        assert "corta" not in said and "12345678901" not in said
    assert admin.post("/v1/users", json=account, headers=BY_ADMIN).status_code == 201
    problem(admin.post("/v1/users", json=account, headers=BY_ADMIN), 409, "name_taken")
    problem(admin.post("/v1/users", json=account | {"name": "RUIZ"}, headers=BY_ADMIN), 409, "name_taken")
    problem(admin.patch("/v1/users/nobody", json={"enabled": True}, headers=BY_ADMIN), 404, "account_not_found")
    problem(admin.delete("/v1/keys/nobody", headers=BY_ADMIN), 404, "key_not_found")
    root = {"name": "root", "role": "admin", "password": PASSWORD}
    assert admin.post("/v1/users", json=root, headers=BY_ADMIN).status_code == 201
    problem(admin.patch("/v1/users/root", json={"enabled": False}, headers=BY_ADMIN), 409, "last_admin")
    problem(admin.patch("/v1/users/root", json={"role": "viewer"}, headers=BY_ADMIN), 409, "last_admin")
    first = admin.get("/v1/users?limit=1", headers=BY_ADMIN).get_json()
    then = admin.get(f"/v1/users?limit=1&cursor={first['next_cursor']}", headers=BY_ADMIN).get_json()
    assert [page["users"][0]["name"] for page in (first, then)] == ["root", "ruiz"] and then["next_cursor"] is None


def test_without_accounts_no_one_logs_in(client: FlaskClient) -> None:
    assert client.get("/v1/login").get_json() == {"accounts": False, "setup": False}
    problem(log_in(client), 404, "accounts_off")
    problem(client.post("/v1/setup", json={"code": "x", "name": "a", "password": PASSWORD}), 404, "accounts_off")
    assert client.get("/v1/session").get_json()["name"] == "local"


# -- keys of the store ---------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_works_at_once_and_is_revoked(app: Flask, gallery: Gallery) -> None:
    admin = app.test_client()
    wanted = {"name": "gate", "role": "teacher", "classes": ["IA-101"]}
    made = admin.post("/v1/keys", json=wanted, headers=BY_ADMIN).get_json()
    key = {"X-API-Key": made["key"]}
    assert made["made"] == {
        "name": "gate",
        "role": "teacher",
        "classes": ["IA-101"],
        "matricula": None,
        "created": made["made"]["created"],
        "last_used": None,
    }
    assert admin.get("/v1/session", headers=key).get_json()["name"] == "key:gate"
    problem(admin.post("/v1/keys", json=wanted, headers=BY_ADMIN), 409, "name_taken")
    problem(admin.post("/v1/keys", json=wanted | {"name": "Gate"}, headers=BY_ADMIN), 409, "name_taken")
    listed = admin.get("/v1/keys", headers=BY_ADMIN).get_data(as_text=True)
    assert "gate" in listed and made["key"] not in listed and digest_of_secret(made["key"]) not in listed
    authenticator_of(app).register.stop()  # which tells the store what was used
    (stored,) = gallery.store.access.access_keys()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:00\+00:00", stored.last_used)
    assert admin.delete("/v1/keys/gate", headers=BY_ADMIN).status_code == 204
    problem(admin.get("/v1/session", headers=key), 401, "unknown_key")


def test_another_server_learns_of_keys_accounts_and_sessions(
    app: Flask, gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    with guarded_app(gallery, embedder, tmp_path) as other:
        key = key_of(app, gallery, "gate", TEACHER)
        browser, token = logged_in(app, gallery, "ruiz", TEACHER)
        moved = other.test_client()
        cookie = browser.get_cookie("presente_session")
        assert cookie is not None
        moved.set_cookie("presente_session", cookie.value)
        assert moved.get("/v1/session").get_json()["name"] == "user:ruiz"  # at once
        wait_until(lambda: other.test_client().get("/v1/session", headers=key).status_code == 200)
        assert app.test_client().delete("/v1/keys/gate", headers=BY_ADMIN).status_code == 204
        wait_until(lambda: other.test_client().get("/v1/session", headers=key).status_code == 401)
        assert browser.post("/v1/logout", headers=token).status_code == 204
        wait_until(lambda: moved.get("/v1/session").status_code == 401)
        again, _ = logged_in(other, gallery, "ana", TEACHER)
        assert app.test_client().patch("/v1/users/ana", json={"enabled": False}, headers=BY_ADMIN).status_code == 200
        wait_until(lambda: again.get("/v1/session").status_code == 401)


@on_sqlite
def test_before_the_store_is_open_its_keys_are_not_unknown(gallery: Gallery) -> None:
    app = create_app(ServiceHandle(), 1_000_000, Access(read_keys(KEYS), accounts=True), AccessRegister())
    client = app.test_client()
    problem(client.get("/v1/status", headers={"X-API-Key": "presente_" + "x" * 43}), 503, "not_ready")
    problem(client.get("/v1/status", headers={"X-API-Key": "another-0123456789abc"}), 401, "unknown_key")
    client.set_cookie("presente_session", "x.y")
    problem(client.get("/v1/status"), 503, "not_ready")
    assert client.get("/livez").status_code == 200 and client.get("/v1/login").get_json()["accounts"]


# -- the first admin -----------------------------------------------------------------------------------------------


def test_the_first_admin_is_made_with_the_code_and_only_once(app: Flask, gallery: Gallery) -> None:
    desk = app.extensions["presente.login_desk"]
    client = app.test_client()
    assert client.get("/v1/login").get_json() == {"accounts": True, "setup": False}
    code = desk.open_setup()
    assert len(code.replace("-", "")) == 32 and client.get("/v1/login").get_json()["setup"]
    wanted = {"code": code, "name": "root", "password": PASSWORD}
    problem(client.post("/v1/setup", json=wanted | {"code": "0" * 32}), 403, "wrong_setup_code")
    problem(client.post("/v1/setup", json=wanted | {"password": "corta"}), 400, "invalid_password")
    made = client.post("/v1/setup", json=wanted | {"code": f" {code.upper()} "})
    assert (made.status_code, made.get_json()["role"]) == (201, "admin")
    problem(client.post("/v1/setup", json=wanted | {"name": "second"}), 409, "already_set_up")
    assert log_in(client, "root").status_code == 204 and not client.get("/v1/login").get_json()["setup"]
    assert desk.open_setup() == ""


def test_a_code_is_worth_nothing_once_another_process_has_made_an_admin(app: Flask, gallery: Gallery) -> None:
    code = app.extensions["presente.login_desk"].open_setup()
    administration.add_account(gallery.store.access, "root", Grant(AccessRole.ADMIN), PASSWORD)
    wanted = {"code": code, "name": "second", "password": PASSWORD}
    problem(app.test_client().post("/v1/setup", json=wanted), 409, "already_set_up")


# -- students who add photos ---------------------------------------------------------------------------------------


def test_a_student_may_add_own_photos_where_the_setting_allows_it(
    gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path
) -> None:
    eva = STUDENTS[1]
    gallery.enrol([enrolment_of(ANA, embedder), enrolment_of(eva, embedder)])
    grant = Grant(AccessRole.STUDENT, frozenset(), ANA["matricula"])
    with guarded_app(gallery, embedder, tmp_path, Access(read_keys(KEYS), student_photos=True)) as app:
        key = key_of(app, gallery, "ana", grant) | JPEG
        client, own = app.test_client(), f"/v1/students/{ANA['matricula']}/images"
        added = client.post(own, data=(SAMPLE / "probes" / ANA["matricula"] / "1.jpg").read_bytes(), headers=key)
        assert added.status_code == 201 and added.get_json()["warnings"] == []
        refused = client.post(own, data=photo(eva), headers=key)
        said = problem(refused, 409, "different_person")
        assert eva["matricula"] not in said and eva["nombre_del_alumno"] not in said
        assert eva["matricula"] in problem(
            client.post(own, data=photo(eva), headers=BY_ADMIN | JPEG), 409, "different_person"
        )
        problem(client.post(f"{own}?force=true", data=photo(eva), headers=key), 403, "force_not_allowed")
        problem(
            client.post(f"/v1/students/{eva['matricula']}/images", data=photo(eva), headers=key),
            404,
            "student_not_found",
        )


def test_erasing_a_student_ends_the_students_session(app: Flask, gallery: Gallery) -> None:
    admin = app.test_client()
    admin.environ_base["HTTP_X_API_KEY"] = ADMIN
    assert enrol(admin, ANA).status_code == 201
    student, _ = logged_in(app, gallery, "ana", Grant(AccessRole.STUDENT, frozenset(), ANA["matricula"]))
    assert student.get(f"/v1/students/{ANA['matricula']}").status_code == 200
    assert admin.delete(f"/v1/students/{ANA['matricula']}").status_code == 204
    assert admin.get("/v1/users").get_json()["users"] == []
    wait_until(lambda: student.get("/v1/session").status_code == 401)
