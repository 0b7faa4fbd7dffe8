"""Where photos come from. :func:`read_source` recognises what a path is."""

from __future__ import annotations

from pathlib import Path

from indexer.sources.folder import read_folder
from indexer.sources.model import Source
from indexer.sources.sheet import read_sheet
from presente.errors import InvalidInput


def read_source(name: str | Path) -> Source:
    """List the photos of a folder, a sheet or a database; no photo is opened yet.

    Raises:
        InvalidInput: ``source_not_found``, ``unknown_source``, or what the kind of source raises.
    """
    if str(name).startswith(("mongodb://", "mongodb+srv://")):
        from indexer.sources.first_system import read_first_system  # pymongo is imported only where it is used

        return read_first_system(str(name))
    path = Path(name)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder", f"{path} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc
    if is_folder:
        return read_folder(path)
    if not exists:
        raise InvalidInput("source_not_found", f"There is no {path}.", "Name a folder or a .csv sheet.")
    if path.suffix.lower() == ".csv":
        return read_sheet(path)
    raise InvalidInput(
        "unknown_source",
        f"{path} is neither a folder nor a .csv sheet.",
        "Name a folder with one folder a person, or a .csv with the student fields.",
    )
