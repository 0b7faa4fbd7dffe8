"""Writes the access log: lines that come together are one write.

A line about what only looks waits up to a second for others. A line about a change is written at once, with all lines
that wait, and :meth:`AccessLog.record` returns when it is on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from gallery.documents.access_log import DONE, AccessEvent, in_lines
from gallery.documents.access_log_store import AccessLogStore
from presente.errors import Busy, PresenteError, StoreError
from presente.settings.settings import AccessLogLevel

log = logging.getLogger("presente.access_log")

WAIT_S = 1.0
"""How long a line about what only looks may wait for others; also how long after a failure it is tried again."""
_AT_ONCE = 500
"""Lines of one write."""
_ROOM = 10_000
"""Lines that may wait while the store does not take any."""
_WAIT_FOR_ROOM_S = 5.0
_HEAD_EVERY_S = 60.0
"""Seconds between two notes of the head, while lines are added."""


class AccessLog:
    """The access log of one process. Safe to use from several threads.

    A thread writes; it is started with the first line. A line is lost only with the process, within :data:`WAIT_S`, and
    only one about what merely looks.
    """

    def __init__(self, store: AccessLogStore, level: AccessLogLevel) -> None:
        """``level``: which events are logged: none, changes, or all."""
        self._store = store
        self._level = level
        self._changed = threading.Condition()
        self._waiting: list[AccessEvent] = []
        self._urgent = False  # whether someone waits for a line that is waiting
        self._taken = self._written = 0  # lines that were ever taken in, and that were ever written
        self._failures = 0
        self._dropped = 0  # lines about refused requests that found no room since the last write
        self._failure: PresenteError | None = None
        self._stopping = self._ended = False
        self._thread: threading.Thread | None = None

    def wants(self, event: AccessEvent) -> bool:
        """Whether an event is logged at all."""
        return self._level == "all" or (self._level == "changes" and not event.action.only_looks)

    def record(self, events: Sequence[AccessEvent]) -> None:
        """Log events. When one of them is a change that was done, this returns when its line is on disk.

        Raises:
            StoreError: of the store, for a change; its line is still written once the store is back.
            StoreError: ``store_unavailable``: the log is closed.
            Busy: ``access_log_full``: the store has not taken lines for long; nothing was logged.
        """
        wanted = [line for event in events if self.wants(event) for line in in_lines(event)]
        if not wanted:
            return
        urgent = any(event.outcome == DONE and not event.action.only_looks for event in wanted)
        with self._changed:
            if self._stopping:  # a request that outlasts the server's last seconds
                raise StoreError("store_unavailable", "The access log is closed.", "Send it to a server that runs.")
            self._start()
            if len(self._waiting) >= _ROOM and not any(event.outcome == DONE for event in wanted):
                self._drop(len(wanted))  # what was refused waits for nothing: the event loop may answer it
                return
            if not self._changed.wait_for(lambda: len(self._waiting) < _ROOM, _WAIT_FOR_ROOM_S):
                raise Busy("access_log_full", "The access log's lines cannot be written.", "Look at the store.")
            self._waiting += wanted
            self._taken += len(wanted)
            own, failures = self._taken, self._failures
            self._urgent |= urgent
            if urgent or len(self._waiting) == len(wanted) or len(self._waiting) >= _AT_ONCE:
                self._changed.notify_all()
            if urgent:
                self._changed.wait_for(lambda: self._written >= own or self._failures > failures or self._ended)
                if self._written < own:
                    raise self._failure or StoreError(
                        "store_unavailable", "The access log was closed first.", "Look whether it was done."
                    )

    def _drop(self, count: int) -> None:
        if not self._dropped:
            log.error("the access log has no room: lines about refused requests are left out")
        self._dropped += count

    def close(self) -> None:
        """Write the lines that wait, note the head, and stop."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        noted_at, unnoted = -_HEAD_EVERY_S, False
        while True:
            events, stopping = self._take()
            if events and not self._write(events):
                if stopping:
                    break
                time.sleep(WAIT_S)
                continue
            unnoted |= bool(events)
            if unnoted and time.monotonic() - noted_at >= _HEAD_EVERY_S:
                self._note_head()
                noted_at, unnoted = time.monotonic(), False
            if stopping and not events:
                break
        if unnoted:
            self._note_head()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._waiting:
            log.error("%d lines of the access log are lost: %s", len(self._waiting), self._failure)

    def _take(self) -> tuple[list[AccessEvent], bool]:
        """The lines to write now, and whether to stop; no lines when it is time to note the head."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping, _HEAD_EVERY_S)
            if self._waiting:
                self._changed.wait_for(lambda: self._urgent or self._stopping or len(self._waiting) >= _AT_ONCE, WAIT_S)
            self._urgent = False
            return self._waiting[:_AT_ONCE], self._stopping

    def _write(self, events: Sequence[AccessEvent]) -> bool:
        """Write lines; whether that was possible. Lines that could not be written go on waiting."""
        try:
            self._store.append(events)
        except Exception as error:  # noqa: BLE001  # the thread must outlive whatever the store raises
            with self._changed:
                first = self._failure is None
                self._failure = error if isinstance(error, PresenteError) else _unwritable(error)
                self._failures += 1
                self._changed.notify_all()
            if first or not isinstance(error, PresenteError):
                log.error("the access log cannot be written: %s", error)
            return False
        with self._changed:
            del self._waiting[: len(events)]
            self._written += len(events)
            self._failure = None
            dropped, self._dropped = self._dropped, 0
            self._urgent |= len(self._waiting) >= _AT_ONCE
            self._changed.notify_all()
        if dropped:
            log.error("the access log is written again; %d lines about refused requests are missing", dropped)
        return True

    def _note_head(self) -> None:
        try:
            log.info("access log head %s", self._store.note_head())
        except PresenteError as error:
            log.warning("the head of the access log cannot be noted: %s", error)


def _unwritable(error: Exception) -> StoreError:
    return StoreError(
        "store_unavailable", f"The access log cannot be written ({type(error).__name__}).", "Look at the server's log."
    )
