"""What the attendance routes call: a class photo to entries, entries to a list. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faces.embedder import EmbeddedFace
from gallery.documents.model import Student
from gallery.documents.records import Selection, StoredAttendance, StoredParticipation, latest, standing
from gallery.limit import Limit
from gallery.roll_call import Face, Lesson, Sighted, call_roll
from presente.bridge import Timings, detected
from server.service import Service


@dataclass(frozen=True, slots=True)
class RollCall:
    """A class photo's faces, largest first, and what was made of each."""

    faces: tuple[tuple[EmbeddedFace, Sighted], ...]
    lesson: Lesson
    limit: Limit
    generation: int
    timings_ms: dict[str, float]

    @property
    def subjects(self) -> set[int]:
        """Whom the photo may show."""
        return {
            candidate.subject
            for _, sighted in self.faces
            if sighted.status != "unknown"
            for candidate in sighted.candidates
        }


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the attendance list: who, and the entry; no entry for a student who was not seen, nobody for an
    entry whose student was erased."""

    student: Student | None
    stored: StoredAttendance | None
    clase: str
    fecha: str

    @property
    def status(self) -> str:
        """The entry's, or ``absent``."""
        return self.stored.entry.status if self.stored else "absent"


def take(service: Service, content: bytes, lesson: Lesson, threshold: float | None) -> RollCall:
    """Record who of a class is in a photo; ``threshold`` instead of the gallery's own."""
    timings = Timings()
    aligned = detected(content, service.embedder, timings)
    with timings.stage("embed"):
        embedded = service.embedder.embed(aligned)
    with timings.stage("record"):
        limit = service.gallery.limit(threshold)
        lesson = replace(lesson, threshold=limit.threshold)
        found = call_roll(service.register, [_face(face) for face in embedded], lesson)
    return RollCall(
        tuple(zip(embedded, found, strict=True)),
        lesson,
        limit,
        service.gallery.index.generation,
        timings.as_dict(),
    )


def _face(embedded: EmbeddedFace) -> Face:
    x1, y1, x2, y2 = (round(float(value), 1) for value in embedded.face.box)
    return Face(embedded.template, (x1, y1, x2, y2))


def attendance_list(service: Service, which: Selection, history: bool) -> list[Line]:
    """What holds for each student, class and date, or with ``history`` all that was ever said.

    Of one class on one date, the students of the class who were not seen are listed too.
    """
    entries = service.register.records.attendance(which)
    kept = entries if history else latest(entries)
    students = service.gallery.store.subjects([stored.entry.subject for stored in kept if stored.entry.subject])
    lines = [
        Line(students.get(stored.entry.subject or 0), stored, stored.entry.clase, stored.entry.fecha) for stored in kept
    ]
    if which.clase and which.desde and which.desde == which.hasta and which.subject is None and not history:
        seen = {stored.entry.subject for stored in kept}
        roster = [int(i) for i in service.gallery.store.roster(clase=which.clase, kind="student") if int(i) not in seen]
        absent = service.gallery.store.subjects(roster)
        lines += [Line(absent[subject], None, which.clase, which.desde) for subject in roster if subject in absent]
    return sorted(lines, key=_order)


def _order(line: Line) -> tuple[str, str, str, int]:
    matricula = line.student.matricula if line.student else ""
    return line.fecha, line.clase, matricula, line.stored.id if line.stored else 0


def participation_list(
    service: Service, which: Selection, history: bool
) -> list[tuple[Student | None, StoredParticipation]]:
    """The participations that count, or with ``history`` also those taken back and who took them back."""
    entries = service.register.records.participations(which)
    kept: Sequence[StoredParticipation] = entries if history else standing(entries)
    students = service.gallery.store.subjects([stored.entry.subject for stored in kept if stored.entry.subject])
    return [(students.get(stored.entry.subject or 0), stored) for stored in kept]
