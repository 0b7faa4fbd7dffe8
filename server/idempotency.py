"""The header Idempotency-Key, for every route that records. The rule is in gallery/documents/idempotency.py."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import TypeVar

from flask import Request

from gallery.documents.idempotency import carry_out_once
from gallery.documents.request_keys import Claim
from presente.errors import InvalidInput, shown
from server.service import Service

_KEY = re.compile(r"[!-~]{1,200}")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that was sent: its key (empty for none), its method and path, and its query string in order."""

    key: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Request) -> KeyedRequest:
        """Of the request that is being answered.

        Raises:
            InvalidInput: ``invalid_idempotency_key``.
        """
        key = request.headers.get("Idempotency-Key", "")
        if key and not _KEY.fullmatch(key):
            raise InvalidInput(
                "invalid_idempotency_key", f"Idempotency-Key is {shown(key)}.", "Send 1 to 200 ASCII characters."
            )
        return cls(key, request.method, request.path, tuple(sorted(request.args.items(multi=True))))

    def digest(self, asked: Mapping[str, object]) -> str:
        """SHA-256 of what is asked, however it is written: members in any order, a photo in any envelope."""
        whole = [self.method, self.path, self.query, asked]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def carried_out(
    sent: KeyedRequest,
    service: Service,
    asked: Mapping[str, object],
    work: Callable[[Claim], _Result],
    about: Collection[int] = (),
    concerned: Callable[[_Result], Collection[int]] = lambda _: (),
) -> _Result:
    """What ``work`` makes of a request, once per Idempotency-Key.

    Args:
        sent: gives the key, the route and the query string.
        service: whose store keeps the key.
        asked: all that the body says, as values of JSON; a photo by its SHA-256.
        work, about, concerned: see :func:`gallery.documents.idempotency.carry_out_once`.
    """
    at = service.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    claim = Claim(sent.key, sent.digest(asked) if sent.key else "", at)
    return carry_out_once(service.gallery.store.request_keys, claim, about, work, concerned)
