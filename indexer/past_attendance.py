"""What a source knows of attendance and participation becomes entries, once however often it is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, now
from gallery.documents.attendance import Attendance, EntryKey, Participation
from gallery.gallery import Gallery
from indexer.sources.protocol import PastAttendance


def record_past_attendance(gallery: Gallery, history: Sequence[PastAttendance]) -> Counter[str]:
    """Record it for those who are enrolled; how many entries of whom were left out because they are not."""
    attendance_log = AttendanceLog(gallery)
    stored = {matricula: gallery.store.student(matricula) for matricula in {entry.matricula for entry in history}}
    subjects = {matricula: found.id for matricula, found in stored.items() if found is not None}
    drafts: dict[EntryKey, EntryDraft] = {}
    times: Counter[PastAttendance] = Counter()
    left_out: Counter[str] = Counter()
    for entry in history:
        if entry.matricula not in subjects:
            left_out[entry.matricula] += 1
            continue
        subject = subjects[entry.matricula]
        if entry.book == "asistencias":
            about = (subject, entry.clase, entry.fecha)
            drafts[about] = _taken_over(about)
        else:
            times[entry] += 1  # the same words may be there twice, and count twice
            request = hashlib.sha256(repr((entry, times[entry])).encode()).hexdigest()
            made = Participation(subject, entry.clase, entry.fecha, entry.kind, entry.note, now(), request)
            attendance_log.store.add_participation(made)
    if drafts:
        attendance_log.write(drafts)
    return left_out


def _taken_over(about: EntryKey) -> EntryDraft:
    def make(held: Attendance | None, turn: int) -> Attendance | None:
        return None if held is not None else Attendance(*about, turn, "present", "takeover", now())

    return make
