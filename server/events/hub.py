"""Looks at the sessions that someone follows, once per second each, and tells the listeners what is new.

The store is looked at, and not what this server does: another server, a program and a camera record, too.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from presente.errors import Busy, PresenteError
from server.events.watch import Watch, state_of
from server.service import Service

log = logging.getLogger(__name__)

MOST_LISTENERS = 200
MOST_OF_ONE = 20
_EVERY_S = 1.0

Tell = Callable[[bytes | None], None]
"""Is given a piece of the stream; None for its end. It is called by the hub's thread, and does not wait."""


class Listener:
    """Someone who follows a session. :meth:`start` and :meth:`close` may be called by any thread."""

    def __init__(self, hub: EventHub, watch: Watch, service: Service, caller: str) -> None:
        self.watch, self.service, self.caller = watch, service, caller
        self.tell: Tell = lambda _: None
        self._hub = hub

    def start(self, tell: Tell) -> None:
        """Begin to be told.

        Raises:
            Busy: ``busy``: too many listen.
        """
        self.tell = tell
        self._hub.add(self)

    def close(self) -> None:
        """Be told no more."""
        self._hub.remove(self)


class EventHub:
    """The listeners of one server. Safe to use from several threads. A thread looks while anyone listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._thread: threading.Thread | None = None
        self._changed = threading.Event()
        self._closed = False

    def listener(self, service: Service, number: int, caller: str, records: bool, names_callers: bool) -> Listener:
        """Someone who is to follow a session, from what is so now.

        Args:
            service: for the part of the school that the caller may see.
            number: id of the session.
            caller: who listens.
            records, names_callers: see :class:`Watch`.

        Raises:
            NotFound: ``session_not_found``.
            Busy: ``busy``: too many listen.
        """
        service.session_log.session(number)
        self._check_room(caller)
        state = state_of(service, number, ())
        if state is None:  # it was there a moment ago
            service.session_log.session(number)
            raise AssertionError
        return Listener(self, Watch(service, state, records, names_callers), service, caller)

    def _check_room(self, caller: str) -> None:
        of_each = Counter(each.caller for each in self._listeners)
        if len(self._listeners) >= MOST_LISTENERS or of_each[caller] >= MOST_OF_ONE or self._closed:
            raise Busy("busy", "Too many follow sessions already.", "Ask for the session now and then instead.")

    def add(self, listener: Listener) -> None:
        """Tell a listener from now on. Raises Busy (``busy``)."""
        with self._lock:
            self._check_room(listener.caller)
            self._listeners.append(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()

    def remove(self, listener: Listener) -> None:
        """Tell a listener no more."""
        with self._lock, suppress(ValueError):
            self._listeners.remove(listener)

    def close(self) -> None:
        """End all streams; no other one begins."""
        with self._lock:
            self._closed = True
            listeners, thread = list(self._listeners), self._thread
        self._changed.set()
        for each in listeners:
            each.tell(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._changed.wait(_EVERY_S):
            with self._lock:
                listeners = list(self._listeners)
                if not listeners:  # the next one starts another thread
                    self._thread = None
                    return
            by_session: dict[int, list[Listener]] = {}
            for each in listeners:
                by_session.setdefault(each.watch.session, []).append(each)
            for number, following in by_session.items():
                try:
                    self._look(number, following)
                except PresenteError as error:  # the store may come back
                    log.warning("session %d cannot be followed: %s", number, error)
                except Exception:
                    log.exception("session %d cannot be followed", number)
                    for each in following:
                        each.tell(None)

    @staticmethod
    def _look(number: int, listeners: list[Listener]) -> None:
        working = {number for each in listeners for number in each.watch.working}
        state = state_of(listeners[0].service, number, working)
        if state is None:
            for each in listeners:
                each.tell(None)
            return
        for each in listeners:
            for piece in each.watch.news(state):
                each.tell(piece)
