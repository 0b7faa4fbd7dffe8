"""A photo as a JPEG, for those who cannot show its own format."""

from __future__ import annotations

import io

from PIL import Image

from faces.image.decode import RGB

_QUALITY = 92


def jpeg_copy(pixels: RGB) -> bytes:
    """An upright photo as a JPEG file without metadata; meanwhile it takes four bytes per pixel."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
