"""Keys, accounts and sessions in MongoDB.

A name is the ``_id`` of a key and of an account: of two writers that add the same name at once, one succeeds. The
revision is written after each change.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from gallery.documents.access import AccessKey, Account, Grant, LoginSession
from gallery.documents.foreign_documents import Document
from gallery.documents.mongo.connection import MongoConnection
from gallery.documents.mongo.preparation import insert_if_missing
from presente.access_roles import AccessRole


class MongoAccess:
    """A :class:`gallery.documents.access_protocol.AccessStore` on the database of a MongoDB store."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection
        self._db = connection.db

    def prepare(self) -> None:
        """Create the indexes, and the revision: two upserts of a document that is not there can collide."""
        insert_if_missing(self._db.gallery, "access_revision", {"value": uuid.uuid4().hex})
        self._db.access_keys.create_index([("matricula", ASCENDING)], name="matricula")
        self._db.accounts.create_index([("matricula", ASCENDING)], name="matricula")
        self._db.login_sessions.create_index([("account", ASCENDING)], name="account")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Calls after which followers read keys and accounts again."""
        with self._connection.calls():
            yield
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
            return self._inserted("access_keys", {"_id": key.name, **fields})

    def access_keys(self) -> list[AccessKey]:
        with self._connection.calls():
            found = list(self._db.access_keys.find().sort("_id", ASCENDING))
        return [
            AccessKey(each["_id"], each["digest"], _grant(each), each["created"], each["last_used"]) for each in found
        ]

    def remove_key(self, name: str) -> bool:
        with self._changing():
            return self._db.access_keys.delete_one({"_id": name}).deleted_count == 1

    def note_key_uses(self, uses: Mapping[str, str]) -> None:
        with self._connection.calls():
            _set_later(self._db.access_keys, "last_used", uses)

    def add_account(self, account: Account) -> bool:
        with self._changing():
            return self._inserted("accounts", {"_id": account.name, **_account_fields(account)})

    def accounts(self) -> list[Account]:
        with self._connection.calls():
            return [_account(each) for each in self._db.accounts.find().sort("_id", ASCENDING)]

    def account(self, name: str) -> Account | None:
        with self._connection.calls():
            found = self._db.accounts.find_one({"_id": name})
        return None if found is None else _account(found)

    def replace_account(self, account: Account) -> bool:
        with self._changing():
            fields = _account_fields(account)
            return self._db.accounts.update_one({"_id": account.name}, {"$set": fields}).matched_count == 1

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

    def forget(self, matricula: str) -> None:
        """Delete the keys and accounts of a student who is erased, and the sessions of these accounts."""
        if not matricula:
            return
        own = {"matricula": matricula}
        names = [account["_id"] for account in self._db.accounts.find(own, {"_id": 1})]
        if names or self._db.access_keys.find_one(own, {"_id": 1}) is not None:
            with self._changing():
                self._db.accounts.delete_many(own)
                self._db.access_keys.delete_many(own)
                self._db.login_sessions.delete_many({"account": {"$in": names}})

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


def _account_fields(account: Account) -> dict[str, Any]:
    own = {"password_hash": account.password_hash, "enabled": account.enabled, "created": account.created}
    return {**_grant_fields(account.grant), **own}


def _account(document: Document) -> Account:
    enabled = bool(document["enabled"])
    return Account(document["_id"], _grant(document), document["password_hash"], enabled, document["created"])
