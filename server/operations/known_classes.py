"""Whether a class is known: so that a list of a class that does not exist is an error, and not an empty list."""

from __future__ import annotations

from gallery.documents.attendance import EntryFilter
from gallery.gallery import Gallery
from presente.errors import NotFound, shown


def check_class(gallery: Gallery, clase: str | None) -> None:
    """Refuse a class that no one is in and of which nothing was ever recorded. One whose students have all left, and
    that has attendance or participation on record, is known.

    Raises:
        NotFound: ``class_not_found``.
    """
    if clase is None or gallery.store.students(clase=clase, limit=1):
        return
    records, entries = gallery.store.attendance, EntryFilter(clase=clase)
    if records.entries_after(entries, None, 1, True) or records.participations_after(entries, 0, 1, True):
        return
    raise NotFound(
        "class_not_found", f"No one is in class {shown(clase)}, and nothing is recorded of it.", "Check clase."
    )
