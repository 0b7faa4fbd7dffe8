"""What a server answers about people who are not enrolled, as frozen types."""

from __future__ import annotations

from .replies import EnrolmentWarning, Reply, Student, describe


class ResembledStudent(Reply, frozen=True, kw_only=True):
    """A student whom an unknown person resembles; ``score`` is that of all faces together, in [-1, 1]."""

    matricula: str
    nombre_del_alumno: str
    clase: str
    score: float


class AlikePerson(Reply, frozen=True, kw_only=True):
    """Another unknown person who may be the same one; ``picture`` is a path on the server."""

    id: int
    picture: str
    score: float


class UnknownPerson(Reply, frozen=True, kw_only=True):
    """A person who is not enrolled: open, or not_ours.

    Attributes:
        visits: how many faces are kept; looks within ten minutes are one.
        looks: how often the person was seen in all of them.
        cover: id of the face that shows the person best; ``picture`` is its path on the server.
        resembles: the most alike students, best first.
        alike: who may be the same person, the most alike first.
    """

    id: int
    state: str
    note: str
    first_at: str
    last_at: str
    visits: int
    looks: int
    clases: tuple[str, ...]
    cover: int
    picture: str
    resembles: tuple[ResembledStudent, ...]
    alike: tuple[AlikePerson, ...]


class FaceQuality(Reply, frozen=True, kw_only=True):
    """What was measured on a face when it was kept; None what was not."""

    size: float | None
    sharpness: float | None
    yaw: float | None
    detection_score: float | None
    brightness: float | None
    roll: float | None


class UnknownFace(Reply, frozen=True, kw_only=True):
    """A face of an unknown person, which is one visit: seen in identify, attendance, session or film.

    ``clase`` is empty and ``session`` None where no class showed it. ``box`` is of the face in the picture, in pixels.
    """

    id: int
    at: str
    last_at: str
    looks: int
    source: str
    clase: str
    session: int | None
    picture: str
    box: tuple[float, float, float, float]
    quality: FaceQuality


class UnknownPersonPage(Reply, frozen=True, kw_only=True):
    """A person who is not enrolled, with a page of the faces."""

    unknown: UnknownPerson
    faces: tuple[UnknownFace, ...]
    next_cursor: str | None


class NamedPerson(Reply, frozen=True, kw_only=True):
    """The student whom an unknown person turned out to be: how many faces became photos, and how many left the unknown
    people."""

    request_id: str
    student: Student
    photos: int
    erased: int
    warnings: tuple[EnrolmentWarning, ...]


class Forgotten(Reply, frozen=True, kw_only=True):
    """How many faces of a person were erased, and the score from which one was taken for the person's."""

    request_id: str
    faces: int
    threshold: float


describe(Reply)
