"""Protocols: lists of photos that are enrolled, of probes, and of strangers."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from faces.image.decode import ACCEPTED_SUFFIXES
from presente.errors import InvalidInput

ListRole = Literal["gallery", "probe", "unknown"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo of a protocol: enrolled, a probe of an enrolled person, or of a person unknown to the gallery.

    ``group`` is a value of the list's attribute column, empty without one.
    """

    role: ListRole
    person: str
    path: Path
    group: str = ""


def read_list(path: Path, root: Path | None = None, group: str | None = None) -> list[Entry]:
    """Read a tab-separated list with the columns role, person, path.

    Args:
        path: the list.
        root: the folder that the photos' paths are relative to; the list's own folder when None.
        group: another column; the metrics are given by its values, too.

    Raises:
        InvalidInput: ``unreadable_list``, ``missing_column``, ``invalid_list`` naming the line.
    """
    base = root or path.parent
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            missing = {"role", "person", "path", group or "path"} - set(reader.fieldnames or ())
            if missing:
                raise InvalidInput(
                    "missing_column",
                    f"{path} has no column {', '.join(sorted(missing))}.",
                    "Needed, separated by tabs: role, person, path.",
                )
            entries = [_entry(path, reader.line_num, row, base, group) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput("unreadable_list", f"{path} cannot be read ({exc}).", "Name a tab-separated list.") from exc
    return checked(entries, str(path))


def split_folder(root: Path, gallery_photos: int, stranger_share: float, seed: int) -> list[Entry]:
    """Split a folder with one folder per person: some people become strangers, photos of the others gallery and probes.

    Args:
        root: the folder.
        gallery_photos: enrolled photos per person; people with no further photo become strangers.
        stranger_share: share of the people, 0 to 1, who are not enrolled.
        seed: the same seed gives the same split.

    Raises:
        InvalidInput: ``unreadable_folder``, ``invalid_list``.
    """
    people = _photos_by_person(root)
    chance = random.Random(seed)
    names = [name for name, photos in people.items() if photos]
    chance.shuffle(names)
    strangers = set(names[: round(stranger_share * len(names))])
    entries = []
    for name in sorted(names):
        photos = chance.sample(people[name], len(people[name]))
        if name in strangers or len(photos) <= gallery_photos:
            entries += [Entry("unknown", name, path) for path in photos]
        else:
            entries += [
                Entry("gallery" if i < gallery_photos else "probe", name, path) for i, path in enumerate(photos)
            ]
    return checked(entries, str(root))


def read_people(root: Path, role: ListRole = "probe") -> list[Entry]:
    """Every photo of a folder with one folder per person, in order; of the role probe where a split decides it later.

    Raises:
        InvalidInput: ``unreadable_folder``.
    """
    return [Entry(role, person, path) for person, photos in _photos_by_person(root).items() for path in photos]


def _photos_by_person(root: Path) -> dict[str, list[Path]]:
    try:
        return {
            folder.name: sorted(path for path in folder.iterdir() if path.suffix.lower() in ACCEPTED_SUFFIXES)
            for folder in sorted(root.iterdir())
            if folder.is_dir()
        }
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder", f"{root} cannot be read ({exc}).", "Name a folder with one folder per person."
        ) from exc


def first_photos(entries: Sequence[Entry], count: int) -> list[int]:
    """Places of the entries that remain when each person is enrolled with the first ``count`` gallery photos only."""
    seen: Counter[str] = Counter()
    kept = []
    for place, entry in enumerate(entries):
        if entry.role == "gallery":
            seen[entry.person] += 1
        if entry.role != "gallery" or seen[entry.person] <= count:
            kept.append(place)
    return kept


def checked(entries: Sequence[Entry], name: str) -> list[Entry]:
    """The entries, once checked: some person is enrolled, and none is both enrolled and unknown.

    Raises:
        InvalidInput: ``invalid_list``.
    """
    enrolled = {entry.person for entry in entries if entry.role == "gallery"}
    if not enrolled:
        raise InvalidInput("invalid_list", f"{name} enrols no one.", "Give some photos the role gallery.")
    if not any(entry.role == "probe" for entry in entries):
        raise InvalidInput(
            "invalid_list", f"{name} has no probes.", "Give some photos of enrolled people the role probe."
        )
    for role, wrong in (("unknown", True), ("probe", False)):
        clash = sorted(
            {entry.person for entry in entries if entry.role == role and (entry.person in enrolled) == wrong}
        )
        if clash:
            problem = "are enrolled and called unknown" if wrong else "have probes and are not enrolled"
            raise InvalidInput("invalid_list", f"{name}: {', '.join(clash[:5])} {problem}.", "Correct their roles.")
    return list(entries)


def _entry(path: Path, line: int, row: dict[str, str], base: Path, group: str | None) -> Entry:
    role, person, photo = row["role"], row["person"], row["path"]
    if role not in get_args(ListRole) or not person or not photo:
        raise InvalidInput(
            "invalid_list",
            f"{path}, line {line}: role {role!r}, person {person!r}, path {photo!r}.",
            "The role is gallery, probe or unknown; person and path are not empty.",
        )
    return Entry(role, person, base / photo, (row[group] or "") if group else "")  # type: ignore[arg-type]  # checked against the literal's own values
