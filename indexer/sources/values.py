"""What a source of photos gives to a run: the photos, whose they are, and what else the source knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import Student
from presente.files import printable_path
from presente.local_files import FileRules, read_file
from presente.student_sheets.rows import RefusedRow


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another copy of a photo, for when the first is damaged.

    Attributes:
        read: gets the bytes; called in a worker thread, perhaps twice. Raises ``PhotoRefused`` when there is none.
        found: which copy it is, how it was found, and how sure that is, for the report.
        differs: the two copies are one photo, and their bytes differ: at least one of them is damaged.
        suspect: no copy has the bytes of the photo, although other photos of the source have such a copy: the photo
            may be damaged.
    """

    read: Callable[[], bytes]
    found: str = ""
    differs: bool = False
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class SourcePhoto:
    """One photo that is not yet read, and whose it is.

    Attributes:
        student: whose it is.
        location: where it is, for people and for the report.
        read: gets the bytes; called in a worker thread, once; twice when a run is rehearsed.
        fallback: another copy, if the source has one.
        landmarks: float32 (5, 2), pixels of the photo, in the detector's order, when the source knows them: then
            nothing is detected.
    """

    student: Student
    location: str
    read: Callable[[], bytes]
    fallback: Fallback | None = None
    landmarks: NDArray[np.float32] | None = None

    @classmethod
    def in_file(
        cls, student: Student, path: Path, rules: FileRules, landmarks: NDArray[np.float32] | None = None
    ) -> SourcePhoto:
        """A photo that is a file."""
        return cls(student, printable_path(path), partial(read_file, path, rules.max_bytes), landmarks=landmarks)


class PhotoCollection(Protocol):
    """Photos that can be counted, and iterated over more than once. A tuple is one; a large source makes each photo
    only when it is asked for."""

    def __len__(self) -> int:
        """How many photos there are."""

    def __iter__(self) -> Iterator[SourcePhoto]:
        """The photos, from the first on."""


@dataclass(frozen=True, slots=True)
class PastAttendance:
    """One entry of attendance or participation that an earlier system recorded.

    Attributes:
        field: ``asistencias`` or ``participaciones``, the field of the document that held the entry.
        matricula: of the student.
        fecha: the date, ISO.
        clase: the class.
        kind, note: of a participation, what kind it was and what was noted.
    """

    field: str
    matricula: str
    fecha: str
    clase: str = ""
    kind: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """All photos of a source, those of one person together.

    Attributes:
        name: what was read.
        photos: the photos.
        fields: the student fields that the source knows; the others are left as they are stored.
        ignored: files whose names are not those of photos.
        absent: photos that a list of the source names and its folder does not hold.
        warnings: what of the source could not be used, one line each.
        past_attendance: attendance and participation that the source knows of.
        close: gives back what the source holds.
        notes: how the source was understood, one line each; nothing that went wrong.
        refused: lines of a sheet that cannot be used.
        folder: the folder that files of the source lie in; None when it has no files.
    """

    name: str
    photos: PhotoCollection
    fields: frozenset[str] = frozenset()
    ignored: int = 0
    absent: int = 0
    warnings: tuple[str, ...] = ()
    past_attendance: tuple[PastAttendance, ...] = ()
    close: Callable[[], None] = lambda: None
    notes: tuple[str, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    folder: Path | None = None
