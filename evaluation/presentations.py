"""Photos of live people and of attacks, by which a liveness check is measured: from a folder, or from a list.

The words are those of ISO/IEC 30107-3: a *presentation* is what is held before the camera, *bona fide* when it is the
live person, an *attack presentation* when it is made to pass for one: a print, a screen, a mask.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from faces.image.decode import ACCEPTED_SUFFIXES
from presente.errors import InvalidInput, shown

PresentationLabel = Literal["bona_fide", "attack"]

BONA_FIDE: PresentationLabel = "bona_fide"
ATTACK: PresentationLabel = "attack"
_ATTACKS = "attacks"
_NEEDED = ("path", "label", "kind")


@dataclass(frozen=True, slots=True)
class Presentation:
    """One photo of a presentation.

    Attributes:
        path: the photo.
        label: what it shows.
        kind: the kind of attack (the species of the attack instrument); empty of a live person.
        person: whose face it shows; the photo's own path where that is not known: a person of one photo.
        group: a value of the list's column that is asked for; empty without one.
    """

    path: Path
    label: PresentationLabel
    kind: str
    person: str
    group: str = ""


def read_presentations(
    listed: Path | None, folder: Path | None, root: Path | None = None, group: str | None = None
) -> list[Presentation]:
    """The photos of a list or of a folder; exactly one of the two is given.

    Raises:
        InvalidInput: ``missing_protocol``, and as :func:`read_list` and :func:`read_folder`.
    """
    if (listed is None) == (folder is None):
        raise InvalidInput("missing_protocol", "Neither or both of --list and --folder were given.", "Give one.")
    if listed is not None:
        return read_list(listed, root, group)
    if folder is None or group is not None:
        raise InvalidInput("invalid_group", "--group names a column of a list.", "Give --list, or leave --group out.")
    return read_folder(folder)


def read_list(path: Path, root: Path | None = None, group: str | None = None) -> list[Presentation]:
    """Read a tab-separated list with the columns path, label, kind and, where it is known, person.

    Args:
        path: the list.
        root: the folder that the photos' paths are relative to; the list's own folder when None.
        group: another column, by whose values rates are given, too.

    Raises:
        InvalidInput: ``unreadable_list``, ``missing_column``, ``invalid_list`` naming the line.
    """
    base = root or path.parent
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            missing = {*_NEEDED, group or "path"} - set(reader.fieldnames or ())
            if missing:
                raise InvalidInput(
                    "missing_column",
                    f"{path} has no column {', '.join(sorted(missing))}.",
                    "Needed, separated by tabs: path, label, kind.",
                )
            found = [_presentation(f"{path}, line {reader.line_num}", row, base, group) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidInput("unreadable_list", f"{path} cannot be read ({exc}).", "Name a tab-separated list.") from exc
    return _checked(found, str(path))


def read_folder(root: Path) -> list[Presentation]:
    """Read a folder that has photos of live people in ``bona_fide`` and attacks in ``attacks/KIND``.

    In each of these, photos in one subfolder are of one person, whom the subfolder names, and photos that lie in the
    folder itself are of different people.

    Raises:
        InvalidInput: ``unreadable_folder``, ``invalid_list``.
    """
    found = read_bona_fide(root / BONA_FIDE)
    try:
        kinds = sorted(folder for folder in (root / _ATTACKS).iterdir() if folder.is_dir())
    except OSError as exc:
        raise InvalidInput(
            "unreadable_folder",
            f"{root / _ATTACKS} cannot be read ({exc}).",
            f"Put photos of live people into {root / BONA_FIDE}, those of attacks into {root / _ATTACKS}/KIND.",
        ) from exc
    for kind in kinds:
        found += [Presentation(path, ATTACK, kind.name, person) for person, path in _photos(kind)]
    return _checked(found, str(root))


def read_bona_fide(folder: Path) -> list[Presentation]:
    """Every photo of a folder with photos of live people only; people as :func:`read_folder` says.

    Raises:
        InvalidInput: ``unreadable_folder`` when it has none.
    """
    found = [Presentation(path, BONA_FIDE, "", person) for person, path in _photos(folder)]
    if not found:
        raise InvalidInput(
            "unreadable_folder",
            f"{folder} holds no photos.",
            "Name a folder with photos of live people, taken as the service will take them.",
        )
    return found


def _photos(folder: Path) -> list[tuple[str, Path]]:
    """Every photo below a folder, in order, with its person."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ACCEPTED_SUFFIXES)
    return [(str(path) if path.parent == folder else path.relative_to(folder).parts[0], path) for path in paths]


def _presentation(where: str, row: dict[str, str], base: Path, group: str | None) -> Presentation:
    label, kind, photo = ((row[name] or "").strip() for name in ("label", "kind", "path"))
    if label not in get_args(PresentationLabel) or not photo or (label == ATTACK) != bool(kind):
        raise InvalidInput(
            "invalid_list",
            f"{where}: label {shown(label)}, kind {shown(kind)}, path {shown(photo)}.",
            "The label is bona_fide or attack, an attack has a kind and a live person none, and a path is given.",
        )
    person = (row.get("person") or "").strip() or str(base / photo)
    value = (row[group] or "").strip() if group else ""
    return Presentation(base / photo, label, kind, person, value)  # type: ignore[arg-type]  # checked above


def _checked(found: Sequence[Presentation], name: str) -> list[Presentation]:
    for label, what in ((BONA_FIDE, "a live person"), (ATTACK, "an attack")):
        if not any(one.label == label for one in found):
            raise InvalidInput("invalid_list", f"{name} has no photo of {what}.", "Both kinds are needed.")
    return list(found)
