"""``python -m benchmarks.calibration``: is the asked FPIR reached on people that calibration never saw?

The people of a folder are halved. One half gives the gallery and the searches that the curve is fitted to; everybody
of the other half is a stranger. Then the gallery grows tenfold, and the curve is not fitted again. People whose names
share a word are not held against each other: research sets hold people under two names.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from evaluation.bench import Bench
from evaluation.calibrating import NonMated, calibrate
from evaluation.consolidation import Enrolled, consolidate, person_scores
from evaluation.protocols import split_folder
from gallery.calibration import Curve
from presente.cli import Output
from presente.config import load_settings

RATES = (0.01, 0.001)
_BLOCK = 512
Templates = list[tuple[str, NDArray[np.float32]]]


def impostors(probes: Templates, gallery: Enrolled) -> NDArray[np.float64]:
    """Best score of every probe with anybody whose name has no word in common with the probe's, float64 (n,)."""
    words = [_words(person) for person in gallery.people]
    best = []
    for start in range(0, len(probes), _BLOCK):
        block = probes[start : start + _BLOCK]
        scores = person_scores(np.stack([template for _, template in block]), gallery)
        for row, (person, _) in zip(scores, block, strict=True):
            own = _words(person)
            row[[i for i, other in enumerate(words) if own & other]] = -1.0
        best.append(scores.max(axis=1))
    return np.concatenate(best).astype(np.float64)


def _words(name: str) -> set[str]:
    return set(name.lower().split("_"))


def _of(templates: Templates, people: set[str]) -> Templates:
    return [entry for entry in templates if entry[0] in people]


def fitted(probes: Templates, enrolled: Templates, people: int, source: str) -> Curve:
    """The curve of a gallery, by searches of these probes."""
    scores = impostors(probes, consolidate(enrolled, "best"))
    searches = NonMated(scores, tuple(person for person, _ in probes), (source,) * len(scores))
    return calibrate(searches, people, "measured", RATES[0])


def achieved(curve: Curve, size: int, strangers: NDArray[np.float64]) -> list[dict[str, Any]]:
    """What share of strangers reaches the thresholds for a gallery of so many people."""
    return [
        {
            "searches": curve.searches,
            "source": next(iter(curve.sources)),
            "fitted_people": curve.people,
            "people": size,
            "fpir_asked": rate,
            "threshold": round(curve.threshold(rate, size), 4),
            "fpir": round(float((strangers >= curve.threshold(rate, size)).mean()), 5),
            "supported": not curve.doubt(rate, size),
        }
        for rate in RATES
    ]


def main() -> int:
    """Measure and print."""
    parser = common.parser(
        "python -m benchmarks.calibration", __doc__ or "", "python -m benchmarks.calibration --folder lfw --pack NAME"
    )
    parser.add_argument("--folder", type=Path, required=True, help="one folder a person, hundreds of people")
    parser.add_argument("--pack", default="sample", help="a pack's name or folder")
    parser.add_argument("--enrolled", type=int, default=200, help="people in the gallery that the curve is fitted at")
    given = parser.parse_args()
    entries = split_folder(given.folder, 1, 0.0, given.seed)
    bench = Bench(load_settings(environment={"PRESENTE_PACK": given.pack}), Output(as_json=True))
    outcomes = bench.embed([entry.path for entry in entries])
    templates = [
        (entry.person, made.template)
        for entry, made in zip(entries, outcomes, strict=True)
        if made.template is not None
    ]
    names = sorted({name for name, _ in templates})
    people = [str(name) for name in np.random.default_rng(given.seed).permutation(names)]
    half = len(people) // 2
    strangers = _of(templates, set(people[half:]))
    enrolled = _of(templates, set(people[: given.enrolled]))
    others = _of(templates, set(people[given.enrolled : half]))
    curves = [
        fitted(enrolled, enrolled, given.enrolled, "left out"),
        fitted(others, enrolled, given.enrolled, "others"),
    ]
    results = []
    for size in (given.enrolled, min(10 * given.enrolled, half)):
        found = impostors(strangers, consolidate(_of(templates, set(people[:size])), "best"))
        results += [row for curve in curves for row in achieved(curve, size, found)]
    common.publish(
        {**common.about_this_run(given.seed), "pack": bench.pack.name, "strangers": len(strangers), "results": results},
        given.json,
        [
            "{source} ({searches} searches) at {fitted_people} people; {people} enrolled, FPIR {fpir_asked:g} asked: "
            "{fpir:.5f} reached at {threshold}".format(**row)
            + ("" if row["supported"] else "   (calibration says: not supported)")
            for row in results
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
