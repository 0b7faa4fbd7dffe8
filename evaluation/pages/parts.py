"""The parts of a report. All text is plain: the template escapes it, names of people included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.intervals import wilson

if TYPE_CHECKING:
    from evaluation.plots import Drawing

FaceCutter = Callable[[Path], bytes | None]
"""The face of a photo as a small JPEG; None when the photo is not there any more or cannot be read."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the most important figures, with its name and its interval."""

    value: str
    label: str
    detail: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot; ``name`` is its file's, ``alt`` describes it in words."""

    name: str
    title: str
    caption: str
    alt: str
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows of text under a head; the first cell of a row names it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One search or pair worth looking at: its score, the people, the decision, and the photos."""

    score: str
    who: str
    said: str
    photos: Sequence[str]


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases of one kind, worst first."""

    title: str
    note: str
    cases: Sequence[Case]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A whole report."""

    title: str
    lead: Sequence[str]
    tiles: Sequence[Tile]
    doubts: Sequence[str]
    tables: Sequence[ReportTable]
    figures: Sequence[Figure]
    cases: Sequence[Cases]
    result: dict[str, Any]
    terms: Sequence[tuple[str, str]] = field(default=())


def percent(value: float | None, digits: int = 2) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.{digits}f}\u00a0%"


def shown_rate(asked: float) -> str:
    """A rate that was asked for, without needless digits."""
    return f"{100 * asked:.6g}\u00a0%"


def percent_interval(interval: Sequence[float] | None) -> str:
    """A 95 % interval."""
    return "–" if interval is None else f"{percent(interval[0])} to {percent(interval[1])}"


def count(number: int, one: str, several: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def failures(name: str, number: int, of: int) -> tuple[str, ...]:
    """A row of a table of metrics: photos without a template."""
    return name, percent(number / of), percent_interval(wilson(number, of)), f"{number:,} of {of:,} photos", "–"


def score(value: float) -> str:
    """A score or a threshold; a dash for none, and for a threshold that every score reaches."""
    return "–" if value < -1.5 else f"{value:.3f}"


def short(photo: str) -> str:
    """The end of a photo's path, enough to find it by."""
    return "/".join(Path(photo).parts[-2:])


def deployed_in(result: dict[str, Any]) -> dict[str, Any]:
    """The threshold that was in force when a run was made, and its description; of older runs, the pack's threshold."""
    own = result["pack_threshold"]
    found: dict[str, Any] = result.get("deployed") or {"threshold": own, "described": f"{own:.4g} (of the pack)"}
    return found
