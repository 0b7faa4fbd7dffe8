"""What a server answers with, as frozen types.

Members that a later server adds are passed over. Words of which there may be more one day (decisions, statuses) are
plain texts. Dates and moments are texts as the server sends them: a date is one of the school's time zone.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Decoder

Line = TypeVar("Line")


class Reply(Struct, frozen=True, kw_only=True):
    """What all replies are: compared by their members, and not changed."""


class Quality(Reply, frozen=True, kw_only=True):
    """How usable a face is: shorter side in pixels, sharpness, yaw (0 is frontal), the detector's score, the mean grey
    level (0 to 255), and the tilt in degrees; the last two are None of a server that does not measure them."""

    size: float
    sharpness: float
    yaw: float
    detection_score: float
    brightness: float | None = None
    roll: float | None = None


class FaultWords(Reply, frozen=True, kw_only=True):
    """What is not good about a face, as sentences in Spanish and in English."""

    es: str
    en: str


class Face(Reply, frozen=True, kw_only=True):
    """Where a face is: box as x1, y1, x2, y2 and five landmarks, in pixels of the upright photo.

    ``rotated``: degrees, clockwise, by which the photo had to be turned. ``faults``: codes of what is not good about
    it; ``words`` says the same, None when nothing is.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    detection_score: float
    quality: Quality
    faults: tuple[str, ...] = ()
    words: FaultWords | None = None
    rotated: int


class Liveness(Reply, frozen=True, kw_only=True):
    """Whether a face was taken for a live person's: ``decision`` is live, attack or not_judged.

    ``score`` is in [0, 1], higher is more like a live person; None when the face could not be judged, and ``reason``
    says why. ``pack`` is the tag of the liveness pack.
    """

    score: float | None
    decision: str
    reason: str | None
    pack: str
    threshold: float


class JudgedFace(Face, frozen=True, kw_only=True):
    """A face; ``liveness`` is None where the server does not ask for it."""

    liveness: Liveness | None = None


class Candidate(Reply, frozen=True, kw_only=True):
    """One person of a ranked list; rank 1 is the best.

    ``score`` is in [-1, 1], higher is closer, and no probability. ``fpir`` is the share of strangers whose best score
    is as high; None while the gallery is not calibrated. ``kind`` is student or cohort.
    """

    rank: int
    matricula: str
    nombre_del_alumno: str
    clase: str
    kind: str
    score: float
    fpir: float | None


class IdentifiedFace(JudgedFace, frozen=True, kw_only=True):
    """A face and who it is.

    ``decision`` is known, unknown, ambiguous or duplicate, or undecided: in a partial answer, or of a face that may be
    a picture. ``nombre`` is "Desconocido", or "Sin decidir", and ``matricula`` None unless it is known.
    """

    decision: str
    nombre: str
    matricula: str | None
    score: float | None
    fpir: float | None
    reason: str | None
    candidates: tuple[Candidate, ...]


class Identification(Reply, frozen=True, kw_only=True):
    """Who is in a photo; faces largest first. ``hint`` says what to do when no one could be searched.

    ``partial``: a part of the gallery was not there, which only who asks for it gets; ``covers`` is then the share of
    all people that was searched.
    """

    request_id: str
    pack: str
    threshold: float
    threshold_source: str
    hint: str | None
    rotated: int
    faces: tuple[IdentifiedFace, ...]
    timings_ms: dict[str, float]
    partial: bool = False
    covers: float = 1.0


class Verification(Reply, frozen=True, kw_only=True):
    """Whether a photo shows a student; ``score`` is None when the student has no template. ``reason``: why it does not
    although the score reaches the threshold: told_apart, not_live or liveness_not_judged; otherwise None."""

    request_id: str
    pack: str
    matricula: str
    same_person: bool
    reason: str | None = None
    threshold: float
    score: float | None
    face: JudgedFace


