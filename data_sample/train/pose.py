"""Trains the pose net: heat maps of keypoints in crops below faces."""

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

from faces.pose.keypoints import COCO

from . import state
from .batches import ahead
from .nets import POSE_STRIDE, pose
from .ops import JaxOps, Params
from .poses import SIDE, load_crops

CROPS, BATCH, STEPS = 9000, 32, 3000
PEAK_RATE = 3e-3
SPREAD = 1.1
"""Standard deviation of a keypoint's peak, in cells of the heat map."""

_SHIFT = 5
"""Most pixels by which a crop is shifted."""

_MIRRORED = [COCO.index(name.replace("left", "?").replace("right", "left").replace("?", "right")) for name in COCO]


class Run(NamedTuple):
    """What training changes."""

    params: Params
    stats: Params
    optimiser: optax.OptState


def targets(labels: jax.Array, cells: int) -> jax.Array:
    """Return heat maps (N, cells, cells, 17) of labels (N, 17, 3).

    A keypoint that is hidden has none, like one that is absent: a guess would be a hand behind the head, or another's.
    """
    axis = jnp.arange(cells) + 0.5
    at = labels[..., :2] / POSE_STRIDE
    x, y = (jnp.exp(-((axis - at[..., k, None]) ** 2) / (2 * SPREAD**2)) for k in (0, 1))
    return jnp.einsum("nky,nkx->nyxk", y, x) * (labels[:, None, None, :, 2] == 2)


def _loss(
    params: Params, stats: Params, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, tuple[Params, jax.Array]]:
    ops = JaxOps(params, stats, train=True)
    logits = pose(ops, (images.astype(jnp.float32) - 127.5) / 128.0)
    aim = targets(labels, logits.shape[1])
    weight = 1 + 15 * aim
    entropy = aim * jax.nn.softplus(-logits) + (1 - aim) * jax.nn.softplus(logits)
    floor = -(aim * jnp.log(jnp.maximum(aim, 1e-6)) + (1 - aim) * jnp.log(jnp.maximum(1 - aim, 1e-6)))
    loss = (weight * (entropy - floor)).sum() / len(images) / len(COCO)
    return loss, (ops.fresh, loss)


def make_optimiser() -> optax.GradientTransformation:
    """Return AdamW with warm-up and cosine decay."""
    rate = optax.warmup_cosine_decay_schedule(1e-4, PEAK_RATE, STEPS // 20, STEPS, 1e-5)
    return optax.chain(optax.clip_by_global_norm(10.0), optax.adamw(rate, weight_decay=1e-3))


@partial(jax.jit, donate_argnums=0)
def _step(run: Run, images: jax.Array, labels: jax.Array) -> tuple[Run, jax.Array]:
    (_, (fresh, loss)), grads = jax.value_and_grad(_loss, has_aux=True)(run.params, run.stats, images, labels)
    updates, optimiser = make_optimiser().update(grads, run.optimiser, run.params)
    return Run(optax.apply_updates(run.params, updates), fresh, optimiser), loss


def fresh_run() -> Run:
    """Return an untrained network, which starts by seeing nothing."""
    params: Params = {}
    stats: Params = {}
    pose(JaxOps(params, stats, train=False), jnp.zeros((1, SIDE, SIDE, 3)))
    params["heat.b"] = jnp.full(len(COCO), -4.0)
    return Run(params, stats, make_optimiser().init(params))


def _batch(
    images: NDArray[np.uint8], labels: NDArray[np.float32], step: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return crops (BATCH, SIDE, SIDE, 3) and labels, half of them mirrored, all shifted and relit a little."""
    rng = np.random.default_rng([0x905E7, step])
    chosen = np.sort(rng.choice(len(images), BATCH, replace=False))
    picked, points = np.zeros((BATCH, SIDE, SIDE, 3), np.uint8), labels[chosen].copy()
    level = np.arange(256) / 255.0
    for k, number in enumerate(chosen):
        curve = np.clip(rng.uniform(0.8, 1.2) * level ** rng.uniform(0.8, 1.25) + rng.normal(0, 0.03), 0, 1) * 255
        pixels = curve.astype(np.uint8)[images[number]]
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
            points[k, :, 0] = SIDE - points[k, :, 0]
            points[k] = points[k, _MIRRORED]
        right, down = (int(v) for v in rng.integers(-_SHIFT, _SHIFT + 1, 2))
        into, out = _slices(down), _slices(right)
        picked[k][into[0], out[0]] = pixels[into[1], out[1]]
        points[k, :, :2] += (right, down)
    outside = ((points[..., :2] < 0) | (points[..., :2] >= SIDE)).any(axis=-1)
    points[outside, 2] = 0
    return picked, points


def _slices(shift: int) -> tuple[slice, slice]:
    """Where pixels go to, and where they are from, when a side is shifted."""
    return slice(max(0, shift), SIDE + min(0, shift)), slice(max(0, -shift), SIDE - max(0, shift))


def train(work: Path) -> Run:
    """Train, going on from the last checkpoint, and return the network."""
    images, labels = load_crops(work, CROPS)
    path = work / "pose.npz"
    first, run = state.load(path, fresh_run())
    began = time.time()
    for step, (pixels, points) in ahead(partial(_batch, images, labels), first, STEPS):
        run, loss = _step(run, pixels, points)
        last = step == STEPS - 1
        if step % 50 == 0 or last:
            print(f"pose {step}/{STEPS} loss {float(loss):.3f} {time.time() - began:.0f} s", flush=True)
        if step % 200 == 199 or last:
            state.save(path, step + 1, run)
    return run
