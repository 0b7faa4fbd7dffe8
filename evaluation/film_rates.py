"""The rates of a film: attendance, lateness and raised hands, each computed from the table of events. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evaluation.film_events import HIDDEN, TRUTH, FilmEvent, of
from evaluation.intervals import shown, wilson

SOMEONE = ("present", "ambiguous", "off_roster", "duplicate", "unknown")
"""The kinds of lines of a rule that are about someone who was found."""

AROUND_S = 1.0
"""A raise that was found and a true one are the same when less than this lies between them."""

RaiseOutcome = Literal["found", "wrong_person", "unnamed", "false"]
"""A raise that a rule reports: of the right person; of someone else, at the time of a raise; of no one; of nothing."""


@dataclass(frozen=True, slots=True)
class JudgedRaise:
    """A raise that a rule reports, what it is worth, and the true one that it is, if any."""

    event: FilmEvent
    outcome: RaiseOutcome
    truth: FilmEvent | None


def rates(events: Sequence[FilmEvent], rule: str, hands: bool) -> dict[str, Any]:
    """All rates of a rule; of raised hands only where it looks for them."""
    return {
        "rule": rule,
        **attendance(events, rule),
        "lateness": lateness(events, rule),
        "raises": raises(events, rule) if hands else None,
    }


def attendance(events: Sequence[FilmEvent], rule: str) -> dict[str, Any]:
    """Who is recorded as present, against who is there."""
    roster = {event.matricula for event in of(events, TRUTH, "roster")}
    seen = of(events, TRUTH, "seen")
    here = {event.matricula for event in seen if event.matricula}
    strangers = {event.name for event in seen if not event.matricula}
    recorded = of(events, rule, "present")
    right = rightly_present(events, rule)
    present = here & {event.matricula for event in right}
    unclear = (here - present) & {event.matricula for event in of(events, rule, "ambiguous")}
    named = {event.name for event in recorded if event.name in strangers}
    names = {event.matricula for event in recorded}
    found = {event.name for event in of(events, rule, *SOMEONE) if event.name}
    return {
        "students": len(here),
        **_share("present", len(present), len(here)),
        "missed": len(here) - len(present) - len(unclear),
        "ambiguous": len(unclear),
        "absent": len(roster - here),
        "absent_recorded": len(names & (roster - here)),
        "named_wrongly": len(recorded) - len(right),
        "strangers": len(strangers),
        **_share("strangers_recorded", len(named), len(strangers)),
        "appearances": len(of(events, rule, *SOMEONE)),
        "people_found": len(found),
    }


def lateness(events: Sequence[FilmEvent], rule: str) -> dict[str, Any]:
    """When students were first seen, and whether it was rightly said that they are late."""
    limit = of(events, TRUTH, "late_after")[0].from_s
    late = {event.matricula for event in of(events, TRUTH, "late")}
    first = _first(of(events, TRUTH, "seen"))
    found = _first(rightly_present(events, rule))
    errors = [found[matricula] - first[matricula] for matricula in found if matricula in first]
    said = {matricula for matricula, at in found.items() if at > limit}
    return {
        "error_s_median": round(statistics.median(errors), 2) if errors else None,
        "error_s_greatest": round(max((abs(error), error) for error in errors)[1], 2) if errors else None,
        "late": len(late),
        "late_found": len(late & said),
        "late_missed": len(late - said),
        "late_false": len(said - late),
    }


def raises(events: Sequence[FilmEvent], rule: str) -> dict[str, Any]:
    """Raised hands: found, missed, of another person, of no one, and where no hand was raised."""
    judged = judge_raises(events, rule)
    true = [event for event in of(events, TRUTH, "raise") if event.matricula]
    found = [each for each in judged if each.outcome == "found"]
    shown = {id(each.truth) for each in found}
    starts = sorted(each.event.from_s - each.truth.from_s for each in found if each.truth is not None)
    return {
        "true": len(true),
        **_share("found", len(found), len(true)),
        "missed": len(true) - len(found),
        "missed_hidden": sum(event.note == HIDDEN and id(event) not in shown for event in true),
        **{
            outcome: sum(each.outcome == outcome for each in judged) for outcome in ("wrong_person", "unnamed", "false")
        },
        "start_error_s_median": round(statistics.median(starts), 2) if starts else None,
    }


def judge_raises(events: Sequence[FilmEvent], rule: str) -> list[JudgedRaise]:
    """What each raise that a rule reports is; every true raise is at most one of them, those that share most time
    first."""
    reported, true = of(events, rule, "raise"), of(events, TRUTH, "raise")
    own = _paired(reported, true, same_person=True)
    left = {place: true[of_place] for place, of_place in own.items()}
    rest = [place for place in range(len(reported)) if place not in own]
    others = [number for number in range(len(true)) if number not in own.values()]
    pairs = _paired([reported[place] for place in rest], [true[number] for number in others], same_person=False)
    elsewhere = {rest[place]: true[others[number]] for place, number in pairs.items()}
    judged = []
    for place, event in enumerate(reported):
        outcome: RaiseOutcome = "found" if place in left else "wrong_person" if place in elsewhere else "false"
        if not event.matricula:
            outcome = "unnamed"
        judged.append(JudgedRaise(event, outcome, left.get(place) or elsewhere.get(place)))
    return judged


def _paired(reported: Sequence[FilmEvent], true: Sequence[FilmEvent], same_person: bool) -> dict[int, int]:
    """Which true raise each reported one is, by their places."""
    pairs = [
        (_shared(event, other), place, number)
        for place, event in enumerate(reported)
        for number, other in enumerate(true)
        if not same_person or (event.matricula and event.matricula == other.matricula)
    ]
    given: dict[int, int] = {}
    for shared, place, number in sorted(pairs, key=lambda pair: -pair[0]):
        if shared > -AROUND_S and place not in given and number not in given.values():
            given[place] = number
    return given


def _shared(event: FilmEvent, other: FilmEvent) -> float:
    """Seconds that two share; negative: the seconds between them."""
    return min(event.to_s, other.to_s) - max(event.from_s, other.from_s)


def rightly_present(events: Sequence[FilmEvent], rule: str) -> list[FilmEvent]:
    """The lines by which a rule records a student whose own face it is."""
    own = {event.name: event.matricula for event in of(events, TRUTH, "seen")}
    return [event for event in of(events, rule, "present") if own.get(event.name) == event.matricula]


def _first(events: Sequence[FilmEvent]) -> dict[str, float]:
    """By matricula, the first moment of these lines."""
    first: dict[str, float] = {}
    for event in events:
        if event.matricula:
            first[event.matricula] = min(event.from_s, first.get(event.matricula, event.from_s))
    return first


def _share(name: str, count: int, whole: int) -> dict[str, Any]:
    return {
        name: count,
        f"{name}_rate": round(count / whole, 6) if whole else None,
        f"{name}_interval": shown(wilson(count, whole)),
    }