class SearchResults(Reply, frozen=True, kw_only=True):
    """The nearest people of each embedding, best first; ``partial`` and ``covers`` as of an :class:`Identification`."""

    request_id: str
    pack: str
    hint: str | None
    results: tuple[tuple[Candidate, ...], ...]
    partial: bool = False
    covers: float = 1.0


class Consent(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """That a student agreed to be enrolled: when (an ISO date), and to which text. The rest is empty where nothing is
    noted: who gave it (``alumno`` or ``tutor``), the guardian and what the guardian is to the student, the last date on
    which it holds, the moment at which it ended, and why (``withdrawn`` or ``expired``)."""

    fecha: str
    texto: str
    otorgado_por: str = ""
    tutor: str = ""
    parentesco: str = ""
    hasta: str = ""
    retirado: str = ""
    motivo: str = ""


class Student(Reply, frozen=True, kw_only=True):
    """A student document; never the photos. ``images`` and ``templates`` are how many are stored."""

    matricula: str
    nombre_del_alumno: str
    clase: str
    fecha_de_registro: str
    otras_clases: tuple[str, ...]
    kind: str
    asistencias: int
    asistencias_por_clase: dict[str, int]
    participaciones: int
    consentimiento: Consent | None
    aviso: str
    images: int
    templates: int


class EnrolmentWarning(Reply, frozen=True, kw_only=True):
    """A photo, counted from 1, that clearly shows a student of another matricula."""

    code: str
    matricula: str
    nombre_del_alumno: str
    score: float
    fpir: float | None
    photo: int


class Enrolment(Reply, frozen=True, kw_only=True):
    """The student as stored, the face that was taken of each photo, and warnings."""

    request_id: str
    student: Student
    photos: tuple[Face, ...]
    warnings: tuple[EnrolmentWarning, ...]


class EntryState(Reply, frozen=True, kw_only=True):
    """An attendance entry that holds for a student of a face: present, late, waiting, ambiguous or rejected.

    ``reason``: why one waits: not_live or liveness_not_judged; otherwise None.
    """

    id: int
    status: str
    reason: str | None = None


class ClassPhotoFace(JudgedFace, frozen=True, kw_only=True):
    """A face of a class photo (present, waiting, ambiguous, off_roster, duplicate, unknown), and the entries that hold.

    ``recorded``: whether this request made the first of the entries.
    """

    status: str
    nombre: str
    matricula: str | None
    score: float | None
    fpir: float | None
    reason: str | None
    recorded: bool
    entries: tuple[EntryState, ...]
    candidates: tuple[Candidate, ...]


class ClassPhoto(Reply, frozen=True, kw_only=True):
    """The faces of a class photo, largest first, and how many have each status."""

    request_id: str
    clase: str
    fecha: str
    threshold: float
    threshold_source: str
    generation: int
    counts: dict[str, int]
    hint: str | None
    rotated: int
    faces: tuple[ClassPhotoFace, ...]
    timings_ms: dict[str, float]


class SeenLiveness(Reply, frozen=True, kw_only=True):
    """Whether the face behind an entry was taken for a live person's; as :class:`Liveness`."""

    score: float | None
    decision: str
    pack: str


class AttendanceEntry(Reply, frozen=True, kw_only=True):
    """An attendance entry with all that explains it.

    ``matricula`` and ``nombre_del_alumno`` are None once the student was erased. What a photo showed is None for
    entries made by hand. ``reason``: why a waiting entry waits.
    """

    id: int
    matricula: str | None
    nombre_del_alumno: str | None
    clase: str
    fecha: str
    session: int | None
    status: str
    reason: str | None = None
    source: str
    at: str
    note: str
    score: float | None
    threshold: float | None
    box: tuple[float, float, float, float] | None
    template: int | None
    pack: str | None
    generation: int | None
    photo: str | None
    liveness: SeenLiveness | None = None


class AttendanceLine(Reply, frozen=True, kw_only=True):
    """A line of the attendance list: an entry, or an absent student, of whom ``id`` and all after ``status`` is None.

    ``status`` is present, late, excused, waiting, ambiguous, rejected or absent.
    """

    id: int | None
    matricula: str | None
    nombre_del_alumno: str | None
    clase: str
    fecha: str
    status: str
    reason: str | None = None
    session: int | None = None
    source: str | None = None
    at: str | None = None
    note: str | None = None
    score: float | None = None
    threshold: float | None = None
    box: tuple[float, float, float, float] | None = None
    template: int | None = None
    pack: str | None = None
    generation: int | None = None
    photo: str | None = None
    liveness: SeenLiveness | None = None


class Participation(Reply, frozen=True, kw_only=True):
    """That a student took part in class; ``withdraws``: the number of an earlier participation that does not count."""

    id: int
    matricula: str | None
    nombre_del_alumno: str | None
    clase: str
    fecha: str
    kind: str
    note: str
    at: str
    withdraws: int | None


class Page(Reply, Generic[Line], frozen=True, kw_only=True):
    """A page of a list; ``next_cursor`` leads to the next one, and is None on the last."""

    lines: tuple[Line, ...]
    next_cursor: str | None


class Calibration(Reply, frozen=True, kw_only=True):
    """What a gallery's calibration says of itself; ``warning`` is empty when all is well."""

    people: int
    searches: int
    made_at: str
    fpir: float | None
    warning: str


class MeasuredIndex(Reply, frozen=True, kw_only=True):
    """An index that was built and measured: its recall at 10, the seconds that it took, and the milliseconds that one
    search takes by it and exactly, where they were compared."""

    kind: str
    parameters: dict[str, int]
    recall: float
    seconds: float
    search_ms: float | None
    exact_ms: float | None


class GateReport(Reply, frozen=True, kw_only=True):
    """Why the index is of its kind."""

    asked: str
    reason: str
    floor: float
    recall: float
    probes: int
    tried: tuple[MeasuredIndex, ...]


class Shard(Reply, frozen=True, kw_only=True):
    """One shard of a server's index; while it is not ready, as it was last."""

    shard: int
    ready: bool
    templates: int
    subjects: int
    generation: int
    unpublished: int
    unerased: int
    behind: int


class LivenessStatus(Reply, frozen=True, kw_only=True):
    """Where a server asks whether faces are live (off, observe or enforce), by which pack, and from which score."""

    identify: str
    verify: str
    attendance: str
    pack: str
    threshold: float | None
    threshold_source: str


class Status(Reply, frozen=True, kw_only=True):
    """The gallery at a glance: how much there is, pack, index, the threshold in force, and the school's date."""

    version: str
    subjects: int
    students: int
    cohort: int
    images: int
    templates: int
    indexed: int
    pack: str
    pack_tag: str
    dim: int
    index_kind: str
    index_parameters: dict[str, int]
    index_gate: GateReport | None
    generation: int
    unpublished: int
    unerased: int
    index_files: str | None
    change: int
    shards: tuple[Shard, ...] = ()
    threshold: float
    threshold_source: str
    calibration: Calibration | None
    unused_calibration: str
    liveness: LivenessStatus | None = None
    keeps_unknown: bool = False
    margin: float
    consent_required: bool
    consent_text: str
    timezone: str
    today: str


class Readiness(Reply, frozen=True, kw_only=True):
    """Whether queries are answered: ready, loading or unavailable, then with the code of what queries meet.

    ``behind_changes`` are the changes of the documents that the server's index has not seen, ``behind_seconds`` since
    when it has not seen all; both are left out while that is not known.
    """

    status: str
    code: str | UnsetType = UNSET
    behind_changes: int | UnsetType = UNSET
    behind_seconds: float | UnsetType = UNSET

    def __bool__(self) -> bool:
        """Whether it is ready."""
        return self.status == "ready"


def describe(kind: type[Struct]) -> None:
    """Let msgspec describe a type and those that were derived from it while one thread runs: two that parse a type
    first at the same time crash the process (msgspec 0.22.0)."""
    Decoder(kind)
    for derived in kind.__subclasses__():
        describe(derived)


describe(Reply)
