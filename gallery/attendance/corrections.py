"""What corrections teach: a face that a person said is not a student becomes a negative example of that student."""

from __future__ import annotations

from collections.abc import Iterable

from gallery.documents.attendance import Attendance, StoredAttendance
from gallery.documents.negatives import Negative, of_entry
from gallery.gallery import Gallery

Judged = tuple[StoredAttendance, bool]
"""An entry that a face made, and whether a person said that it is somebody else's than that student's."""


def may_be_picture(entry: Attendance) -> bool:
    """Whether a face that made an entry may be a picture of the student, as far as a liveness check can tell."""
    liveness = None if entry.face is None else entry.face.liveness
    return entry.status == "waiting" or (liveness is not None and liveness.decision == "attack")


def learn(gallery: Gallery, judged: Iterable[Judged], at: str) -> None:
    """Keep a negative example for each face that is not the student, and take it back where that does not hold.

    A call that was cut off can be repeated. Faces by another pack than the gallery's teach nothing: it cannot compare
    them. A picture of the student that is held up is refused as well, and is no example: the student looks like it.

    Args:
        gallery: the gallery, or a part of it.
        judged: the faces.
        at: when it was said, UTC, ISO.
    """
    anchors = gallery.anchors
    for stored, is_other in judged:
        entry, face = stored.entry, stored.entry.face
        if entry.subject is None or face is None:
            continue
        about = of_entry(stored.id)
        if not is_other:
            anchors.take_back(entry.subject, [about])
        elif face.pack == gallery.pack:
            anchors.add(Negative(entry.subject, about, face.vector, face.pack, at, "attendance", entry.session))
