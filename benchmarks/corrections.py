"""``python -m benchmarks.corrections``: do corrections prevent the same mistake on the next photos, at which price?

Per draw half of the people with several photos are enrolled, everyone with one photo as well; the other half are
strangers. Photos are read as the service reads them. Everyone's first photo that is not enrolled is identified, and
each mistake corrected: "this is not that person". Then the next photos are identified, as if no one had said anything,
and with what was said (:mod:`gallery.told_apart`). Results: docs/adr/0059-told-apart.md.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import common
from benchmarks.person_scores import Photos, Vectors, read
from evaluation.experiment import Experiment
from evaluation.protocols import read_people
from gallery.person_score import scores_with
from gallery.told_apart import MARGIN, Anchors, Hit, told_apart
from presente.cli import Output
from presente.errors import InvalidInput
from presente.settings import load_settings

_DEPTH = 10
"""People that are found for each photo; of more than one in ten no one is told apart."""
NO_ONE = -1

COUNTS: Mapping[str, str] = {
    "first": "first photos",
    "corrected": "mistakes on them, each corrected",
    "next": "next photos",
    "same_mistake": "the same mistake again, without corrections",
    "same_mistake_corrected": "the same mistake again, with them",
    "right": "next photos that are named rightly, without corrections",
    "right_lost": "of these not named rightly with them",
    "mended": "next photos that only corrections decide rightly",
    "moved": "decisions that changed although no one was told apart",
    "moved_others": "candidates that changed, of people who were not told apart",
    "wrongly_corrected": "next photos that are named rightly, of people of whom a right first photo was 'corrected'",
    "wrongly_corrected_lost": "of these not named any more",
}
"""What is counted, in words."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A drawn gallery and the photos that are identified in it.

    Attributes:
        enrolled: the person of each gallery entry.
        scores: of each photo with each of them, float32 (m, g).
        probes: templates of the photos, float32 (m, d).
        people: whose each photo is.
        first: whether it is the person's first.
    """

    enrolled: NDArray[np.int64]
    scores: Vectors
    probes: Vectors
    people: NDArray[np.int64]
    first: NDArray[np.bool_]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Whom each photo should be named as; :data:`NO_ONE` for a stranger."""
        return np.where(np.isin(self.people, self.enrolled), self.people, NO_ONE)

    def hits(self) -> list[list[Hit]]:
        """The nearest people of each photo, best first."""
        order = np.argsort(-self.scores, axis=1)[:, :_DEPTH]
        return [
            [(int(self.enrolled[place]), float(row[place])) for place in places]
            for row, places in zip(self.scores, order, strict=True)
        ]


