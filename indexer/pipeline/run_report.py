"""What a run enrolled, what it refused and why.

The counts add up: photos = done + already + refused photos + left. Refused lines of a sheet are counted beside them,
because it is not known how many photos they stand for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

INTERRUPTED = "interrupted"
"""``RunReport.stopped`` of a run that Ctrl-C ended."""

INTERNAL_ERROR = "internal_error"
"""The code of an error that should not have happened; the log has the details."""

REFUSALS_SHOWN = 5
"""Refused photos of one reason that are named on the terminal."""

_MESSAGES_SHOWN = 20
"""Warnings, and notes, that are shown on the terminal."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was not enrolled, or a line of a sheet that cannot be used.

    Attributes:
        location: where it is.
        code: the reason's code.
        reason: the reason in words.
        line: the number of the line; None when a photo was refused.
    """

    location: str
    code: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step after the photos that failed: its name, the error's code, the reason, and what repeats the step."""

    step: str
    code: str
    reason: str
    repeat: str

    def line(self) -> str:
        """For people."""
        return f"{self.step} failed [{self.code}]: {self.reason} What was done before is kept. To repeat: {self.repeat}"


@dataclass(slots=True)
class PossibleDuplicate:
    """Two matriculas that may belong to one person.

    Attributes:
        matricula: of the student who was enrolled.
        other: of the student who was there before.
        score: that of the photo with the other.
        photos: how many photos of the first clearly show the second.
    """

    matricula: str
    other: str
    score: float
    photos: int = 1

    def __str__(self) -> str:
        """One line for people."""
        photos = f"{self.photos} photo{'' if self.photos == 1 else 's'}"
        return f"{self.matricula} and {self.other} may be one person (score {self.score:.2f} on {photos})"


