"""Keys, accounts and sessions: what every store promises of them."""

import threading
from dataclasses import replace

from gallery.documents.access import AccessKey, Account, Grant, LoginSession, digest_of_secret
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Enrolment, Student
from presente.access_roles import AccessRole
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


def test_an_account_changes_as_a_whole_and_keeps_its_sessions(open_store: OpenStore) -> None:
    store = open_store()
    assert store.access.add_account(account()) and store.access.add_account(account("ana", OWN))
    store.access.add_session(session("ruiz"))
    changed = replace(account(), enabled=False, grant=Grant(AccessRole.VIEWER), password_hash="other")
    assert store.access.replace_account(changed) and not store.access.replace_account(account("no one"))
    assert store.access.accounts() == [account("ana", OWN), changed]
    assert store.access.account("ruiz") == changed and store.access.account("no one") is None
    assert store.access.session(session("ruiz").digest) == session("ruiz")


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
    store.access.replace_account(replace(account(), enabled=False))
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
