"""Attendance and raised hands from a film, by what the service does.

The film is read, and its appearances are decided upon, by the functions that ``POST /v1/sessions/ID/video`` calls. The
gallery is one of its own, in a folder that is deleted.
"""

from __future__ import annotations

import math
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from evaluation.classroom import CLASS
from evaluation.composites import Box, matched
from evaluation.film_events import FilmEvent, noted
from evaluation.film_truth import FilmTruth
from faces.embedder import FaceEmbedder
from faces.film.reading import RaisedHands, Tell
from faces.film.values import FilmAppearance, FilmReading
from gallery.attendance.attendance_log import AttendanceLog
from gallery.attendance.class_photo import record_class_photo
from gallery.attendance.face_attendance import ClassPhoto, ClassPhotoFace, FaceAttendance
from gallery.gallery import Gallery
from presente.films import read_school_film, threshold_of_film

PRESENTE = "presente"

SAME_FACE = 0.3
"""Share of their union from which a found box is that of a face of the truth, which goes from hairline to chin."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What reading a film took: its length, and seconds of the clock and of all cores."""

    film_s: float
    wall_s: float
    cpu_s: float

    def described(self) -> dict[str, float]:
        """As JSON has it."""
        return {
            "film_s": round(self.film_s, 2),
            "wall_s": round(self.wall_s, 2),
            "cpu_s": round(self.cpu_s, 2),
            "film_s_per_wall_s": round(self.film_s / max(self.wall_s, 1e-9), 2),
            "cpu_s_per_film_minute": round(60 * self.cpu_s / max(self.film_s, 1e-9), 2),
        }


@dataclass(frozen=True, slots=True)
class RuleRun:
    """What a rule made of a film.

    Attributes:
        rule: its name.
        events: the lines of the table.
        hands: whether it looked for raised hands.
        threshold: the score from which it named a face.
        looked_at: in how many frames it looked for faces.
        speed: how quick it was.
    """

    rule: str
    events: list[FilmEvent]
    hands: bool
    threshold: float
    looked_at: int
    speed: Speed

    def described(self) -> dict[str, Any]:
        """As JSON has it, without the events."""
        return {
            "rule": self.rule,
            "hands": self.hands,
            "threshold": round(self.threshold, 4),
            "looked_at": self.looked_at,
            "speed": self.speed.described(),
        }


class Stopwatch:
    """Seconds since it was made: of the clock, and of this process and those that it waited for."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_s()

    def speed(self, film_s: float) -> Speed:
        """What a film of this length took."""
        return Speed(film_s, time.perf_counter() - self._wall, _cpu_s() - self._cpu)


def _cpu_s() -> float:
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def by_presente(
    film: Path,
    truth: FilmTruth,
    embedder: FaceEmbedder,
    gallery: Gallery,
    hands: RaisedHands | None,
    tell: Tell,
) -> RuleRun:
    """What the service makes of a film.

    Raises:
        FilmRefused: as :func:`faces.film.reading.read_film`.
    """
    watch = Stopwatch()
    reading = read_school_film(film, embedder, hands, tell)
    threshold, decided = _decided(gallery, reading, truth.late_after_s)
    speed = watch.speed(reading.duration_s)
    names = [_shown_in(truth, appearance) for appearance in reading.appearances]
    events = [
        event
        for appearance, attendance, name in zip(reading.appearances, decided, names, strict=True)
        for event in _appearance_events(appearance, attendance, name)
    ]
    there = {event.matricula for event in events if event.kind == "present"}
    for each in reading.raises or ():
        owner = _owner(decided[each.appearance])
        matricula = owner if owner in there else ""
        events.append(FilmEvent(PRESENTE, "raise", names[each.appearance], matricula, each.from_s, each.to_s))
    return RuleRun(PRESENTE, events, reading.raises is not None, threshold, reading.looked_at, speed)


def _decided(gallery: Gallery, reading: FilmReading, late_after_s: float) -> tuple[float, Sequence[FaceAttendance]]:
    """The threshold of the film, who each appearance is, and what is recorded of it."""
    threshold, _ = threshold_of_film(gallery, reading)
    faces = [
        ClassPhotoFace(appearance.vector, appearance.views[0].box, appearance.first_s > late_after_s)
        for appearance in reading.appearances
    ]
    class_photo = ClassPhoto(CLASS, date(2000, 1, 1).isoformat(), "0" * 64, threshold)
    return threshold, record_class_photo(AttendanceLog(gallery), faces, class_photo)


def _owner(face: FaceAttendance) -> str:
    """Whose hand it is that an appearance raises, by matricula; empty when that is not clear."""
    student = face.candidates[0].student if face.status in ("present", "duplicate") else None
    return student.matricula if student else ""


def _appearance_events(appearance: FilmAppearance, attendance: FaceAttendance, name: str) -> Iterator[FilmEvent]:
    """The lines of an appearance: one, or of an ambiguous one a line for each person whom it may be."""
    score = attendance.candidates[0].score if attendance.candidates else -math.inf
    about = (appearance.first_s, appearance.last_s, score, noted(appearance.spans))
    if attendance.status == "ambiguous":
        for candidate in attendance.candidates:
            matricula = candidate.student.matricula if candidate.student else ""
            yield FilmEvent(PRESENTE, "ambiguous", name, matricula, *about)
    else:
        student = attendance.student
        yield FilmEvent(PRESENTE, attendance.status, name, student.matricula if student else "", *about)


def _shown_in(truth: FilmTruth, appearance: FilmAppearance) -> str:
    """The name of whom most views of an appearance show; empty when they show no one."""
    votes = Counter(
        name for view in appearance.views if (name := person_at(truth, view.at_s, [view.box])[0]) is not None
    )
    return votes.most_common(1)[0][0] if votes else ""


def person_at(truth: FilmTruth, at_s: float, boxes: Sequence[Box]) -> list[str | None]:
    """Whose face each of the boxes of a moment is."""
    there = [(person.name, box) for person in truth.people if (box := person.box_at(at_s)) is not None]
    found = matched(boxes, [box for _, box in there], SAME_FACE)
    return [None if place is None else there[place][0] for place in found]