@dataclass(slots=True)
class RunReport:
    """The account of one run. ``done`` is counted after the store's commit, never before.

    Attributes:
        source: what was read.
        photos: how many photos the run has to deal with.
        ignored: files of the source whose names are not those of photos.
        absent: photos that a list of the source names and its folder does not hold; they are not in ``photos``.
        warnings: what a person should look at; any of them makes the exit code 1.
        notes: how the source was understood; nothing that went wrong.
        done, already: photos that were enrolled, and that the gallery had already.
        refused: lines of the sheet that cannot be used, and photos that were not enrolled.
        duplicates: by both matriculas, students who may be one person.
        students_updated: students whose fields were changed.
        seconds: how long the run took.
        stopped: why the run ended early: ``interrupted``, or an error's code; None when it did not.
        failures: steps after the photos that failed.
        withheld: whether nothing was enrolled because something was refused, as the caller wished.
        faces_per_call: faces that one call of the model took, once the run had found that out; None before.
        enrolled: matriculas of the students (not of the cohort) of whom photos were enrolled; not shown.
    """

    source: str
    photos: int
    ignored: int = 0
    absent: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    done: int = 0
    already: int = 0
    refused: list[Refusal] = field(default_factory=list)
    duplicates: dict[tuple[str, str], PossibleDuplicate] = field(default_factory=dict)
    students_updated: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    failures: list[StepFailure] = field(default_factory=list)
    withheld: bool = False
    faces_per_call: int | None = None
    enrolled: set[str] = field(default_factory=set)

    def add(self, part: RunReport) -> None:
        """Count what the report of a part of the source counts."""
        self.done += part.done
        self.already += part.already
        self.students_updated += part.students_updated
        self.refused += part.refused
        self.warnings += part.warnings
        self.duplicates |= part.duplicates
        self.enrolled |= part.enrolled
        self.faces_per_call = part.faces_per_call or self.faces_per_call

    def has_duplicate(self, matricula: str, other: str) -> bool:
        """Whether two students are reported as possibly one person."""
        return (matricula, other) in self.duplicates or (other, matricula) in self.duplicates

    def add_duplicate(self, matricula: str, other: str, score: float) -> None:
        """Count a photo of one student that clearly shows another."""
        pair = (matricula, other)
        known = self.duplicates.setdefault(pair, PossibleDuplicate(matricula, other, score, 0))
        known.photos, known.score = known.photos + 1, max(known.score, score)

    @property
    def refused_rows(self) -> int:
        """How many of the refusals are lines of a sheet."""
        return sum(refusal.line is not None for refusal in self.refused)

    @property
    def refused_photos(self) -> int:
        """How many of the refusals are photos."""
        return len(self.refused) - self.refused_rows

    @property
    def left(self) -> int:
        """Photos that the run did not reach, or did not enrol because others were refused."""
        return self.photos - self.done - self.already - self.refused_photos

    @property
    def rate(self) -> float:
        """Photos per second, those that needed no inference included."""
        return (self.photos - self.left) / self.seconds if self.seconds else 0.0

    def refused_by_code(self) -> dict[str, list[Refusal]]:
        """The refusals of each code, the most frequent code first."""
        groups: defaultdict[str, list[Refusal]] = defaultdict(list)
        for refusal in self.refused:
            groups[refusal.code].append(refusal)
        return dict(sorted(groups.items(), key=lambda group: -len(group[1])))

    def as_dict(self) -> dict[str, Any]:
        """For ``--json`` and for a report file in JSON: every refusal, however many there are."""
        return {
            "source": self.source,
            "photos": self.photos,
            "done": self.done,
            "already": self.already,
            "refused": self.refused_photos,
            "refused_rows": self.refused_rows,
            "withheld": self.withheld,
            "left": self.left,
            "ignored": self.ignored,
            "absent": self.absent,
            "warnings": [*self.warnings, *map(str, self.duplicates.values())],
            "possible_duplicates": [asdict(pair) for pair in self.duplicates.values()],
            "notes": list(self.notes),
            "students_updated": self.students_updated,
            "stopped": self.stopped,
            "failures": [asdict(failure) for failure in self.failures],
            "reasons": {code: len(refusals) for code, refusals in self.refused_by_code().items()},
            "refusals": [
                {
                    "location": refusal.location,
                    "line": refusal.line,
                    "code": refusal.code,
                    "reason": refusal.reason,
                }
                for refusal in self.refused
            ],
            "seconds": round(self.seconds, 2),
            "images_per_s": round(self.rate, 1),
            "faces_per_call": self.faces_per_call,
        }

    def lines(self) -> Iterator[str]:
        """Everything, for a report file that people read."""
        yield from self._lines(None, None)

    def summary(self) -> Iterator[str]:
        """For the terminal: refusals by reason with the first ``REFUSALS_SHOWN`` photos of each, the first messages."""
        yield from self._lines(REFUSALS_SHOWN, _MESSAGES_SHOWN)

    def _lines(self, refusals_shown: int | None, messages_shown: int | None) -> Iterator[str]:
        yield (
            f"{self.source}: {self.photos} photos: {self.done} enrolled, {self.already} already there, "
            f"{self.refused_photos} refused, {self.left} left, in {self.seconds:.1f} s "
            f"({self.rate:.1f} per second)"
        )
        if self.refused_rows:
            yield f"rows of the sheet that were refused: {self.refused_rows}"
        if self.withheld:
            yield "nothing was enrolled, because not everything could be (--all-or-nothing)"
        if self.ignored:
            yield f"{self.ignored} files were ignored: their names are not those of photos"
        yield from _first(self.notes, messages_shown, "notes")
        yield from _first([*self.warnings, *map(str, self.duplicates.values())], messages_shown, "warnings")
        if self.students_updated:
            yield f"{self.students_updated} students' fields were updated"
        for code, refusals in self.refused_by_code().items():
            yield from _refusal_lines(code, refusals, refusals_shown)
        if self.stopped:
            yield f"stopped: {self.stopped}; run the same command again to go on"
        for failure in self.failures:
            yield failure.line()


def _refusal_lines(code: str, refusals: Sequence[Refusal], shown: int | None) -> Iterator[str]:
    """The refusals of one code. A reason that all of them share is said once."""
    shared = refusals[0].reason if all(refusal.reason == refusals[0].reason for refusal in refusals) else ""
    yield f"refused, {code}: {len(refusals)}{'. ' if shared else ''}{shared}"
    named = [refusal.location if shared else f"{refusal.location}: {refusal.reason}" for refusal in refusals[:shown]]
    yield from (f"  {line}" for line in named)
    if len(named) < len(refusals):
        yield f"  and {len(refusals) - len(named)} more; --report FILE lists all"


def _first(messages: Iterable[str], shown: int | None, what: str) -> Iterator[str]:
    messages = list(messages)
    yield from messages[:shown]
    if shown is not None and len(messages) > shown:
        yield f"and {len(messages) - shown} more {what}; --report FILE lists all"
