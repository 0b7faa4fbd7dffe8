"""The values that a document store keeps: students, photos, templates, changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

SubjectKind = Literal["student", "cohort"]
"""``cohort``: people who are in the index and are no students."""


ConsentGiver = Literal["", "alumno", "tutor"]
ConsentEnd = Literal["", "withdrawn", "expired"]
CONSENT_GIVERS: tuple[ConsentGiver, ...] = get_args(ConsentGiver)


@dataclass(frozen=True, slots=True)
class Consent:
    """A subject's consent to be enrolled.

    Attributes:
        fecha: when it was given, an ISO date, or date and time.
        texto: to which text.
        otorgado_por: who gave it: the student, or a guardian; empty where that was not noted.
        tutor, parentesco: the guardian's name, and what the guardian is to the student.
        hasta: the last date on which it holds; empty for no end.
        retirado: the moment at which it ended, ISO, in the school's time zone; empty while it holds.
        motivo: why it ended.
        recibo: once it has ended, the code of the receipt of the erasure that follows.
        anteriores: earlier consents, the oldest first. They have no earlier ones of their own.
    """

    fecha: str
    texto: str
    otorgado_por: ConsentGiver = ""
    tutor: str = ""
    parentesco: str = ""
    hasta: str = ""
    retirado: str = ""
    motivo: ConsentEnd = ""
    recibo: str = ""
    anteriores: tuple[Consent, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether it was withdrawn or has run out."""
        return bool(self.retirado)


@dataclass(frozen=True, slots=True)
class Student:
    """A subject. The field names are those that existing clients read.

    Attributes:
        clase: the class, or the newest of several.
        otras_clases: further classes. The student is on the roster of each.
        consentimiento: the consent; None when none is on record. An enrolment without one keeps the stored one.
        aviso: a code that says what a person should check, empty when there is nothing to check.
        asistencias_previas: attendances that an earlier system counted, of which there are no entries here.
        participaciones_previas: likewise, participations.
    """

    matricula: str
    nombre_del_alumno: str
    clase: str = ""
    fecha_de_registro: str = ""
    kind: SubjectKind = "student"
    consentimiento: Consent | None = None
    aviso: str = ""
    asistencias_previas: int = 0
    participaciones_previas: int = 0
    otras_clases: tuple[str, ...] = ()

    @property
    def clases(self) -> tuple[str, ...]:
        """Every class that the student is in, each once, ``clase`` first."""
        return tuple(dict.fromkeys(clase for clase in (self.clase, *self.otras_clases) if clase))


@dataclass(frozen=True, slots=True)
class StoredStudent:
    """A student as stored.

    Attributes:
        id: the subject id, which templates carry.
        student: the fields.
        images: how many photos there are.
        templates: how many templates there are.
        asistencias: how often the student was present, earlier counts included.
        participaciones: how often the student took part, earlier counts included.
        asistencias_por_clase: classes, sorted, with how often the student was present in each; without earlier counts,
            which name no class.
    """

    id: int
    student: Student
    images: int
    templates: int
    asistencias: int = 0
    participaciones: int = 0
    asistencias_por_clase: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """One face's template and how it was made.

    Attributes:
        vector: float32 (d,), length 1.
        pack: tag of the model pack that made the template.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        quality: what :class:`faces.quality.Quality` measured.
    """

    vector: NDArray[np.float32]
    pack: str
    box: tuple[float, float, float, float]
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo as it arrived: the original bytes, their SHA-256, their media type, and where they came from."""

    content: bytes
    sha256: str
    media_type: str
    source: str


@dataclass(frozen=True, slots=True)
class EnrolledPhoto(PhotoFile):
    """A photo and the template that was made from it."""

    template: Template


EnrolmentMode = Literal["create", "put", "extend"]
"""How an enrolment treats the student. ``create``: the student must not exist. ``put``: the student's fields are
written, whether the student exists or not. ``extend``: the student must exist, gets photos, and keeps the stored
fields."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A student and the photos to add."""

    student: Student
    photos: tuple[EnrolledPhoto, ...]


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo as stored, for re-embedding and for exporting."""

    id: int
    matricula: str
    sha256: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class DescribedPhoto:
    """What is known of a stored photo, without its bytes.

    Attributes:
        sha256: SHA-256 of its bytes.
        media_type: of its bytes.
        size: how many bytes it has.
        source: where it came from.
        box: of the face that its template was made of, x1, y1, x2, y2; None without a template of the pack asked for.
        quality: what was measured on that face; empty likewise.
    """

    sha256: str
    media_type: str
    size: int
    source: str
    box: tuple[float, float, float, float] | None = None
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnrolledTemplate:
    """What is known of a template: its id, its subject's id, its photo's SHA-256, where the photo came from, and what
    was measured on the face."""

    template: int
    subject: int
    sha256: str
    source: str
    quality: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TemplateBatch:
    """Templates as an index reads them: ids int64 (n,), subject ids int64 (n,), vectors float32 (n, d)."""

    ids: NDArray[np.int64]
    subjects: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SubjectPart:
    """One of several parts of all subjects: those whose id, divided by ``of``, leaves ``number``."""

    number: int
    of: int

    def has(self, subjects: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some subjects are in the part, bool."""
        return np.asarray(subjects % self.of == self.number)


EVERYONE = SubjectPart(0, 1)
"""The part that has all subjects."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a follower has read the change sequence. Every follower keeps its own position.

    Attributes:
        change: the last number that the follower has seen.
        awaited: the writes that were under way then: the name of each, and the last number before those that the write
            uses. Their changes are reported once they are finished.
    """

    change: int = 0
    awaited: tuple[tuple[str, int], ...] = ()

    @property
    def low_water(self) -> int:
        """The number up to which nothing is missing: a follower that starts here sees every change."""
        return min([self.change, *(before for _, before in self.awaited)])


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes since a position, and the position of a follower that has applied them.

    ``added`` and ``removed`` are template ids, int64 (n,), ascending. A template may be in both. An added one may be
    gone already, or may never have been written. Ids are never used twice.
    """

    position: Position
    added: NDArray[np.int64]
    removed: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Written:
    """What an enrolment stored, so that a follower who has seen every change before it need not ask for this one.

    Attributes:
        before: the last number of the change sequence before those of the enrolment.
        last: the last number of the enrolment.
        pack: the pack of the templates; empty when there are none.
        templates: the new templates; None when there are none.
    """

    before: int
    last: int
    pack: str = ""
    templates: TemplateBatch | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is stored. ``templates`` counts the templates of the gallery's pack."""

    students: int
    cohort: int
    images: int
    templates: int


@dataclass(frozen=True, slots=True)
class NotAdopted:
    """A student that another program wrote and that was refused: which one, the code of the reason, the reason."""

    which: str
    code: str
    reason: str
