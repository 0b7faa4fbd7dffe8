"""What a run knows of the student whose photos pass, and of a photo that is ready to be embedded."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faces.embedder import AlignedFace
from gallery.documents.values import Student
from gallery.enrolment.nearest_others import NEW_STUDENT


@dataclass(slots=True, eq=False)
class SubjectInRun:
    """A student while their photos pass through a run.

    Attributes:
        student: the fields that the store shall have.
        outdated: whether the store has other fields.
        stored_photos: SHA-256 of the photos that the gallery has, and of those that this run has taken.
        id: the subject's id in the store; ``NEW_STUDENT`` while it is not known.
        written: whether this run stored photos of the student.
        templates: templates, float32 (d,), that further photos are compared with.
    """

    student: Student
    outdated: bool
    stored_photos: set[str]
    id: int = NEW_STUDENT
    written: bool = False
    templates: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AlignedPhoto:
    """A photo whose face was found and aligned, ready to be embedded.

    Attributes:
        subject: the student whom the photo is filed under.
        location: where the photo is, for people and for the report.
        content: the bytes that are stored.
        sha256: of ``content``, hex.
        media_type: of ``content``.
        face: the face to embed.
        warning: what the report says of the photo, such as why its second copy is used; empty when nothing.
        aviso: the code that the student's ``aviso`` shall have because of the photo; empty when none.
    """

    subject: SubjectInRun
    location: str
    content: bytes
    sha256: str
    media_type: str
    face: AlignedFace
    warning: str = ""
    aviso: str = ""
