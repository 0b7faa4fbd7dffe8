"""A folder: one folder a person, or one photo a person named after them, or both.

``Ana_Ruiz/1.jpg`` and ``Ana_Ruiz.jpg`` both make a student with matricula ``Ana_Ruiz``, called "Ana Ruiz".
"""

from __future__ import annotations

from pathlib import Path

from gallery.documents.model import Student, check_student
from indexer.sources.model import Source, SourcePhoto, readable
from presente.errors import InvalidInput

_PHOTO_LIKE = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jfif",
        ".png",
        ".webp",
        ".pgm",
        ".ppm",
        ".pnm",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".heic",
        ".heif",
        ".avif",
        ".jxl",
        "",
    }
)
"""Files that are tried, and refused with a reason when they cannot be used. Others (lists, notes) are ignored."""


def read_folder(root: Path) -> Source:
    """List a folder's photos in a stable order.

    Raises:
        InvalidInput: ``unreadable_folder``, ``empty_source``, ``invalid_student``.
    """
    photos: list[SourcePhoto] = []
    ignored = 0
    for entry, files in _people(root):
        kept = [path for path in files if path.suffix.lower() in _PHOTO_LIKE]
        ignored += len(files) - len(kept)
        if kept:
            student = _named(readable(Path(entry)))
            photos += [SourcePhoto.in_file(student, path) for path in kept]
    if not photos:
        raise InvalidInput(
            "empty_source",
            f"{root} holds no photos.",
            "It should have one folder of photos a person, or one photo a person.",
        )
    return Source(readable(root), tuple(photos), ignored=ignored)


def _named(name: str) -> Student:
    return check_student(Student(matricula=name, nombre_del_alumno=name.replace("_", " ").strip()))


def _people(root: Path) -> list[tuple[str, list[Path]]]:
    """(name, files) of every folder and of every single file in ``root``."""
    people = []
    folder = root
    try:
        for entry in _visible(root):
            if entry.is_dir():
                folder = entry
                people.append((entry.name, [path for path in _visible(entry) if not path.is_dir()]))
            else:
                people.append((entry.stem, [entry]))
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder", f"{readable(folder)} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc
    return people


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
