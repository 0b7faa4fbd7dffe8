"""Splits a cell of the column ``fotos`` into paths and links."""

from __future__ import annotations

import re
from pathlib import Path

from presente.local_files import has_photo_suffix

LINK = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DRIVE = re.compile(r"(drive|drive\.usercontent|docs)\.google\.com/", re.IGNORECASE)


def photo_places(cell: str) -> list[str]:
    """The paths and links in a cell.

    A link ends at a space or a comma. A path may hold both, unless each piece between commas is the name of a photo.
    """
    places: list[str] = []
    for piece in filter(None, (piece.strip() for piece in re.split(r"[;\n\r]", cell))):
        if LINK.match(piece) or _DRIVE.match(piece):
            links = (link.strip(",") for link in re.split(r"\s+|,(?=\s|https?://)", piece))
            places += [f"https://{link}" if _DRIVE.match(link) else link for link in links if link]
        else:
            names = [name for name in map(str.strip, piece.split(",")) if name]
            places += names if all(map(is_photo_name, names)) else [piece]
    return places


def is_photo_name(text: str) -> bool:
    """Whether a text ends as the names of photos do: ``a.jpg``."""
    return bool(Path(text).suffix) and has_photo_suffix(Path(text))
