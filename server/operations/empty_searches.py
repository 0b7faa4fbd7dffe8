"""What to do when a search had no one to compare with."""

from __future__ import annotations

from gallery.gallery import Gallery
from presente.errors import shown


def hint_of(gallery: Gallery, clase: str | None, cohort: bool) -> str:
    """Why no one could be searched, and what to do."""
    counts = gallery.store.counts()
    if clase is not None and not gallery.store.students(clase=clase, limit=1):
        return f"No one is in class {shown(clase)}: check clase, or search without it."
    if clase is not None:
        return (
            f"No one in class {shown(clase)} whom this search may find has a template: add photos, or leave out clase."
        )
    if counts.cohort and not cohort:
        return (
            f"No student with a template is enrolled; the cohort ({counts.cohort}) is searched only with cohort=true."
        )
    if counts.students or counts.cohort:
        return "No one who is enrolled has a template of this pack: run `python -m indexer sync`."
    return "No one is enrolled: send POST /v1/students, or run `python -m indexer add`."
