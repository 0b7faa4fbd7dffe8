"""The values that a document store keeps, and the protocol that every store satisfies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.attendance import AttendanceStore
from gallery.documents.damage import Damage, DamageProgress
from presente.errors import Conflict, InvalidInput, NotFound, shown
from presente.text import is_printable, tidy

SubjectKind = Literal["student", "cohort"]
"""``cohort``: in the index, but nobody's student."""


@dataclass(frozen=True, slots=True)
class Consent:
    """That a subject agreed to be enrolled: when (an ISO date or date and time), and to which text."""

    fecha: str
    texto: str


@dataclass(frozen=True, slots=True)
class Student:
    """A subject. The field names are those that existing clients read.

    Attributes:
        clase: the class, or the newest of several.
        otras_clases: further classes that the student is in: on the roster of each.
        consentimiento: the consent, None when none is on record. An enrolment that brings none keeps the stored one.
        aviso: a code that says what a person should look at, empty when nothing.
        asistencias_previas: what an earlier system had counted, before there were entries to count.
        participaciones_previas: likewise.
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


_MAX_TEXT = 200


def check_student(student: Student) -> Student:
    """The student with every text in its one form (:func:`presente.text.tidy`), if it can be stored, shown and named.

    Raises:
        InvalidInput: ``invalid_student``, naming the field and its value.
    """
    student = _tidied(student)
    names = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro", "aviso")
    texts = {name: getattr(student, name) for name in names}
    texts |= {f"otras_clases[{place}]": clase for place, clase in enumerate(student.otras_clases)}
    consent = student.consentimiento
    if consent is not None:
        texts |= {"consentimiento.fecha": consent.fecha, "consentimiento.texto": consent.texto}
    for name, value in texts.items():
        needed = name not in ("clase", "fecha_de_registro", "aviso")
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not is_printable(value) or (needed and not value):
            raise InvalidInput(
                "invalid_student",
                f"{name} is {shown(value)}.",
                f"It must be {'1' if needed else '0'} to {_MAX_TEXT} printable characters.",
            )
    if student.matricula in (".", "..") or "/" in student.matricula:  # no address would lead to the student
        raise InvalidInput(
            "invalid_student",
            f"matricula is {shown(student.matricula)}.",
            "It must not hold a '/', nor be '.' or '..'.",
        )
    for name in ("fecha_de_registro", "consentimiento.fecha"):
        try:
            if texts.get(name):
                datetime.fromisoformat(texts[name])
        except ValueError as exc:
            raise InvalidInput(
                "invalid_student", f"{name} is {shown(texts[name])}.", "It must be a date like 2026-11-21."
            ) from exc
    return student


def _tidied(student: Student) -> Student:
    """The student with every text in its one form; what is no text is left for the check."""
    consent = student.consentimiento
    return replace(
        student,
        matricula=_tidy(student.matricula),
        nombre_del_alumno=_tidy(student.nombre_del_alumno),
        clase=_tidy(student.clase),
        otras_clases=tuple(map(_tidy, student.otras_clases)),
        fecha_de_registro=_tidy(student.fecha_de_registro),
        aviso=_tidy(student.aviso),
        consentimiento=consent and Consent(_tidy(consent.fecha), _tidy(consent.texto)),
    )


def _tidy(value: str) -> str:
    return tidy(value) if isinstance(value, str) else value


def merged(kept: Student, other: Student) -> Student:
    """One student of two: ``kept``, what only the other has, the classes of both, and both earlier counts."""
    texts = {name: getattr(kept, name) or getattr(other, name) for name in ("clase", "fecha_de_registro", "aviso")}
    clases = dict.fromkeys((*kept.clases, *other.clases))
    return replace(
        kept,
        **texts,
        otras_clases=tuple(clase for clase in clases if clase != texts["clase"]),
        consentimiento=kept.consentimiento or other.consentimiento,
        asistencias_previas=kept.asistencias_previas + other.asistencias_previas,
        participaciones_previas=kept.participaciones_previas + other.participaciones_previas,
    )


def student_exists(matricula: str) -> Conflict:
    """The error of creating a student who is there."""
    return Conflict(
        "student_exists", f"Matricula {shown(matricula)} is enrolled already.", "Add photos to it, or delete it first."
    )


def student_not_found(matricula: str) -> NotFound:
    """The error of naming a student who is not there."""
    return NotFound("student_not_found", f"There is no student {shown(matricula)}.", "Check the matricula.")


@dataclass(frozen=True, slots=True)
class StoredStudent:
    """A student as stored: the subject's id, how many photos and templates (of the gallery's pack) there are, and how
    often the student was present and took part, what was counted before included."""

    id: int
    student: Student
    images: int
    templates: int
    asistencias: int = 0
    participaciones: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """One face's template and how it was made.

    Attributes:
        vector: float32 (d,), length 1.
        pack: tag of the model pack that made it.
        box: x1, y1, x2, y2 in pixels of the upright photo.
        quality: what :class:`faces.quality.Quality` measured.
    """

    vector: NDArray[np.float32]
    pack: str
    box: tuple[float, float, float, float]
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo as it arrived: the original bytes, what they are, and where they came from."""

    content: bytes
    sha256: str
    media_type: str
    source: str


