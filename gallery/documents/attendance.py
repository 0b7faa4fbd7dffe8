"""The values of attendance and participation: entries that are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

AttendanceStatus = Literal["present", "late", "excused", "waiting", "ambiguous", "rejected", "withdrawn"]
"""``waiting``: the face is the student's, and may be a picture that is held up; a person decides. ``ambiguous``: the
face may be one of several students, and a person decides. ``rejected``: a person said that the student was not there.
``withdrawn``: what was said does not count any more, and nothing else was said before. ``late``, ``excused`` and
``withdrawn`` occur in sessions only."""

WaitReason = Literal["", "not_live", "liveness_not_judged"]
"""Why an entry waits: the face looks like a picture that is held up, or it could not be judged whether it does."""

LivenessDecision = Literal["live", "attack", "not_judged"]
"""What was decided of a face: ``attack`` is a photo or a screen that is held up (ISO/IEC 30107-3: a presentation
attack)."""

EntrySource = Literal["photo", "hand", "takeover"]
"""Where an entry comes from: a photo, a person, or an earlier system whose database was taken over."""


class EntryKey(NamedTuple):
    """What an attendance entry is about.

    Attributes:
        subject: the student's subject id; None once the student was erased.
        clase: the class.
        fecha: the date, ISO.
        session: id of the session; 0 when the entry is about the class and the date alone.
    """

    subject: int | None
    clase: str
    fecha: str
    session: int = 0


@dataclass(frozen=True, slots=True)
class SeenLiveness:
    """Whether the face behind an entry was taken for a live person's.

    Attributes:
        score: 0 to 1, higher is more like a live person; None when the face could not be judged.
        decision: what was decided by it.
        pack: tag of the liveness pack.
    """

    score: float | None
    decision: LivenessDecision
    pack: str


WAIT_REASON: Mapping[LivenessDecision, WaitReason] = {"attack": "not_live", "not_judged": "liveness_not_judged"}
"""Why a face waits where only live ones pass, by what was decided of it; a live one waits for nothing."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """The face behind an entry, kept so that the decision can be explained later.

    Attributes:
        vector: the face's template, float32 (d,), length 1.
        pack: tag of the model pack that made the template.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        score: with the student, by all templates (:mod:`gallery.person_score`).
        threshold: what the score was compared with.
        template: id of the student's nearest template.
        generation: number of the index generation that was published then.
        photo: SHA-256 of the photo.
        liveness: whether it was taken for a live person's; None where that was not asked.
    """

    vector: NDArray[np.float32]
    pack: str
    box: tuple[float, float, float, float]
    score: float
    threshold: float
    template: int
    generation: int
    photo: str
    liveness: SeenLiveness | None = None


@dataclass(frozen=True, slots=True)
class Attendance:
    """One statement about a student and a session, or a class and a date. An entry never changes: a correction adds
    another one.

    Attributes:
        subject: the student's subject id; None once the student was erased.
        clase: the class.
        fecha: the date, ISO.
        revision: how many entries with the same key came before. Two writers that add at once ask for the same
            revision, and one of them gets it. Negative for entries of a student who was merged into this
            one and that must not override this one's. Stores call it ``turn``.
        status: what the entry states.
        source: where the entry comes from.
        at: when it was made, UTC, ISO.
        note: a person's remark.
        request: the Idempotency-Key of the request that made the entry, or empty.
        face_group: the same random word on all entries of one ambiguous face, otherwise empty.
        face: what the photo showed; None for entries made by hand, and after a student whom it may show was erased.
        session: id of the session; 0 when the entry is about the class and the date alone.
        photo_number: number of the session's photo that the entry was made from, or that a person spoke about; 0 for
            none.
        face_number: number of the face in that photo, counted from 1; 0 for none.
        undoes: id of the entry that this one takes back; it then repeats what held before that one.
        reason: of a ``waiting`` entry, why it waits; otherwise empty.
        late: of an entry that a person is to settle, whether the student is late if the face is the student's.
    """

    subject: int | None
    clase: str
    fecha: str
    revision: int
    status: AttendanceStatus
    source: EntrySource
    at: str
    note: str = ""
    request: str = ""
    face_group: str = ""
    face: SeenFace | None = None
    session: int = 0
    photo_number: int = 0
    face_number: int = 0
    undoes: int | None = None
    reason: WaitReason = ""
    late: bool = False

    @property
    def entry_key(self) -> EntryKey:
        """What the entry is about."""
        return EntryKey(self.subject, self.clase, self.fecha, self.session)


@dataclass(frozen=True, slots=True)
class StoredAttendance:
    """An entry and its id. Later entries have greater ids."""

    id: int
    entry: Attendance


@dataclass(frozen=True, slots=True)
class Participation:
    """One participation in class or, with ``withdraws``, the statement that an earlier one does not count.

    Attributes:
        request: unique; the Idempotency-Key, or a random word.
        withdraws: id of the participation that is withdrawn.
    """

    subject: int | None
    clase: str
    fecha: str
    kind: str
    note: str
    at: str
    request: str
    withdraws: int | None = None


@dataclass(frozen=True, slots=True)
class StoredParticipation:
    """A participation and its id. Later participations have greater ids."""

    id: int
    entry: Participation


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are asked for: those that meet every condition that is not None. Dates are inclusive.

    ``clases``: those of one of these classes. ``session`` 0: those of no session.
    """

    clase: str | None = None
    desde: str | None = None
    hasta: str | None = None
    subject: int | None = None
    request: str | None = None
    face_group: str | None = None
    session: int | None = None
    clases: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ListPosition:
    """Where an entry stands in the attendance list; a page of the list begins after a position.

    The list is sorted by the fields in this order. ``matricula`` is empty once the student was erased.
    """

    fecha: str
    clase: str
    matricula: str
    session: int
    id: int

    @property
    def sort_key(self) -> tuple[str, str, str, int, int]:
        """What the list is sorted by."""
        return self.fecha, self.clase, self.matricula, self.session, self.id


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a student was present and took part, by the entries; ``por_clase``: how often present in each class,
    sorted by class."""

    asistencias: int = 0
    participaciones: int = 0
    por_clase: tuple[tuple[str, int], ...] = ()
