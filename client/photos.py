"""Photos as callers have them, to bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

PhotoSource: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
"""The bytes of a photo, or the path of its file."""


def photo_bytes(photo: PhotoSource) -> bytes:
    """The bytes of a photo.

    Raises:
        OSError: its file cannot be read.
        TypeError: it is neither bytes nor a path.
    """
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return bytes(photo)
    if isinstance(photo, (str, os.PathLike)):
        return Path(photo).read_bytes()
    raise TypeError(f"a photo is bytes or a path, not {type(photo).__name__}")


def photos_given(photos: Iterable[PhotoSource]) -> list[PhotoSource]:
    """Photos in a list.

    Raises:
        TypeError: they are one photo, or none that can be iterated over.
    """
    refuse_one_photo(photos)
    return list(photos)


def refuse_one_photo(photos: object) -> None:
    """Refuse one photo where several are meant: the letters of a path would each be taken for one.

    Raises:
        TypeError: it is one, or nothing that has photos.
    """
    if isinstance(photos, (bytes, bytearray, memoryview, str, os.PathLike)):
        raise TypeError(f"photos is a list of photos, not one {type(photos).__name__}: give [photo]")
    if not hasattr(photos, "__iter__") and not hasattr(photos, "__aiter__"):
        raise TypeError(f"photos is a list of photos, not {type(photos).__name__}")
