"""``/v1/keys`` and ``/v1/users``: who may use the server."""

from __future__ import annotations

from flask import Blueprint

from gallery.documents.access_log import AccessAction
from server.access.permissions import Permission, needs
from server.access_log.concerned import (
    granted,
    granted_and_changed,
    granted_to,
    refused_change,
    refused_grant,
    refused_revocation,
    which_list,
)
from server.access_log.declaration import logged
from server.access_log.recording import note_grant
from server.error_codes import GALLERY
from server.operations import access as operations
from server.requests.access import AccessListParameters, AccountChanges, NewAccount, NewKey
from server.responses.access import (
    AccountJson,
    AccountListReply,
    KeyListReply,
    NewKeyReply,
    account_json,
    account_list_reply,
    key_json,
    key_list_reply,
)
from server.routes.common import authenticator, service
from server.typed_routes import answers

bp = Blueprint("access", __name__, url_prefix="/v1")
_ACCOUNT = frozenset({"invalid_grant", "invalid_name", "invalid_password", "student_not_found"})


@bp.get("/keys")
@needs(Permission.ADMINISTER)
@answers(KeyListReply, refuses=GALLERY)
@logged(AccessAction.READ, detail=which_list)
def keys(parameters: AccessListParameters) -> KeyListReply:
    """The keys that are kept in the store, and when each was last used."""
    return key_list_reply(*operations.page_of_keys(service(), parameters))


@bp.post("/keys")
@needs(Permission.ADMINISTER)
@answers({201: NewKeyReply}, refuses=GALLERY | {"invalid_grant", "invalid_name", "name_taken", "student_not_found"})
@logged(AccessAction.KEY_MADE, about=granted_to, detail=granted, refused=refused_grant)
def make_key(body: NewKey) -> NewKeyReply:
    """A new key for a machine; its text is shown this once."""
    made, text = operations.make_key(service(), authenticator(), body)
    return NewKeyReply(key=text, made=key_json(made))


@bp.delete("/keys/<name>")
@needs(Permission.ADMINISTER)
@answers({204: None}, refuses=GALLERY | {"key_not_found"})
@logged(AccessAction.KEY_REVOKED, refused=refused_revocation)
def revoke_key(name: str) -> None:
    """Revoke a key."""
    revoked = operations.revoke_key(service(), authenticator(), name)
    note_grant(AccessAction.KEY_REVOKED, revoked.name, revoked.grant)


@bp.get("/users")
@needs(Permission.ADMINISTER)
@answers(AccountListReply, refuses=GALLERY)
@logged(AccessAction.READ, detail=which_list)
def users(parameters: AccessListParameters) -> AccountListReply:
    """The accounts."""
    return account_list_reply(*operations.page_of_accounts(service(), parameters))


@bp.post("/users")
@needs(Permission.ADMINISTER)
@answers({201: AccountJson}, refuses=GALLERY | _ACCOUNT | {"name_taken"})
@logged(AccessAction.ACCOUNT_MADE, about=granted_to, detail=granted, refused=refused_grant)
def make_user(body: NewAccount) -> AccountJson:
    """A new account for a person."""
    return account_json(operations.make_account(service(), authenticator(), body))


@bp.patch("/users/<name>")
@needs(Permission.ADMINISTER)
@answers(AccountJson, refuses=GALLERY | _ACCOUNT | {"account_not_found", "last_admin"})
@logged(AccessAction.ACCOUNT_CHANGED, about=granted_to, detail=granted_and_changed, refused=refused_change)
def change_user(name: str, body: AccountChanges) -> AccountJson:
    """Change an account's role, password, or whether it may log in."""
    return account_json(operations.change_account(service(), authenticator(), name, body))
