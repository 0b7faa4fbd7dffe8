"""``remove``: what an erasure takes from the gallery, and what it cannot reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gallery.gallery import Gallery
from gallery.removal_preview import holdings_of
from presente.installation import command_line

NOT_REACHED = (
    "lists of attendance and participation that were saved as CSV, and photos that were copied elsewhere",
    f"folders that `{command_line('evaluation')}` wrote (--out): their scores and report.html name people, "
    "and with --faces show them",
    "the source: adding the same folder, sheet or database again enrols the student again",
    f"backups: one of `{command_line('backup')}` loses who asked for it (--asked) with its next run, others after "
    "PRESENTE_BACKUP_UNDO_DAYS, and a restore leaves them out; a copy of the store's file or of the disk does not",
    "other machines' PRESENTE_INDEX, PRESENTE_EXPORT and PRESENTE_CACHE: a running server on the same store clears its "
    "own within about a second, a stopped one when it starts again",
)
"""Where something of an erased student may be that this process cannot delete."""


@dataclass(frozen=True, slots=True)
class ErasedStudent:
    """What the gallery held of a student who was erased.

    Attributes:
        matricula: of the student.
        photos, templates: how many were erased; templates are those of the gallery's pack.
        unknown_faces: how many faces of unknown people went because they resembled the student.
        attendance_entries, participation_entries: how many stay in the log, without student, face and note.
    """

    matricula: str
    photos: int
    templates: int
    unknown_faces: int
    attendance_entries: int
    participation_entries: int

    def line(self) -> str:
        """For people."""
        kept = f"{self.attendance_entries} of attendance, {self.participation_entries} of participation"
        return (
            f"removed {self.matricula}: {self.photos} photos, {self.templates} templates, {self.unknown_faces} unknown "
            f"faces; entries that stay without a name: {kept}"
        )


def holdings(gallery: Gallery, matricula: str) -> ErasedStudent | None:
    """What an erasure of a student would take; None when there is no such student."""
    if gallery.store.student(matricula) is None:
        return None
    held = holdings_of(gallery, matricula)
    kept = held.attendance_entries, held.participation_entries
    return ErasedStudent(matricula, held.photos, held.templates, held.unknown_faces, *kept)


def erasure_json(removed: Sequence[str], erased: Sequence[ErasedStudent], not_found: Sequence[str]) -> dict[str, Any]:
    """For ``--json``; ``removed`` also has students who were enrolled after ``erased`` was read."""
    return {
        "removed": list(removed),
        "not_found": list(not_found),
        "erased": [asdict(student) for student in erased],
        "not_reached": list(NOT_REACHED) if removed else [],
    }


def erasure_lines(erased: Sequence[ErasedStudent], not_found: Sequence[str]) -> Iterator[str]:
    """For people."""
    yield from (student.line() for student in erased)
    yield from (f"not found: {matricula}" for matricula in not_found)
    if erased:
        yield from not_reached_lines()


def not_reached_lines() -> Iterator[str]:
    """For people: what may still hold something of who was erased."""
    yield "not reached, to be deleted by hand where there is any:"
    yield from (f"  - {place}" for place in NOT_REACHED)
