"""Keys, accounts and sessions in MongoDB.

A name is the ``_id`` of a key and of an account: of two writers that add the same name at once, one succeeds. The
revision is written after each change. What is a student's has the student's subject id (``student``). It is written,
and then its writer looks whether the student is still there. An erasure deletes the student first, and then what has
the id. So one of the two sees the other.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from bson import Int64
from pymongo import ASCENDING, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from gallery.documents.access import AccessKey, Account, AccountChanges, Grant, LoginSession, last_admin
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.preparation import insert_if_missing
from gallery.documents.mongo.shapes import VISIBLE
from gallery.documents.student_rules import student_not_found
from presente.access_roles import AccessRole

log = logging.getLogger(__name__)
_Record = TypeVar("_Record", AccessKey, Account)


class MongoAccess:
    """A :class:`gallery.documents.access_protocol.AccessStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def prepare(self) -> None:
        """Create the indexes, and the revision: two upserts of a document that is not there can collide."""
        insert_if_missing(self._db.gallery, "access_revision", {"value": uuid.uuid4().hex})
        self._db.access_keys.create_index([("student", ASCENDING)], name="student")
        self._db.accounts.create_index([("student", ASCENDING)], name="student")
        self._db.login_sessions.create_index([("account", ASCENDING)], name="account")
        for collection in (self._db.access_keys, self._db.accounts):
            self._name_students(collection)

    def _name_students(self, collection: Collection[dict[str, Any]]) -> None:
        """Give what an earlier version wrote for students the students' ids; without a student it goes."""
        for found in list(collection.find({"matricula": {"$ne": ""}, "student": {"$exists": False}})):
            student = self._db.students.find_one({"matricula": found["matricula"], **VISIBLE}, {"subject": 1})
            if student is None:
                collection.delete_one({"_id": found["_id"]})
            else:
                collection.update_one({"_id": found["_id"]}, {"$set": {"student": Int64(student["subject"])}})

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Calls after which followers read keys and accounts again."""
        with self._connection.calls():
            try:
                yield
            finally:  # also after what was taken back: a follower may have read it
                self._db.gallery.update_one({"_id": "access_revision"}, {"$set": {"value": uuid.uuid4().hex}})

    def access_secret(self) -> str:
        with self._connection.calls():
            insert_if_missing(self._db.gallery, "access_secret", {"value": secrets.token_hex(32)})
            found = self._db.gallery.find_one({"_id": "access_secret"}) or {}
        return str(found["value"])

    def access_revision(self) -> str:
        with self._connection.calls():
            found = self._db.gallery.find_one({"_id": "access_revision"})
        return "" if found is None else str(found["value"])

    def add_key(self, key: AccessKey) -> bool:
        fields = {"digest": key.digest, **_grant_fields(key.grant), "created": key.created, "last_used": key.last_used}
        with self._changing():
            student = self._student_of(key.grant)
            if not self._inserted("access_keys", {"_id": key.name, **fields, **student}):
                return False
            self._check_still_there(key.grant, student, lambda: self._db.access_keys.delete_one({"_id": key.name}))
            return True

    def access_keys(self) -> list[AccessKey]:
        with self._connection.calls():
            found = list(self._db.access_keys.find().sort("_id", ASCENDING))
        return [key for each in found if (key := _readable(_key, each)) is not None]

    def remove_key(self, name: str) -> bool:
        with self._changing():
            return self._db.access_keys.delete_one({"_id": name}).deleted_count == 1

    def note_key_uses(self, uses: Mapping[str, str]) -> None:
        with self._connection.calls():
            _set_later(self._db.access_keys, "last_used", uses)

    def add_account(self, account: Account) -> bool:
        with self._changing():
            student = self._student_of(account.grant)
            if not self._inserted("accounts", {"_id": account.name, **_account_fields(account), **student}):
                return False
            self._check_still_there(account.grant, student, lambda: self._db.accounts.delete_one({"_id": account.name}))
            return True

    def accounts(self) -> list[Account]:
        with self._connection.calls():
            found = list(self._db.accounts.find().sort("_id", ASCENDING))
        return [account for each in found if (account := _readable(_account, each)) is not None]

    def account(self, name: str) -> Account | None:
        with self._connection.calls():
            found = self._db.accounts.find_one({"_id": name})
        return None if found is None else _readable(_account, found)

    def change_account(self, name: str, changes: AccountChanges, only_if: str | None = None) -> Account | None:
        which: Document = {"_id": name} if only_if is None else {"_id": name, "password_hash": only_if}
        with self._changing():
            found = self._db.accounts.find_one(which)
            if found is None:
                return None
            before = _readable(_account, found)
            if before is None:
                return None
            after = changes.applied(before)
            student: Document = {} if changes.grant is None else self._student_of(changes.grant)
            fields = {**_changed_fields(changes), **student}
            undone = {field: found.get(field) for field in fields}
            if not self._db.accounts.update_one(which, {"$set": fields}).matched_count:
                return None
            if changes.grant is not None:
                self._check_still_there(
                    changes.grant, student, lambda: self._db.accounts.update_one({"_id": name}, {"$set": undone})
                )
            if before.is_admin and not after.is_admin and not any(each.is_admin for each in self.accounts()):
                # Of two admins who lose the role at once, the later one sees it here; maybe both do.
                self._db.accounts.update_one({"_id": name}, {"$set": undone})
                raise last_admin(name)
            return after

    def add_session(self, session: LoginSession) -> None:
        fields = {"account": session.account, "created": session.created, "last_seen": session.last_seen}
        with self._connection.calls():
            self._db.login_sessions.insert_one({"_id": session.digest, **fields})
            if self._db.accounts.find_one({"_id": session.account}, {"_id": 1}) is None:
                self._db.login_sessions.delete_one({"_id": session.digest})

    def session(self, digest: str) -> LoginSession | None:
        with self._connection.calls():
            found = self._db.login_sessions.find_one({"_id": digest})
        return None if found is None else LoginSession(digest, found["account"], found["created"], found["last_seen"])

    def note_session_uses(self, uses: Mapping[str, str]) -> None:
        with self._connection.calls():
            _set_later(self._db.login_sessions, "last_seen", uses)

    def end_session(self, digest: str) -> None:
        with self._connection.calls():
            self._db.login_sessions.delete_one({"_id": digest})

    def end_sessions_of(self, account: str) -> None:
        with self._connection.calls():
            self._db.login_sessions.delete_many({"account": account})

    def drop_sessions(self, created_before: str, seen_before: str) -> None:
        old = [{"created": {"$lt": created_before}}, {"last_seen": {"$lt": seen_before}}]
        with self._connection.calls():
            self._db.login_sessions.delete_many({"$or": old})

    def forget(self, subject: int) -> None:
        """Delete the keys and accounts of a student who is gone, and the sessions of these accounts."""
        own = {"student": Int64(subject)}
        names = [account["_id"] for account in self._db.accounts.find(own, {"_id": 1})]
        if names or self._db.access_keys.find_one(own, {"_id": 1}) is not None:
            with self._changing():
                self._db.accounts.delete_many(own)
                self._db.access_keys.delete_many(own)
                self._db.login_sessions.delete_many({"account": {"$in": names}})

    def _student_of(self, grant: Grant) -> Document:
        """The field that says of which student a key or an account is; null for no one's."""
        if not grant.matricula:
            return {"student": None}
        found = self._db.students.find_one({"matricula": grant.matricula, **VISIBLE}, {"subject": 1})
        if found is None:
            raise student_not_found(grant.matricula)
        return {"student": Int64(found["subject"])}

    def _check_still_there(self, grant: Grant, student: Document, take_back: Callable[[], object]) -> None:
        """Take back what was just written for a student who was erased meanwhile."""
        number = student["student"]
        if number is not None and self._db.students.find_one({"subject": number}, {"_id": 1}) is None:
            take_back()
            raise student_not_found(grant.matricula)

    def _inserted(self, collection: str, document: dict[str, Any]) -> bool:
        try:
            self._db[collection].insert_one(document)
        except DuplicateKeyError:
            return False
        return True


def _set_later(collection: Collection[dict[str, Any]], field: str, moments: Mapping[str, str]) -> None:
    """Set a moment of documents, by id, unless a later one is there; one command for all of them."""
    if moments:
        each = [UpdateOne({"_id": name, field: {"$lt": at}}, {"$set": {field: at}}) for name, at in moments.items()]
        collection.bulk_write(each, ordered=False)


def _grant_fields(grant: Grant) -> dict[str, Any]:
    classes = None if grant.classes is None else sorted(grant.classes)
    return {"role": grant.role.value, "classes": classes, "matricula": grant.matricula}


def _grant(document: Document) -> Grant:
    classes = document["classes"]
    return Grant(AccessRole(document["role"]), None if classes is None else frozenset(classes), document["matricula"])


def _readable(read: Callable[[Document], _Record], document: Document) -> _Record | None:
    """A key or an account; None, with a line in the log, for a damaged one, which so lets no one in."""
    try:
        return read(document)
    except (KeyError, TypeError, ValueError):
        log.error("the key or account %r cannot be read: delete it, and make it anew", document.get("_id"))
        return None


def _key(document: Document) -> AccessKey:
    grant = _grant(document)
    return AccessKey(document["_id"], document["digest"], grant, document["created"], document["last_used"])


def _account_fields(account: Account) -> dict[str, Any]:
    own = {"password_hash": account.password_hash, "enabled": account.enabled, "created": account.created}
    return {**_grant_fields(account.grant), **own}


def _changed_fields(changes: AccountChanges) -> dict[str, Any]:
    given = {"password_hash": changes.password_hash, "enabled": changes.enabled}
    grant = {} if changes.grant is None else _grant_fields(changes.grant)
    return {**grant, **{field: value for field, value in given.items() if value is not None}}


def _account(document: Document) -> Account:
    enabled = bool(document["enabled"])
    return Account(document["_id"], _grant(document), document["password_hash"], enabled, document["created"])
