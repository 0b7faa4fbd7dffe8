"""Asks once a day for the job that carries out what consents and periods say."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from datetime import UTC

from gallery.documents.jobs import JobRequest
from gallery.documents.student_lists import StudentFilter, StudentOrder
from gallery.gallery import Gallery
from presente.access_roles import AccessRole
from presente.clock import Clock
from presente.errors import PresenteError
from presente.settings.retention import Retention

log = logging.getLogger("presente.jobs")

_EVERY_S = 30.0
_LAST_DATE = "9999-12-31"


class DailyRetention:
    """A thread that adds the job when a date begins at the school, and at the start. Of several servers one adds it."""

    def __init__(self, gallery: Gallery, retention: Retention, clock: Clock, wake: Callable[[], None]) -> None:
        """Begin. ``wake`` lets the server look for jobs at once."""
        self._gallery = gallery
        self._retention = retention
        self._clock = clock
        self._wake = wake
        self._asked = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self.ask()
            except PresenteError as error:  # the store may come back
                log.warning("what consents and periods say cannot be carried out: %s", error)
            if self._stop.wait(_EVERY_S):
                return

    def ask(self) -> None:
        """Add today's job, unless it was added or there is nothing to do."""
        today = self._clock.today()
        if today == self._asked or not (self._retention.rules or self._any_consent_ends() or self._any_unknown()):
            return
        at = self._clock.now().astimezone(UTC).isoformat(timespec="seconds")
        request = hashlib.sha256(f"retention {today}".encode()).hexdigest()
        self._gallery.store.jobs.add(JobRequest("retention", {}, "server", str(AccessRole.ADMIN), at, request))
        self._asked = today
        self._wake()

    def _any_unknown(self) -> bool:
        return self._gallery.store.unknowns.counts()[2] > 0

    def _any_consent_ends(self) -> bool:
        some = StudentFilter(kind=None, consent_ended=True), StudentFilter(kind=None, consent_until=_LAST_DATE)
        return any(self._gallery.store.listed_students(which, StudentOrder(), None, 1) for which in some)
