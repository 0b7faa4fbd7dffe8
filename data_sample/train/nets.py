"""The four networks, written once against an abstract set of operations.

The same definition is run by JAX in training (ops.py) and written out as ONNX (export.py).
"""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")

DIM = 128
"""Length of an embedding."""

STRIDES = (8, 16, 32)
ANCHORS = 2
"""Anchors per location, as in SCRFD."""

POSE_STRIDE = 4
"""Pixels of a crop per cell of a keypoint's heat map, along each axis."""

KEYPOINTS = 17

ANCHOR_SIZES = ((16.0, 32.0), (64.0, 128.0), (256.0, 512.0))
"""Side in pixels of the faces that each stride's two anchors look for."""


class Ops(Protocol[T]):
    """What a network is made of; tensors are pictures with a channel axis."""

    def conv(
        self,
        name: str,
        x: T,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        relu: bool = True,
        norm: bool = True,
    ) -> T:
        """Convolve, then normalise over the batch (or add a bias), then rectify.

        Odd kernels are padded by half their size, even ones not at all.
        """

    def add(self, x: T, y: T) -> T:
        """Add and rectify."""

    def merge(self, fine: T, coarse: T) -> T:
        """Add `coarse`, enlarged twofold, to `fine`."""

    def dense(self, name: str, x: T, out: int) -> T:
        """Flatten (rows, columns, channels), multiply by a matrix, normalise over the batch."""


def block(ops: Ops[T], name: str, x: T, width: int) -> T:
    """Return a residual block of two convolutions."""
    return ops.add(ops.conv(name + "b", ops.conv(name + "a", x, width), width, relu=False), x)


def embedder(ops: Ops[T], x: T) -> T:
    """Map crops of 112 x 112 to embeddings of DIM numbers (not normalised)."""
    x = ops.conv("c1", x, 32, kernel=4, stride=4)
    x = ops.conv("c2", x, 32)
    x = block(ops, "r3", ops.conv("c3", x, 64, stride=2), 64)
    x = block(ops, "r4", ops.conv("c4", x, 96, stride=2), 96)
    x = block(ops, "r5", x, 96)
    x = ops.conv("squeeze", x, 40, kernel=1)
    return ops.dense("embed", x, DIM)


def detector(ops: Ops[T], x: T) -> list[tuple[T, T, T]]:
    """Map pictures to (score logits, box distances, landmark offsets) for each stride.

    Channels are ANCHORS * 1, ANCHORS * 4 and ANCHORS * 10; lengths are in strides.
    """
    x = ops.conv("c1", x, 12, stride=2)
    x = ops.conv("c2", x, 24, stride=2)
    p8 = block(ops, "r3", ops.conv("c3", x, 40, stride=2), 40)
    p16 = block(ops, "r4", ops.conv("c4", p8, 64, stride=2), 64)
    p32 = block(ops, "r5", ops.conv("c5", p16, 96, stride=2), 96)
    p32 = block(ops, "r6", p32, 96)
    top = ops.conv("l32", p32, 40, kernel=1)
    middle = ops.conv("s16", ops.merge(ops.conv("l16", p16, 40, kernel=1), top), 40)
    low = ops.merge(ops.conv("l8", p8, 40, kernel=1), middle)
    return [_head(ops, f"h{s}", level) for s, level in zip(STRIDES, (low, middle, top), strict=True)]


def _head(ops: Ops[T], name: str, x: T) -> tuple[T, T, T]:
    x = ops.conv(name, x, 48)

    def out(part: str, width: int) -> T:
        return ops.conv(name + part, x, ANCHORS * width, kernel=1, relu=False, norm=False)

    return out("score", 1), out("box", 4), out("kps", 10)


def pose(ops: Ops[T], x: T) -> T:
    """Map crops of 128 x 128 to logits of heat maps, KEYPOINTS channels of 32 x 32 cells.

    The face is at the same place in every crop; from 8 x 8 cells on each one sees whose hand is whose.
    """
    x = ops.conv("c1", x, 16, stride=2)
    p4 = block(ops, "r2", ops.conv("c2", x, 32, stride=2), 32)
    p8 = block(ops, "r3", ops.conv("c3", p4, 56, stride=2), 56)
    p16 = block(ops, "r4", ops.conv("c4", p8, 72, stride=2), 72)
    p32 = block(ops, "r5", ops.conv("c5", p16, 72, stride=2), 72)
    top = ops.conv("l16", ops.merge(p16, p32), 48, kernel=1)
    middle = ops.conv("s8", ops.merge(ops.conv("l8", p8, 48, kernel=1), top), 40)
    low = ops.conv("s4", ops.merge(ops.conv("l4", p4, 40, kernel=1), middle), 40)
    return ops.conv("heat", low, KEYPOINTS, kernel=1, relu=False, norm=False)


def liveness(ops: Ops[T], x: T) -> T:
    """Map crops of 80 x 80 around faces to two logits, the first of a live face.

    The first layers keep the pixels' texture, which is what is left of a screen that fills the frame.
    """
    x = ops.conv("c1", x, 16, stride=2)
    x = block(ops, "r2", ops.conv("c2", x, 24, stride=2), 24)
    x = block(ops, "r3", ops.conv("c3", x, 32, stride=2), 32)
    return ops.dense("live", ops.conv("c4", x, 40, stride=2), 2)
