"""What the attendance routes call: a class photo to entries, entries to a list. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from faces.embedder import EmbeddedFace
from gallery.attendance.class_photo import ClassPhoto, ClassPhotoFace, FaceAttendance, record_class_photo
from gallery.documents.attendance import EntryFilter, ListPosition, StoredAttendance, StoredParticipation
from gallery.documents.values import Student
from gallery.threshold.operating_point import OperatingPoint
from presente.recognition import Timings
from server.service import Service

_PAGE = 1000
"""Lines of a list that is read whole that are read at once."""


@dataclass(frozen=True, slots=True)
class ClassPhotoResult:
    """A class photo's faces, largest first, and what was made of each."""

    faces: tuple[tuple[EmbeddedFace, FaceAttendance], ...]
    lesson: ClassPhoto
    limit: OperatingPoint
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
class AttendanceLine:
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


def take(service: Service, content: bytes, lesson: ClassPhoto, threshold: float | None) -> ClassPhotoResult:
    """Record who of a class is in a photo; ``threshold`` instead of the gallery's own."""
    timings = Timings()
    aligned = service.embedder.read_faces(content, timings.stage).faces
    with timings.stage("embed"):
        embedded = service.embedder.embed(aligned)
    with timings.stage("record"):
        limit = service.gallery.operating_point(threshold)
        lesson = replace(lesson, threshold=limit.threshold)
        found = record_class_photo(service.attendance_log, [_face(face) for face in embedded], lesson)
    return ClassPhotoResult(
        tuple(zip(embedded, found, strict=True)),
        lesson,
        limit,
        service.gallery.index.generation,
        timings.as_dict(),
    )


def _face(embedded: EmbeddedFace) -> ClassPhotoFace:
    x1, y1, x2, y2 = (round(float(value), 1) for value in embedded.face.box)
    return ClassPhotoFace(embedded.template, (x1, y1, x2, y2))


@dataclass(frozen=True, slots=True)
class AttendancePage:
    """Lines of the attendance list, and where the next page begins; None after the last."""

    lines: tuple[AttendanceLine, ...]
    next: ListPosition | None


def attendance_page(
    service: Service, which: EntryFilter, history: bool, after: ListPosition | None, limit: int
) -> AttendancePage:
    """A page of what holds for each student, class and date, or with ``history`` of all that was ever said.

    Of one class on one date, the students of the class who were not seen are listed too.
    """
    store = service.gallery.store
    entries = store.attendance.entries_after(which, after, limit + 1, history)
    students = store.subjects([stored.entry.subject for _, stored in entries if stored.entry.subject])
    lines = [
        (place, AttendanceLine(students.get(stored.entry.subject or 0), stored, place.clase, place.fecha))
        for place, stored in entries
    ]
    if which.clase and which.desde and which.desde == which.hasta and which.subject is None and not history:
        members = store.students(clase=which.clase, after=after.matricula if after else "", limit=limit + 1)
        seen = {stored.entry.subject for _, stored in entries}
        lines += [
            (
                ListPosition(which.desde, which.clase, member.student.matricula, 0),
                AttendanceLine(member.student, None, which.clase, which.desde),
            )
            for member in members
            if member.id not in seen
        ]
        # Where one of the two was cut off, nothing is known of whoever comes later.
        ends = [entries[-1][0].matricula] if len(entries) > limit else []
        ends += [members[-1].student.matricula] if len(members) > limit else []
        lines = [(place, line) for place, line in lines if not ends or place.matricula <= min(ends)]
    lines.sort(key=lambda placed: placed[0].sort_key)
    return AttendancePage(tuple(line for _, line in lines[:limit]), lines[limit - 1][0] if len(lines) > limit else None)


def attendance_lines(service: Service, which: EntryFilter, history: bool) -> Iterator[AttendanceLine]:
    """The whole list, read a page at a time."""
    after: ListPosition | None = None
    while True:
        page = attendance_page(service, which, history, after, _PAGE)
        yield from page.lines
        after = page.next
        if after is None:
            return


def participation_page(
    service: Service, which: EntryFilter, history: bool, after: int, limit: int
) -> tuple[list[tuple[Student | None, StoredParticipation]], int | None]:
    """A page of the participations that count, or with ``history`` also of those taken back and who took them back;
    and the id after which the next page begins, None after the last."""
    found = service.attendance_log.store.participations_after(which, after, limit + 1, history)
    kept = found[:limit]
    students = service.gallery.store.subjects([stored.entry.subject for stored in kept if stored.entry.subject])
    listed = [(students.get(stored.entry.subject or 0), stored) for stored in kept]
    return listed, kept[-1].id if len(found) > limit else None
