"""Keys, accounts and sessions: what every store promises of them."""

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gallery.documents.access import AccessKey, Account, AccountChanges, Grant, LoginSession, digest_of_secret
from gallery.documents.mongo.access import MongoAccess
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Enrolment, Student
from presente.access_roles import AccessRole
from presente.errors import Conflict, NotFound
from tests.conftest import OpenStore

AT, LATER = "2026-11-20T08:00:00+00:00", "2026-11-20T09:00:00+00:00"
TEACHER = Grant(AccessRole.TEACHER, frozenset({"IA-101", "Álgebra 2"}))
OWN = Grant(AccessRole.STUDENT, frozenset(), "A0178")


def key(name: str = "gate", grant: Grant = TEACHER) -> AccessKey:
    return AccessKey(name, digest_of_secret(f"secret of {name}"), grant, AT)


def account(name: str = "ruiz", grant: Grant = TEACHER) -> Account:
    return Account(name, grant, f"$argon2id$ of {name}", True, AT)


def session(account: str, word: str = "token", created: str = AT, seen: str = AT) -> LoginSession:
    return LoginSession(digest_of_secret(f"{word} of {account}"), account, created, seen)


def with_student(store: DocumentStore, matricula: str = "A0178") -> DocumentStore:
    store.enrol([Enrolment(Student(matricula, "Abril Montemayor Ríos", "IA-101"), ())])
    return store


