"""Trains the liveness net: is a drawn face live, or on a drawn screen or print?"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from . import state
from .attacks import SIDE, load_crops
from .batches import ahead
from .nets import liveness
from .ops import JaxOps, Params

CROPS, BATCH, STEPS = 9000, 48, 1600
PEAK_RATE = 3e-3

_SHIFT = 3
"""Most pixels by which a crop is shifted."""


class Run(NamedTuple):
    """What training changes."""

    params: Params
    stats: Params
    optimiser: optax.OptState


def _loss(
    params: Params, stats: Params, images: jax.Array, classes: jax.Array
) -> tuple[jax.Array, tuple[Params, jax.Array]]:
    ops = JaxOps(params, stats, train=True)
    logits = liveness(ops, (images.astype(jnp.float32) - 127.5) / 128.0)
    smooth = optax.smooth_labels(jax.nn.one_hot(classes, 2), 0.02)
    loss = optax.softmax_cross_entropy(logits, smooth).mean()
    return loss, (ops.fresh, loss)


def make_optimiser() -> optax.GradientTransformation:
    """Return AdamW with warm-up and cosine decay."""
    rate = optax.warmup_cosine_decay_schedule(1e-4, PEAK_RATE, STEPS // 20, STEPS, 1e-5)
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(rate, weight_decay=2e-3))


@partial(jax.jit, donate_argnums=0)
def _step(run: Run, images: jax.Array, classes: jax.Array) -> tuple[Run, jax.Array]:
    (_, (fresh, loss)), grads = jax.value_and_grad(_loss, has_aux=True)(run.params, run.stats, images, classes)
    updates, optimiser = make_optimiser().update(grads, run.optimiser, run.params)
    return Run(optax.apply_updates(run.params, updates), fresh, optimiser), loss


def fresh_run() -> Run:
    """Return an untrained network."""
    params: Params = {}
    stats: Params = {}
    liveness(JaxOps(params, stats, train=False), jnp.zeros((1, SIDE, SIDE, 3)))
    return Run(params, stats, make_optimiser().init(params))


def _batch(
    images: NDArray[np.uint8], kinds: NDArray[np.int64], step: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return crops (BATCH, SIDE, SIDE, 3) and classes (BATCH,), half of them attacks; mirrored, shifted and relit."""
    rng = np.random.default_rng([0x11FE, step])
    live, attacks = np.flatnonzero(kinds == 0), np.flatnonzero(kinds > 0)
    chosen = np.concatenate([rng.choice(live, BATCH // 2, replace=False), rng.choice(attacks, BATCH // 2)])
    picked = np.empty((BATCH, SIDE, SIDE, 3), np.uint8)
    level = np.arange(256) / 255.0
    for k, number in enumerate(chosen):
        curve = np.clip(rng.uniform(0.85, 1.15) * level ** rng.uniform(0.85, 1.2) + rng.normal(0, 0.02), 0, 1) * 255
        pixels = curve.astype(np.uint8)[images[number]]
        down, right = (int(v) for v in rng.integers(0, 2 * _SHIFT + 1, 2))
        wide = np.pad(pixels, ((_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
        pixels = wide[down : down + SIDE, right : right + SIDE]
        picked[k] = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    return picked, (kinds[chosen] > 0).astype(np.int64)


def train(work: Path) -> Run:
    """Train, going on from the last checkpoint, and return the network."""
    images, kinds = load_crops(work, CROPS)
    path = work / "liveness.npz"
    first, run = state.load(path, fresh_run())
    began = time.time()
    for step, (pixels, classes) in ahead(partial(_batch, images, kinds), first, STEPS):
        run, loss = _step(run, pixels, classes)
        last = step == STEPS - 1
        if step % 50 == 0 or last:
            print(f"liveness {step}/{STEPS} loss {float(loss):.3f} {time.time() - began:.0f} s", flush=True)
        if step % 200 == 199 or last:
            state.save(path, step + 1, run)
    return run
