"""Trains the detector: an SCRFD-shaped network on drawn pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from . import state
from .batches import ahead
from .nets import ANCHOR_SIZES, ANCHORS, STRIDES, detector
from .ops import JaxOps, Params
from .pictures import load_pictures

SMALL, LARGE = (8000, 256, 16), (800, 448, 6)
"""Pictures, their side in pixels, and the size of a batch: ordinary ones and ones with large faces."""

LARGE_SHARE = 0.15
_FLIP = np.array([1, 0, 2, 4, 3])

Images = NDArray[np.uint8]
Labels = NDArray[np.float32]


class Phase(NamedTuple):
    """A stretch of training with its own cosine schedule: first to find faces, then to place landmarks."""

    steps: int
    peak_rate: float
    kps_weight: float


PHASES = (Phase(2000, 3e-3, 1.5), Phase(1400, 2e-3, 6.0))


class Run(NamedTuple):
    """What training changes."""

    params: Params
    stats: Params
    optimiser: optax.OptState


class Targets(NamedTuple):
    """What one stride's anchors (N, locations, ANCHORS) should say.

    `face` is 1 for a face, 0 for none and -1 for don't care; `box` (..., 4) and `kps` (..., 10) are in
    strides; `size` is the face's side in strides.
    """

    face: jax.Array
    box: jax.Array
    kps: jax.Array
    size: jax.Array


def make_targets(labels: jax.Array, side: int, stride: int, sizes: tuple[float, float]) -> Targets:
    """Return the targets of one stride for labels (N, MOST, COLUMNS) of pictures `side` pixels wide."""
    count = side // stride
    axis = jnp.arange(count) * float(stride)
    places = jnp.stack(jnp.meshgrid(axis, axis), -1).reshape(1, -1, 1, 1, 2)
    box, kps, mark = (
        labels[:, None, None, :, :4],
        labels[:, None, None, :, 4:14],
        labels[:, None, None, :, 14],
    )
    wide, high = box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]
    size = jnp.sqrt(jnp.maximum(wide * high, 1.0))
    middle = 0.5 * (box[..., :2] + box[..., 2:])
    away = jnp.abs(places - middle).max(-1)
    octave = jnp.abs(jnp.log2(size / jnp.array(sizes)[None, None, :, None]))
    near = jnp.maximum(0.55 * stride, 0.13 * size)
    hit = (away <= near) & (octave <= 0.75) & (mark > 0)
    care = (away > jnp.maximum(1.05 * stride, 0.3 * size)) | (mark == 0) | ((octave > 1.3) & (mark > 0))
    best = jnp.where(hit, away, 1e9).argmin(-1)
    positive = hit.any(-1)

    def chosen(values: jax.Array) -> jax.Array:
        wide_values = jnp.broadcast_to(values, (*hit.shape, values.shape[-1]))
        return jnp.take_along_axis(wide_values, best[..., None, None], 3)[..., 0, :]

    spot = places[..., 0, :]
    corners = chosen(box)
    box_out = jnp.concatenate([spot - corners[..., :2], corners[..., 2:] - spot], -1) / stride
    points = (chosen(kps) - jnp.tile(spot, 5)) / stride
    face = jnp.where(positive, 1.0, jnp.where(care.all(-1), 0.0, -1.0))
    return Targets(face, box_out, points, chosen(jnp.broadcast_to(size[..., None], (*size.shape, 1)))[..., 0] / stride)


def _stride_loss(out: tuple[jax.Array, jax.Array, jax.Array], aim: Targets) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return summed losses of score, box and landmarks of one stride."""
    shape = aim.face.shape
    logit = out[0].reshape(shape)
    box, kps = out[1].reshape(*shape, 4), out[2].reshape(*shape, 10)
    chance = jax.nn.sigmoid(logit)
    positive, negative = aim.face > 0, aim.face == 0
    miss = jnp.where(positive, jax.nn.softplus(-logit) * (0.3 + 0.7 * (1 - chance)), 0.0)
    alarm = jnp.where(negative, jax.nn.softplus(logit) * chance**1.5, 0.0)
    box_error = _huber((box - aim.box) / aim.size[..., None]).sum(-1)
    kps_error = _huber((kps - aim.kps) / aim.size[..., None]).sum(-1)
    return (
        miss.sum() + alarm.sum(),
        jnp.where(positive, box_error, 0).sum(),
        jnp.where(positive, kps_error, 0).sum(),
    )


def _huber(error: jax.Array) -> jax.Array:
    """Return a loss that is linear beyond 2 percent of the face's size."""
    size = jnp.abs(error)
    return jnp.where(size < 0.02, size**2 / 0.04, size - 0.01)


