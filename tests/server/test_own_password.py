"""People change their own password: their other sessions end, and nothing that was changed meanwhile is undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.documents.access import AccountChanges, Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from server.access import administration, login, passwords
from server.access.login_delays import BY_DEVICE
from tests.server.people import PASSWORD, guarded_app, log_in, logged_in, stop_the_clock
from tests.server.sample import ADMIN, problem

TEACHER = Grant(AccessRole.TEACHER, frozenset({"IA-101"}))
BY_ADMIN = {"X-API-Key": ADMIN}
NEW = "otro caballo con alas"


@pytest.fixture
def app(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[Flask]:
    with guarded_app(gallery, embedder, tmp_path) as made:
        yield made


def test_people_change_their_own_password_which_ends_their_other_sessions(app: Flask, gallery: Gallery) -> None:
    browser, token = logged_in(app, gallery, "ruiz", TEACHER)
    elsewhere = app.test_client()
    assert log_in(elsewhere).status_code == 204
    before = browser.get_cookie("presente_session")
    wanted = {"current": PASSWORD, "new": NEW}
    problem(browser.post("/v1/password", json=wanted), 403, "wrong_csrf_token")
    problem(
        browser.post("/v1/password", json=wanted | {"current": "wrong"}, headers=token), 403, "wrong_current_password"
    )
    problem(browser.post("/v1/password", json=wanted | {"new": "corta"}, headers=token), 400, "invalid_password")
    assert elsewhere.get("/v1/session").status_code == 200  # nothing has changed so far
    changed = browser.post("/v1/password", json=wanted, headers=token)
    assert changed.status_code == 200 and changed.get_json()["name"] == "user:ruiz"
    problem(elsewhere.get("/v1/session"), 401, "session_ended")
    now = browser.get("/v1/session").get_json()
    assert now["csrf_token"] == changed.get_json()["csrf_token"] != token["X-CSRF-Token"]
    thief = app.test_client()
    assert before is not None
    thief.set_cookie("presente_session", before.value)
    problem(thief.get("/v1/session"), 401, "session_ended")
    problem(log_in(app.test_client()), 401, "wrong_password")
    assert log_in(app.test_client(), password=NEW).status_code == 204


def test_a_password_that_is_set_while_its_owner_changes_it_is_not_overwritten(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, token = logged_in(app, gallery, "ruiz", TEACHER)
    access = gallery.store.access

    def set_meanwhile(_: str) -> str:
        access.change_account("ruiz", AccountChanges(password_hash="set by an admin"))
        return "of the owner"

    monkeypatch.setattr(login, "hash_password", set_meanwhile)
    refused = browser.post("/v1/password", json={"current": PASSWORD, "new": NEW}, headers=token)
    problem(refused, 403, "wrong_current_password")
    account = access.account("ruiz")
    assert account is not None and account.password_hash == "set by an admin"


def test_an_account_that_is_disabled_while_its_owner_changes_the_password_stays_out(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, token = logged_in(app, gallery, "ruiz", TEACHER)
    hash_password = passwords.hash_password

    def disabled_meanwhile(password: str) -> str:
        administration.change_account(gallery.store.access, "ruiz", enabled=False)
        return hash_password(password)

    monkeypatch.setattr(login, "hash_password", disabled_meanwhile)
    refused = browser.post("/v1/password", json={"current": PASSWORD, "new": NEW}, headers=token)
    problem(refused, 401, "wrong_password")
    account = gallery.store.access.account("ruiz")
    assert account is not None and not account.enabled and "Set-Cookie" not in refused.headers


def test_a_session_guesses_the_current_password_slowly(app: Flask, gallery: Gallery) -> None:
    browser, token = logged_in(app, gallery, "ruiz", TEACHER)
    stop_the_clock(app)
    replies = [
        browser.post("/v1/password", json={"current": f"guess {number}", "new": NEW}, headers=token)
        for number in range(BY_DEVICE.free + 2)
    ]
    assert [reply.status_code for reply in replies] == [403] * (BY_DEVICE.free + 1) + [429]
    problem(replies[-1], 429, "too_many_logins")
    assert log_in(app.test_client()).status_code == 204  # logging in is not delayed by it


def test_a_key_and_a_server_without_accounts_have_no_password_to_change(app: Flask, client: FlaskClient) -> None:
    wanted = {"current": PASSWORD, "new": NEW}
    problem(app.test_client().post("/v1/password", json=wanted, headers=BY_ADMIN), 403, "session_needed")
    problem(app.test_client().post("/v1/password", json=wanted), 401, "missing_key")
    problem(client.post("/v1/password", json=wanted), 404, "accounts_off")
