"""A photo of a source, or its second copy where the first is damaged: which of the two is used, and why."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from faces.embedder import AlignedFace, FaceEmbedder
from faces.image.copies import fault_beside
from faces.image.jpeg_damage import scan_damage
from indexer.sources.protocol import Fallback, SourcePhoto
from presente.errors import PhotoRefused
from presente.recognition import digest_of

FALLBACK_USED = "image_fallback"
"""What a student's ``aviso`` says when the photo is the second copy, because the first was damaged."""

DAMAGED_USED = "image_damaged"
"""Likewise, when the photo is damaged in part, and there is no better copy."""

_ABOUT_THE_FACE = frozenset({"no_face", "multiple_faces", "low_quality"})
"""Refusals of photos that could be read: another copy of the same photo would not help, unless this one is damaged."""

_NO_COPY_CHOSEN = "ambiguous_copy"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The bytes that are used and their face; ``remark`` is for the report, ``aviso`` for the student."""

    content: bytes
    media_type: str
    face: AlignedFace
    remark: str = ""
    aviso: str = ""


def choose(source: SourcePhoto, embedder: FaceEmbedder, known: Container[str]) -> Chosen | None:
    """Read a photo and find its face; None when it is known already, by the SHA-256 of its bytes.

    Raises:
        PhotoRefused: neither the photo nor its copy can be used.
    """
    fallback = source.fallback
    try:
        content = source.read()
        if digest_of(content) in known:
            return None
        remark, aviso = _compared(content, fallback) if fallback else ("", "")
        media_type, face = embedder.read_portrait(content, source.landmarks)
        return Chosen(content, media_type, face, remark, aviso)
    except PhotoRefused as error:
        if fallback is None or (error.code in _ABOUT_THE_FACE and not fallback.differs):
            raise
        return _instead(error, fallback, embedder)


def _instead(error: PhotoRefused, fallback: Fallback, embedder: FaceEmbedder) -> Chosen:
    try:
        content = fallback.read()
        media_type, face = embedder.read_portrait(content)
    except PhotoRefused as other:
        code = other.code if other.code == _NO_COPY_CHOSEN else error.code
        raise PhotoRefused(code, error.what, f"{error.fix} Nor can the copy be used: {other}") from other
    found = f" ({fallback.found})" if fallback.found else ""
    broken = scan_damage(content)
    worse = f" The copy is damaged, too: {broken}." if broken else ""
    remark = f"the fallback copy was used{found}. {error}{worse}"
    return Chosen(content, media_type, face, remark, FALLBACK_USED)


def _compared(content: bytes, fallback: Fallback) -> tuple[str, str]:
    """What is to be said of a photo that is used although it and its copy differ, or it has none.

    Raises:
        PhotoRefused: ``damaged_image`` when the copy is the better one.
    """
    beside = _or_none(fallback.read) if fallback.differs else None
    if beside is not None and beside != content:
        fault = fault_beside(content, beside)
        if fault:
            raise PhotoRefused("damaged_image", f"It differs from its copy, and {fault}.", "It was damaged.")
        remark = f"the two copies differ ({fallback.found}); the student's own image is used"
    else:
        remark = ""
    broken = scan_damage(content) if fallback.suspect else None
    if broken:
        why = "the copy is no better" if beside is not None else "there is no copy of it"
        return f"{remark or 'the image is used'} although it is damaged ({broken}): {why}; look at it", DAMAGED_USED
    return remark, ""


def _or_none(read: Callable[[], bytes]) -> bytes | None:
    try:
        return read()
    except PhotoRefused:
        return None
