"""``python -m benchmarks.quality_weights``: does it help to weight templates by the quality of their faces?

The score stays the mean of the best cosine and the centroid's (:mod:`gallery.person_score`); in the centroid each
template counts by a weight. Galleries are drawn as in :mod:`benchmarks.person_scores`; differences are those to equal
weights.
Results: docs/adr/0059-told-apart.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.person_scores import Vectors, Ways, compare, draw, lines, people_parser, read
from evaluation.experiment import Experiment
from evaluation.protocols import read_list, read_people
from evaluation.templates import OK, TemplateMaker, TemplateResult, settings_key
from faces.embedder import FaceEmbedder
from faces.quality import GOOD_QUALITY, Quality
from gallery.person_score import LEAST_LENGTH, scores_with
from presente.cli import Output
from presente.errors import PhotoRefused
from presente.settings import load_settings

EQUAL = "equal weights"
Weight = Callable[[Mapping[str, float]], float]
WEIGHTS: Mapping[str, Weight] = {
    "detection score": lambda quality: quality["detection_score"],
    "sharpness": lambda quality: float(np.log1p(max(quality["sharpness"], 0.0))),
    "frontal": lambda quality: 1 / (1 + abs(quality["yaw"])),
    "size": lambda quality: float(np.log1p(max(quality["size"], 0.0))),
    "faults count half each": lambda quality: 0.5 ** len(GOOD_QUALITY.faults(quality)),
    "faults count nothing": lambda quality: 1e-3 if GOOD_QUALITY.faults(quality) else 1.0,
}
"""Each gives the weight of a template by what was measured on its face."""


def as_measured(embedder: FaceEmbedder) -> TemplateMaker:
    """What is measured on the face that enrolment takes of a photo, in the order of :class:`Quality`'s fields."""

    def make(content: bytes) -> TemplateResult:
        try:
            found = embedder.read_portrait(content)[1].quality.as_dict()
        except PhotoRefused as refused:
            return TemplateResult(None, refused.code)
        return TemplateResult(np.array(list(found.values()), dtype=np.float32), OK)

    return TemplateMaker(settings_key(embedder) + " quality", make)


def weighted(probes: Vectors, templates: Vectors, weights: NDArray[np.float64]) -> NDArray[np.floating]:
    """Scores of probes, float32 (m, d), with a person of templates, float32 (t, d), with weights, float64 (t,)."""
    cosines, share = probes @ templates.T, weights / weights.sum()
    length = max(float(np.linalg.norm(share @ templates)), LEAST_LENGTH)
    return np.asarray((cosines.max(axis=1) + cosines @ share / length) / 2)


def ways_of(enrolled: Vectors, qualities: Sequence[Mapping[str, float] | None]) -> Ways:
    """The ways that are compared; a face of which nothing was measured counts as the mean of the others."""

    def way(weight: Weight) -> Callable[[Vectors, NDArray[np.int64]], NDArray[np.floating]]:
        found = [np.nan if quality is None else weight(quality) for quality in qualities]
        each = np.nan_to_num(np.array(found), nan=float(np.nanmean(found)))
        return lambda probes, kept: weighted(probes, enrolled[kept], each[kept])

    equal: Ways = {EQUAL: lambda probes, kept: scores_with(probes, enrolled[kept])}
    return {**equal, **{name: way(weight) for name, weight in WEIGHTS.items()}}


def main() -> int:
    """Measure and print."""
    given = people_parser("python -m benchmarks.quality_weights", __doc__).parse_args()
    experiment = Experiment(load_settings(given), Output(as_json=True))
    entries = read_people(given.folder) if given.folder else read_list(given.list)
    photos = read(experiment, entries)
    measured = experiment.embed([entry.path for entry in entries], as_measured(experiment.embedder))
    names = [each.name for each in fields(Quality)]
    qualities = [
        None if each.template is None else dict(zip(names, each.template.tolist(), strict=True)) for each in measured
    ]
    ways, chance = ways_of(photos.enrolled, qualities), np.random.default_rng(given.seed)
    drawn = [draw(photos, given.people, given.enrol, chance, ways) for _ in range(given.repeats)]
    rows = compare(photos, drawn, chance, EQUAL)
    about = {"pack": experiment.pack.name, "people": given.people, "enrol": given.enrol, "repeats": given.repeats}
    sizes = {"probes": len(drawn[0].probed), "strangers": len(drawn[0].strange)}
    common.publish({**common.about_this_run(given.seed), **about, **sizes, "scores": rows}, given.json, lines(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
