"""The header Idempotency-Key, for every route that records. The rule is in gallery/documents/idempotency.py."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC
from typing import TypeVar

from flask import Request

from gallery.documents.idempotency import carry_out_once
from gallery.documents.request_keys import Claim
from presente.errors import InvalidInput, shown
from server.service import Service

_KEY = re.compile(r"[!-~]{1,200}")
_Result = TypeVar("_Result")


def carried_out(
    request: Request,
    service: Service,
    said: Mapping[str, object],
    work: Callable[[Claim], _Result],
    about: Collection[int] = (),
    concerned: Callable[[_Result], Collection[int]] = lambda _: (),
) -> _Result:
    """What ``work`` makes of a request, once per Idempotency-Key.

    Args:
        request: gives the key, the route and the query string.
        service: whose store keeps the key.
        said: all that the body says, as values of JSON; a photo by its SHA-256.
        work, about, concerned: see :func:`gallery.documents.idempotency.carry_out_once`.
    """
    key = idempotency_key(request)
    at = service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    claim = Claim(key, _digest(request, said) if key else "", at)
    return carry_out_once(service.gallery.store.request_keys, claim, about, work, concerned)


def idempotency_key(request: Request) -> str:
    """The header Idempotency-Key; empty when there is none."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not _KEY.fullmatch(key):
        raise InvalidInput(
            "invalid_idempotency_key", f"Idempotency-Key is {shown(key)}.", "Send 1 to 200 ASCII characters."
        )
    return key


def _digest(request: Request, said: Mapping[str, object]) -> str:
    """SHA-256 of what is asked, however it is written: members in any order, a photo in any envelope."""
    asked = [request.method, request.path, sorted(request.args.items(multi=True)), said]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
