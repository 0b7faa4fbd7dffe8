"""What went in, what was refused and why. Counts always add up: photos = done + already + refused + left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was not enrolled: where it is, the reason's code, and the reason in words."""

    location: str
    code: str
    reason: str


INTERRUPTED = "interrupted"
"""Why a run ended that Ctrl-C ended."""
INTERNAL_ERROR = "internal_error"
"""The code of what should not have happened; the log has the details."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that failed after the photos were done: what it was, the error's code, why, and what does it again."""

    step: str
    code: str
    reason: str
    repeat: str

    def line(self) -> str:
        """For people."""
        return f"{self.step} failed [{self.code}]: {self.reason} What was done before is kept. To repeat: {self.repeat}"


@dataclass(slots=True)
class PossibleDuplicate:
    """Two matriculas that may be one person's: who was enrolled, who was there before, the best score, and how many
    photos of the first clearly show the second."""

    matricula: str
    other: str
    score: float
    photos: int = 1

    def __str__(self) -> str:
        """As a line for people."""
        photos = f"{self.photos} photo{'' if self.photos == 1 else 's'}"
        return f"{self.matricula} and {self.other} may be one person (score {self.score:.2f} on {photos})"


@dataclass(slots=True)
class Report:
    """One run's account. ``done`` is counted after the store's commit, never before."""

    source: str
    photos: int
    ignored: int = 0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    done: int = 0
    already: int = 0
    refused: list[Refusal] = field(default_factory=list)
    duplicates: dict[tuple[str, str], PossibleDuplicate] = field(default_factory=dict)
    students_updated: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    """Why the run ended before its end: ``interrupted``, or an error's code."""
    failures: list[Failure] = field(default_factory=list)

    def add_duplicate(self, matricula: str, other: str, score: float) -> None:
        """Count a photo of one student that clearly shows another."""
        pair = (matricula, other)
        known = self.duplicates.setdefault(pair, PossibleDuplicate(matricula, other, score, 0))
        known.photos, known.score = known.photos + 1, max(known.score, score)

    @property
    def left(self) -> int:
        """Photos that the run did not come to."""
        return self.photos - self.done - self.already - len(self.refused)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "source": self.source,
            "photos": self.photos,
            "done": self.done,
            "already": self.already,
            "refused": len(self.refused),
            "left": self.left,
            "ignored": self.ignored,
            "warnings": [*self.warnings, *map(str, self.duplicates.values())],
            "possible_duplicates": [asdict(pair) for pair in self.duplicates.values()],
            "notes": list(self.notes),
            "students_updated": self.students_updated,
            "stopped": self.stopped,
            "failures": [asdict(failure) for failure in self.failures],
            "reasons": dict(Counter(refusal.code for refusal in self.refused)),
            "refusals": [
                {"location": refusal.location, "code": refusal.code, "reason": refusal.reason}
                for refusal in self.refused
            ],
            "seconds": round(self.seconds, 2),
            "images_per_s": round(self.rate, 1),
        }

    @property
    def rate(self) -> float:
        """Photos a second, those that needed no inference included."""
        return (self.photos - self.left) / self.seconds if self.seconds else 0.0

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"{self.source}: {self.photos} photos: {self.done} enrolled, {self.already} already there, "
            f"{len(self.refused)} refused, {self.left} left, in {self.seconds:.1f} s ({self.rate:.1f} a second)"
        )
        if self.ignored:
            yield f"{self.ignored} files were ignored: their names are not photos'"
        yield from self.notes
        yield from self.warnings
        yield from map(str, self.duplicates.values())
        if self.students_updated:
            yield f"{self.students_updated} students' fields were updated"
        for code, count in Counter(refusal.code for refusal in self.refused).most_common():
            yield f"refused, {code}: {count}"
            for refusal in self.refused:
                if refusal.code == code:
                    yield f"  {refusal.location}: {refusal.reason}"
        if self.stopped:
            yield f"stopped: {self.stopped}; run the same command again to go on"
        for failure in self.failures:
            yield failure.line()
