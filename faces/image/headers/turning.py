"""HEIF's turns and mirror images (``irot``, ``imir``) as EXIF's orientation."""

from __future__ import annotations

_CORNERS = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (2, 3, 0, 1),
    4: (3, 2, 1, 0),
    5: (0, 3, 2, 1),
    6: (3, 0, 1, 2),
    7: (2, 1, 0, 3),
    8: (1, 2, 3, 0),
}
"""Which corner of the stored picture is shown at the top left, top right, bottom right and bottom left."""

_NUMBERS = {corners: number for number, corners in _CORNERS.items()}


def orientation_after(orientation: int, name: bytes, value: int) -> int:
    """EXIF's number for a picture that is shown so, and then turned (``irot``) or mirrored (``imir``).

    Args:
        orientation: EXIF's number so far, 1 to 8.
        name: ``irot``: by quarters against the clock. ``imir``: 0 exchanges top and bottom, 1 left and right.
        value: the property's byte.
    """
    a, b, c, d = _CORNERS[orientation]
    if name == b"imir":
        return _NUMBERS[(b, a, d, c) if value & 1 else (d, c, b, a)]
    for _ in range(value & 3):
        a, b, c, d = b, c, d, a
    return _NUMBERS[a, b, c, d]
