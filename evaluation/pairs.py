"""Pairs of photos: LFW's ``pairs.txt``, and pairs generated from a list of photos and people."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.protocols import Entry
from presente.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, whether they show the same person, and the fold (from 0) that the pair belongs to."""

    fold: int
    same: bool
    left: Path
    right: Path


def read_pairs(path: Path, root: Path) -> list[Pair]:
    """Read LFW's format (Huang et al., View 2): first ``FOLDS N``, then per fold
    N lines ``NAME i j`` and N lines ``NAME i NAME j``.

    Fields are separated by tabs or spaces; a photo is ``ROOT/NAME/NAME_0001.jpg``.

    Raises:
        InvalidInput: ``unreadable_pairs``, ``invalid_pairs`` naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput("unreadable_pairs", f"{path} cannot be read ({exc}).", "Name LFW's pairs.txt.") from exc
    try:
        folds, each = (int(word) for word in lines[0].split())
    except (ValueError, IndexError) as exc:
        raise InvalidInput(
            "invalid_pairs", f"{path}, line 1, is not two numbers.", "Give the folds, and the pairs per fold."
        ) from exc
    rows = [line.split() for line in lines[1:] if line.strip()]
    if folds < 2 or each < 1 or len(rows) != 2 * folds * each:
        raise InvalidInput(
            "invalid_pairs",
            f"{path} has {len(rows)} pairs in {folds} folds of {each} and {each}.",
            "The first line says how many there are; at least two folds are needed.",
        )
    return [
        _pair(path, number, row, number // (2 * each), number // each % 2 == 0, root) for number, row in enumerate(rows)
    ]


def _pair(path: Path, number: int, row: Sequence[str], fold: int, same: bool, root: Path) -> Pair:
    try:
        name, first = row[0], int(row[1])
        other, second = (name, int(row[2])) if same else (row[2], int(row[3]))
        if len(row) != (3 if same else 4):
            raise ValueError("it has too many fields")
    except (ValueError, IndexError) as exc:
        raise InvalidInput(
            "invalid_pairs", f"{path}, line {number + 2}: {' '.join(row)!r} ({exc}).", "NAME i j, or NAME i NAME j."
        ) from exc
    return Pair(fold, same, _photo(root, name, first), _photo(root, other, second))


def _photo(root: Path, name: str, number: int) -> Path:
    return root / name / f"{name}_{number:04d}.jpg"


def generate_pairs(entries: Sequence[Entry], folds: int, each: int, seed: int) -> list[Pair]:
    """Pairs of a list's photos: per fold at most ``each`` of one person and as many of two people.

    The folds share no person: a threshold is always tried on people that it was not chosen on. The same seed gives
    the same pairs.

    Raises:
        InvalidInput: ``too_few_people`` when a fold has no pair of one person or none of two.
    """
    photos: dict[str, list[Path]] = {}
    for entry in entries:
        photos.setdefault(entry.person, []).append(entry.path)
    chance = random.Random(seed)
    people = sorted(photos)
    chance.shuffle(people)
    # Dealt out by number of photos, so that every fold gets people who have two.
    people.sort(key=lambda person: -len(photos[person]))
    pairs: list[Pair] = []
    for fold in range(folds):
        members = people[fold::folds]
        mated = [pair for person in members for pair in itertools.combinations(photos[person], 2)]
        if not mated or len(members) < 2:
            raise InvalidInput(
                "too_few_people",
                f"{len(people)} people do not give {folds} folds with a pair of one person and a pair of two.",
                "Give more people with two photos, or fewer --folds.",
            )
        some = chance.sample(mated, min(each, len(mated)))
        pairs += [Pair(fold, True, left, right) for left, right in some]
        different = {_two_people(members, photos, chance) for _ in range(len(some))}
        pairs += [Pair(fold, False, left, right) for left, right in sorted(different)]
    return pairs


def _two_people(members: Sequence[str], photos: dict[str, list[Path]], chance: random.Random) -> tuple[Path, Path]:
    one, other = chance.sample(members, 2)
    return chance.choice(photos[one]), chance.choice(photos[other])
