"""An ASGI request as WSGI has it, and what HTTP itself forbids in its head."""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from presente.errors import InvalidInput

_ONCE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"origin",
        b"x-api-key",
        b"x-request-id",
    }
)
"""Headers that may be there once: of two, a proxy and this server might each use another one."""
_LENGTH = re.compile(rb"[0-9]{1,15}")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]{0,5})?")

Scope = dict[str, Any]


def check_framing(scope: Scope, target: bytes) -> None:
    """Refuse a head that could be read in two ways; then nothing else of the connection is read.

    Args:
        scope: of ASGI.
        target: the request's target as it was sent.

    Raises:
        InvalidInput: ``length_required``, ``repeated_header``, ``invalid_length``, ``invalid_host``, ``two_keys``.
    """
    names = Counter(name for name, _ in scope["headers"])
    headers = dict(scope["headers"])
    if b"transfer-encoding" in names:
        raise InvalidInput("length_required", "The body's length is not known.", "Send a Content-Length.")
    repeated = sorted(name.decode() for name in _ONCE if names[name] > 1)
    if repeated:
        raise InvalidInput("repeated_header", f"{', '.join(repeated)} is there more than once.", "Send it once.")
    length = headers.get(b"content-length")
    if length is not None and not _LENGTH.fullmatch(length):
        raise InvalidInput("invalid_length", "Content-Length is not a number of bytes.", "Send one in digits.")
    host = headers.get(b"host")
    if not (host is None and scope["http_version"] == "1.0") and not _HOST.fullmatch(host or b""):
        raise InvalidInput(
            "invalid_host", "The request does not name the server that it is for.", "Send the header Host."
        )
    if not target.startswith(b"/") and _authority(target) != host:
        raise InvalidInput("invalid_host", "The target and the header Host name two servers.", "Send one name.")
    scheme = headers.get(b"authorization", b"").partition(b" ")[0].lower()
    if b"x-api-key" in names and scheme == b"bearer":
        raise InvalidInput("two_keys", "There are two keys: X-API-Key and a Bearer token.", "Send one of them.")


def _authority(target: bytes) -> bytes | None:
    """The host and port that a target names; None when it is no address."""
    try:
        return urlsplit(target).netloc
    except ValueError:  # "http://[::", say
        return None


def length_of(scope: Scope) -> int:
    """How many bytes the body has; the framing was checked."""
    return int(dict(scope["headers"]).get(b"content-length", b"0"))


def environ_of(scope: Scope) -> dict[str, Any]:
    """The WSGI environment of a request, still without its body.

    Headers whose names have a ``_`` are left out: in an environment they would pass for those with ``-``.
    """
    server, client = scope.get("server") or ("localhost", 80), scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme") or "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
