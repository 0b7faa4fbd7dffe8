"""Photos as callers have them, to bytes."""

from __future__ import annotations

import os
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
