"""Reading the access log: a page, or all lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gallery.documents.access_log import AccessFilter, AccessLine, ChainHead
from server.service import Service

_LINES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class AccessLogPage:
    """Lines, the log's head, and the number after which the next page begins; None after the last."""

    lines: tuple[AccessLine, ...]
    head: ChainHead
    next: int | None


def access_log_page(service: Service, which: AccessFilter, after: int, limit: int) -> AccessLogPage:
    """A page of the lines, oldest first."""
    store = service.gallery.store.access_log
    found = store.lines(which, after, limit + 1)
    kept = tuple(found[:limit])
    return AccessLogPage(kept, store.head(), kept[-1].number if len(found) > limit else None)


def all_lines(service: Service, which: AccessFilter) -> Iterator[AccessLine]:
    """All lines up to now, oldest first, some at a time."""
    store = service.gallery.store.access_log
    after, end = 0, store.head().number
    while page := store.lines(which, after, _LINES_AT_ONCE):
        yield from (line for line in page if line.number <= end)
        after = page[-1].number
        if after >= end:
            return
