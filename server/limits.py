"""How many requests a caller may send: counted from a request's head, before its body is read.

The fields are those of draft-ietf-httpapi-ratelimit-headers (revision 10). The windows are fixed: one begins with the
first request that it counts.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass

from flask import Request, Response, g
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import ConfigurationError, StorageError
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from presente.access_roles import AccessRole
from presente.errors import Busy, ConfigError
from presente.secrets import hidden_address
from presente.settings.values import RequestRate
from server.access.caller import Caller
from server.access.login_delays import LoginDelays
from server.window_counts import WindowCounts

log = logging.getLogger(__name__)

DEFAULT_OF_CALLERS = RequestRate(6000, 60)
DEFAULT_OF_STRANGERS = RequestRate(300, 60)
"""Limits of a server with keys when nothing is set."""

_EXEMPT = frozenset({"/livez", "/readyz", "/metrics"})
"""What keeps a server running must not depend on what others send."""
_EXEMPT_READS = frozenset({"/", "/docs", "/first", "/v1/login"})
_EXEMPT_FILES = ("/console/", "/docs/", "/first/", "/_next/")
"""A page is many files, and a class that opens it at once from one address must get in."""
_COUNTED = "presente.counted"
"""In a WSGI environment: what was counted. A request whose head was looked at first is counted once."""
_REDIS_S = 0.25
"""Seconds that a call of Redis may take."""
_AWAY_S = 5.0
"""Seconds for which nothing is counted after Redis could not be reached."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A request that was counted.

    Attributes:
        policy: the name of the limit: ``caller``, ``browser`` or ``address``.
        rate: the limit.
        allowed: whether the request is within it.
        left: further requests in this window.
        reset_s: seconds until the window ends.
    """

    policy: str
    rate: RequestRate
    allowed: bool
    left: int
    reset_s: int


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a request counts for.

    Attributes:
        policy: the name of the limit: ``caller``, ``browser`` or ``address``.
        name: which of them.
    """

    policy: str
    name: str


def who(caller: Caller, browser: str, address: str) -> Who:
    """Whom a request counts for: a known caller for itself, whatever others at its address send.

    A stranger counts for the browser, if someone has logged in there before, and else for the address.
    """
    if caller.role is not AccessRole.NONE:
        return Who("caller", caller.name)
    return Who("browser", browser) if browser else Who("address", address)


class RequestLimits:
    """The limits of a server. Safe to use from several threads."""

    def __init__(self, callers: RequestRate | None, strangers: RequestRate | None, storage: Storage) -> None:
        """Limit known callers by their name, and strangers by their browser or address; None for no limit.

        ``storage`` keeps the counts; when it cannot be reached, every request is let through.
        """
        self._rates = {"caller": callers, "browser": strangers, "address": strangers}
        self._limits = {policy: _item(rate) for policy, rate in self._rates.items()}
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self._lock = threading.Lock()
        self._away_until = -math.inf
        self._told = False

    def count(self, asking: Who) -> Counted | None:
        """Count a request; None when no limit holds for it, or when the counts cannot be reached."""
        item, rate = self._limits[asking.policy], self._rates[asking.policy]
        if item is None or rate is None or time.monotonic() < self._away_until:
            return None
        try:
            allowed = self._limiter.hit(item, asking.policy, asking.name)
            stats = self._limiter.get_window_stats(item, asking.policy, asking.name)
        except StorageError as error:
            self._is_away(error)
            return None
        self._told = False
        reset_s = max(1, math.ceil(stats.reset_time - time.time()))
        return Counted(asking.policy, rate, allowed, max(0, stats.remaining), min(reset_s, rate.seconds))

    def login_delays(self) -> LoginDelays:
        """What delays logins, counted where requests are."""
        if isinstance(self._storage, WindowCounts):
            return LoginDelays()
        from limits.storage import RedisStorage

        from server.access.shared_delays import SharedLoginDelays

        assert isinstance(self._storage, RedisStorage)
        return SharedLoginDelays(self._storage)

    def _is_away(self, error: StorageError) -> None:
        with self._lock:
            self._away_until = time.monotonic() + _AWAY_S
            told, self._told = self._told, True
        if not told:
            why = type(error.storage_error).__name__
            log.error("the store of the limits cannot be reached (%s): no request is limited until it is back", why)


def open_limits(
    callers: RequestRate | None, strangers: RequestRate | None, store: str, has_keys: bool
) -> RequestLimits:
    """The limits that the settings name; ``None`` for a rate that is not set: with keys its default, without none.

    Raises:
        ConfigError: ``unknown_limits_store``, ``library_missing``.
    """
    default_of_callers, default_of_strangers = (DEFAULT_OF_CALLERS, DEFAULT_OF_STRANGERS) if has_keys else (None, None)
    return RequestLimits(
        callers if callers is not None else default_of_callers,
        strangers if strangers is not None else default_of_strangers,
        _storage(store),
    )


def counts(request: Request) -> bool:
    """Whether a request is counted: all are but those that keep a server running, and those that open its pages."""
    if request.path in _EXEMPT:
        return False
    opens_page = request.path in _EXEMPT_READS or request.path.startswith(_EXEMPT_FILES)
    return not (opens_page and request.method in ("GET", "HEAD"))


def check(request: Request, limits: RequestLimits, asking: Who) -> None:
    """Count a request, once, and refuse it when it is one too many.

    Raises:
        Busy: ``too_many_requests``.
    """
    if _COUNTED not in request.environ:
        request.environ[_COUNTED] = limits.count(asking)
    counted: Counted | None = request.environ[_COUNTED]
    g.counted = counted
    if counted is not None and not counted.allowed:
        raise Busy(
            "too_many_requests",
            f"More than {counted.rate} came from this {counted.policy}.",
            f"Wait {counted.reset_s} s, as Retry-After says.",
        )


def tell(response: Response) -> None:
    """Say in a reply how much of the limit is left."""
    counted: Counted | None = g.get("counted")
    if counted is None:
        return
    response.headers["RateLimit-Policy"] = f'"{counted.policy}";q={counted.rate.count};w={counted.rate.seconds}'
    response.headers["RateLimit"] = f'"{counted.policy}";r={counted.left};t={counted.reset_s}'
    if not counted.allowed:
        response.headers["Retry-After"] = str(counted.reset_s)


def _item(rate: RequestRate | None) -> RateLimitItem | None:
    return None if rate is None or rate.count == 0 else RateLimitItemPerSecond(rate.count, rate.seconds)


def _storage(store: str) -> Storage:
    if store == "memory":
        return WindowCounts()
    if not store.startswith(("redis://", "rediss://")):
        raise ConfigError(
            "unknown_limits_store",
            f"PRESENTE_LIMITS_STORE is {hidden_address(store)!r}.",
            "It is memory or redis://HOST.",
        )
    from limits.storage import RedisStorage

    try:
        return RedisStorage(
            store,
            key_prefix="presente",
            wrap_exceptions=True,
            socket_timeout=_REDIS_S,
            socket_connect_timeout=_REDIS_S,
        )
    except ValueError as exc:
        raise ConfigError(
            "unknown_limits_store",
            f"PRESENTE_LIMITS_STORE is {hidden_address(store)!r}, which Redis's library cannot read.",
            "It must look like redis://HOST:6379/0.",
        ) from exc
    except ConfigurationError as exc:
        raise ConfigError(
            "library_missing", "PRESENTE_LIMITS_STORE needs the library redis.", "Install it: pip install redis."
        ) from exc
