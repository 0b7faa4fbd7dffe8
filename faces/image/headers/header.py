"""The header that is read of every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from presente.errors import PhotoRefused

ImageFormat = Literal["JPEG", "PNG", "WEBP", "PPM", "HEIF", "AVIF", "TIFF"]
"""Pillow's name of the format; HEIF for pictures in HEVC, which pi-heif decodes."""


@dataclass(frozen=True, slots=True)
class Header:
    """The size of a picture, the cost of decoding its file, and the parts of the file that the decoder needs.

    Attributes:
        kind: the format.
        width: pixels of a row that are decoded, before the orientation is applied.
        height: rows.
        held: bytes that are held per pixel of the decoded picture, beside the result.
        decoding_bytes: bytes that are held in addition while the file is decoded, and are freed before the result is
            filled: a JPEG of several scans holds all its coefficients.
        pixel_ns: nanoseconds of CPU time per pixel of the file.
        byte_ns: nanoseconds per byte of the file.
        orientation: EXIF's, 1 to 8.
        shown: left, top, width and height of the part of the decoded pixels that is the picture; None: all of them.
        kept: the parts of the file, in order, that the decoder needs, and what is written between them.
    """

    kind: ImageFormat
    width: int
    height: int
    held: float
    pixel_ns: float
    byte_ns: float
    decoding_bytes: int = 0
    orientation: int = 1
    shown: tuple[int, int, int, int] | None = None
    kept: tuple[slice | bytes, ...] = (slice(None),)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the picture in the decoded pixels."""
        return self.shown or (0, 0, self.width, self.height)

    def essence(self, data: bytes) -> bytes:
        """The file without metadata and further pictures, which the pixels do not need."""
        if self.kept == (slice(None),):
            return data
        return b"".join(part if isinstance(part, bytes) else data[part] for part in self.kept)


def too_costly(what: str) -> PhotoRefused:
    """The refusal of a file whose decoding would cost too much for its picture; ``what``: the reason."""
    return PhotoRefused("too_costly", f"The photo would cost too much to decode: {what}.", "Save it as a plain JPEG.")


def unsupported(what: str) -> PhotoRefused:
    """The refusal of files of a kind that is not accepted; ``what``: their kind, in the plural."""
    return PhotoRefused("unsupported_format", f"{what} are not accepted.", "Convert the photo to JPEG.")
