"""Pages of other sites: which of them may use this server from a browser, and how the browser is told (CORS)."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Request, Response

from presente.errors import Forbidden, shown

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Content-Type, Authorization, X-API-Key, Idempotency-Key, X-Request-Id",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "X-Request-Id, Location, Retry-After, RateLimit, RateLimit-Policy"


def check_host(request: Request) -> None:
    """Refuse a Host that does not name this machine, such as a name that an attacker's DNS points here."""
    if _host_of(f"//{request.host}") not in _LOOPBACK:
        raise Forbidden("foreign_host", f"This server is not called {shown(request.host)}.", "Ask for 127.0.0.1.")


def check_origin(request: Request, listed: Collection[str]) -> None:
    """Refuse a page that is neither this server's own nor of a listed origin."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in listed and origin not in own_origins(request):
        raise Forbidden(
            "foreign_origin",
            f"Pages of {shown(origin)} may not use this server.",
            "Use its own page, or list the origin in PRESENTE_CORS_ORIGINS.",
        )


def own_origins(request: Request) -> set[str]:
    """The origins of this server's own page. A proxy that ends TLS may say so."""
    if request.scheme == "https":
        return {f"https://{request.host}"}
    forwarded = request.headers.get("X-Forwarded-Proto")
    schemes = (forwarded,) if forwarded in ("http", "https") else ("http", "https")
    return {f"{scheme}://{request.host}" for scheme in schemes}


def preflight(request: Request) -> Response | None:
    """The answer to a browser that asks what its page may send; None for every other request."""
    asks = "Origin" in request.headers and "Access-Control-Request-Method" in request.headers
    return Response(status=204, headers=_PREFLIGHT) if request.method == "OPTIONS" and asks else None


def allow_reading(response: Response, request: Request, listed: Collection[str]) -> None:
    """Let a page of a listed origin read a reply, and tell caches that the reply depends on the origin."""
    if not listed:
        return
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin in listed:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # "[::1", say
        return None