@dataclass(frozen=True, slots=True)
class EnrolledPhoto(PhotoFile):
    """A photo and the template made of it."""

    template: Template


EnrolmentMode = Literal["create", "put", "extend"]
"""How an enrolment treats the student: ``create`` a new one, which must not exist; ``put`` the fields, new or not;
``extend`` one that must exist with photos, and leave the fields alone."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One student with photos to add."""

    student: Student
    photos: tuple[EnrolledPhoto, ...]


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo that is in the store, for re-embedding and for exporting."""

    id: int
    matricula: str
    sha256: str
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class EnrolledTemplate:
    """What is known of a template's photo: the template's id, whose it is, the photo's SHA-256, where it came from, and
    what was measured on the face."""

    template: int
    subject: int
    sha256: str
    source: str
    quality: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TemplateBatch:
    """Templates as an index reads them: ids int64 (n,), subjects int64 (n,), vectors float32 (n, d)."""

    ids: NDArray[np.int64]
    subjects: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a follower has read the change sequence. Every follower keeps its own.

    Attributes:
        change: the last number that it has seen.
        awaited: the writes that were under way when it looked: each one's name, and the last number before those that
            the write uses. What they write is told once they are over.
    """

    change: int = 0
    awaited: tuple[tuple[str, int], ...] = ()

    @property
    def low_water(self) -> int:
        """The number up to which nothing is missing: who starts to follow from here sees everything."""
        return min([self.change, *(before for _, before in self.awaited)])


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened since a position, and the position that a follower is at after applying it.

    ``added`` and ``removed`` are template ids, int64 (n,), ascending. A template may be in both, and an added one may
    be gone again, or never have come to be. Ids are never used twice.
    """

    position: Position
    added: NDArray[np.int64]
    removed: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is stored. ``templates`` counts those of the gallery's own pack."""

    students: int
    cohort: int
    images: int
    templates: int


@dataclass(frozen=True, slots=True)
class NotAdopted:
    """Something that another program wrote and that cannot be taken in: which, the reason's code, and in words."""

    which: str
    code: str
    reason: str


