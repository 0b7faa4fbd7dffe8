"""Photos of known people, for the check of a precision: read once, each with the face that enrolment would take."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faces.embedder import AlignedFace, FaceEmbedder
from presente.errors import InvalidInput, PhotoRefused
from presente.installation import SAMPLE
from presente.local_files import has_photo_suffix
from presente.parallel import in_threads

_MOST_CALIBRATION = 256
"""Crops that a graph is calibrated with, at most. They show no one who is compared."""

_CALIBRATION_SHARE = 5
"""Of so many people one is for calibration."""


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A file, and the person it shows."""

    person: str
    path: Path


@dataclass(frozen=True, slots=True)
class ReadFace:
    """A labelled photo and its face."""

    photo: LabelledPhoto
    face: AlignedFace


def shipped_photos() -> list[LabelledPhoto]:
    """The students of the sample class, who are drawn."""
    return [photo for folder in ("students", "probes") for photo in labelled_photos(SAMPLE / folder)]


def labelled_photos(folder: Path) -> list[LabelledPhoto]:
    """The photos below a folder, in a stable order; a photo's person is the name of the folder that it lies in.

    Raises:
        InvalidInput: ``unreadable_folder``, ``empty_source``.
    """
    if not folder.is_dir():
        raise InvalidInput("unreadable_folder", f"{folder} is no folder.", "Name a folder with one folder per person.")
    paths = sorted(path for path in folder.rglob("*") if has_photo_suffix(path) and path.parent != folder)
    if not paths:
        raise InvalidInput("empty_source", f"{folder} holds no photos in folders.", "Put each person's in a folder.")
    return [LabelledPhoto(path.parent.name, path) for path in paths]


def read_faces(
    photos: Sequence[LabelledPhoto], embedder: FaceEmbedder, workers: int, progress: Callable[[int], None]
) -> Iterator[ReadFace]:
    """The faces of photos, as they would be enrolled; photos that would be refused are left out."""

    def read(photo: LabelledPhoto) -> AlignedFace | None:
        try:
            return embedder.read_portrait(photo.path.read_bytes())[1]
        except PhotoRefused:
            return None

    for photo, future in in_threads(read, photos, workers):
        progress(1)
        face = future.result()
        if face is not None:
            yield ReadFace(photo, face)


def divided(faces: Sequence[ReadFace]) -> tuple[list[ReadFace], list[ReadFace]]:
    """Faces to calibrate with, and faces to compare, of other people. A hash of the names decides, so that it is the
    same every time."""
    people = sorted({face.photo.person for face in faces}, key=lambda name: hashlib.sha256(name.encode()).digest())
    calibrating = set(people[: len(people) // _CALIBRATION_SHARE])
    chosen = [face for face in faces if face.photo.person in calibrating]
    compared = [face for face in faces if face.photo.person not in calibrating]
    return chosen[:: max(1, len(chosen) // _MOST_CALIBRATION)][:_MOST_CALIBRATION], compared
