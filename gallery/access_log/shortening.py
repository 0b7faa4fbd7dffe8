"""Cutting the beginning off the access log. What is left is proved by a signed note of where it begins."""

from __future__ import annotations

import json
from typing import Any

from gallery.documents.access_log import NO_LINES, ChainHead
from gallery.documents.note_store import LOG_START
from gallery.documents.protocol import DocumentStore
from gallery.signing import is_signed, public_key, signature_of


def shorten(store: DocumentStore, before: str, at: str) -> int:
    """Delete the lines that were written before a moment; how many. The last line of all stays.

    The note of the new beginning comes first: a run that is cut off is finished by the next one.

    Args:
        store: whose log.
        before: the moment, UTC, ISO, as lines have it.
        at: now, likewise.
    """
    log = store.access_log
    start = log.last_before(before)
    if start == NO_LINES or start.number >= log.head().number:
        return 0
    begun = log_start(store)
    if begun is None or begun.number < start.number:
        stated = {"format": 1, "access_log_start": str(start), "at": at, "installation": store.identity()}
        signed = {"stated": stated, "signature": signature_of(store, stated)}
        store.notes.write(LOG_START, json.dumps(signed))
    return log.drop_until(start.number)


def log_start(store: DocumentStore) -> ChainHead | None:
    """The last line that was cut off; :data:`NO_LINES` when none was, None when this store did not sign the note."""
    kept = store.notes.read(LOG_START)
    if kept is None:
        return NO_LINES
    try:
        signed: dict[str, Any] = json.loads(kept)
        stated = signed["stated"]
        if stated["installation"] != store.identity() or not is_signed(stated, signed["signature"], public_key(store)):
            return None
        return ChainHead.of(stated["access_log_start"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
