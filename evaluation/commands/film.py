"""``film``: who is there, who is late, whose hand is up in a film, against its truth; and how long that takes."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation import classroom, film_events, film_rates, results
from evaluation.experiment import Experiment, add_out
from evaluation.film_truth import FilmTruth, read_truth
from evaluation.films import PRESENTE, RuleRun, by_presente
from evaluation.first_match import FIRST_MATCH, by_first_match
from evaluation.protocols import Entry, read_people
from evaluation.templates import TemplateResult
from faces.pose.followed_hands import FollowedHands
from gallery.settings import GallerySettings
from presente import cli, composition
from presente.errors import InvalidInput
from presente.settings import Settings

_RULES = {"presente": PRESENTE, "first-match": FIRST_MATCH}


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "film",
        run,
        "Measure attendance, lateness and raised hands on a film whose truth is known, and the speed.",
        "evaluation film data_sample/film/class.webm --rule presente first-match",
    )
    parser.add_argument("film", type=Path, metavar="FILM", help="MP4, WebM, and what else FFmpeg reads")
    parser.add_argument(
        "--truth", type=Path, metavar="TRUTH.json", help="its truth; FILM with the ending .json if left out"
    )
    parser.add_argument(
        "--enrolled",
        type=Path,
        metavar="DIR",
        help="one folder per person, named as in the truth; else what that names",
    )
    parser.add_argument(
        "--rule",
        nargs="+",
        choices=list(_RULES),
        default=["presente"],
        help="what decides: as the service does, or the first system's rule as well",
    )
    add_out(parser, "film")


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Read the film by each rule, write the table of events, then compute everything from it."""
    truth = read_truth(arguments.truth or arguments.film.with_suffix(".json"))
    if not arguments.film.is_file():
        raise InvalidInput("unreadable_film", f"{arguments.film} is no file.", "Name a film.")
    entries = read_people(arguments.enrolled or truth.enrolled, "gallery")
    _check(truth, entries)
    experiment = Experiment(settings, output)
    deployed = experiment.deployed()
    templates = experiment.embed([entry.path for entry in entries])
    runs = [
        _by_rule(experiment, _RULES[name], arguments.film, truth, list(zip(entries, templates, strict=True)), deployed)
        for name in dict.fromkeys(arguments.rule)
    ]
    table = arguments.out / "events.tsv"
    found = [event for each in runs for event in each.events]
    film_events.write_events(table, [*film_events.truth_events(truth), *found])
    events = film_events.read_events(table)
    result: dict[str, Any] = {
        **experiment.description("film", arguments),
        **results.enrolment_result(entries, templates),
        "deployed": deployed,
        "rules": [{**film_rates.rates(events, each.rule, each.hands), **each.described()} for each in runs],
        "scores": str(table),
    }
    output.result(experiment.finish(result, arguments.out), lines(result))
    return cli.DONE


def _check(truth: FilmTruth, entries: Sequence[Entry]) -> None:
    people = {entry.person for entry in entries}
    missing = [matricula for matricula in truth.roster if matricula not in people]
    if missing:
        raise InvalidInput(
            "too_few_people",
            f"Of the class that is filmed {', '.join(missing[:5])} {'has' if len(missing) == 1 else 'have'} no folder "
            "with photos.",
            "Name with --enrolled the folder whose folders are named like the matriculas of the truth's roster.",
        )


def _by_rule(
    experiment: Experiment,
    rule: str,
    film: Path,
    truth: FilmTruth,
    people: Sequence[tuple[Entry, TemplateResult]],
    deployed: dict[str, Any],
) -> RuleRun:
    """What a rule makes of the film, when these people are enrolled with these templates."""
    with experiment.output.bar(round(truth.duration_s), "s of film") as progress:
        tell, reader = _Told(progress), composition.open_pose(experiment.settings)
        if rule == FIRST_MATCH:
            return by_first_match(film, truth, experiment.embedder, _rows(people), reader, tell)
        deciding = GallerySettings(deployed["threshold"], deployed["source"], experiment.settings.margin)
        with classroom.temporary_gallery(people, set(truth.roster), experiment.pack, deciding) as gallery:
            hands = None if reader is None else FollowedHands(reader, composition.raise_rule(experiment.settings))
            return by_presente(film, truth, experiment.embedder, gallery, hands, tell)


def _rows(people: Sequence[tuple[Entry, TemplateResult]]) -> dict[str, NDArray[np.float32]]:
    """By person, the templates, float32 (n, d)."""
    found: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for entry, made in people:
        if made.template is not None:
            found[entry.person].append(made.template)
    return {person: np.array(templates, dtype=np.float32) for person, templates in found.items()}


class _Told:
    """Moves a bar that counts whole seconds."""

    def __init__(self, progress: Any) -> None:
        self._progress, self._at = progress, 0

    def __call__(self, at_s: float, _: float | None) -> None:
        if int(at_s) > self._at:
            self._progress(int(at_s) - self._at)
            self._at = int(at_s)


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result."""
    yield (
        f"pack {result['pack']}: {result['subjects']} people enrolled with {result['gallery_photos']} photos; "
        f"threshold in force {result['deployed']['described']}; in {result['seconds']} s"
    )
    for one in result["rules"]:
        speed, late = one["speed"], one["lateness"]
        yield (
            f"{one['rule']}, from a score of {one['threshold']:.3f}: present {one['present']} of {one['students']} "
            f"students, ambiguous {one['ambiguous']}, missed {one['missed']}; absent but recorded "
            f"{one['absent_recorded']} of {one['absent']}, named wrongly {one['named_wrongly']}; strangers recorded "
            f"{one['strangers_recorded']} of {one['strangers']}"
        )
        yield (
            f"  first sight {_seconds(late['error_s_median'])} after the face came into the picture (median; at most "
            f"{_seconds(late['error_s_greatest'])}); late {late['late_found']} of {late['late']} said, "
            f"{late['late_false']} wrongly"
        )
        if one["raises"] is not None:
            hands = one["raises"]
            yield (
                f"  hands raised: found {hands['found']} of {hands['true']}, missed {hands['missed']} "
                f"({hands['missed_hidden']} behind others), of another person {hands['wrong_person']}, of no one "
                f"{hands['unnamed']}, false {hands['false']}"
            )
        yield (
            f"  {speed['film_s_per_wall_s']:g} seconds of film per second, {speed['cpu_s_per_film_minute']:g} s of CPU "
            "per minute of film"
        )
    yield from results.written_lines(result)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:g} s"
