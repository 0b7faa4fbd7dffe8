"""The table of the protocol for films, and its rates, which are computed from the table alone.

One line per thing that is true of the film, and per thing that was found in it:

    rule       who says so: truth, or the name of a rule
    kind       of the truth: film (how long it is), late_after (a student who is first seen later is late), roster (a
               student of the class), seen (when a face is in the picture), late, raise, away, gesture;
               of a rule: present, ambiguous, off_roster, duplicate, unknown (what was made of someone who was found),
               raise
    name       whose it really is: the person's name in the truth; empty for what is no one's, or is of several people
    matricula  of the truth: the person's own, empty for strangers; of a rule: whose it is said to be, or empty
    from_s     seconds of the film
    to_s       likewise
    score      cosine; empty where there is none
    note       of a gesture, its name; of a true raise, hidden where someone is before most of the hand;
               of someone who was found, the spans of time: 3.5-20 31-44.5
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.film_truth import FilmTruth
from evaluation.tables import read_score, read_table, shown_score, write_table

TRUTH, HIDDEN = "truth", "hidden"
_MOSTLY = 0.5
"""A raised hand of which more is covered is hidden."""
_COLUMNS = ("rule", "kind", "name", "matricula", "from_s", "to_s", "score", "note")


@dataclass(frozen=True, slots=True)
class FilmEvent:
    """One line of the table; the score is -inf where there is none."""

    rule: str
    kind: str
    name: str
    matricula: str
    from_s: float
    to_s: float
    score: float = -math.inf
    note: str = ""


def truth_events(truth: FilmTruth) -> Iterator[FilmEvent]:
    """The lines of a film's truth."""
    yield FilmEvent(TRUTH, "film", "", "", 0.0, truth.duration_s)
    yield FilmEvent(TRUTH, "late_after", "", "", truth.late_after_s, truth.late_after_s)
    for matricula in truth.roster:
        yield FilmEvent(TRUTH, "roster", "", matricula, 0.0, truth.duration_s)
    for person in truth.people:
        about = (person.name, person.matricula or "")
        if person.late:
            yield FilmEvent(TRUTH, "late", *about, *person.seen[0])
        for span, hidden in zip(person.raises, person.hidden, strict=True):
            yield FilmEvent(TRUTH, "raise", *about, *span, note=HIDDEN if hidden > _MOSTLY else "")
        for kind, spans in (("seen", person.seen), ("away", person.away)):
            for span in spans:
                yield FilmEvent(TRUTH, kind, *about, *span)
        for gesture, start, end in person.gestures:
            yield FilmEvent(TRUTH, "gesture", *about, start, end, note=gesture)


def write_events(path: Path, events: Sequence[FilmEvent]) -> None:
    """Write the table."""
    write_table(
        path,
        _COLUMNS,
        (
            (
                event.rule,
                event.kind,
                event.name,
                event.matricula,
                round(event.from_s, 3),
                round(event.to_s, 3),
                shown_score(event.score),
                event.note,
            )
            for event in events
        ),
    )


def read_events(path: Path) -> list[FilmEvent]:
    """Read a table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> FilmEvent:
        return FilmEvent(
            row["rule"],
            row["kind"],
            row["name"],
            row["matricula"],
            float(row["from_s"]),
            float(row["to_s"]),
            read_score(row["score"]),
            row["note"],
        )

    return read_table(path, read, "evaluation film")


def spans_of(event: FilmEvent) -> list[tuple[float, float]]:
    """From when to when someone was found: the spans that are noted, or all of the line's time."""
    bounds = [span.partition("-") for span in event.note.split()]
    return [(float(start), float(end)) for start, _, end in bounds] or [(event.from_s, event.to_s)]


def noted(spans: Sequence[tuple[float, float]]) -> str:
    """Spans of time as :func:`spans_of` reads them."""
    return " ".join(f"{start:.2f}-{end:.2f}" for start, end in spans)


def rules_of(events: Sequence[FilmEvent]) -> list[str]:
    """The rules that found something, in the table's order."""
    return [rule for rule in dict.fromkeys(event.rule for event in events) if rule != TRUTH]


def of(events: Sequence[FilmEvent], rule: str, *kinds: str) -> list[FilmEvent]:
    """The lines of a rule, of these kinds."""
    return [event for event in events if event.rule == rule and event.kind in kinds]
