"""Photos named by the first digits of their SHA-256, as people write them."""

from __future__ import annotations

from collections.abc import Sequence

from presente.errors import InvalidInput, NotFound
from presente.installation import command_line


def complete_digest(photo: str, digests: Sequence[str], matricula: str) -> str:
    """The one of a student's photos whose SHA-256 begins with the given digits.

    Raises:
        NotFound: ``photo_not_found``.
        InvalidInput: ``ambiguous_photo``.
    """
    found = [digest for digest in digests if photo and digest.startswith(photo)]
    if not found:
        raise NotFound(
            "photo_not_found",
            f"{matricula!r} has no photo {photo!r}.",
            f"Name a photo by the first digits of its SHA-256, which `{command_line('indexer audit')}` prints.",
        )
    if len(found) > 1:
        raise InvalidInput(
            "ambiguous_photo", f"{len(found)} photos of {matricula!r} begin with {photo!r}.", "Give more digits."
        )
    return found[0]
