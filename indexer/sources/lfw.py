"""Labelled Faces in the Wild as downloaded: ``Person_Name/Person_Name_0001.jpg``, below the root or one folder down.

Its people are nobody's students: they are enrolled as ``cohort``, with matricula ``lfw-Person_Name``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.folder import People, people_in, photo_like, source_of, spoken
from indexer.sources.local import FileRules
from indexer.sources.protocol import Source, readable
from presente.errors import InvalidInput

_FOLDERS = ("lfw", "lfw_funneled", "lfw-funneled", "lfw-deepfunneled", "lfw_deepfunneled")


def is_lfw(root: Path) -> bool:
    """Whether the photos below a folder, every one, are named as LFW names its own.

    Raises:
        InvalidInput: ``unreadable_folder``.
    """
    photos = [(name, path) for name, files in people_in(_people_folder(root)) for path in files if photo_like(path)]
    return bool(photos) and all(_is_named(name, path) for name, path in photos)


def read_lfw(root: Path, rules: FileRules) -> Source:
    """List LFW's photos; files with other names (lists, notes) are ignored.

    Raises:
        InvalidInput: ``not_lfw``, ``unreadable_folder``, ``invalid_student``.
    """
    listed = people_in(_people_folder(root))
    people: People = [(name, [path for path in files if _is_named(name, path)]) for name, files in listed]
    if not any(files for _, files in people):
        raise InvalidInput(
            "not_lfw",
            f"{readable(root)} holds no photos named as LFW names them.",
            "Name the folder that holds Person_Name/Person_Name_0001.jpg, or say --kind folder.",
        )
    source = source_of(root, people, _person, rules)
    left_out = sum(len(files) for _, files in listed) - len(source.photos)
    return replace(source, ignored=left_out)


def _people_folder(root: Path) -> Path:
    """Where the people's folders are: archives and mirrors nest them once or twice."""
    for name in _FOLDERS:
        if (root / name).is_dir():
            return _people_folder(root / name)
    return root


def _is_named(person: str, path: Path) -> bool:
    """Whether a file is photo n of a person, in the person's own folder."""
    return (
        path.parent.name == person
        and photo_like(path)
        and re.fullmatch(re.escape(person) + r"_\d{4}", path.stem) is not None
    )


def _person(name: str) -> Student:
    return check_student(Student(f"lfw-{name}", spoken(name), kind="cohort"))
