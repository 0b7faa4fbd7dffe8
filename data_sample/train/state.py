"""Checkpoints: everything a training run needs to go on, in one .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

Tree = TypeVar("Tree")


def save(path: Path, step: int, tree: object) -> None:
    """Write the leaves of `tree` and the number of steps done."""
    leaves: dict[str, Any] = {f"leaf{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(tree))}
    part = path.with_suffix(".part.npz")
    np.savez(part, step=np.int64(step), **leaves)
    part.rename(path)


def load(path: Path, like: Tree) -> tuple[int, Tree]:
    """Return the steps done and the saved tree, or 0 and `like` where nothing fitting was saved."""
    if not path.exists():
        return 0, like
    with np.load(path) as stored:
        old, structure = jax.tree.flatten(like)
        leaves = [jax.numpy.asarray(stored[f"leaf{k}"]) for k in range(len(stored.files) - 1)]
        if [x.shape for x in leaves] != [jax.numpy.shape(x) for x in old]:
            return 0, like
        return int(stored["step"]), jax.tree.unflatten(structure, leaves)
