"""``python -m benchmarks.person_scores``: ways to score a person with several templates, by drawn galleries.

Per draw some people with enough photos are enrolled, with some photos each. Their other photos are probes, those of
everyone else are strangers. Photos are read as the service reads them. A difference is that to the best template alone.
Its interval comes from resampling people, the enrolled and the others. Results: docs/adr/0025-person-score.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from evaluation.experiment import Experiment
from evaluation.protocols import Entry, read_list, read_people
from evaluation.templates import TemplateResult, as_enrolled, as_probe
from gallery.person_score import SCORE, scores_with
from presente.cli import Output
from presente.errors import InvalidInput
from presente.settings import load_settings

RATES = (0.01, 0.001)
_LEAST_PHOTOS = 4
_RESAMPLES = 200
Vectors = NDArray[np.float32]


def _centroid(probes: Vectors, templates: Vectors) -> Vectors:
    mean = templates.mean(axis=0)
    return np.asarray(probes @ mean / np.linalg.norm(mean))


def _of_nearest_two(probes: Vectors, templates: Vectors) -> Vectors:
    """The cosine with the centroid of the two templates that are nearest to the probe."""
    nearest = np.argsort(-(probes @ templates.T), axis=1)[:, :2]
    sums = templates[nearest].sum(axis=1)
    return np.asarray(np.einsum("ij,ij->i", sums, probes) / np.linalg.norm(sums, axis=1))


def _soft_maximum(probes: Vectors, templates: Vectors) -> Vectors:
    return np.asarray(np.log(np.exp(10 * probes @ templates.T).mean(axis=1)) / 10)


WAYS: Mapping[str, Callable[[Vectors, Vectors], NDArray[np.floating]]] = {
    "best": lambda probes, templates: (probes @ templates.T).max(axis=1),
    "mean of cosines": lambda probes, templates: (probes @ templates.T).mean(axis=1),
    "centroid": _centroid,
    "best and mean": lambda probes, templates: (WAYS["best"](probes, templates) + probes @ templates.mean(axis=0)) / 2,
    "1/4 best, 3/4 centroid": lambda p, t: WAYS["best"](p, t) / 4 + 3 * _centroid(p, t) / 4,
    "best and centroid": lambda p, t: (WAYS["best"](p, t) + _centroid(p, t)) / 2,
    SCORE: scores_with,
    "mean of best two": lambda p, t: np.sort(p @ t.T, axis=1)[:, -2:].mean(axis=1),
    "centroid of best two": _of_nearest_two,
    "soft maximum": _soft_maximum,
}
"""Each gives the scores, (m,), of probes, float32 (m, d), with the templates of a person, float32 (t, d)."""


@dataclass(frozen=True, slots=True)
class Photos:
    """Every photo with its person's number, and its templates as enrolled and as a probe; NaN where there is none."""

    people: NDArray[np.int64]
    enrolled: Vectors
    probes: Vectors


_OfPlaces = Callable[[Vectors, NDArray[np.int64]], NDArray[np.floating]]
Ways = Mapping[str, _OfPlaces]


def of_templates(photos: Photos) -> Ways:
    """:data:`WAYS`, for people who are given by the places of their photos."""

    def of_places(score: Callable[[Vectors, Vectors], NDArray[np.floating]]) -> _OfPlaces:
        return lambda probes, kept: score(probes, photos.enrolled[kept])

    return {name: of_places(score) for name, score in WAYS.items()}


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn gallery: the people of probes and of strangers, and per way the figures of each.

    ``mates`` has the score of each probe's own person, -inf when that is not the first; ``best`` each stranger's best.
    """

    probed: NDArray[np.int64]
    strange: NDArray[np.int64]
    mates: Mapping[str, NDArray[np.floating]]
    best: Mapping[str, NDArray[np.floating]]


def draw(
    photos: Photos, people: int, enrol: Sequence[int], chance: np.random.Generator, ways: Ways | None = None
) -> Draw:
    """Enrol some people, each with as many photos as one of ``enrol`` says, and search for everyone else.

    ``ways`` gives the scores of some probes with a person who is enrolled with some photos, by their places; without it
    those of :data:`WAYS` are compared.

    Raises:
        InvalidInput: ``too_few_people`` when no one has enough photos, or no stranger is left; ``no_usable_photo``.
    """
    usable = np.asarray(np.isfinite(photos.enrolled).all(axis=1))
    counts = np.bincount(photos.people)
    chosen = chance.permutation(np.flatnonzero(counts >= _LEAST_PHOTOS))[:people]
    if not len(chosen):
        raise InvalidInput("too_few_people", f"No one has {_LEAST_PHOTOS} photos.", "Give more photos per person.")
    templates, probes = [], []
    for person in chosen:
        own = chance.permutation(np.flatnonzero(photos.people == person))
        kept = own[usable[own]][: min(int(chance.choice(enrol)), len(own) - 1)]
        if not len(kept):
            raise InvalidInput(
                "no_usable_photo",
                f"Person {person + 1}, by name, has no photo to enrol.",
                "Leave that person out, or give other photos.",
            )
        templates.append(kept)
        probes.append(np.setdiff1d(own, kept))
    searched = np.concatenate(probes)
    strangers = np.flatnonzero(~np.isin(photos.people, chosen) & np.isfinite(photos.probes).all(axis=1))
    if not len(strangers):
        raise InvalidInput("too_few_people", "No photo of a stranger is left.", "Enrol fewer with --people.")
    asked = np.nan_to_num(photos.probes[np.concatenate([searched, strangers])])
    own = np.repeat(np.arange(len(chosen)), [len(each) for each in probes])
    failed = ~np.isfinite(photos.probes[searched]).all(axis=1)
    mates, best = {}, {}
    for name, score in (ways or of_templates(photos)).items():
        scores = np.stack([score(asked, kept) for kept in templates])
        mated = scores[:, : len(own)]
        first = (mated.argmax(axis=0) == own) & ~failed
        mates[name] = np.where(first, mated[own, np.arange(len(own))], -np.inf)
        best[name] = scores[:, len(own) :].max(axis=0)
    return Draw(photos.people[searched], photos.people[strangers], mates, best)


def figures(drawn: Sequence[Draw], weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Per way FNIR at each of :data:`RATES` and rank-1, the mean over the draws, with a weight per person."""
    found = {}
    for name in drawn[0].mates:
        lines = []
        for one in drawn:
            order = np.argsort(-one.best[name])
            passed, of = np.cumsum(weights[one.strange][order]), weights[one.probed]
            line = []
            for rate in RATES:
                threshold = one.best[name][order][np.searchsorted(passed, rate * passed[-1] + 1e-9, side="right")]
                line.append(of @ (one.mates[name] <= threshold) / of.sum())
            lines.append([*line, of @ np.isfinite(one.mates[name]) / of.sum()])
        found[name] = np.mean(lines, axis=0)
    return found


