"""Periods as a setting: how long each kind of data is kept, for the school or for one class."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

RetainedKind = Literal["students", "photos", "attendance_faces", "access_log", "jobs"]
KINDS: tuple[RetainedKind, ...] = get_args(RetainedKind)
OF_CLASSES: frozenset[RetainedKind] = frozenset({"students", "photos", "attendance_faces"})
"""The kinds that a class may have a period of its own for."""
_PERIOD = re.compile(r"([1-9][0-9]{0,4})d")


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A period: what of a kind is older goes; ``clase`` empty: of the school."""

    kind: RetainedKind
    days: int
    clase: str = ""


@dataclass(frozen=True, slots=True)
class Retention:
    """Every period. What has none is kept."""

    rules: tuple[RetentionRule, ...] = ()

    def days(self, kind: RetainedKind, clase: str = "") -> int | None:
        """The period of a kind in a class, or of the school; None for no end."""
        return next((rule.days for rule in self.rules if (rule.kind, rule.clase) == (kind, clase)), None)

    def classes(self, kind: RetainedKind) -> list[str]:
        """The classes that have a period of their own for a kind."""
        return [rule.clase for rule in self.rules if rule.kind == kind and rule.clase]

    def longest(self, kind: RetainedKind, clases: Iterable[str]) -> int | None:
        """The period of a student: of several classes the longest, none when one has none; of no class the school's."""
        periods = [self.days(kind, clase) for clase in clases] or [self.days(kind)]
        return None if None in periods else max(cast("list[int]", periods))


def retention(text: str) -> Retention:
    """Periods like ``photos=180d IA-101.photos=90d``; a class with a blank in its name is quoted."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise ValueError(f"a quote is not closed ({exc})") from exc
    rules = tuple(map(_rule, words))
    names = [(rule.kind, rule.clase) for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name[0]} is given twice{f' for {name[1]}' if name[1] else ''}")
    return Retention(rules)


def _rule(word: str) -> RetentionRule:
    name, _, period = word.partition("=") if word.count("=") == 1 else (word, "", "")
    clase, _, kind = name.rpartition(".")
    if kind not in KINDS:
        raise ValueError(f"{word!r} is not KIND=DAYSd or CLASS.KIND=DAYSd; the kinds are {', '.join(KINDS)}")
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ValueError(f"the period in {word!r} must be a number of days from 1 to 99999, like 180d")
    if clase and kind not in OF_CLASSES:
        raise ValueError(f"{kind} has one period for the school, and {word!r} names a class")
    return RetentionRule(kind, int(found[1]), clase)


def shown_retention(value: Retention) -> str:
    """Periods as :func:`retention` reads them."""
    return " ".join(
        shlex.quote(f"{rule.clase}.{rule.kind}={rule.days}d" if rule.clase else f"{rule.kind}={rule.days}d")
        for rule in value.rules
    )
