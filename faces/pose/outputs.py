"""A pose model's outputs to keypoints in pixels of its input: MoveNet's, SimCC's (RTMPose) and heat maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faces.declared_network import Output

_AROUND = 2
"""A peak's place is the mean of the cells at most so far from the highest one, weighted by their values."""


def from_movenet(outputs: Sequence[Output], height: int, width: int) -> NDArray[np.float32]:
    """MoveNet's keypoints, (n, 1, k, 3): y and x as shares of the input, and the score.

    Returns:
        float32 (n, k, 3): x and y in pixels of the input, and the score, from 0 to 1.
    """
    found = np.asarray(outputs[0], dtype=np.float32)[:, 0]
    return _joined(found[..., 1] * width, found[..., 0] * height, found[..., 2])


def from_simcc(outputs: Sequence[Output], split_ratio: float) -> NDArray[np.float32]:
    """SimCC's two rows of values per keypoint (Li et al., ECCV 2022): along x (n, k, width * ratio), along y likewise.

    The score is the smaller one of the two highest values, as MMPose has it.

    Returns:
        as :func:`from_movenet`.
    """
    along_x, along_y = (np.asarray(output, dtype=np.float32) for output in outputs)
    score = np.minimum(along_x.max(axis=-1), along_y.max(axis=-1))
    return _joined(along_x.argmax(axis=-1) / split_ratio, along_y.argmax(axis=-1) / split_ratio, score)


def from_heatmap(outputs: Sequence[Output], height: int, width: int) -> NDArray[np.float32]:
    """Heat maps, (n, k, rows, columns), whose cells cover the input evenly.

    Returns:
        as :func:`from_movenet`.
    """
    maps = np.asarray(outputs[0], dtype=np.float32)
    count, kinds, rows, columns = maps.shape
    row, column = np.divmod(maps.reshape(count, kinds, -1).argmax(axis=-1), columns)
    steps = np.arange(2 * _AROUND + 1)
    padded = np.pad(maps, ((0, 0), (0, 0), (_AROUND, _AROUND), (_AROUND, _AROUND)))
    window = padded[
        np.arange(count)[:, None, None, None],
        np.arange(kinds)[None, :, None, None],
        (row[..., None] + steps)[..., :, None],
        (column[..., None] + steps)[..., None, :],
    ]
    score = window[..., _AROUND, _AROUND]
    weight = np.maximum(window, 0)
    total = np.maximum(weight.sum(axis=(-2, -1)), 1e-12)
    away = steps - _AROUND
    x = column + (weight * away).sum(axis=(-2, -1)) / total + 0.5
    y = row + (weight * away[:, None]).sum(axis=(-2, -1)) / total + 0.5
    return _joined(x * width / columns, y * height / rows, score)


def _joined(x: Output, y: Output, score: Output) -> NDArray[np.float32]:
    return np.stack([x, y, np.clip(score, 0, 1)], axis=-1).astype(np.float32)
