"""Reads a photo of a source and finds its face; uses the source's second copy where the first is damaged."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from faces.embedder import AlignedFace, FaceEmbedder
from faces.image.copies import fault_beside
from faces.image.jpeg_damage import scan_damage
from indexer.sources.values import Fallback, SourcePhoto
from presente.errors import PhotoRefused
from presente.recognition import digest_of

FALLBACK_USED = "image_fallback"
"""A student's ``aviso`` when the second copy of a photo was enrolled, because the first was damaged."""

DAMAGED_USED = "image_damaged"
"""A student's ``aviso`` when a photo was enrolled that is damaged in part, because there is no better copy."""

_FACE_REFUSALS = frozenset({"no_face", "multiple_faces", "low_quality"})
"""Refusals of photos that were read. Another copy of the photo does not help, unless this one is damaged."""

_AMBIGUOUS_COPY = "ambiguous_copy"


@dataclass(frozen=True, slots=True)
class ReadSourcePhoto:
    """The bytes that are enrolled and the face in them.

    ``warning`` is for the report and ``aviso`` for the student; both are empty when all is well.
    """

    content: bytes
    media_type: str
    face: AlignedFace
    warning: str = ""
    aviso: str = ""


def read_photo(source: SourcePhoto, embedder: FaceEmbedder, stored: Container[str]) -> ReadSourcePhoto | None:
    """Read a photo and find its face; None when ``stored`` holds the SHA-256 of its bytes.

    Raises:
        PhotoRefused: neither the photo nor its second copy can be used.
    """
    fallback = source.fallback
    try:
        content = source.read()
        if digest_of(content) in stored:
            return None
        warning, aviso = _compare_copies(content, fallback) if fallback else ("", "")
        media_type, face = embedder.read_portrait(content, source.landmarks)
        return ReadSourcePhoto(content, media_type, face, warning, aviso)
    except PhotoRefused as error:
        if fallback is None or (error.code in _FACE_REFUSALS and not fallback.differs):
            raise
        return _read_fallback(error, fallback, embedder)


def _read_fallback(error: PhotoRefused, fallback: Fallback, embedder: FaceEmbedder) -> ReadSourcePhoto:
    """Read the second copy; ``error`` is why the first cannot be used."""
    try:
        content = fallback.read()
        media_type, face = embedder.read_portrait(content)
    except PhotoRefused as second:
        code = second.code if second.code == _AMBIGUOUS_COPY else error.code
        raise PhotoRefused(code, error.what, f"{error.fix} Nor can the copy be used: {second}") from second
    found = f" ({fallback.found})" if fallback.found else ""
    damage = scan_damage(content)
    also_damaged = f" The copy is damaged, too: {damage}." if damage else ""
    warning = f"the fallback copy was used{found}. {error}{also_damaged}"
    return ReadSourcePhoto(content, media_type, face, warning, FALLBACK_USED)


def _compare_copies(content: bytes, fallback: Fallback) -> tuple[str, str]:
    """(warning, aviso) of a photo that is used although its second copy differs or is missing.

    Raises:
        PhotoRefused: ``damaged_image`` when the second copy is the better one.
    """
    copy = _bytes_or_none(fallback.read) if fallback.differs else None
    if copy is not None and copy != content:
        fault = fault_beside(content, copy)
        if fault:
            raise PhotoRefused("damaged_image", f"It differs from its copy, and {fault}.", "It was damaged.")
        warning = f"the two copies differ ({fallback.found}); the student's own image is used"
    else:
        warning = ""
    damage = scan_damage(content) if fallback.suspect else None
    if damage:
        why = "the copy is no better" if copy is not None else "there is no copy of it"
        return f"{warning or 'the image is used'} although it is damaged ({damage}): {why}; look at it", DAMAGED_USED
    return warning, ""


def _bytes_or_none(read: Callable[[], bytes]) -> bytes | None:
    try:
        return read()
    except PhotoRefused:
        return None
