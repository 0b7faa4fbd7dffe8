"""A folder: one folder a person, or one photo a person named after them, or both.

``Ana_Ruiz/1.jpg`` and ``Ana_Ruiz.jpg`` both make a student with matricula ``Ana_Ruiz``, called "Ana Ruiz".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.local import DEFAULT_RULES, FileRules
from indexer.sources.protocol import Source, SourcePhoto, readable
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


People = list[tuple[str, list[Path]]]
"""Names, each with files."""


def read_folder(root: Path, rules: FileRules = DEFAULT_RULES) -> Source:
    """List a folder's photos in a stable order.

    Raises:
        InvalidInput: ``unreadable_folder``, ``empty_source``, ``invalid_student``.
    """
    return source_of(root, people_in(root), _named, rules)


def source_of(root: Path, people: People, student_named: Callable[[str], Student], rules: FileRules) -> Source:
    """The photos of people whose files were listed; ``student_named`` makes a student of a file's or folder's name.

    Raises:
        InvalidInput: ``empty_source``, or what ``student_named`` raises.
    """
    photos: dict[Student, list[SourcePhoto]] = {}
    ignored = 0
    for entry, files in people:
        kept = [path for path in files if photo_like(path)]
        ignored += len(files) - len(kept)
        if kept:
            student = student_named(readable(Path(entry)))
            theirs = photos.setdefault(student, [])  # two spellings of one name are one student
            theirs += [SourcePhoto.in_file(student, path, rules) for path in kept]
    if not photos:
        raise InvalidInput(
            "empty_source",
            f"{root} holds no photos.",
            "It should have one folder of photos a person, or one photo a person.",
        )
    return Source(readable(root), tuple(photo for theirs in photos.values() for photo in theirs), ignored=ignored)


def photo_like(path: Path) -> bool:
    """Whether a file's name is a photo's."""
    return path.suffix.lower() in _PHOTO_LIKE


def spoken(name: str) -> str:
    """A person's name out of a file's: spaces for underscores."""
    return name.replace("_", " ").strip()


def _named(name: str) -> Student:
    return check_student(Student(matricula=name, nombre_del_alumno=spoken(name)))


def people_in(root: Path) -> People:
    """(name, files) of every folder and of every single file in ``root``, in a stable order.

    Raises:
        InvalidInput: ``unreadable_folder``.
    """
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
