"""The stored photos of one student: what is known of each, and each as a picture that every browser shows."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from faces.guidance import PhotoAdvice, advise
from faces.image.jpeg_copy import jpeg_copy
from gallery.documents.values import DescribedPhoto
from presente.stages import stage
from server.requests.student_photos import PhotoCheckParameters, PictureSize
from server.service import Service

THUMBNAIL_SIDE = 320
"""Pixels of a thumbnail's longer side at most."""
_THUMBNAIL_QUALITY = 85


def described_photos(service: Service, matricula: str) -> Sequence[DescribedPhoto]:
    """What is known of each photo of a student, in the order in which they were stored.

    Raises:
        NotFound: ``student_not_found``.
    """
    student = service.gallery.student(matricula).student
    return service.gallery.store.student_photos.described(student.matricula, service.gallery.pack)


def picture(service: Service, matricula: str, sha256: str, size: PictureSize) -> bytes:
    """A stored photo as a JPEG: the stored bytes where they are one, else a copy without metadata; or a small copy.

    Raises:
        NotFound: ``student_not_found``, ``photo_not_found``.
        PhotoRefused: the photo, which is stored in another format or is to be small, cannot be decoded any more.
        Busy: ``busy``.
    """
    stored = service.photo(matricula, sha256)
    if size == "full" and stored.media_type == "image/jpeg":
        return stored.content
    with service.embedder.opened(stored.content, None if size == "full" else THUMBNAIL_SIDE) as photo:
        if size == "full":
            return jpeg_copy(photo.pixels)
        small = Image.fromarray(photo.pixels)
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=_THUMBNAIL_QUALITY)
        return out.getvalue()


def checked_photo(service: Service, content: bytes, parameters: PhotoCheckParameters) -> PhotoAdvice:
    """What to tell about a photo before it is enrolled. It is not embedded, and compared with no one."""
    settings = service.embedder.settings
    read = service.embedder.read_faces(content, stage, parameters.detail, "most prominent")
    return advise(read, settings.rules, settings.strict)
