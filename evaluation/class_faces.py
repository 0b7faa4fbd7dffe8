"""The table of the protocol for class photos, and its rates, which are computed from the table alone.

One line per face that was pasted into a class photo, and per face that was found where none is:

    photo      number of the class photo
    size       the size of its faces that was asked for: pixels, or a range of pixels
    side       shorter side of this face's box in the photo, pixels
    role       student, stranger, or none: something that was taken for a face
    person     whose face it is
    path       the portrait that it was cut out of
    found      1 when the service found the face
    status     what the service made of it: present, ambiguous, off_roster, duplicate, unknown; empty when not found
    named      the person whose name the face was given; empty when no one's
    score      the best candidate's score (cosine)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.intervals import shown, wilson
from evaluation.tables import read_score, read_table, shown_score, write_table

_COLUMNS = ("photo", "size", "side", "role", "person", "path", "found", "status", "named", "score")
STUDENT, STRANGER, NO_FACE = "student", "stranger", "none"


@dataclass(frozen=True, slots=True)
class ClassFace:
    """One line of the table; the score is -inf where there is none."""

    photo: int
    size: str
    side: float
    role: str
    person: str
    path: str
    found: bool
    status: str
    named: str
    score: float = -math.inf

    @property
    def right(self) -> bool:
        """Whether the student was recorded as present by this face."""
        return self.role == STUDENT and self.status == "present" and self.named == self.person

    @property
    def wrong(self) -> bool:
        """Whether the face was given a name that is not its person's."""
        return bool(self.named) and self.named != self.person


def write_faces(path: Path, faces: Sequence[ClassFace]) -> None:
    """Write the table."""
    write_table(
        path,
        _COLUMNS,
        (
            (
                face.photo,
                face.size,
                round(face.side, 1),
                face.role,
                face.person,
                face.path,
                int(face.found),
                face.status,
                face.named,
                shown_score(face.score),
            )
            for face in faces
        ),
    )


def read_faces(path: Path) -> list[ClassFace]:
    """Read a table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> ClassFace:
        return ClassFace(
            int(row["photo"]),
            row["size"],
            float(row["side"]),
            row["role"],
            row["person"],
            row["path"],
            row["found"] == "1",
            row["status"],
            row["named"],
            read_score(row["score"]),
        )

    return read_table(path, read, "evaluation classroom")


def rates_by_size(faces: Sequence[ClassFace]) -> list[dict[str, Any]]:
    """The rates of the class photos of each size, in the table's order of sizes."""
    sizes = dict.fromkeys(face.size for face in faces)
    return [{"size": size, **rates([face for face in faces if face.size == size])} for size in sizes]


def rates(faces: Sequence[ClassFace]) -> dict[str, Any]:
    """Counts of faces, and shares with 95 % intervals."""
    real = [face for face in faces if face.role != NO_FACE]
    students = [face for face in real if face.role == STUDENT]
    strangers = [face for face in real if face.role == STRANGER]
    present = sum(face.right for face in students)
    ambiguous = sum(face.status == "ambiguous" for face in students)
    return {
        "photos": len({face.photo for face in faces}),
        "faces": len(real),
        **_share("found", sum(face.found for face in real), len(real)),
        "false_faces": len(faces) - len(real),
        "students": len(students),
        **_share("present", present, len(students)),
        "missed": len(students) - present - ambiguous,
        "ambiguous": ambiguous,
        **_share("named_wrongly", sum(face.wrong for face in faces if face.role != STRANGER), len(students)),
        "strangers": len(strangers),
        **_share("strangers_named", sum(face.wrong for face in strangers), len(strangers)),
    }


def _share(name: str, count: int, of: int) -> dict[str, Any]:
    return {
        name: count,
        f"{name}_rate": round(count / of, 6) if of else None,
        f"{name}_interval": shown(wilson(min(count, of), of)),
    }
