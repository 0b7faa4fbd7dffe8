"""``python -m benchmarks.calibration``: is the asked FPIR reached on people that calibration never saw?

The people are halved. One half gives the gallery and the searches that the curve is fitted to; all people of the
other half are strangers. Then the gallery grows tenfold; the curve is tried as it is, and fitted again. People
whose names share a word are not compared with each other: research sets hold people under two names.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from evaluation.consolidation import consolidate
from evaluation.experiment import Experiment
from evaluation.protocols import Entry, read_list, read_people
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.impostor_scores import ImpostorScores, calibrate, scores_with_people
from presente.cli import Output
from presente.settings import load_settings

RATES = (0.01, 0.001)
_ORDER = ("strangers", "people", "fpir_asked", "source", "fitted_people")
Templates = list[tuple[str, NDArray[np.float32]]]


def impostors(probes: Templates, enrolled: Templates) -> NDArray[np.float64]:
    """Best score of every probe with people whose names have no word in common with the probe's, float64 (n,)."""
    gallery = consolidate(enrolled, "served")
    words = [_words(person) for person in gallery.people]
    best = np.empty(len(probes))
    for start, scores in scores_with_people(np.stack([template for _, template in probes]), gallery):
        for i, row in enumerate(scores, start):
            own = _words(probes[i][0])
            row[[place for place, other in enumerate(words) if own & other]] = -1.0
            best[i] = row.max()
    return best


def namesakes(one: str, other: str) -> bool:
    """Whether two names share a word."""
    return bool(_words(one) & _words(other))


def _words(name: str) -> set[str]:
    return set(name.lower().split("_"))


def _of(templates: Templates, people: list[str]) -> Templates:
    wanted = set(people)
    return [entry for entry in templates if entry[0] in wanted]


def fitted(probes: Templates, enrolled: Templates, people: int, source: str) -> CalibrationCurve:
    """The curve of a gallery of so many people, by searches of these probes."""
    scores = impostors(probes, enrolled)
    searches = ImpostorScores(scores, tuple(person for person, _ in probes), (source,) * len(scores))
    return calibrate(searches, people, "measured", RATES[0])


def reached(
    curve: CalibrationCurve, size: int, scores: NDArray[np.float64], whose: str, seed: int
) -> Iterator[dict[str, Any]]:
    """The share of strangers, by their best scores, who reach the thresholds for a gallery of so many people."""
    for rate in RATES:
        threshold = curve.threshold(rate, size)
        yield {
            "seed": seed,
            "searches": curve.searches,
            "source": next(iter(curve.sources)),
            "fitted_people": curve.people,
            "people": size,
            "strangers": whose,
            "tried": len(scores),
            "fpir_asked": rate,
            "threshold": round(threshold, 4),
            "fpir": round(float((scores >= threshold).mean()), 5),
            "supported": not curve.doubt(rate, size),
        }


def trial(templates: Templates, foreign: Templates, enrolled: int, seed: int) -> Iterator[dict[str, Any]]:
    """One halving of the people; ``foreign`` are strangers of another set."""
    names = sorted({name for name, _ in templates})
    people = [str(name) for name in np.random.default_rng(seed).permutation(names)]
    half = len(people) // 2
    enrolled = min(enrolled, half)
    strangers, others = _of(templates, people[half:]), _of(templates, people[enrolled:half])
    first = _of(templates, people[:enrolled])
    curves = [fitted(first, first, enrolled, "left out")]
    curves += [fitted(others, first, enrolled, "others")] if others else []
    for size in sorted({enrolled, min(10 * enrolled, half)}):
        gallery = _of(templates, people[:size])
        again = [fitted(gallery, gallery, size, "left out")] if size > enrolled else []
        for whose, probes in (("same set", strangers), ("another set", foreign)):
            scores = impostors(probes, gallery) if probes else np.empty(0)
            for curve in curves + again if probes else ():
                yield from reached(curve, size, scores, whose, seed)


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same over all seeds."""

    def what(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in _ORDER)

    groups = [(key, list(own)) for key, own in groupby(sorted(rows, key=what), key=what)]
    return [
        {
            **dict(zip(_ORDER, key, strict=True)),
            "fpir": [row["fpir"] for row in own],
            "mean": round(statistics.fmean(row["fpir"] for row in own), 5),
            "supported": sum(row["supported"] for row in own),
        }
        for key, own in groups
    ]


def embedded(experiment: Experiment, entries: Sequence[Entry]) -> Templates:
    """Person and template of every photo that has one."""
    templates = experiment.embed([entry.path for entry in entries])
    return [
        (entry.person, made.template)
        for entry, made in zip(entries, templates, strict=True)
        if made.template is not None
    ]


def main() -> int:
    """Measure and print."""
    parser = common.parser(
        "python -m benchmarks.calibration", __doc__ or "", "python -m benchmarks.calibration --folder lfw --pack NAME"
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--folder", type=Path, help="one folder per person, hundreds of people")
    source.add_argument("--list", type=Path, help="or a list as identification takes it, whose roles do not matter")
    parser.add_argument("--also", type=Path, metavar="LIST", help="people of another set, strangers to all")
    parser.add_argument("--enrolled", type=int, default=200, help="people in the gallery that the curve is fitted at")
    parser.add_argument("--repeats", type=int, default=3, help="how many halvings")
    given = parser.parse_args()
    entries = read_people(given.folder) if given.folder else read_list(given.list)
    experiment = Experiment(load_settings(given), Output(as_json=True))
    templates = embedded(experiment, entries)
    foreign = embedded(experiment, read_list(given.also)) if given.also else []
    rows = [row for i in range(given.repeats) for row in trial(templates, foreign, given.enrolled, given.seed + i)]
    shown = summary(rows)
    common.publish(
        {**common.about_this_run(given.seed), "pack": experiment.pack.name, "results": rows, "summary": shown},
        given.json,
        [
            f"{row['strangers']}, {row['people']} enrolled, FPIR {row['fpir_asked']:g} asked, {row['source']} at "
            f"{row['fitted_people']}: mean {row['mean']:.5f} of {row['fpir']}; {row['supported']} of {given.repeats} "
            "call themselves supported"
            for row in shown
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
