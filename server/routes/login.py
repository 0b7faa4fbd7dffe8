"""Logging in and out, the first admin, and who asks."""

from __future__ import annotations

from flask import Blueprint, current_app, g, request
from werkzeug.http import dump_cookie

from gallery.documents.access_log import AccessAction
from presente.errors import Forbidden, NotFound, Unauthorized
from server.access.authentication import DEVICE_COOKIE, SESSION_COOKIE, Login, caller_of, cookie_name
from server.access.login import LoggedIn, LoginDesk
from server.access.permissions import Permission, needs
from server.access.proxies import came_over_tls, client_address
from server.access.tokens import DEVICE_S, csrf_token
from server.access_log.concerned import granted, own_password
from server.access_log.declaration import logged
from server.access_log.recording import note_failed_login
from server.error_codes import GALLERY
from server.requests.access import LoginFields, OwnPassword, SetupFields
from server.responses.access import AccountJson, LoginOptionsReply, SessionReply, account_json, session_reply
from server.routes.common import authenticator
from server.typed_routes import answers

bp = Blueprint("login", __name__, url_prefix="/v1")


@bp.get("/login")
@needs(Permission.OPEN)
@answers(LoginOptionsReply)
def options() -> LoginOptionsReply:
    """Whether people log in here, and whether the first admin is still to be made."""
    on = authenticator().access.accounts
    return LoginOptionsReply(accounts=on, setup=on and _desk().awaits_setup)


@bp.post("/login")
@needs(Permission.OPEN)
@answers(
    {204: None},
    refuses=GALLERY | {"accounts_off", "too_many_logins", "wrong_password"},
    headers={"Set-Cookie": "The session, and a mark of this browser."},
)
@logged(AccessAction.LOGGED_IN)
def login(body: LoginFields) -> tuple[None, list[tuple[str, str]]]:
    """Log in; the session is a cookie."""
    return None, log_in(body.name, body.password)


def log_in(name: str, password: str) -> list[tuple[str, str]]:
    """Let the person who sends the request that is being answered log in; the headers that set the cookies.

    Raises:
        NotFound: ``accounts_off``.
        Unauthorized: ``wrong_password``.
        Busy: ``too_many_logins``, ``busy``.
    """
    _check_accounts()
    address = client_address(request, authenticator().access.proxies)
    try:
        made = _desk().login(name, password, address, authenticator().device_mark(request))
    except Unauthorized:
        note_failed_login(authenticator().register.account(name))
        raise
    g.caller = caller_of(f"user:{made.account.name}", made.account.grant)
    if old := authenticator().token(request):
        _desk().logout(old)
    return _cookies(made)


@bp.post("/logout")
@needs(Permission.KNOWN)
@answers({204: None}, refuses=GALLERY, headers={"Set-Cookie": "Ends the session's cookie."})
@logged(AccessAction.LOGGED_OUT)
def logout() -> tuple[None, list[tuple[str, str]]]:
    """Log out; a caller without a session has nothing to end."""
    current: Login | None = g.login
    if current is not None:
        _desk().logout(current.token)
    return None, [("Set-Cookie", _cookie(SESSION_COOKIE, "", 0))]


@bp.get("/session")
@needs(Permission.KNOWN)
@answers(SessionReply, refuses=GALLERY)
def session() -> SessionReply:
    """Who asks, with the CSRF token of the session."""
    current: Login | None = g.login
    adds_photos = authenticator().adds_photos(g.caller)
    if current is None:
        return session_reply(g.caller, adds_photos, None, None)
    expires = authenticator().access.session_limits.expires(current.session)
    return session_reply(g.caller, adds_photos, csrf_token(current.token), expires)


@bp.post("/password")
@needs(Permission.KNOWN)
@answers(
    SessionReply,
    refuses=GALLERY
    | {
        "accounts_off",
        "invalid_password",
        "session_needed",
        "too_many_logins",
        "wrong_current_password",
        "wrong_password",
    },
    headers={"Set-Cookie": "The new session, and a mark of this browser."},
)
@logged(AccessAction.ACCOUNT_CHANGED, detail=own_password)
def password(body: OwnPassword) -> tuple[SessionReply, list[tuple[str, str]]]:
    """Change the own password; every session ends, and a new one begins in this browser."""
    _check_accounts()
    current: Login | None = g.login
    if current is None:
        raise Forbidden("session_needed", "A key has no password.", "Log in, and send the session's cookie.")
    made = _desk().change_password(current.session, body.current, body.new)
    begun = authenticator().sessions.find(made.token)
    expires = None if begun is None else authenticator().access.session_limits.expires(begun)
    return session_reply(g.caller, authenticator().adds_photos(g.caller), csrf_token(made.token), expires), _cookies(
        made
    )


@bp.post("/setup")
@needs(Permission.OPEN)
@answers(
    {201: AccountJson},
    refuses=GALLERY
    | {
        "accounts_off",
        "already_set_up",
        "invalid_grant",
        "invalid_name",
        "invalid_password",
        "name_taken",
        "too_many_logins",
        "wrong_setup_code",
    },
)
@logged(AccessAction.ACCOUNT_MADE, detail=granted)
def setup(body: SetupFields) -> AccountJson:
    """Make the first admin, with the code that the server printed on its terminal."""
    _check_accounts()
    address = client_address(request, authenticator().access.proxies)
    made = _desk().set_up(body.code, body.name, body.password, address)
    g.caller = caller_of(f"user:{made.name}", made.grant)
    return account_json(made)


def _desk() -> LoginDesk:
    found: LoginDesk = current_app.extensions["presente.login_desk"]
    return found


def _check_accounts() -> None:
    if not authenticator().access.accounts:
        raise NotFound("accounts_off", "This server has no accounts.", "PRESENTE_ACCOUNTS=on turns them on.")


def _tls() -> bool:
    return came_over_tls(request, authenticator().access.proxies)


def _cookies(made: LoggedIn) -> list[tuple[str, str]]:
    session = _cookie(SESSION_COOKIE, made.token, None)
    return [("Set-Cookie", session), ("Set-Cookie", _cookie(DEVICE_COOKIE, made.device, DEVICE_S))]


def _cookie(name: str, value: str, seconds: int | None) -> str:
    """A cookie that scripts do not see, and no other site's page sends."""
    tls = _tls()
    return dump_cookie(
        cookie_name(name, tls), value, max_age=seconds, path="/", secure=tls, httponly=True, samesite="Strict"
    )