def _loss(
    params: Params, stats: Params, images: jax.Array, labels: jax.Array, kps_weight: float
) -> tuple[jax.Array, tuple[Params, jax.Array]]:
    ops = JaxOps(params, stats, train=True)
    outs = detector(ops, (images.astype(jnp.float32) - 127.5) / 128.0)
    aims = [make_targets(labels, images.shape[1], s, a) for s, a in zip(STRIDES, ANCHOR_SIZES, strict=True)]
    parts = [_stride_loss(o, a) for o, a in zip(outs, aims, strict=True)]
    faces = jnp.maximum(1.0, sum((a.face > 0).sum() for a in aims))
    score, box, kps = (sum(p[k] for p in parts) / faces for k in range(3))
    return score + 1.5 * box + kps_weight * kps, (ops.fresh, jnp.stack([score, box, kps]))


def make_optimiser(phase: Phase) -> optax.GradientTransformation:
    """Return AdamW with warm-up and cosine decay."""
    rate = optax.warmup_cosine_decay_schedule(1e-4, phase.peak_rate, phase.steps // 20, phase.steps, 1e-5)
    return optax.chain(optax.clip_by_global_norm(10.0), optax.adamw(rate, weight_decay=1e-3))


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def _step(phase: Phase, run: Run, images: jax.Array, labels: jax.Array) -> tuple[Run, jax.Array]:
    grad = jax.value_and_grad(_loss, has_aux=True)
    (_, (fresh, parts)), grads = grad(run.params, run.stats, images, labels, phase.kps_weight)
    updates, optimiser = make_optimiser(phase).update(grads, run.optimiser, run.params)
    return Run(optax.apply_updates(run.params, updates), fresh, optimiser), parts


def fresh_run(phase: Phase) -> Run:
    """Return an untrained network, which starts by seeing no faces at all."""
    params: Params = {}
    stats: Params = {}
    detector(JaxOps(params, stats, train=False), jnp.zeros((1, 64, 64, 3)))
    for stride in STRIDES:
        params[f"h{stride}score.b"] = jnp.full(ANCHORS, -4.0)
    return Run(params, stats, make_optimiser(phase).init(params))


def _batch(small: tuple[Images, Labels], large: tuple[Images, Labels], phase: int, step: int) -> tuple[Images, Labels]:
    """Return images (B, S, S, 3) and labels, half of them mirrored, relit a little."""
    rng = np.random.default_rng([0xDE7, phase, step])
    (images, labels), count = (large, LARGE[2]) if rng.random() < LARGE_SHARE else (small, SMALL[2])
    chosen = rng.choice(len(images), count, replace=False)
    picked, marks = np.asarray(images[np.sort(chosen)]), labels[np.sort(chosen)].copy()
    level = np.arange(256) / 255.0
    for k in range(count):
        curve = np.clip(rng.uniform(0.8, 1.2) * level ** rng.uniform(0.8, 1.25) + rng.normal(0, 0.03), 0, 1) * 255
        picked[k] = curve.astype(np.uint8)[picked[k]]
        if rng.random() < 0.5:
            picked[k] = picked[k, :, ::-1]
            marks[k] = _mirror(marks[k], picked.shape[2])
    return picked, marks


def _mirror(labels: Labels, width: int) -> Labels:
    """Return labels (MOST, COLUMNS) for the mirrored picture."""
    flipped = labels.copy()
    flipped[:, 0], flipped[:, 2] = width - labels[:, 2], width - labels[:, 0]
    points = labels[:, 4:14].reshape(-1, 5, 2)[:, _FLIP]
    points[:, :, 0] = width - points[:, :, 0]
    flipped[:, 4:14] = points.reshape(-1, 10)
    flipped[labels[:, 14] == 0] = 0
    return flipped


def train(work: Path) -> Run:
    """Train, phase by phase, going on from the last checkpoint, and return the network."""
    small, large = load_pictures(work, *SMALL[:2]), load_pictures(work, *LARGE[:2])
    run = fresh_run(PHASES[0])
    for number, phase in enumerate(PHASES):
        run = run._replace(optimiser=make_optimiser(phase).init(run.params))
        run = _train_phase(partial(_batch, small, large, number), work / f"detector_phase{number + 1}.npz", phase, run)
    return run


def _train_phase(make: Callable[[int], tuple[Images, Labels]], path: Path, phase: Phase, run: Run) -> Run:
    """Train for one phase on the batches that `make` makes, keeping checkpoints at `path`."""
    first, run = state.load(path, run)
    began = time.time()
    for step, (images, labels) in ahead(make, first, phase.steps):
        run, parts = _step(phase, run, images, labels)
        last = step == phase.steps - 1
        if step % 50 == 0 or last:
            text = " ".join(f"{float(p):.3f}" for p in parts)
            print(f"detector {step}/{phase.steps} score/box/kps {text} {time.time() - began:.0f} s", flush=True)
        if step % 200 == 199 or last:
            state.save(path, step + 1, run)
    return run
