"""Held-out people, photographed and described, for choosing the threshold and for measuring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..draw import ENROLLED, EVERYDAY, Spread, render_portrait, sample_identity, sample_look
from ..draw.seeds import assert_unseen
from .service import Recogniser, overlap


@dataclass
class Tally:
    """Counts of how the detector did."""

    faces: int = 0
    found: int = 0
    false: int = 0
    scores: list[float] = field(default_factory=list)
    landmark_errors: list[float] = field(default_factory=list)

    def report(self) -> dict[str, float]:
        """Return the counts as shares and quantiles."""
        return {
            "faces": self.faces,
            "found": self.found,
            "found_share": round(self.found / max(1, self.faces), 5),
            "false_faces": self.false,
            "score_percentile_1": round(float(np.percentile(self.scores, 1)), 3),
            "landmark_error_median_share_of_face": round(float(np.median(self.landmark_errors)), 4),
            "landmark_error_percentile_99": round(float(np.percentile(self.landmark_errors, 99)), 4),
        }


@dataclass(frozen=True)
class Person:
    """Unit vectors of one person: enrolled (E, DIM) and probes (P, DIM)."""

    enrolled: NDArray[np.float32]
    probes: NDArray[np.float32]


def describe(
    recogniser: Recogniser, seed: int, number: int, spread: Spread, tally: Tally
) -> NDArray[np.float32] | None:
    """Return the vector of a person's `number`-th photo, or None where the face was not found."""
    assert_unseen(seed)
    look_seed = seed * 32 + number
    width = int(np.random.default_rng([0x51DE, look_seed]).integers(240, 301))
    photo = render_portrait(sample_identity(seed), sample_look(look_seed, spread), width, int(width * 1.22))
    box = np.array(photo.truth.box, np.float32)
    found = recogniser.find(photo.pixels)
    right = [f for f in found if overlap(f.box, box) > 0.4]
    tally.faces += 1
    tally.false += len(found) - min(1, len(right))
    if not right:
        return None
    best = max(right, key=lambda f: f.score)
    tally.found += 1
    tally.scores.append(best.score)
    error = np.hypot(*(best.points - np.array(photo.truth.points)).T).mean() / (box[2] - box[0])
    tally.landmark_errors.append(float(error))
    return best.vector


def gather(recogniser: Recogniser, seeds: Sequence[int], enrolled: int, probes: int, tally: Tally) -> list[Person]:
    """Return people with `enrolled` careful and `probes` everyday photos each."""
    people = []
    for seed in seeds:
        first = [describe(recogniser, seed, k, ENROLLED, tally) for k in range(enrolled)]
        later = [describe(recogniser, seed, enrolled + k, EVERYDAY, tally) for k in range(probes)]
        people.append(Person(_stack(first), _stack(later)))
    return people


def _stack(vectors: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    kept = [v for v in vectors if v is not None]
    return np.stack(kept) if kept else np.zeros((0, 128), np.float32)
