"""A folder as a source: one folder per person, or one photo per person, named after the person; or both.

``Ana_Ruiz/1.jpg`` and ``Ana_Ruiz.jpg`` both make a student with matricula ``Ana_Ruiz`` and name "Ana Ruiz".
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.local_files import DEFAULT_RULES, FileRules
from indexer.sources.values import Source, SourcePhoto, printable_path
from presente.errors import InvalidInput

_PHOTO_SUFFIXES = frozenset(
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
        ".hif",
        ".avif",
        ".jxl",
        "",
    }
)
"""Files with these suffixes are read, and refused with a reason when they cannot be used. Others are ignored."""


FilesByPerson = list[tuple[str, list[Path]]]
"""The name of each folder or single file, and the files that belong to it."""


def read_folder(root: Path, rules: FileRules = DEFAULT_RULES) -> Source:
    """List a folder's photos in a stable order.

    Raises:
        InvalidInput: ``unreadable_folder``, ``empty_source``, ``invalid_student``.
    """
    return source_from_people(root, files_by_person(root), _student_named, rules)


def source_from_people(
    root: Path, people: FilesByPerson, student_named: Callable[[str], Student], rules: FileRules
) -> Source:
    """The photos among the files of people; ``student_named`` makes a student from the name of a file or a folder.

    Raises:
        InvalidInput: ``empty_source``, or what ``student_named`` raises.
    """
    photos: dict[Student, list[SourcePhoto]] = {}
    ignored = 0
    for name, files in people:
        paths = [path for path in files if has_photo_suffix(path)]
        ignored += len(files) - len(paths)
        if paths:
            student = student_named(printable_path(Path(name)))
            photos_of_student = photos.setdefault(student, [])  # two spellings of one name are one student
            photos_of_student += [SourcePhoto.in_file(student, path, rules) for path in paths]
    if not photos:
        raise InvalidInput(
            "empty_source",
            f"{root} holds no photos.",
            "It should have one folder of photos per person, or one photo per person.",
        )
    return Source(printable_path(root), tuple(chain.from_iterable(photos.values())), ignored=ignored)


def has_photo_suffix(path: Path) -> bool:
    """Whether a file's name is that of a photo."""
    return path.suffix.lower() in _PHOTO_SUFFIXES


def person_name(name: str) -> str:
    """A person's name from the name of a file or folder: underscores become spaces."""
    return name.replace("_", " ").strip()


def _student_named(name: str) -> Student:
    return check_student(Student(matricula=name, nombre_del_alumno=person_name(name)))


def files_by_person(root: Path) -> FilesByPerson:
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
            "unreadable_folder", f"{printable_path(folder)} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc
    return people


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