def draw(photos: Photos, enrol: int, chance: np.random.Generator) -> Draw:
    """Enrol half of the people with several photos, with ``enrol`` photos each at most, and everyone with one.

    Raises:
        InvalidInput: ``too_few_people``.
    """
    usable = np.asarray(np.isfinite(photos.enrolled).all(axis=1))
    readable = np.asarray(np.isfinite(photos.probes).all(axis=1))
    counts = np.bincount(photos.people)
    several = chance.permutation(np.flatnonzero(counts > 1))
    inside = set(several[: len(several) // 2].tolist())
    templates: dict[int, Vectors] = {}
    tried: list[tuple[int, int]] = []
    for person in np.flatnonzero(counts).tolist():
        own = chance.permutation(np.flatnonzero(photos.people == person))
        most = min(enrol, len(own) - 1) if len(own) > 1 else 1
        kept = own[:most] if person in inside or len(own) == 1 else own[:0]
        if usable[kept].any():
            templates[person] = photos.enrolled[kept[usable[kept]]]
        tried += [(person, place) for place in own[len(kept) :].tolist() if readable[place]]
    if not templates or not tried:
        raise InvalidInput("too_few_people", "No one is left to enrol, or no photo to try.", "Give more people.")
    people = np.array([person for person, _ in tried], dtype=np.int64)
    probes = photos.probes[[place for _, place in tried]]
    first = np.concatenate([[True], people[1:] != people[:-1]])
    scores = np.stack([scores_with(probes, own) for own in templates.values()], axis=1)
    return Draw(np.array(list(templates), dtype=np.int64), scores, probes, people, first)


def counted(drawn: Draw, threshold: float, margin: float) -> Counter[str]:
    """The figures of :data:`COUNTS` for one gallery."""
    hits, after = drawn.hits(), ~drawn.first
    said = _named(hits, threshold)
    mistaken = np.flatnonzero(drawn.first & (said != NO_ONE) & (said != drawn.truth))
    apart, left = _told(drawn, hits, {int(row): int(said[row]) for row in mistaken}, threshold, margin)
    corrected = _named(left, threshold)
    same = {(int(drawn.people[row]), int(said[row])) for row in mistaken}
    pairs, pairs_corrected = (
        np.array([pair in same for pair in zip(drawn.people.tolist(), named.tolist(), strict=True)], dtype=bool)
        for named in (said, corrected)
    )
    right, untold = after & (drawn.truth != NO_ONE) & (said == drawn.truth), np.array([not each for each in apart])
    return Counter(
        first=int(drawn.first.sum()),
        corrected=len(mistaken),
        next=int(after.sum()),
        same_mistake=int((after & pairs).sum()),
        same_mistake_corrected=int((after & pairs_corrected).sum()),
        right=int(right.sum()),
        right_lost=int((right & (corrected != drawn.truth)).sum()),
        mended=int((after & (said != drawn.truth) & (corrected == drawn.truth)).sum()),
        moved=int((untold & (said != corrected)).sum()),
        moved_others=sum(
            [hit for hit in whole if hit[0] not in out] != kept
            for whole, kept, out in zip(hits, left, apart, strict=True)
        ),
        **_wrongly_corrected(drawn, hits, said, threshold, margin),
    )


def _wrongly_corrected(
    drawn: Draw, hits: Sequence[Sequence[Hit]], said: NDArray[np.int64], threshold: float, margin: float
) -> dict[str, int]:
    """What is lost when a person says of everyone's first photo that it is not who it is."""
    rows = np.flatnonzero(drawn.first & (drawn.truth != NO_ONE) & (said == drawn.truth))
    _, left = _told(drawn, hits, {int(row): int(said[row]) for row in rows}, threshold, margin)
    right = ~drawn.first & (drawn.truth != NO_ONE) & (said == drawn.truth) & np.isin(drawn.people, drawn.people[rows])
    lost = right & (_named(left, threshold) != drawn.truth)
    return {"wrongly_corrected": int(right.sum()), "wrongly_corrected_lost": int(lost.sum())}


def _told(
    drawn: Draw, hits: Sequence[Sequence[Hit]], wrong: Mapping[int, int], threshold: float, margin: float
) -> tuple[list[frozenset[int]], list[list[Hit]]]:
    """Who is told apart from each photo once it was said whom some photos do not show; and who is left."""
    negatives: dict[int, list[int]] = {}
    for row, person in wrong.items():
        negatives.setdefault(person, []).append(row)
    anchors = Anchors({person: drawn.probes[rows] for person, rows in negatives.items()})
    apart = told_apart(drawn.probes, hits, anchors, threshold, margin)
    left = [[hit for hit in found if hit[0] not in out] for found, out in zip(hits, apart, strict=True)]
    return apart, left


def _named(hits: Sequence[Sequence[Hit]], threshold: float) -> NDArray[np.int64]:
    """Whom each photo is named as: the nearest person at the threshold, however near the second is."""
    named = [found[0][0] if found and found[0][1] >= threshold else NO_ONE for found in hits]
    return np.array(named, dtype=np.int64)


def main() -> int:
    """Measure and print."""
    parser = common.parser(
        "python -m benchmarks.corrections",
        __doc__ or "",
        "python -m benchmarks.corrections --folder lfw --at 0.35 0.42 --pack NAME",
    )
    parser.add_argument("--folder", type=Path, required=True, help="one folder per person, hundreds of people")
    parser.add_argument("--at", type=float, nargs="+", help="thresholds [default the pack's]")
    parser.add_argument("--margins", type=float, nargs="+", help="margins [default the service's]")
    parser.add_argument("--enrol", type=int, default=2, help="photos per person at most")
    parser.add_argument("--repeats", type=int, default=4, help="how many galleries are drawn")
    given = parser.parse_args()
    experiment = Experiment(load_settings(given), Output(as_json=True))
    photos = read(experiment, read_people(given.folder))
    chance = np.random.default_rng(given.seed)
    drawn = [draw(photos, given.enrol, chance) for _ in range(given.repeats)]
    rows: list[dict[str, Any]] = [
        {"threshold": threshold, "margin": margin, **sum((counted(one, threshold, margin) for one in drawn), Counter())}
        for threshold in given.at or [experiment.pack.threshold]
        for margin in given.margins or [MARGIN]
    ]
    rows = [{**dict.fromkeys(COUNTS, 0), **row} for row in rows]  # a sum of counters leaves zeros out
    about = {"pack": experiment.pack.name, "enrolled": len(drawn[0].enrolled), "repeats": given.repeats}
    common.publish({**common.about_this_run(given.seed), **about, "rows": rows}, given.json, lines(rows))
    return 0


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The figures, for people."""
    shown = []
    for row in rows:
        shown.append(f"threshold {row['threshold']:g}, margin {row['margin']:g}, all draws together")
        shown += [f"  {row[name]:6d}  {words}" for name, words in COUNTS.items()]
    return shown


if __name__ == "__main__":
    sys.exit(main())
