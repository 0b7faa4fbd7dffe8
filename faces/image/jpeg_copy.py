"""A photo as a JPEG, for those who cannot show its own format."""

from __future__ import annotations

import io

from PIL import Image

from faces.image.decode import RGB
from presente.errors import PhotoRefused

_QUALITY = 92
_LONGEST_SIDE = 65_500
"""Of what libjpeg writes (``JPEG_MAX_DIMENSION``)."""


def jpeg_copy(pixels: RGB) -> bytes:
    """An upright photo as a JPEG file without metadata; meanwhile it takes four bytes per pixel.

    Raises:
        PhotoRefused: ``too_many_pixels``: a side is longer than that of any JPEG.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > _LONGEST_SIDE:
        raise PhotoRefused(
            "too_many_pixels",
            f"A JPEG has at most {_LONGEST_SIDE:,} pixels per side, the photo has {width:,} x {height:,}.",
            "Use the photo as it is.",
        )
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
