"""Merging two students who are one person, and saying before what it does."""

from __future__ import annotations

from gallery.removal_preview import MergePreview, preview_merge
from server.service import Service


def merge(service: Service, matricula: str, into: str, dry_run: bool) -> MergePreview:
    """Merge ``matricula`` into ``into``, unless ``dry_run``; what that does, as read before.

    Raises:
        InvalidInput: ``same_student``.
        NotFound: ``student_not_found``.
        StoreError: ``erasure_incomplete``.
    """
    found = preview_merge(service.gallery, into, matricula)
    if not dry_run:
        service.merge(into, matricula)
    return found
