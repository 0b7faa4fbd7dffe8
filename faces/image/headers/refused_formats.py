"""Names of well-known formats that are not accepted."""

from __future__ import annotations

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"P1", "Plain-text PNM"),
    (0, b"P2", "Plain-text PNM"),
    (0, b"P3", "Plain-text PNM"),
    (0, b"P7", "PAM"),
    (0, b"Pf", "PFM"),
    (0, b"PF", "PFM"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
    (0, b"%PDF", "PDF"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (4, b"ftyp", "Video"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
)


def refused_format(data: bytes) -> str | None:
    """The name of a well-known format that is not accepted, known by its first bytes; None for all other bytes."""
    for offset, magic, name in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return name
    return None