def test_a_key_is_kept_once_per_name_and_read_by_every_process(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    admin = key("backup", Grant(AccessRole.ADMIN))
    assert store.access.add_key(key()) and store.access.add_key(admin)
    assert not other.access.add_key(replace(key(), digest="another"))
    assert other.access.access_keys() == [admin, key()]
    other.access.note_key_uses({"gate": LATER})
    other.access.note_key_uses({"gate": AT})  # a server that is late turns nothing back
    assert store.access.access_keys() == [admin, replace(key(), last_used=LATER)]
    assert other.access.remove_key("gate") and not store.access.remove_key("gate")
    assert store.access.access_keys() == [admin]


def test_of_writers_that_add_one_name_at_once_one_succeeds(open_store: OpenStore) -> None:
    stores = [open_store() for _ in range(4)]
    added: list[str] = []
    told: list[bool] = []
    barrier = threading.Barrier(len(stores))

    def add(number: int) -> None:
        barrier.wait()
        mine = replace(account(), password_hash=str(number))
        succeeded = stores[number].access.add_account(mine)
        told.append(succeeded)
        if succeeded:
            added.append(mine.password_hash)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = stores[0].access.account("ruiz")
    assert stored is not None and added == [stored.password_hash] and sorted(told) == [False] * 3 + [True]


def test_an_account_changes_in_what_is_given_and_keeps_its_sessions(open_store: OpenStore) -> None:
    store = open_store()
    with_student(store)
    assert store.access.add_account(account()) and store.access.add_account(account("ana", OWN))
    store.access.add_session(session("ruiz"))
    assert store.access.change_account("no one", AccountChanges(enabled=False)) is None
    for changes in (
        AccountChanges(enabled=False),
        AccountChanges(password_hash="other"),
        AccountChanges(grant=Grant(AccessRole.VIEWER)),
    ):
        store.access.change_account("ruiz", changes)
    changed = replace(account(), enabled=False, grant=Grant(AccessRole.VIEWER), password_hash="other")
    assert store.access.accounts() == [account("ana", OWN), changed]
    assert store.access.account("ruiz") == changed and store.access.account("no one") is None
    assert store.access.session(session("ruiz").digest) == session("ruiz")
    late = AccountChanges(password_hash="late", enabled=True)
    assert store.access.change_account("ruiz", late, only_if=account().password_hash) is None
    assert store.access.account("ruiz") == changed
    again = store.access.change_account("ruiz", late, only_if="other")
    assert again == replace(changed, password_hash="late", enabled=True) == store.access.account("ruiz")


def test_an_admin_is_always_left(open_store: OpenStore) -> None:
    """Two admins who lose the role at once: one keeps it, or both do."""
    stores = [open_store(), open_store()]
    access = stores[0].access
    for name in ("root", "second"):
        access.add_account(replace(account(name), grant=Grant(AccessRole.ADMIN)))
    with pytest.raises(Conflict, match="only admin") as refused:
        access.change_account("second", AccountChanges(enabled=False))
        access.change_account("root", AccountChanges(grant=Grant(AccessRole.VIEWER)))
    assert refused.value.code == "last_admin"
    assert [each.is_admin for each in access.accounts()] == [True, False]
    for _ in range(8):
        for name in ("root", "second"):
            access.change_account(name, AccountChanges(Grant(AccessRole.ADMIN), enabled=True))
        together = threading.Barrier(2)

        def lose(store: DocumentStore, name: str, together: threading.Barrier = together) -> None:
            together.wait()
            with contextlib.suppress(Conflict):
                store.access.change_account(name, AccountChanges(grant=Grant(AccessRole.VIEWER)))

        threads = [threading.Thread(target=lose, args=pair) for pair in zip(stores, ("root", "second"), strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert any(each.is_admin for each in access.accounts())


def test_nothing_is_kept_of_a_student_who_is_gone(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    access = store.access

    def refused() -> list[str]:
        codes = []
        for work in (
            lambda: access.add_key(replace(key("phone"), grant=OWN)),
            lambda: access.add_account(account("ana", OWN)),
            lambda: access.change_account("ruiz", AccountChanges(grant=OWN)),
        ):
            with pytest.raises(NotFound) as error:
                work()
            codes.append(error.value.code)
        return codes

    access.add_account(account())
    assert refused() == ["student_not_found"] * 3
    if isinstance(access, MongoAccess):  # the student is erased between the look and the write
        look = access._student_of

        def erased_then(grant: Grant) -> Mapping[str, Any]:
            with_student(store)
            found = look(grant)
            store.remove(["A0178"])
            return found

        monkeypatch.setattr(access, "_student_of", erased_then)
        assert refused() == ["student_not_found"] * 3
        monkeypatch.undo()
    assert access.access_keys() == [] and access.accounts() == [account()]


def test_merging_a_student_takes_the_students_keys_and_accounts(open_store: OpenStore) -> None:
    store = open_store()
    with_student(with_student(store), "A0002")
    store.access.add_account(account("ana", OWN))
    store.access.add_key(replace(key("phone"), grant=OWN))
    store.access.add_session(session("ana"))
    store.merge("A0002", "A0178")
    assert store.access.accounts() == [] and store.access.access_keys() == []
    assert store.access.session(session("ana").digest) is None


def test_sessions_end_one_by_one_by_account_and_by_age(open_store: OpenStore) -> None:
    access = open_store().access
    for name in ("ruiz", "ana"):
        access.add_account(account(name))
        for word in ("phone", "desk"):
            access.add_session(session(name, word))
    access.add_session(session("no one"))
    assert access.session(session("no one").digest) is None
    access.end_session(session("ana", "phone").digest)
    access.note_session_uses({session("ana", "desk").digest: LATER})
    access.end_sessions_of("ruiz")
    assert [access.session(session(name, word).digest) for name in ("ruiz", "ana") for word in ("phone", "desk")] == [
        None,
        None,
        None,
        session("ana", "desk", seen=LATER),
    ]
    access.drop_sessions("2026-11-20T07:00:00+00:00", LATER)
    assert access.session(session("ana", "desk").digest) is not None
    access.drop_sessions("2026-11-20T08:00:01+00:00", AT)
    assert access.session(session("ana", "desk").digest) is None


def test_the_revision_changes_with_what_is_allowed_and_with_nothing_else(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    seen = [store.access.access_revision()]

    def changed() -> bool:
        seen.append(other.access.access_revision())
        return seen[-1] != seen[-2]

    store.access.add_key(key())
    assert changed()
    store.access.add_account(account())
    assert changed()
    store.access.note_key_uses({"gate": LATER})
    store.access.note_session_uses({})
    store.access.add_session(session("ruiz"))
    store.access.note_session_uses({session("ruiz").digest: LATER})
    with_student(store, "A0001")
    assert not changed()
    store.access.change_account("ruiz", AccountChanges(enabled=False))
    assert changed()
    store.access.remove_key("gate")
    assert changed()
    assert len(store.access.access_secret()) == 64
    assert store.access.access_secret() == other.access.access_secret()


def test_erasing_a_student_takes_the_students_keys_and_accounts(open_store: OpenStore) -> None:
    store = with_student(with_student(open_store()), "A0002")
    access = store.access
    access.add_key(key("of the student", OWN))
    access.add_key(key())
    access.add_account(account("ana", OWN))
    access.add_account(account())
    access.add_session(session("ana"))
    access.add_session(session("ruiz"))
    before = access.access_revision()
    store.remove(["A0002"])
    assert (len(access.access_keys()), len(access.accounts()), access.access_revision()) == (2, 2, before)
    store.remove(["A0178"])
    assert access.access_keys() == [key()] and access.accounts() == [account()]
    assert access.session(session("ana").digest) is None and access.session(session("ruiz").digest) is not None
    assert access.access_revision() != before
