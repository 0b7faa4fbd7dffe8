"""A photo as a JPEG, for those who cannot show its own format."""

from __future__ import annotations

import io

from PIL import Image

from faces.image.decode import RGB
from presente.errors import PhotoRefused

_QUALITY = 92
_LONGEST_SIDE = 65_500
"""Of what libjpeg writes (``JPEG_MAX_DIMENSION``)."""


def jpeg_copy(pixels: RGB, longest: int | None = None) -> bytes:
    """An upright photo as a JPEG file without metadata; meanwhile it takes four bytes per pixel.

    Args:
        pixels: the photo.
        longest: pixels of the longer side to which a larger photo is reduced; None: it stays as large as it is.

    Raises:
        PhotoRefused: ``too_many_pixels``: a side is longer than that of any JPEG.
    """
    height, width = pixels.shape[:2]
    if longest is not None and max(height, width) > longest:
        picture = Image.fromarray(pixels)
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        return _written(picture)
    if max(height, width) > _LONGEST_SIDE:
        raise PhotoRefused(
            "too_many_pixels",
            f"A JPEG has at most {_LONGEST_SIDE:,} pixels per side, the photo has {width:,} x {height:,}.",
            "Use the photo as it is.",
        )
    return _written(Image.fromarray(pixels))


def _written(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
