"""What can be wrong with a backup folder."""

from __future__ import annotations

from pathlib import Path

from presente.errors import Busy, Conflict, InvalidInput, NotFound, StoreError

CLEAR_FLAG = "--in-the-clear"


def not_a_backup(path: Path, why: str) -> InvalidInput:
    """A folder that is something else."""
    return InvalidInput(
        "not_a_backup", f"{path} is no backup folder: {why}.", "Name the folder of a backup, or a new one."
    )


def too_new(path: Path, form: int, known: int) -> StoreError:
    """A folder that a later version wrote."""
    what = f"{path} has the form {form}, and this version knows {known}."
    return StoreError("backup_too_new", what, "Use the version of Presente that wrote it, or a newer one.")


def unwritable(path: Path, error: OSError) -> StoreError:
    """A folder that cannot be written: no space, no rights."""
    what = f"The backup {path} cannot be written ({error.strerror or error})."
    return StoreError(
        "backup_unwritable", what, "Make room or correct the rights; the snapshots that were there are whole."
    )


def damaged(where: str, what: str) -> StoreError:
    """A file that is not as it was written."""
    fix = "`verify-backup` says whom it concerns; take another copy of the backup, or another snapshot."
    return StoreError("backup_damaged", f"{where} of the backup: {what}", fix)


def backup_busy(path: Path) -> Busy:
    """Another run that writes to the folder."""
    return Busy("backup_busy", f"Another run writes to {path}.", "Wait until it has ended.")


def another_store(path: Path) -> Conflict:
    """A folder of another store."""
    return Conflict(
        "backup_of_another_store",
        f"{path} is a backup of another store, or of a copy of this one that has changed since.",
        "Name another folder.",
    )


def clear_backup() -> InvalidInput:
    """A store without a master key."""
    return InvalidInput(
        "backup_in_the_clear",
        "There is no master key: whoever has the backup could read it.",
        f"Set PRESENTE_MASTER_KEY, or say {CLEAR_FLAG}.",
    )


def other_kind_of_key(path: Path, is_sealed: bool) -> Conflict:
    """A folder whose first run had a master key, and now there is none; or the other way round."""
    was, now = ("sealed", "in the clear") if is_sealed else ("in the clear", "sealed")
    return Conflict("backup_key_changed", f"{path} is {was}, and the store is {now}.", "Name another folder.")


def no_snapshot(path: Path, asked: str) -> NotFound:
    """No snapshot, or none that is old enough."""
    what = f"{path} has no snapshot" + (f" of {asked} or earlier." if asked else ".")
    return NotFound("no_such_snapshot", what, "`verify-backup` lists the snapshots that there are.")
