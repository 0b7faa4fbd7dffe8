"""Whether queries would be answered now: found out by one query. And how far the index is behind the documents."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from gallery.gallery import Gallery
from gallery.index.index_state import Lag
from presente.errors import PresenteError, StoreError
from presente.installation import command_line
from presente.stages import unheard

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""How long an answer is reused, so that frequent checks do not load the server."""
MOST_BEHIND_S = 10.0
"""What the settings say where nothing is set."""
_STUCK_S = 10.0
"""Seconds after which a query without an answer counts as a failure."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """``loading`` before there is a gallery; ``unavailable`` with the code of the error that queries meet.

    ``lag`` is how far the index is behind the documents; None when that is not known. ``missing_shards`` are the
    numbers of the shards of the index that are not there.
    """

    status: Literal["ready", "loading", "unavailable"]
    code: str = ""
    lag: Lag | None = field(default=None, compare=False)
    missing_shards: tuple[int, ...] = field(default=(), compare=False)


READY, LOADING = Readiness("ready"), Readiness("loading")


class ReadinessCheck:
    """Runs the query of an identification, at most once per :data:`EVERY_S`. Safe to use from several threads: one runs
    it, the others get the last result."""

    def __init__(self, gallery: Gallery, most_behind_s: float = MOST_BEHIND_S) -> None:
        """Check a gallery; not ready when its index is behind the documents for more than so many seconds."""
        self._gallery = gallery
        self._most_behind_s = most_behind_s
        self._asking = threading.Lock()
        self._last = LOADING
        self._asked_at = -np.inf
        self._lag: Lag | None = None
        self._logged_code = ""

    def now(self) -> Readiness:
        """The answer, not older than a second, unless another thread is waiting for a newer one."""
        if not self._asking.acquire(blocking=False):
            return self._while_asking()
        try:
            if time.monotonic() - self._asked_at >= EVERY_S:
                self._asked_at = time.monotonic()
                self._last = self._ask()
                self._asked_at = time.monotonic()
            return self._last
        finally:
            self._asking.release()

    def _while_asking(self) -> Readiness:
        """The last answer, unless the query that is under way takes too long."""
        waited, lag = time.monotonic() - self._asked_at, self._lag
        if lag is not None and lag.changes:
            lag = replace(lag, seconds=lag.seconds + waited)
            if lag.seconds > self._most_behind_s:
                return Readiness("unavailable", "index_behind", lag)
        return Readiness("unavailable", "no_answer", lag) if waited > _STUCK_S else replace(self._last, lag=lag)

    def _ask(self) -> Readiness:
        try:
            with unheard():
                self._lag = self._gallery.index.lag()  # if the query has to wait for the index, this is known
                probe(self._gallery)
                self._lag = lag = self._gallery.index.lag()
            if lag.seconds > self._most_behind_s:
                raise StoreError("index_behind", f"The index is {lag.changes} changes behind for {lag.seconds:.0f} s.")
        except Exception as error:  # any error that a query would meet
            code = error.code if isinstance(error, PresenteError) else "internal_error"
            if code != self._logged_code:  # once, not at every check
                expected = isinstance(error, PresenteError)
                log.error("not ready: %s", error, exc_info=None if expected else error)
            self._logged_code = code
            known = self._lag if code == "index_behind" else None
            return Readiness("unavailable", code, known, self._gallery.index.missing_shards())
        if self._logged_code:
            log.warning("ready again")
        self._logged_code = ""
        return replace(READY, lag=lag)


def probe(gallery: Gallery) -> None:
    """Search for one vector as an identification does, documents and threshold included.

    Raises:
        StoreError: ``documents_missing`` when the index finds people and the documents know none of them; or whatever
            an identification raises.
    """
    vector = np.zeros((1, gallery.dim), dtype=np.float32)
    vector[0, 0] = 1.0
    gallery.operating_point()  # reads the rosters, which a search of all people does not
    operating_point, decisions = gallery.identify(vector, 1, cohort=True)
    nearest = [candidate.subject for candidate in decisions[0].candidates]
    # The search may have the name from before: the documents are asked for it anew.
    if operating_point.people and not (nearest and gallery.store.subjects(nearest)):
        raise StoreError(
            "documents_missing",
            f"The index knows {operating_point.people} people, and the documents none of those it found.",
            f"Run `{command_line('indexer verify --deep')}`.",
        )
