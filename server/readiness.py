"""Whether queries would be answered now: found out by one query."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gallery.gallery import Gallery
from presente.errors import PresenteError, StoreError
from presente.installation import command_line
from presente.stages import unheard

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""How long an answer is reused, so that frequent checks do not load the server."""
_STUCK_S = 10.0
"""Seconds after which a query without an answer counts as a failure."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """``loading`` before there is a gallery; ``unavailable`` with the code of the error that queries meet."""

    status: Literal["ready", "loading", "unavailable"]
    code: str = ""


READY, LOADING = Readiness("ready"), Readiness("loading")


class ReadinessCheck:
    """Runs the query of an identification, at most once per :data:`EVERY_S`. Safe to use from several threads: one runs
    it, the others get the last result."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._asking = threading.Lock()
        self._last = LOADING
        self._asked_at = -np.inf
        self._logged_code = ""

    def now(self) -> Readiness:
        """The answer, not older than a second, unless another thread is waiting for a newer one."""
        if not self._asking.acquire(blocking=False):
            stuck = time.monotonic() - self._asked_at > _STUCK_S
            return Readiness("unavailable", "no_answer") if stuck else self._last
        try:
            if time.monotonic() - self._asked_at >= EVERY_S:
                self._asked_at = time.monotonic()
                self._last = self._ask()
                self._asked_at = time.monotonic()
            return self._last
        finally:
            self._asking.release()

    def _ask(self) -> Readiness:
        try:
            with unheard():
                probe(self._gallery)
        except Exception as error:  # any error that a query would meet
            code = error.code if isinstance(error, PresenteError) else "internal_error"
            if code != self._logged_code:  # once, not at every check
                expected = isinstance(error, PresenteError)
                log.error("not ready: %s", error, exc_info=None if expected else error)
            self._logged_code = code
            return Readiness("unavailable", code)
        if self._logged_code:
            log.warning("ready again")
        self._logged_code = ""
        return READY


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
