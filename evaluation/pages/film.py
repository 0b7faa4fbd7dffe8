"""The report of ``film``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import plots
from evaluation.film_events import TRUTH, FilmEvent, of, read_events, spans_of
from evaluation.film_rates import judge_raises, rates, rightly_present
from evaluation.pages.glossary import terms
from evaluation.pages.parts import (
    Case,
    Cases,
    Figure,
    ReportPage,
    ReportTable,
    Tile,
    count,
    percent,
    percent_interval,
    score,
)

_MOST_CASES = 20


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """Every rate is computed from the table of events; ``result`` describes the run and has the speed."""
    events = read_events(out / Path(result["scores"]).name)
    rules = [{**rates(events, told["rule"], told["hands"]), "speed": told["speed"]} for told in result["rules"]]
    first, length = rules[0], of(events, TRUTH, "film")[0].to_s
    return ReportPage(
        title="A film of a class: who is there, who is late, whose hand is up?",
        lead=[
            f"{length / 60:.1f} minutes show {count(first['students'], 'student')} of a class of "
            f"{first['students'] + first['absent']} and {count(first['strangers'], 'stranger')}. By the rule "
            f"“{first['rule']}” {first['present']:,} were recorded as present, and {first['strangers_recorded']:,} "
            "strangers as a student.",
            f"The threshold in force is {result['deployed']['described']}.",
        ],
        tiles=_tiles(first),
        doubts=_doubts(first),
        tables=[_attendance(rules), _lateness(rules), *_raises(rules), _speed(rules)],
        figures=[_figure(events, one["rule"], length) for one in rules],
        cases=[cases for one in rules for cases in (_wrong(events, one["rule"]), *_hands(events, one))],
        result=result,
        terms=terms("Present", "First sight", "Raise found", "Threshold", "Score", "Interval"),
    )


def _tiles(one: dict[str, Any]) -> list[Tile]:
    tiles = [
        Tile(percent(one["present_rate"]), "students present", percent_interval(one["present_interval"])),
        Tile(f"{one['strangers_recorded']:,}", "strangers recorded", f"of {one['strangers']:,}"),
    ]
    if one["raises"] is not None:
        hands = one["raises"]
        tiles.append(
            Tile(percent(hands["found_rate"]), "raised hands found", percent_interval(hands["found_interval"]))
        )
        tiles.append(
            Tile(f"{hands['false'] + hands['wrong_person']:,}", "false raises", "of no one's or another's hand")
        )
    return tiles


def _doubts(one: dict[str, Any]) -> list[str]:
    doubts = [] if one["strangers"] else ["There were no strangers: how often one is recorded is not known."]
    return doubts if one["raises"] is not None else [*doubts, "Raised hands were not looked for."]


def _attendance(rules: Sequence[dict[str, Any]]) -> ReportTable:
    rows = [
        (
            one["rule"],
            f"{one['present']:,} of {one['students']:,} ({percent_interval(one['present_interval'])})",
            f"{one['ambiguous']:,}",
            f"{one['missed']:,}",
            f"{one['absent_recorded']:,} of {one['absent']:,}",
            f"{one['named_wrongly']:,}",
            f"{one['strangers_recorded']:,} of {one['strangers']:,}",
            f"{one['appearances']:,} of {one['people_found']:,} people",
        )
        for one in rules
    ]
    head = (
        "Rule", "Present", "Ambiguous", "Missed", "Absent, recorded", "Named wrongly", "Strangers recorded", "Found",
    )  # fmt: skip
    note = (
        "In brackets 95 % intervals. Found: how often someone was found, in one piece or several, and how many people."
    )
    return ReportTable("Attendance", head, rows, note)


def _lateness(rules: Sequence[dict[str, Any]]) -> ReportTable:
    rows = []
    for one in rules:
        late = one["lateness"]
        rows.append(
            (
                one["rule"],
                _seconds(late["error_s_median"]),
                _seconds(late["error_s_greatest"]),
                f"{late['late_found']:,} of {late['late']:,}",
                f"{late['late_false']:,}",
            )
        )
    head = ("Rule", "First sight after, median", "At most", "Late, said so", "In time, said late")
    return ReportTable("Lateness", head, rows)


def _raises(rules: Sequence[dict[str, Any]]) -> list[ReportTable]:
    rows = []
    for one in rules:
        hands = one["raises"]
        if hands is not None:
            rows.append(
                (
                    one["rule"],
                    f"{hands['found']:,} of {hands['true']:,} ({percent_interval(hands['found_interval'])})",
                    f"{hands['missed']:,} ({hands['missed_hidden']:,})",
                    f"{hands['wrong_person']:,}",
                    f"{hands['unnamed']:,}",
                    f"{hands['false']:,}",
                    _seconds(hands["start_error_s_median"]),
                )
            )
    head = (
        "Rule",
        "Found",
        "Missed (behind others)",
        "Of another person",
        "Of no one recorded",
        "False",
        "Start after, median",
    )
    return [ReportTable("Raised hands", head, rows)] if rows else []


def _speed(rules: Sequence[dict[str, Any]]) -> ReportTable:
    rows = []
    for one in rules:
        speed = one["speed"]
        rows.append(
            (
                one["rule"],
                f"{speed['film_s_per_wall_s']:.1f}",
                f"{speed['cpu_s_per_film_minute']:.1f}",
                f"{speed['wall_s']:.1f} s of {speed['film_s']:.1f} s",
            )
        )
    head = ("Rule", "Seconds of film per second", "CPU seconds per minute of film", "Took")
    return ReportTable("Speed", head, rows)


def _figure(events: Sequence[FilmEvent], rule: str, length: float) -> Figure:
    seen, recorded = of(events, TRUTH, "seen"), of(events, rule, "present")
    lines = []
    for name, matricula in dict.fromkeys((event.name, event.matricula) for event in seen):
        raised = [event for event in of(events, rule, "raise") if event.matricula == (matricula or "-")]
        lines.append(
            plots.TimeLine(
                name,
                [_span(event) for event in seen if event.name == name],
                [span for event in recorded if event.name == name for span in spans_of(event)],
                [_span(event) for event in of(events, TRUTH, "raise") if event.name == name],
                [_span(event) for event in raised],
            )
        )
    lines.sort(key=lambda line: line.label)
    late = of(events, TRUTH, "late_after")[0].from_s
    title = f"When they were there, by the rule “{rule}”"
    return Figure(
        "timeline-" + rule.replace(" ", "-"),
        title,
        "Each line is a person of the film. What is recorded of a person's face is drawn on that person's line, "
        "whatever name it was given; raises on the line of the student whose they are said to be.",
        "; ".join(f"{line.label}: recorded {len(line.found)} times, {len(line.found_raises)} raises" for line in lines),
        plots.timeline(lines, [("late from here", late)], length, title),
    )


def _wrong(events: Sequence[FilmEvent], rule: str) -> Cases:
    right = rightly_present(events, rule)
    wrong = [event for event in of(events, rule, "present") if event not in right]
    here = {event.matricula for event in of(events, TRUTH, "seen") if event.matricula}
    missed = sorted(here - {event.matricula for event in right})
    cases = [
        Case(
            score(event.score), event.name or "no one of the film", f"recorded as {event.matricula} {_when(event)}", ()
        )
        for event in sorted(wrong, key=lambda event: -event.score)[:_MOST_CASES]
    ]
    cases += [Case("–", matricula, "missed", ()) for matricula in missed[:_MOST_CASES]]
    note = f"{count(len(wrong), 'name')} given wrongly, {count(len(missed), 'student')} missed."
    return Cases(f"Attendance by the rule “{rule}”", note, cases)


def _hands(events: Sequence[FilmEvent], one: dict[str, Any]) -> list[Cases]:
    if one["raises"] is None:
        return []
    judged = judge_raises(events, one["rule"])
    found = [each.truth for each in judged if each.outcome == "found"]
    missed = [event for event in of(events, TRUTH, "raise") if event.matricula and event not in found]
    cases = [
        Case("–", each.event.matricula or each.event.name, f"{each.outcome.replace('_', ' ')} {_when(each.event)}"
             f"{_meanwhile(events, each.event)}", ())
        for each in judged
        if each.outcome != "found"
    ]  # fmt: skip
    cases += [
        Case("–", event.matricula, f"missed {_when(event)}{', behind others' if event.note else ''}", ())
        for event in missed
    ]
    return [Cases("Raised hands", "What was reported and is not so, then what was missed.", cases[:_MOST_CASES])]


def _meanwhile(events: Sequence[FilmEvent], event: FilmEvent) -> str:
    """What the person did at the time, in the truth."""
    doing = [
        other.note.replace("_", " ")
        for other in of(events, TRUTH, "gesture")
        if other.name == event.name and other.from_s < event.to_s and event.from_s < other.to_s
    ]
    return f", while {', '.join(doing)}" if doing else ""


def _span(event: FilmEvent) -> tuple[float, float]:
    return event.from_s, event.to_s


def _when(event: FilmEvent) -> str:
    return f"from {event.from_s:.1f} to {event.to_s:.1f} s"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
