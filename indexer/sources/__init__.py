"""Where photos come from. :func:`read_source` recognises what a path is."""

from __future__ import annotations

from pathlib import Path

from indexer.sources.folder import read_folder
from indexer.sources.model import Source
from indexer.sources.sheet import read_sheet
from presente.errors import InvalidInput


def read_source(path: Path) -> Source:
    """List the photos of a folder or a sheet; no photo is opened yet.

    Raises:
        InvalidInput: ``source_not_found``, ``unknown_source``, or what the kind of source raises.
    """
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise InvalidInput("source_not_found", f"There is no {path}.", "Name a folder or a .csv sheet.")
    if path.suffix.lower() == ".csv":
        return read_sheet(path)
    raise InvalidInput(
        "unknown_source",
        f"{path} is neither a folder nor a .csv sheet.",
        "Name a folder with one folder a person, or a .csv with the student fields.",
    )
