"""What a source of photos gives to the pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import Student
from indexer.sources.local import FileRules, read_file


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another copy of a photo, for when the first is damaged.

    Attributes:
        read: gets the bytes; called in a worker thread, perhaps twice. Raises ``PhotoRefused`` when there is none.
        found: which copy it is, how it was found, and how sure that is, for the report.
        differs: the two are one photo, and their bytes are not the same: at least one of them is damaged.
        suspect: the photo has no copy of the same bytes, though others of its source do: it may be damaged.
    """

    read: Callable[[], bytes]
    found: str = ""
    differs: bool = False
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class SourcePhoto:
    """One photo that is yet to be read, and whose it is.

    Attributes:
        student: whose it is.
        location: where it is, for people and for the report.
        read: gets the bytes; called in a worker thread, once.
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
        return cls(student, readable(path), partial(read_file, path, rules.max_bytes), landmarks=landmarks)


class Photos(Protocol):
    """Photos that can be counted, and gone through again. A tuple is; so is what makes each photo when it is due."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[SourcePhoto]:
        """Each, from the first on."""


@dataclass(frozen=True, slots=True)
class PastAttendance:
    """That a student was in class, or took part, before there were entries: which book, who, when and what."""

    book: str
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
        fields: the student fields that the source really knows; others are left as they are stored.
        ignored: files that were not even taken for photos.
        history: attendance and participation that the source knows of.
        close: gives back what the source holds.
        warnings: what of the source could not be used, a line each.
        notes: how the source was understood, a line each; nothing that went wrong.
    """

    name: str
    photos: Photos
    fields: frozenset[str] = frozenset()
    ignored: int = 0
    warnings: tuple[str, ...] = ()
    history: tuple[PastAttendance, ...] = ()
    close: Callable[[], None] = lambda: None
    notes: tuple[str, ...] = ()


def readable(path: Path) -> str:
    """A path as text that can be printed and stored, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
