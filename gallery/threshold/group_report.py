"""The report on recognition by group, as the gallery keeps it: numbers of groups, and nothing about single people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

FORMAT = 1

Advice = Literal["missed_more", "add_photos", "named_more", "too_little", "no_difference"]
"""What follows for a group: it is missed more often than the others, and (``add_photos``) has fewer photos per person;
its people are taken for others more often; too little is known to say; no difference was seen."""


@dataclass(frozen=True, slots=True)
class GroupRate:
    """A share of searches.

    Attributes:
        events, trials: of how many searches how many went wrong.
        low, high: the 95 % interval of the share, which counts that photos of one person are alike.
        p: how probable so large a difference to the other groups is by chance, corrected for the number of
            comparisons; None where there is no other group.
    """

    events: int
    trials: int
    low: float
    high: float
    p: float | None

    @property
    def share(self) -> float:
        """The share itself."""
        return self.events / self.trials


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group.

    Attributes:
        value: of the attribute.
        people: how many are in it.
        photos: how many photos each has, on average.
        missed: false negatives (FNIR); None where too few people have two photos.
        named: false positives (FPIR).
        advice: what follows.
    """

    value: str
    people: int
    photos: float
    missed: GroupRate | None
    named: GroupRate
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class AttributeGroups:
    """The groups of an attribute that are large enough to be shown, and how many are not."""

    attribute: str
    groups: tuple[GroupLine, ...]
    too_small: int


@dataclass(frozen=True, slots=True)
class GroupReport:
    """All attributes, at one threshold.

    Attributes:
        made_at: when, UTC, ISO.
        pack: tag of the model pack.
        threshold: the score from which a face is known.
        people: how many enrolled people were searched.
        least_people: how many people a group has at least to be shown.
        attributes: by attribute.
    """

    made_at: str
    pack: str
    threshold: float
    people: int
    least_people: int
    attributes: tuple[AttributeGroups, ...]

    def to_json(self) -> str:
        """As the gallery keeps it."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False)


def read_report(text: str) -> GroupReport | None:
    """The report of :meth:`GroupReport.to_json`; None of a text that another version wrote, or none did."""
    try:
        found = json.loads(text)
        if found.pop("format") != FORMAT:
            return None
        return GroupReport(**found | {"attributes": tuple(map(_attribute, found["attributes"]))})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _attribute(found: Mapping[str, Any]) -> AttributeGroups:
    return AttributeGroups(found["attribute"], tuple(map(_line, found["groups"])), found["too_small"])


def _line(found: Mapping[str, Any]) -> GroupLine:
    missed = found["missed"] and GroupRate(**found["missed"])
    named = GroupRate(**found["named"])
    return GroupLine(found["value"], found["people"], found["photos"], missed, named, tuple(found["advice"]))
