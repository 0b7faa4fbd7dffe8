"""A process that dies before any one of its writes to a store, of either kind.

``PRESENTE_TEST_DEATHS=1`` lets it die before each of them.
"""

import importlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from pymongo import monitoring

from gallery.documents.sqlite.connections import SqliteConnections
from tests import programs

DEATH = 9
EVERY = int(os.environ.get("PRESENTE_TEST_DEATHS", "4"))


class Killer(monitoring.CommandListener):
    """Counts writes, and ends the process before one of them, once it is armed."""

    def __init__(self) -> None:
        self.deadly = 0
        self.writes = 0

    def arm(self, deadly: int) -> None:
        """Count from here."""
        self.deadly, self.writes = deadly, 0

    def count(self) -> None:
        self.writes += 1
        if self.writes == self.deadly:
            os._exit(DEATH)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("insert", "update", "delete", "findAndModify"):
            self.count()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def traced(self, statement: str) -> None:
        """A statement of SQLite, those of triggers included (as comments), and the folding of its log."""
        first = statement.lstrip("- ").split(maxsplit=1)[0]
        if first in ("INSERT", "UPDATE", "DELETE", "COMMIT", "TRIGGER") or "wal_checkpoint" in statement:
            self.count()


def die_before(deadly: int, url: str, folder: Path, module: str, action: str) -> bool:
    """Call ``DELTAS[action]`` of a module with its ``open_gallery(url, folder)``, in a process that dies before its
    deadly-th write; whether it was done before it came to that."""
    code = f"from tests.killer import act\nact{(deadly, url, str(folder), module, action)}"
    done = programs.run(["-c", code], programs.ROOT, os.environ)
    assert done.returncode in (0, DEATH), done.stderr
    return done.returncode == 0


def next_death(deadly: int) -> int:
    """Before which write the next process dies; ``deadly``: before which the last one did, 0 for none."""
    return deadly + EVERY if deadly else 1


def decided_once(happened: Sequence[bool]) -> bool:
    """Whether it had not happened for a process that died first, had for one that did not, and one write decides:
    ``happened`` says of each death, earliest first, whether the action was found done afterwards."""
    return not happened[0] and happened[-1] and sorted(happened) == list(happened)


def act(deadly: int, url: str, folder: str, module: str, action: str) -> None:
    killer = Killer()
    monitoring.register(killer)
    connect = SqliteConnections.connect

    def traced(connections: SqliteConnections) -> sqlite3.Connection:
        db = connect(connections)
        db.set_trace_callback(killer.traced)
        return db

    SqliteConnections.connect = traced  # type: ignore[assignment, method-assign]
    tests = importlib.import_module(module)
    gallery = tests.open_gallery(url, Path(folder))
    killer.arm(deadly)
    tests.DELTAS[action](gallery)
    os._exit(0)
