"""Splits a cell of the column ``fotos`` into paths and links."""

from __future__ import annotations

import re

LINK = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DRIVE = re.compile(r"(drive|drive\.usercontent|docs)\.google\.com/", re.IGNORECASE)


def photo_places(cell: str) -> list[str]:
    """The paths and links in a cell. A link ends at a space or a comma; a path may hold both."""
    places: list[str] = []
    for piece in filter(None, (piece.strip() for piece in re.split(r"[;\n\r]", cell))):
        if LINK.match(piece) or _DRIVE.match(piece):
            links = (link.strip(",") for link in re.split(r"\s+|,(?=\s|https?://)", piece))
            places += [f"https://{link}" if _DRIVE.match(link) else link for link in links if link]
        else:
            places.append(piece)
    return places
