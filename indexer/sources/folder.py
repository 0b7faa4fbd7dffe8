"""A folder as a source: one folder per person, or one photo per person, named after the person; or both.

``Ana_Ruiz/1.jpg``, ``Ana_Ruiz/2025/1.jpg`` and ``Ana_Ruiz.jpg`` all make a student with matricula ``Ana_Ruiz`` and name
"Ana Ruiz". What operating systems and cloud folders leave beside photos is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.values import Source, SourcePhoto
from presente.errors import InvalidInput
from presente.files import printable_path
from presente.local_files import DEFAULT_RULES, FileRules, has_photo_suffix

"""Files with these suffixes are read, and refused with a reason when they cannot be used. Others are ignored."""


_LITTER = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
"""Files that Windows and macOS leave in folders, in lower case. Names that begin with a dot are hidden anyway."""

_LITTER_FOLDERS = frozenset({"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information"})
"""Folders of archives, network drives and Windows, in lower case. Some hold copies or thumbnails of the photos."""

_FOLDERS_NAMED = 5
"""Nested folders that a note names at most."""

FilesByPerson = list[tuple[str, list[Path]]]
"""The name of each folder or single file, and the files that belong to it."""


def read_folder(root: Path, rules: FileRules = DEFAULT_RULES) -> Source:
    """List a folder's photos in a stable order.

    Raises:
        InvalidInput: ``unreadable_folder``, ``empty_source``, ``invalid_student``.
    """
    people = files_by_person(root)
    source = source_from_people(root, people, _student_named, rules)
    return replace(source, notes=tuple(_nested_notes(root, people)))


def _nested_notes(root: Path, people: FilesByPerson) -> Iterator[str]:
    """A note per student with photos in nested folders: these could also be the folders of several students."""
    for name, files in people:
        below = {path.parent for path in files if has_photo_suffix(path)} - {root, root / name}
        if below:
            folders = ", ".join(printable_path(path.relative_to(root)) for path in sorted(below)[:_FOLDERS_NAMED])
            more = ", ..." if len(below) > _FOLDERS_NAMED else ""
            person = printable_path(Path(name))
            yield f"{person}: the photos in nested folders were taken for this student's: {folders}{more}"


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


def person_name(name: str) -> str:
    """A person's name from the name of a file or folder: underscores become spaces."""
    return name.replace("_", " ").strip()


def _student_named(name: str) -> Student:
    return check_student(Student(matricula=name, nombre_del_alumno=person_name(name)))


def files_by_person(root: Path) -> FilesByPerson:
    """(name, files) of every folder and of every single file in ``root``, in a stable order.

    The files of a folder are those in it and in the folders below it. Links to folders are followed in ``root`` only.

    Raises:
        InvalidInput: ``unreadable_folder``.
    """
    people = []
    folder = root
    try:
        for entry in _visible(root):
            if entry.is_dir():
                folder = entry
                people.append((entry.name, list(_files_below(entry))))
            else:
                people.append((entry.stem, [entry]))
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder", f"{printable_path(folder)} cannot be read ({exc.strerror}).", "Check its permissions."
        ) from exc
    return people


def _files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder, then those in each folder below it."""
    waiting = [folder]
    while waiting:
        entries = _visible(waiting.pop())
        folders = {path for path in entries if path.is_dir()}
        yield from (path for path in entries if path not in folders)
        waiting += [path for path in reversed(entries) if path in folders and not path.is_symlink()]


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted, without hidden files and without what programs leave there."""
    return sorted(path for path in folder.iterdir() if not (path.name.startswith(".") or _is_litter(path)))


def _is_litter(path: Path) -> bool:
    name = path.name.lower()
    return name in _LITTER or name in _LITTER_FOLDERS
