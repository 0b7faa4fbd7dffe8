"""Changes of accounts beside each other, and beside logins: what is stored is what was asked for last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from faces.embedder import FaceEmbedder
from gallery.documents.access import AccountChanges, Grant
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.errors import InvalidInput
from server.access import administration, login, passwords
from tests.server.people import PASSWORD, guarded_app, logged_in, wait_until
from tests.server.sample import problem

TEACHER = Grant(AccessRole.TEACHER, frozenset({"IA-101"}))


@pytest.fixture
def app(gallery: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Iterator[Flask]:
    with guarded_app(gallery, embedder, tmp_path) as made:
        yield made


def test_a_password_that_is_set_undoes_nothing_that_was_changed_meanwhile(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(app, gallery, "ruiz", TEACHER)
    access = gallery.store.access
    hash_password = passwords.hash_password

    def disabled_meanwhile(password: str) -> str:
        access.change_account("ruiz", AccountChanges(Grant(AccessRole.VIEWER), enabled=False))
        return hash_password(password)

    monkeypatch.setattr(administration, "hash_password", disabled_meanwhile)
    administration.change_account(access, "ruiz", password="otro caballo con alas")
    account = access.account("ruiz")
    assert account is not None and not account.enabled and account.grant.role is AccessRole.VIEWER
    assert passwords.is_password("otro caballo con alas", account.password_hash)


def test_a_login_that_hashes_anew_undoes_nothing_that_was_changed_meanwhile(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(app, gallery, "ruiz", TEACHER)
    access = gallery.store.access

    def meanwhile(changes: AccountChanges) -> str:
        monkeypatch.setattr(login, "is_outdated", lambda _: True)
        monkeypatch.setattr(login, "hash_password", lambda _: access.change_account("ruiz", changes) and "new hash")
        problem(app.test_client().post("/v1/login", json={"name": "ruiz", "password": PASSWORD}), 401, "wrong_password")
        account = access.account("ruiz")
        assert account is not None
        return account.password_hash

    before = access.account("ruiz")
    assert before is not None and meanwhile(AccountChanges(enabled=False)) == "new hash"
    access.change_account("ruiz", AccountChanges(password_hash=before.password_hash, enabled=True))
    assert meanwhile(AccountChanges(password_hash="set by an admin")) == "set by an admin"


def test_what_follows_the_store_outlives_whatever_the_store_raises(
    app: Flask, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, _ = logged_in(app, gallery, "ruiz", TEACHER)
    asked: list[str] = []

    def broken(_: Any) -> str:
        asked.append("")
        return asked[len(asked)]  # IndexError, as a damaged record might raise

    monkeypatch.setattr(type(gallery.store.access), "access_revision", broken)
    wait_until(lambda: len(asked) > 1)
    monkeypatch.undo()
    gallery.store.access.change_account("ruiz", AccountChanges(enabled=False))
    wait_until(lambda: browser.get("/v1/session").status_code == 401)


def test_no_key_is_called_as_logs_call_those_of_the_settings(gallery: Gallery) -> None:
    with pytest.raises(InvalidInput, match="key of the settings"):
        administration.add_key(gallery.store.access, "setting-1", Grant(AccessRole.VIEWER))
