"""What corrections teach: a face that a person said is not a student becomes a negative example of that student."""

from __future__ import annotations

from collections.abc import Iterable

from gallery.documents.attendance import StoredAttendance
from gallery.documents.attendance_rules import ATTENDED
from gallery.documents.negatives import Negative, of_entry
from gallery.gallery import Gallery

Judged = tuple[StoredAttendance, bool]
"""An entry that a face made, and whether a person said that the face is not that student."""


def learn(gallery: Gallery, judged: Iterable[Judged], at: str) -> None:
    """Keep a negative example for each face that is not the student, and take it back where that does not hold.

    A call that was cut off can be repeated. Faces by another pack than the gallery's teach nothing, as it cannot compare
    them, and neither does a face that waits because it may be a picture of the student: it is like the student.

    Args:
        gallery: the gallery, or a part of it.
        judged: the faces.
        at: when it was said, UTC, ISO.
    """
    anchors = gallery.anchors
    for stored, is_refuted in judged:
        entry, face = stored.entry, stored.entry.face
        if entry.subject is None or face is None:
            continue
        about = of_entry(stored.id)
        if not is_refuted:
            anchors.take_back(entry.subject, [about])
        elif face.pack == gallery.pack and (entry.status in ATTENDED or entry.status == "ambiguous"):
            anchors.add(Negative(entry.subject, about, face.vector, face.pack, at, "attendance", entry.session))
