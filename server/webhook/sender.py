"""Sends what is recorded to the address of ``PRESENTE_WEBHOOK``.

The store is the queue: entries are only ever added, and a note on disk says up to which one all is sent. So nothing is
lost when the receiver or this server is away, whoever recorded it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from gallery.documents.attendance import EntryFilter, StoredAttendance, StoredParticipation
from gallery.documents.protocol import DocumentStore
from presente.errors import ConfigError, PresenteError
from server.webhook.attempt import NotTaken, post
from server.webhook.message import message_of, signed

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_AT_ONCE = 100
"""Entries of one request."""
MOST_BEHIND = 10_000
"""Entries that wait for a receiver that is away; older ones are not sent."""
_SETTLED = timedelta(seconds=3)
"""Entries are sent when they are so old: one with a smaller id may still be being written by another server."""
_TIMEOUT_S = 5.0
_LONGEST_WAIT_S = 300.0


_Stored = TypeVar("_Stored", StoredAttendance, StoredParticipation)


@dataclass(frozen=True, slots=True)
class _Sent:
    """Up to which entry and which participation all is sent."""

    entry: int
    participation: int


class WebhookSender:
    """A thread that sends. Two servers with the same address would send everything twice."""

    def __init__(self, store: DocumentStore, address: str, secret: str, note: Path) -> None:
        """Begin.

        Args:
            store: of the whole school.
            address: where to.
            secret: what it is signed with.
            note: the file that says how far it is. Without one, what was recorded before is not sent.
        """
        self._store, self._address, self._secret, self._note = store, address, secret, note
        self._host = urlsplit(address).hostname or ""
        self._stop = threading.Event()
        self._wait = 0.0
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, within the time of one attempt; what was not sent is sent after the next start."""
        self._stop.set()
        self._thread.join(_TIMEOUT_S + _LOOK_S)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while not self._stop.wait(self._wait or _LOOK_S):
                try:
                    while self._send_some(runner) and not self._stop.is_set():
                        self._wait = 0.0
                except NotTaken as error:
                    self._put_off(str(error))
                except PresenteError as error:
                    self._put_off(str(error))
                except OSError as error:
                    self._put_off(f"{self._note} cannot be changed ({error.strerror})")
                except Exception:
                    log.exception("the webhook")
                    self._wait = _LONGEST_WAIT_S

    def _put_off(self, why: str) -> None:
        self._wait = min(_LONGEST_WAIT_S, 2 * self._wait or _LOOK_S)
        log.warning("The webhook at %s: %s. It is tried again in %.0f s.", self._host, why, self._wait)

    def _send_some(self, runner: asyncio.Runner) -> bool:
        """Send what is next; whether there may be more. Raises NotTaken, StoreError."""
        sent = self._sent()
        entries = _settled(self._store.attendance.entries_since(sent.entry, _AT_ONCE))
        participations = _settled(
            self._store.attendance.participations_after(EntryFilter(), sent.participation, _AT_ONCE, history=True)
        )
        if not entries and not participations:
            return False
        about = {*(each.entry.subject for each in entries), *(each.entry.subject for each in participations)}
        students = self._store.subjects(sorted(subject for subject in about if subject is not None))
        message = message_of(entries, participations, students)
        now = _Sent(
            entries[-1].id if entries else sent.entry,
            participations[-1].id if participations else sent.participation,
        )
        if message.events:
            number = f"msg_{self._store.identity()[:8]}_{now.entry}_{now.participation}"
            body, headers = signed(message, self._secret, number, int(time.time()))
            runner.run(post(self._address, body, headers, _TIMEOUT_S))
        self._keep(now)
        return True

    def _sent(self) -> _Sent:
        """How far it is: as noted, and not further behind than is kept."""
        entry, participation = self._store.attendance.last_numbers()
        try:
            noted = json.loads(self._note.read_text())
            if noted["store"] != self._store.identity():
                raise ValueError
            kept = _Sent(int(noted["entry"]), int(noted["participation"]))
        except (OSError, ValueError, KeyError, TypeError):
            kept = _Sent(entry, participation)
            self._keep(kept)
            return kept
        if entry - kept.entry > MOST_BEHIND or participation - kept.participation > MOST_BEHIND:
            log.error("The webhook at %s is too far behind: the oldest entries are not sent.", self._host)
        return _Sent(max(kept.entry, entry - MOST_BEHIND), max(kept.participation, participation - MOST_BEHIND))

    def _keep(self, sent: _Sent) -> None:
        said = {"store": self._store.identity(), "entry": sent.entry, "participation": sent.participation}
        self._note.parent.mkdir(parents=True, exist_ok=True)
        staged = self._note.with_suffix(".part")
        staged.write_text(json.dumps(said))
        staged.replace(self._note)


def _settled(found: Sequence[_Stored]) -> list[_Stored]:
    """Those before the first that is too new."""
    newest = (datetime.now(UTC) - _SETTLED).isoformat(timespec="seconds")
    kept: list[_Stored] = []
    for each in found:
        if each.entry.at > newest:
            break
        kept.append(each)
    return kept


def open_webhook(store: DocumentStore, address: str, secret: str, note: Path) -> WebhookSender | None:
    """What sends, where an address is set.

    Raises:
        ConfigError: ``webhook_unsigned``.
    """
    if not address:
        return None
    if not secret:
        raise ConfigError(
            "webhook_unsigned",
            "PRESENTE_WEBHOOK has an address, and there is no secret.",
            "Set PRESENTE_WEBHOOK_SECRET.",
        )
    return WebhookSender(store, address, secret, note)
