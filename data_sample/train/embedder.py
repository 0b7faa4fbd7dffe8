"""Trains the embedder with the additive angular margin of ArcFace (Deng et al. 2019).

Drawn people come with the numbers they were drawn from, so the embedder also learns to tell those
traits.  That makes it learn in minutes what owners alone would teach in hours.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from ..draw import sample_identity, seeds
from . import state
from .batches import ahead
from .crops import MARGIN, load_crops
from .nets import DIM, embedder
from .ops import JaxOps, Params
from .traits import trait_table

PEOPLE, LOOKS, BATCH = 4000, 10, 128
SCALE, MARGIN_ANGLE = 28.0, 0.4
PEAK_RATE = 2.0e-3
TRAIT_WEIGHT = (60.0, 5.0)
"""Weight of the traits at the start and at the end of training."""

OWNER_START = 0.12
"""Share of training over which the owners' weight grows to 1."""


class Run(NamedTuple):
    """What training changes."""

    params: Params
    stats: Params
    optimiser: optax.OptState


def margin_loss(cosines: jax.Array, owners: jax.Array, margin: jax.Array) -> jax.Array:
    """Return the ArcFace loss of cosines (N, classes) for owners (N,) at an angular margin."""
    own = jnp.take_along_axis(cosines, owners[:, None], 1)[:, 0]
    own = jnp.clip(own, -1 + 1e-5, 1 - 1e-5)
    moved = jnp.where(own > jnp.cos(jnp.pi - margin), jnp.cos(jnp.arccos(own) + margin), own - margin * jnp.sin(margin))
    logits = SCALE * cosines.at[jnp.arange(len(owners)), owners].set(moved)
    return jnp.asarray(optax.softmax_cross_entropy_with_integer_labels(logits, owners).mean())


class Batch(NamedTuple):
    """Crops (N, 112, 112, 3), uint8, their owners (N,), int32, and the owners' traits (N, T)."""

    crops: NDArray[np.uint8]
    owners: NDArray[np.int32]
    traits: NDArray[np.float32]


def _loss(params: Params, stats: Params, batch: Batch, done: jax.Array) -> tuple[jax.Array, tuple[Params, jax.Array]]:
    """Return the loss when a share `done` of training is over, with new statistics and figures to print."""
    ops = JaxOps(params, stats, train=True)
    vectors = embedder(ops, jnp.asarray(batch.crops).astype(jnp.float32) / 127.5 - 1.0)
    guess = vectors @ params["traits"]
    traits = _huber(guess - batch.traits).mean()
    vectors = vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)
    centres = params["centres"]
    cosines = vectors @ (centres / jnp.linalg.norm(centres, axis=0, keepdims=True))
    owners = jnp.asarray(batch.owners)
    hits = (cosines.argmax(1) == owners).mean()
    margin = MARGIN_ANGLE * jnp.clip((done - 0.2) / 0.3, 0.0, 1.0)
    loss = margin_loss(cosines, owners, margin)
    weight = TRAIT_WEIGHT[0] * (TRAIT_WEIGHT[1] / TRAIT_WEIGHT[0]) ** done
    return jnp.clip(done / OWNER_START, 0.05, 1.0) * loss + weight * traits, (
        ops.fresh,
        jnp.stack([loss, traits, hits]),
    )


def _huber(error: jax.Array) -> jax.Array:
    size = jnp.abs(error)
    return jnp.where(size < 1, 0.5 * size**2, size - 0.5)


def make_optimiser(steps: int) -> optax.GradientTransformation:
    """Return AdamW with warm-up and cosine decay."""
    rate = optax.warmup_cosine_decay_schedule(1e-4, PEAK_RATE, max(1, steps // 20), steps, 1e-5)
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(rate, weight_decay=2e-3))


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def _step(steps: int, run: Run, batch: Batch, done: jax.Array) -> tuple[Run, jax.Array]:
    (_, (fresh, figures)), grads = jax.value_and_grad(_loss, has_aux=True)(run.params, run.stats, batch, done)
    updates, optimiser = make_optimiser(steps).update(grads, run.optimiser, run.params)
    return Run(optax.apply_updates(run.params, updates), fresh, optimiser), figures


def fresh_run(steps: int, traits: int) -> Run:
    """Return an untrained network that is to tell `traits` traits."""
    params: Params = {}
    stats: Params = {}
    embedder(JaxOps(params, stats, train=False), jnp.zeros((1, 112, 112, 3)))
    rng = np.random.default_rng(0xCE27)
    params["centres"] = jnp.asarray(rng.normal(0, 0.2, (DIM, PEOPLE)), jnp.float32)
    params["traits"] = jnp.asarray(rng.normal(0, 0.03, (DIM, traits)), jnp.float32)
    return Run(params, stats, make_optimiser(steps).init(params))


def _batch(store: NDArray[np.uint8], traits: NDArray[np.float32], step: int) -> Batch:
    """Return a batch of crops, shifted and relit a little."""
    per_epoch = PEOPLE * LOOKS // BATCH
    order = np.random.default_rng([0xE90C, step // per_epoch]).permutation(PEOPLE * LOOKS)
    chosen = order[(step % per_epoch) * BATCH :][:BATCH]
    rng = np.random.default_rng([0xBA7C, step])
    crops = np.empty((BATCH, 112, 112, 3), np.uint8)
    level = np.arange(256) / 255.0
    for k, index in enumerate(chosen):
        curve = np.clip(rng.uniform(0.85, 1.15) * level ** rng.uniform(0.85, 1.18) + rng.normal(0, 0.02), 0, 1) * 255
        crop = cv2.warpAffine(
            store[index // LOOKS, index % LOOKS], _nudge(rng), (112, 112), borderMode=cv2.BORDER_REPLICATE
        )
        crops[k] = curve.astype(np.uint8)[crop]
        if rng.random() < 0.15:
            x, y = rng.integers(0, 90, 2)
            crops[k, y : y + 24, x : x + 24] = rng.integers(0, 256, 3)
    owners = (chosen // LOOKS).astype(np.int32)
    return Batch(crops, owners, traits[owners])


def _nudge(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a small random similarity (2, 3) from a stored crop to a training crop."""
    turn, grow, shift = rng.normal(0, 0.035), np.exp(rng.normal(0, 0.035)), rng.normal(0, 1.7, 2)
    cos, sin = grow * np.cos(turn), grow * np.sin(turn)
    spin = np.array([[cos, -sin], [sin, cos]])
    offset = 55.5 + shift - spin @ np.full(2, 55.5 + MARGIN)
    return np.hstack([spin, offset[:, None]])


def train(work: Path, epochs: float) -> Run:
    """Train for `epochs`, going on from the last checkpoint, and return the network."""
    store = load_crops(work, PEOPLE, LOOKS)
    traits = trait_table([sample_identity(seeds.TRAIN.start + k) for k in range(PEOPLE)])
    steps = int(epochs * PEOPLE * LOOKS / BATCH)
    path = work / f"embedder_{steps}.npz"
    first, run = state.load(path, fresh_run(steps, traits.shape[1]))
    began = time.time()
    for step, batch in ahead(partial(_batch, store, traits), first, steps):
        run, figures = _step(steps, run, batch, jnp.float32(step / steps))
        if step % 50 == 0 or step == steps - 1:
            text = " ".join(f"{float(v):.3f}" for v in figures)
            print(f"embedder {step}/{steps} loss/traits/hits {text} {time.time() - began:.0f} s", flush=True)
        if step % 200 == 199 or step == steps - 1:
            state.save(path, step + 1, run)
    return run
