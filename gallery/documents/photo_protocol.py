"""The protocol of the part of a store that shows the photos of one student."""

from __future__ import annotations

from typing import Protocol

from gallery.documents.values import DescribedPhoto, StoredPhoto


class PhotoStore(Protocol):
    """The stored photos of a student, named by matricula and SHA-256."""

    def described(self, matricula: str, pack: str) -> list[DescribedPhoto]:
        """What is known of each photo of a student, in the order in which they were stored; of a template that of
        ``pack``. Empty when there is no such student. The photos' bytes are not read."""

    def photo(self, matricula: str, sha256: str) -> StoredPhoto | None:
        """A photo with its bytes; None when the student has no such photo."""