def compare(
    photos: Photos, drawn: Sequence[Draw], chance: np.random.Generator, beside: str = "best"
) -> list[dict[str, Any]]:
    """The figures of each way, and the 95 % intervals of their differences to one of them, the best template alone."""
    size = int(photos.people.max()) + 1
    several = np.bincount(photos.people) >= _LEAST_PHOTOS
    plain, resampled = figures(drawn, np.ones(size)), []
    for _ in range(_RESAMPLES):
        weights = np.zeros(size)
        for group in (np.flatnonzero(several), np.flatnonzero(~several)):
            if len(group):
                np.add.at(weights, chance.choice(group, len(group)), 1)
        resampled.append(figures(drawn, weights))
    rows = []
    for name, values in plain.items():
        differences = np.array([one[name] - one[beside] for one in resampled])
        low, high = np.quantile(differences, [0.025, 0.975], axis=0)
        row: dict[str, Any] = {"score": name}
        for place, what in enumerate((*(f"fnir_at_{rate:g}" for rate in RATES), "rank1")):
            row[what] = round(float(values[place]), 5)
            row[f"{what}_difference"] = [round(float(each[place]), 5) for each in (low, high)]
        rows.append(row)
    return rows


def read(experiment: Experiment, entries: Sequence[Entry]) -> Photos:
    """The templates of every photo, both ways."""
    paths = [entry.path for entry in entries]
    enrolled = experiment.embed(paths, as_enrolled(experiment.embedder))
    probes = experiment.embed(paths, as_probe(experiment.embedder))
    people = np.unique([entry.person for entry in entries], return_inverse=True)[1]
    dim = experiment.pack.dim
    return Photos(people, _stacked(enrolled, dim), _stacked(probes, dim))


def _stacked(made: Sequence[TemplateResult], dim: int) -> Vectors:
    none = np.full(dim, np.nan, dtype=np.float32)
    return np.stack([none if each.template is None else each.template for each in made])


def people_parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """The words of a benchmark that draws enrolled people from labelled photos."""
    parser = common.parser(program, description or "", f"{program} --folder lfw --pack NAME")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--folder", type=Path, help="one folder per person, hundreds of people")
    source.add_argument("--list", type=Path, help="or a list as identification takes it, whose roles do not matter")
    parser.add_argument("--people", type=int, default=250, help="how many are enrolled per draw")
    parser.add_argument(
        "--enrol", type=int, nargs="+", default=[3], help="photos per person; of several numbers each draws one"
    )
    parser.add_argument("--repeats", type=int, default=20, help="how many draws")
    return parser


def main() -> int:
    """Measure and print."""
    given = people_parser("python -m benchmarks.person_scores", __doc__).parse_args()
    experiment = Experiment(load_settings(given), Output(as_json=True))
    photos = read(experiment, read_people(given.folder) if given.folder else read_list(given.list))
    chance = np.random.default_rng(given.seed)
    drawn = [draw(photos, given.people, given.enrol, chance) for _ in range(given.repeats)]
    rows = compare(photos, drawn, chance)
    about = {"pack": experiment.pack.name, "people": given.people, "enrol": given.enrol, "repeats": given.repeats}
    sizes = {"probes": len(drawn[0].probed), "strangers": len(drawn[0].strange)}
    common.publish({**common.about_this_run(given.seed), **about, **sizes, "scores": rows}, given.json, lines(rows))
    return 0


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The figures, for people."""
    return [
        f"{row['score']:24s}"
        + "  ".join(
            f"{what} {row[what]:.4f} ({row[f'{what}_difference'][0]:+.4f} to {row[f'{what}_difference'][1]:+.4f})"
            for what in (*(f"fnir_at_{rate:g}" for rate in RATES), "rank1")
        )
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
