"""Stores the attendance and participation that a source knows of, each entry once however often it is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from gallery.attendance.attendance_log import AttendanceLog, EntryDraft, now
from gallery.documents.attendance import Attendance, EntryKey, Participation
from gallery.gallery import Gallery
from indexer.sources.values import PastAttendance


def record_past_attendance(gallery: Gallery, entries: Sequence[PastAttendance]) -> Counter[str]:
    """Store the entries of enrolled students; by matricula, how many of others were left out."""
    log = AttendanceLog(gallery)
    stored = {matricula: gallery.store.student(matricula) for matricula in {entry.matricula for entry in entries}}
    subjects = {matricula: found.id for matricula, found in stored.items() if found is not None}
    drafts: dict[EntryKey, EntryDraft] = {}
    repeats: Counter[PastAttendance] = Counter()
    left_out: Counter[str] = Counter()
    for entry in entries:
        if entry.matricula not in subjects:
            left_out[entry.matricula] += 1
            continue
        subject = subjects[entry.matricula]
        if entry.field == "asistencias":
            key = EntryKey(subject, entry.clase, entry.fecha)
            drafts[key] = _taken_over(key)
        else:
            repeats[entry] += 1  # two participations may have the same words; both count
            request = _request_key(entry, repeats[entry])
            log.store.add_participation(
                Participation(subject, entry.clase, entry.fecha, entry.kind, entry.note, now(), request)
            )
    if drafts:
        log.write(drafts)
    return left_out


def _request_key(entry: PastAttendance, repeat: int) -> str:
    """What makes a participation unique in the store.

    Stores hold such keys, so the text must never change: it is that of Presente 0.1, with the names of that time.
    """
    text = (
        f"(History(book={entry.field!r}, matricula={entry.matricula!r}, fecha={entry.fecha!r}, "
        f"clase={entry.clase!r}, kind={entry.kind!r}, note={entry.note!r}), {repeat})"
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _taken_over(key: EntryKey) -> EntryDraft:
    def draft(held: Attendance | None, turn: int) -> Attendance | None:
        if held is not None:
            return None
        return Attendance(key.subject, key.clase, key.fecha, turn, "present", "takeover", now())

    return draft
