"""What the first bytes of an upload say of it: photos and texts are refused before all of it has come. Pure."""

from __future__ import annotations

import codecs

from presente.errors import InvalidInput

HEAD_BYTES = 512
"""Bytes of the beginning that are looked at."""
_SHORTEST_TEXT = 32
"""Fewer bytes than these are not called a text: they may be anything."""
_PHOTOS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_STILL_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"heif", b"mif1", b"avif"})
"""Files of ISO 14496-12 that are one picture, by their major brand; sequences have others."""
_TEXT_FILM = b"YUV4MPEG2 "
_CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1b")


def check_first_bytes(head: bytes) -> None:
    """Refuse what is known to be no film. What is not known passes: whoever decodes it knows more.

    Args:
        head: the first :data:`HEAD_BYTES`, or all there are.

    Raises:
        InvalidInput: ``unsupported_media_type``.
    """
    if photo := _photo(head):
        raise InvalidInput(
            "unsupported_media_type",
            f"This is a photo ({photo}), and no film.",
            "Send it to the session's photos: POST /v1/sessions/ID/photos.",
        )
    if _is_text(head):
        raise InvalidInput(
            "unsupported_media_type",
            "This is a text, and no film; a playlist names films, and holds none.",
            "Send the film itself.",
        )


def _photo(head: bytes) -> str:
    """The format of a photo; empty when it is none."""
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        return "AVIF" if head[8:12] == b"avif" else "HEIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    return next((name for signature, name in _PHOTOS if head.startswith(signature)), "")


def _is_text(head: bytes) -> bool:
    if len(head) < _SHORTEST_TEXT or head.startswith(_TEXT_FILM):
        return False
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # whose last character may be cut
    except UnicodeDecodeError:
        return False
    return _CONTROLS.isdisjoint(text)
