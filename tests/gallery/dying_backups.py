"""A process that makes or restores a backup, and dies before any one of its writes, to the folder or to the store."""

import os
import sqlite3
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

from pymongo import monitoring

from gallery.backup.folder import BackupFolder
from gallery.backup.restoring import RestoreWishes, restore
from gallery.backup.writing import BackupWishes, make_backup
from gallery.documents.backup_protocol import Opening
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from gallery.documents.sqlite.connections import SqliteConnections
from presente import composition
from presente.sealing import MasterKey
from tests import programs
from tests.killer import DEATH, Killer

SEALING = Sealing(MasterKey(b"k" * 32))
_WRITES = ("put", "_replace", "drop_snapshot", "prune", "end_run")


def opened(url: str, opening: Opening = "use") -> DocumentStore:
    """A sealed store."""
    return composition.open_store(url, sealing=SEALING, opening=opening)


def backed_up(url: str, folder: Path) -> None:
    """Make a backup, and keep two snapshots."""
    store = opened(url)
    make_backup(store, BackupFolder(folder), SEALING.master, BackupWishes(keep=2))
    store.close()


def restored(url: str, folder: Path) -> None:
    """Restore the newest snapshot."""
    restore(BackupFolder(folder), SEALING.master, partial(opened, url), RestoreWishes())


def die_before(deadly: int, what: Callable[[str, Path], None], url: str, folder: Path) -> bool:
    """Do one of the above in a process that dies before its deadly-th write; whether it was done before that."""
    code = f"from tests.gallery.dying_backups import act\nact{(deadly, what.__name__, url, str(folder))}"
    done = programs.run(["-c", code], programs.ROOT, os.environ)
    assert done.returncode in (0, DEATH), done.stderr
    return done.returncode == 0


def act(deadly: int, what: str, url: str, folder: str) -> None:
    killer = Killer()
    monitoring.register(killer)
    connect = SqliteConnections.connect

    def traced(connections: SqliteConnections) -> sqlite3.Connection:
        db = connect(connections)
        db.set_trace_callback(killer.traced)
        return db

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counting(*given: Any) -> Any:
            killer.count()
            return call(*given)

        return counting

    SqliteConnections.connect = traced  # type: ignore[assignment, method-assign]
    for name in _WRITES:
        setattr(BackupFolder, name, counted(getattr(BackupFolder, name)))
    killer.arm(deadly)
    {"backed_up": backed_up, "restored": restored}[what](url, Path(folder))
    os._exit(0)
