"""Labelled Faces in the Wild as downloaded: ``Person_Name/Person_Name_0001.jpg``, below the root or one folder down.

Its people are not students: they are enrolled as ``cohort``, with matricula ``lfw-Person_Name``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.folder import (
    FilesByPerson,
    files_by_person,
    person_name,
    source_from_people,
)
from indexer.sources.values import Source
from presente.errors import InvalidInput
from presente.files import printable_path
from presente.local_files import FileRules, has_photo_suffix

_FOLDERS = ("lfw", "lfw_funneled", "lfw-funneled", "lfw-deepfunneled", "lfw_deepfunneled")


def is_lfw(root: Path) -> bool:
    """Whether every photo below a folder has a name as LFW gives it.

    Raises:
        InvalidInput: ``unreadable_folder``.
    """
    photos = [
        (name, path)
        for name, files in files_by_person(_people_folder(root))
        for path in files
        if has_photo_suffix(path)
    ]
    return bool(photos) and all(_is_lfw_photo(name, path) for name, path in photos)


def read_lfw(root: Path, rules: FileRules) -> Source:
    """List LFW's photos; files with other names (lists, notes) are ignored.

    Raises:
        InvalidInput: ``not_lfw``, ``unreadable_folder``, ``invalid_student``.
    """
    everything = files_by_person(_people_folder(root))
    people: FilesByPerson = [
        (name, [path for path in files if _is_lfw_photo(name, path)]) for name, files in everything
    ]
    if not any(files for _, files in people):
        raise InvalidInput(
            "not_lfw",
            f"{printable_path(root)} holds no photos named as LFW names them.",
            "Name the folder that holds Person_Name/Person_Name_0001.jpg, or say --kind folder.",
        )
    source = source_from_people(root, people, _cohort_student, rules)
    ignored = sum(len(files) for _, files in everything) - len(source.photos)
    return replace(source, ignored=ignored)


def _people_folder(root: Path) -> Path:
    """The folder that holds one folder per person: archives and mirrors nest it once or twice."""
    for name in _FOLDERS:
        if (root / name).is_dir():
            return _people_folder(root / name)
    return root


def _is_lfw_photo(person: str, path: Path) -> bool:
    """Whether a file is a numbered photo of a person, in the person's own folder."""
    return (
        path.parent.name == person
        and has_photo_suffix(path)
        and re.fullmatch(re.escape(person) + r"_\d{4}", path.stem) is not None
    )


def _cohort_student(name: str) -> Student:
    return check_student(Student(f"lfw-{name}", person_name(name), kind="cohort"))