class DocumentStore(Protocol):
    """What a gallery asks of a store. Every method is safe to call from several threads; every write is one
    transaction that is on disk when the method returns. Failures of the store itself raise ``StoreError``."""

    @property
    def records(self) -> AttendanceStore:
        """The books of attendance and participation."""

    def identity(self) -> str:
        """A random name that the store was given when it was made: an index made from another store has another."""

    def pack(self) -> tuple[str, int] | None:
        """Tag and dimension of the pack that the gallery is made with; None while it is empty."""

    def claim_pack(self, tag: str, dim: int) -> None:
        """Make ``tag`` the pack of a gallery that has none yet; otherwise do nothing."""

    def adopt_pack(self, tag: str, dim: int) -> None:
        """Make ``tag`` the gallery's pack; drop the templates of every other, and a calibration by another."""

    def calibration(self) -> str | None:
        """What :meth:`store_calibration` kept since the gallery's pack was last changed."""

    def store_calibration(self, text: str) -> None:
        """Keep a calibration: JSON of :class:`gallery.calibration.Curve`, which holds nothing of any one person."""

    def enrol(self, enrolments: Sequence[Enrolment], mode: EnrolmentMode = "put") -> None:
        """Store students and photos, all or nothing. A photo that the student already has (same SHA-256) keeps
        the template that it has by the same pack.

        Raises ``Conflict`` (``student_exists``) or ``NotFound`` (``student_not_found``) as the mode has it."""

    def adopt(self) -> list[NotAdopted]:
        """Take in students and photos that another program wrote into this store in its own form; what could not be.

        Photos that were taken in have no template yet: :meth:`unembedded` gives them."""

    def update(self, student: Student) -> bool:
        """Replace a student's fields; False when there is no such student."""

    def remove(self, matriculas: Sequence[str]) -> list[str]:
        """Erase students with all that hangs on them, so that no page of the store still holds it; which existed."""

    def finish_erasing(self) -> None:
        """Clear away what files of the store may still hold of whoever was erased.

        Raises ``StoreError`` (``erasure_incomplete``), saying what is left; it can be called again at any time."""

    def merge(self, keep: str, other: str) -> None:
        """Give all that hangs on one student to another, and erase the one.

        Photos with their templates (under new ids; a photo that both have is there once), entries of attendance and
        participation (of a class and date that both have, one entry holds: see
        :func:`gallery.documents.attendance.merged_turns`), and the fields as :func:`merged` has it. A merge that was
        cut off is undone or finished before the store is next opened.

        Raises ``NotFound`` (``student_not_found``)."""

    def take_photos(self, matricula: str, digests: Collection[str], to: str | None = None) -> None:
        """Take photos, by SHA-256, from a student with their templates: to give them to another, or to erase them so
        that no page of the store still holds them. Cut off, it can be repeated.

        Raises ``NotFound`` (``student_not_found``)."""

    def student(self, matricula: str) -> StoredStudent | None: ...

    def students(
        self,
        *,
        clase: str | None = None,
        query: str | None = None,
        kind: SubjectKind | None = "student",
        after: str = "",
        limit: int = 100,
    ) -> list[StoredStudent]:
        """In order of matricula, after ``after``; ``query`` is part of a name or a matricula."""

    def subjects(self, ids: Sequence[int]) -> dict[int, Student]:
        """Students by subject id; those that do not exist (any more) are left out."""

    def roster(self, *, clase: str | None = None, kind: SubjectKind | None = None) -> NDArray[np.int64]:
        """Subject ids, sorted, of a class or a kind."""

    def has_cohort(self) -> bool: ...

    def embedded(self, matricula: str, pack: str) -> set[str]:
        """SHA-256 of the student's photos that have a template by ``pack``."""

    def digests(self, matricula: str) -> list[str]:
        """SHA-256 of the student's photos, sorted; none when there is no such student."""

    def enrolled(self) -> Iterator[EnrolledTemplate]:
        """What is known of the photos that have a template by the gallery's pack, in order of the template's id."""

    def unembedded(self, pack: str) -> Iterator[StoredPhoto]:
        """Every photo that has no template by ``pack``; adding templates while iterating is allowed."""

    def photos(self) -> Iterator[StoredPhoto]:
        """Every photo, in order of id; writing while iterating is allowed."""

    def add_templates(self, templates: Sequence[tuple[int, Template]]) -> None:
        """Templates for photos that are stored already, by photo id; photos that were removed since are left out."""

    def position(self) -> Position:
        """Where a follower is who reads all templates after asking this."""

    def last_change(self) -> int:
        """The newest sequence number, 0 when nothing ever happened."""

    def mark(self, change: int) -> str:
        """A random word that belongs to a change; empty when there is no such change. A store that was restored from a
        backup and went another way since has other words for the same numbers."""

    def changed_since(self, position: Position) -> bool:
        """Whether :meth:`changes` may have something to say. Cheap: asked before every search.

        Whatever changes which students there are, their class or their kind, changes the position, too: a roster that
        was read at a position holds as long as nothing changed since."""

    def changes(self, position: Position) -> Changes:
        """The changes since a position. The store remembers nothing of whoever asks."""

    def removed_since(self, change: int) -> bool:
        """Whether anything was removed after ``change``."""

    def templates(self, ids: Sequence[int] | None = None, pack: str | None = None) -> Iterator[TemplateBatch]:
        """Templates in order of id, in batches; all of them when ``ids`` is None, by the gallery's pack when ``pack``
        is None."""

    def counts(self) -> Counts: ...

    def damage(self, progress: DamageProgress = lambda _: None) -> Iterator[Damage]:
        """Read everything, the photos' bytes included, and say what is not as it was written; see docs/damage.md.

        Nothing is changed, memory does not grow with the photos, others may read and write meanwhile. ``progress`` is
        told how many photos more were looked at. What cannot be read is a finding, not an error."""

    def close(self) -> None: ...
