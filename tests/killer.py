"""``python -m tests.killer MODULE URL FOLDER ACTION DEADLY``: dies before its DEADLY-th write to a store, of either kind.

Otherwise it prints "acknowledged". ``MODULE.DELTAS[ACTION]`` is called with ``MODULE.open_gallery(URL, FOLDER)``.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

from pymongo import monitoring

from gallery.documents.sqlite import SqliteStore
from tests.conftest import ROOT


class Killer(monitoring.CommandListener):
    """Counts writes, and ends the process before one of them."""

    def __init__(self, deadly: int) -> None:
        self.deadly = deadly
        self.writes = 0

    def count(self) -> None:
        self.writes += 1
        if self.writes == self.deadly:
            os._exit(9)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("insert", "update", "delete", "findAndModify"):
            self.count()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def traced(self, statement: str) -> None:
        """A statement of SQLite, those of triggers included (as comments), and the folding of its log."""
        if statement.lstrip("- ").split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE", "COMMIT", "TRIGGER"):
            self.count()
        elif "wal_checkpoint" in statement:
            self.count()


def die_before(deadly: int, url: str, folder: Path, module: str, action: str) -> bool:
    """Run an action in a process that dies before one of its writes; whether it was done before it came to that."""
    words = [sys.executable, "-m", "tests.killer", module, url, str(folder), action, str(deadly)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    acknowledged = "acknowledged" in done.stdout
    assert acknowledged or done.returncode == 9, done.stderr
    return acknowledged


def main(module: str, url: str, folder: str, action: str, deadly: str) -> None:
    killer = Killer(int(deadly))
    monitoring.register(killer)
    connect = SqliteStore._connect

    def traced(store: SqliteStore):  # type: ignore[no-untyped-def]
        db = connect(store)
        db.set_trace_callback(killer.traced)
        return db

    SqliteStore._connect = traced  # type: ignore[method-assign]
    tests = importlib.import_module(module)
    gallery = tests.open_gallery(url, Path(folder))
    killer.writes = 0
    tests.DELTAS[action](gallery)
    sys.stdout.write("acknowledged")


if __name__ == "__main__":
    main(*sys.argv[1:])
