"""Who asks, and whether the caller may. Decided from a request's head, before its body is read."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Request, g
from werkzeug.http import parse_cookie

from gallery.documents.access import Grant, LoginSession
from presente.access_roles import AccessRole
from presente.api_keys import ApiKey, find_key
from presente.errors import Busy, Forbidden, PresenteError, Unauthorized
from presente.log_limits import rate_limited
from server.access.caller import LOCAL, NO_ONE, Caller
from server.access.permissions import Permission, roles_with
from server.access.proxies import came_over_tls, client_address
from server.access.register import AccessRegister
from server.access.sessions import DEFAULT_LIMITS, SessionLimits, Sessions
from server.access.tokens import KEY_PREFIX, csrf_token

log = rate_limited(logging.getLogger("presente.api_keys"))

SESSION_COOKIE = "presente_session"
DEVICE_COOKIE = "presente_device"
"""The mark of a browser in which someone has logged in before."""
TLS_PREFIX = "__Host-"
"""Of cookies that were set over TLS: browsers take such a name only from this host, with Secure, and for every path."""

_BURST = 10
_PER_S = 0.2
_ADDRESSES = 10_000
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Failures:
    """How many wrong keys each address has sent lately. Safe to use from several threads.

    A right key always passes, also from an address that sends wrong ones: otherwise a client could lock out another one
    that shares its address. The count bounds what guessing costs the server. Keys are too long to be guessed anyway.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def one_more(self, address: str) -> bool:
        """Whether an address may still be told that its key is wrong: ten times, and then once per five seconds."""
        now = time.monotonic()
        with self._lock:
            left, at = self._left.pop(address, (float(_BURST), now))
            left = min(_BURST, left + (now - at) * _PER_S)
            allowed = left >= 1
            self._left[address] = (left - 1 if allowed else left, now)
            if len(self._left) > _ADDRESSES:
                del self._left[next(iter(self._left))]  # the address that was silent for longest
        return allowed


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the server.

    Attributes:
        keys: of the settings.
        origins: pages of other sites that may use the server.
        accounts: whether people may log in. Without keys and accounts every client on this machine is admin.
        proxies: networks of the proxies that are believed what they say of a request.
        student_photos: whether a student may add own photos.
        session_limits: how long a session lasts.
    """

    keys: tuple[ApiKey, ...] = ()
    origins: tuple[str, ...] = ()
    accounts: bool = False
    proxies: tuple[str, ...] = ()
    student_photos: bool = False
    session_limits: SessionLimits = DEFAULT_LIMITS

    @property
    def protects(self) -> bool:
        """Whether a key or a session is asked for."""
        return bool(self.keys) or self.accounts


OPEN_TO_THIS_MACHINE = Access()
"""Every client on this machine, as admin."""


@dataclass(frozen=True, slots=True)
class Login:
    """The session of a request: its token, as the cookie has it, and what the store knows of it."""

    token: str
    session: LoginSession


class Authenticator:
    """Tells who makes a request. Safe to use from several threads."""

    def __init__(self, access: Access, register: AccessRegister) -> None:
        self.access = access
        self.register = register
        self.sessions = Sessions(register, access.session_limits)
        self._failures = Failures()

    def check(self, request: Request, needed: Permission, by_origin: bool = False) -> tuple[Caller, Login | None]:
        """Who makes a request, and by which session; one who may not do it is refused.

        Args:
            request: the request.
            needed: what it takes.
            by_origin: whether the request comes from this server's own page, to a route for which that is enough
                (:func:`server.access.permissions.accepts_own_page`); else a session's request needs its CSRF token.

        Raises:
            Unauthorized: ``missing_key``, ``unknown_key``, ``session_ended``.
            Busy: ``too_many_wrong_keys``.
            Forbidden: ``role_not_enough``, ``wrong_csrf_token``, ``own_photos_not_allowed``.
            StoreError: ``not_ready`` while the store's keys and accounts are not known.
        """
        if not self.access.protects:
            return LOCAL, None
        if needed is Permission.OPEN:
            return NO_ONE, None
        login = None
        g.counted_as = NO_ONE  # until it is known who asks
        if given := _given(request.environ):
            caller = self._of_key(request, given)
        elif token := self.token(request):
            caller, login = self._of_session(request, token, by_origin)
        else:
            raise Unauthorized(
                "missing_key", "A key is needed here.", "Send it as Authorization: Bearer KEY, or log in."
            )
        g.caller = caller  # the access log names who tried
        self._check_permission(caller, needed)
        return caller, login

    def _check_permission(self, caller: Caller, needed: Permission) -> None:
        if not caller.may(needed):
            raise Forbidden(
                "role_not_enough",
                f"{caller.name} is of role {caller.role}, and this needs {' or '.join(roles_with(needed))}.",
                "Use another key, or another account.",
            )
        if needed is Permission.ADD_PHOTOS and not self.adds_photos(caller):
            raise Forbidden(
                "own_photos_not_allowed", "Students may not add photos here.", "PRESENTE_STUDENT_PHOTOS allows it."
            )

    def adds_photos(self, caller: Caller) -> bool:
        """Whether a caller may add photos; students only where the school lets them."""
        return caller.may(Permission.ADD_PHOTOS) and (
            caller.role is not AccessRole.STUDENT or self.access.student_photos
        )

    def counted_as(self, request: Request) -> Caller:
        """The caller that a request counts for: who has a valid key or session, also where neither is asked for.

        It refuses nothing: a request with neither, or while the store cannot be asked, is no one's.
        """
        counted: Caller | None = g.get("counted_as")
        if counted is not None:
            return counted
        try:
            if given := _given(request.environ):
                return self._owner_of_key(given) or NO_ONE
            found = self._find_session(self.token(request))
        except PresenteError:
            return NO_ONE
        return NO_ONE if found is None else found[0]

    def _of_key(self, request: Request, given: str) -> Caller:
        if (caller := self._owner_of_key(given)) is not None:
            g.counted_as = caller
            return caller
        address = client_address(request, self.access.proxies)
        if not self._failures.one_more(address):
            raise Busy("too_many_wrong_keys", "Too many wrong keys came from this address.", "Check the key, and wait.")
        log.warning("a wrong key from %s", address)
        raise Unauthorized("unknown_key", "The key is none of this server's.", "Check it; it may have been revoked.")

    def _owner_of_key(self, given: str) -> Caller | None:
        key = find_key(self.access.keys, given)
        if key is not None:
            return Caller(key.role, f"key:setting-{self.access.keys.index(key) + 1}")
        if given.startswith(KEY_PREFIX):
            _ = self.register.store  # before it is open, no one knows whose key that is
            stored = self.register.key(given)
            if stored is not None:
                self.register.used("key", stored.name)
                return caller_of(f"key:{stored.name}", stored.grant)
        return None

    def token(self, request: Request) -> str:
        """The token of a session that a request carries, whatever it is worth; empty without accounts."""
        if not self.access.accounts:
            return ""
        return request.cookies.get(cookie_name(SESSION_COOKIE, came_over_tls(request, self.access.proxies)), "")

    def device_mark(self, request: Request) -> str:
        """The mark of a browser that a request carries, whatever it is worth; empty without accounts."""
        if not self.access.accounts:
            return ""
        return request.cookies.get(cookie_name(DEVICE_COOKIE, came_over_tls(request, self.access.proxies)), "")

    def device(self, request: Request) -> str:
        """The browser that a request's mark was given to, for whatever account; empty without one."""
        mark = self.device_mark(request)
        return self.register.signer.device(mark) if mark and self.register.is_loaded else ""

    def _find_session(self, token: str) -> tuple[Caller, Login] | None:
        session = self.sessions.find(token) if token else None
        if session is None:
            return None
        account = self.register.account(session.account)
        if account is None:  # made a moment ago, by another server
            self.register.refresh()
            account = self.register.account(session.account)
        if account is None or not account.enabled:
            return None
        return caller_of(f"user:{account.name}", account.grant), Login(token, session)

    def _of_session(self, request: Request, token: str, by_origin: bool) -> tuple[Caller, Login]:
        found = self._find_session(token)
        if found is None:
            raise Unauthorized("session_ended", "The session has ended.", "Log in again.")
        g.caller = g.counted_as = found[0]  # the access log names who tried
        if request.method not in _SAFE and not by_origin:
            sent = request.headers.get("X-CSRF-Token", "")
            if not hmac.compare_digest(sent.encode(), csrf_token(token).encode()):
                raise Forbidden(
                    "wrong_csrf_token",
                    "The header X-CSRF-Token is not that of the session.",
                    "Send csrf_token of GET /v1/session.",
                )
        return found

    def is_known(self, environ: Mapping[str, Any]) -> bool:
        """Whether a WSGI request has one of the keys, or a token that a server of this store made. Asks no store."""
        if not self.access.protects:
            return True
        if given := _given(environ):
            return find_key(self.access.keys, given) is not None or self.register.key(given) is not None
        return self.asks_store(environ)

    def asks_store(self, environ: Mapping[str, Any]) -> bool:
        """Whether the store has to be asked who makes a WSGI request: it has a token that one of its servers made."""
        if not self.access.accounts or not self.register.is_loaded or _given(environ):
            return False
        cookies = parse_cookie(environ.get("HTTP_COOKIE", ""))
        return any(self.sessions.may_be(cookies.get(prefix + SESSION_COOKIE, "")) for prefix in ("", TLS_PREFIX))


def cookie_name(name: str, tls: bool) -> str:
    """A cookie's name, which says whether it was set over TLS."""
    return TLS_PREFIX + name if tls else name


def caller_of(name: str, grant: Grant) -> Caller:
    """The caller whom a key or an account stands for."""
    return Caller(grant.role, name, grant.classes, grant.matricula)


def _given(environ: Mapping[str, Any]) -> str:
    """The key that a request carries; ``X-API-Key`` goes first, because a proxy may use Authorization for itself."""
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return environ.get("HTTP_X_API_KEY", "") or (token.strip() if scheme.lower() == "bearer" else "")
