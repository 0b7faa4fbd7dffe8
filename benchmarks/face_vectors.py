"""Vectors like those of faces: people, each with templates around a centre of their own. Seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GENUINE_COSINE = 0.64
"""Mean cosine of two templates of one person, as measured on LFW with a MobileFaceNet."""
EACH = {"spread": 20, "crowded": 2}
"""Templates a person: 20 as in CelebA; with 2, most of the ten nearest are other people's."""
LATENT = {"spread": 135, "crowded": 64}
"""Dimensions that people really differ in. 135 gives two people's cosine a standard deviation of 0.086; real embeddings
lie on fewer dimensions than noise would, and on 64 many people look alike."""


@dataclass(frozen=True, slots=True)
class FaceVectors:
    """A gallery, float32 (n, d), and whose each row is; probes of people in it, float32 (m, d), and who they are; and
    probes of strangers."""

    gallery: NDArray[np.float32]
    people: NDArray[np.int64]
    probes: NDArray[np.float32]
    probed: NDArray[np.int64]
    strangers: NDArray[np.float32]


def face_vectors(data: str, count: int, dim: int, probes: int, seed: int) -> FaceVectors:
    """A gallery of ``count`` templates, ``spread`` or ``crowded``, and as many probes of each sort."""
    chance = np.random.default_rng(seed)
    people = -(-count // EACH[data])
    latent = min(LATENT[data], dim)
    basis = np.linalg.qr(chance.normal(size=(dim, latent)))[0].T.astype(np.float32)
    centres = _unit(chance.standard_normal((people + probes, latent), dtype=np.float32))

    def templates(of: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = _unit(chance.standard_normal((len(of), latent), dtype=np.float32))
        return np.ascontiguousarray(_unit(centres[of] + np.float32(np.sqrt(1 / GENUINE_COSINE - 1)) * noise) @ basis)

    whose = np.repeat(np.arange(people), EACH[data])[:count]
    probed = chance.choice(people, min(probes, people), replace=False)
    return FaceVectors(
        templates(whose), whose, templates(probed), probed, templates(np.arange(people, people + probes))
    )


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
