"""Vectors like those of faces: people, each with templates around a centre of their own; or a gallery's. Seeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presente import composition
from presente.settings import Settings

GENUINE_COSINE = 0.64
"""Mean cosine of two templates of one person, as measured on LFW with a MobileFaceNet."""
EACH = {"spread": 20, "crowded": 2}
"""Templates per person: 20 as in CelebA; with 2, most of the ten nearest are other people's."""
LATENT = {"spread": 135, "crowded": 64}
"""Dimensions that people really differ in. 135 gives two people's cosine a standard deviation of 0.086; real embeddings
lie on fewer dimensions than noise would, and on 64 many people look alike."""
_BLOCK = 2048
"""People who are drawn together."""


@dataclass(frozen=True, slots=True)
class FaceVectors:
    """A gallery, float32 (n, d), and the person of each row; probes of people in it, float32 (m, d), and their people;
    and probes of strangers."""

    gallery: NDArray[np.float32]
    people: NDArray[np.int64]
    probes: NDArray[np.float32]
    probed: NDArray[np.int64]
    strangers: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class People:
    """People without end, by number, and templates of them; a block of people is always the same. Seeded.

    ``data`` is how they are spread, ``dim`` the length of a template.
    """

    data: str
    dim: int
    seed: int

    def gallery(self, count: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """``count`` templates of the first people, some people at a time: whose they are, and float32 (m, d)."""
        each = EACH[self.data]
        for first in range(0, -(-count // each), _BLOCK):
            whose = np.repeat(np.arange(first, first + _BLOCK), each)[: count - first * each]
            yield whose, self._templates(self._centres(first // _BLOCK), whose - first, (1, first))

    def probes(self, of: NDArray[np.int64]) -> NDArray[np.float32]:
        """Another template of each of some people, int64 (m,): float32 (m, d)."""
        found = np.empty((len(of), self.dim), dtype=np.float32)
        for block in np.unique(of // _BLOCK).tolist():
            here = np.flatnonzero(of // _BLOCK == block)
            found[here] = self._templates(self._centres(block), of[here] % _BLOCK, (2, block))
        return found

    def _latent(self) -> int:
        return min(LATENT[self.data], self.dim)

    def _centres(self, block: int) -> NDArray[np.float32]:
        chance = np.random.default_rng((self.seed, 0, block))
        return _unit(chance.standard_normal((_BLOCK, self._latent()), dtype=np.float32))

    def _templates(
        self, centres: NDArray[np.float32], of: NDArray[np.int64], stream: tuple[int, int]
    ) -> NDArray[np.float32]:
        latent = self._latent()
        basis = np.linalg.qr(np.random.default_rng(self.seed).normal(size=(self.dim, latent)))[0].T.astype(np.float32)
        chance = np.random.default_rng((self.seed, *stream))
        noise = _unit(chance.standard_normal((len(of), latent), dtype=np.float32))
        return np.ascontiguousarray(_unit(centres[of] + np.float32(np.sqrt(1 / GENUINE_COSINE - 1)) * noise) @ basis)


def face_vectors(data: str, count: int, dim: int, probes: int, seed: int) -> FaceVectors:
    """A gallery of ``count`` templates, ``spread`` or ``crowded``, and as many probes of each sort."""
    world = People(data, dim, seed)
    people = -(-count // EACH[data])
    blocks = list(world.gallery(count))
    probed = np.random.default_rng(seed).choice(people, min(probes, people), replace=False)
    return FaceVectors(
        np.concatenate([vectors for _, vectors in blocks]),
        np.concatenate([whose for whose, _ in blocks]),
        world.probes(probed),
        probed,
        world.probes(np.arange(people, people + probes)),
    )


def real_vectors(settings: Settings, count: int, probes: int, seed: int) -> FaceVectors:
    """``count`` templates from the gallery that the settings name, and mixtures of two people's where it has fewer.

    Some of its people are held out as strangers, and one template of some who have several as probes. A mixture is
    a person of one template, half way between two people: as near to others as people are who look alike.
    """
    store = composition.open_store(settings.store)
    batches = list(store.templates())
    store.close()
    vectors = np.concatenate([batch.vectors for batch in batches])
    people = np.unique(np.concatenate([batch.subjects for batch in batches]), return_inverse=True)[1]
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(vectors))
    vectors, people = vectors[order], people[order]
    first = np.unique(people, return_index=True)[1]  # one template of each person
    strange = chance.permutation(first)[: min(probes, len(first) // 10)]
    known = np.setdiff1d(first[np.bincount(people)[people[first]] > 1], strange)
    probed = chance.permutation(known)[:probes]
    kept = ~np.isin(people, people[strange])
    kept[probed] = False
    gallery, whose = vectors[kept][:count], people[kept][:count]
    one, other = chance.integers(len(gallery), size=(2, count - len(gallery)))
    while (alike := whose[one] == whose[other]).any():
        other[alike] = chance.integers(len(gallery), size=int(alike.sum()))
    mixed = _unit(gallery[one] + gallery[other])
    return FaceVectors(
        np.concatenate([gallery, mixed]),
        np.concatenate([whose, np.arange(len(mixed)) + len(first)]).astype(np.int64),
        vectors[probed],
        people[probed].astype(np.int64),
        vectors[strange],
    )


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
