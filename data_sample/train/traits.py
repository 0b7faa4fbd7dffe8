"""Identities as rows of numbers, which the embedder learns to predict besides the identity."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..draw import Identity
from ..draw.identity import BEARDS, LONG_STYLES, SHORT_STYLES

_FRINGES = ("none", "straight", "side", "curtain", "spiky")


def trait_row(who: Identity) -> list[float]:
    """Return everything that makes a face, as numbers."""
    row = [float(who.feminine), who.age, *(v / 255 for v in who.skin)]
    for part in (who.shape, who.eyes, who.middle, who.hair):
        for value in (getattr(part, f.name) for f in dataclasses.fields(part)):
            if isinstance(value, tuple):
                row += [v / 255 for v in value]
            elif isinstance(value, int | float):
                row.append(float(value))
    row += [float(len(who.marks.freckles)), who.marks.folds, who.marks.wrinkles, who.marks.blush]
    row += _mole_map(who)
    row += [float(who.hair.style == s) for s in SHORT_STYLES + LONG_STYLES]
    row += [float(who.hair.beard == b) for b in BEARDS]
    row += [float(who.hair.fringe == f) for f in _FRINGES]
    return row


def _mole_map(who: Identity) -> list[float]:
    """Return whether there is a mole in each cell of a 4 x 3 grid over the lower face."""
    cells = np.zeros((3, 4))
    for x, y, _ in who.marks.moles:
        cells[min(2, int((y - 0.2) / 0.3)), min(3, int((x + 0.75) / 0.375))] = 1.0
    return [float(v) for v in cells.ravel()]


def trait_table(people: Sequence[Identity]) -> NDArray[np.float32]:
    """Return traits (people, traits), each column of mean 0 and standard deviation 1."""
    table = np.array([trait_row(who) for who in people])
    spread = table.std(0)
    kept = table[:, spread > 1e-6]
    return ((kept - kept.mean(0)) / kept.std(0)).astype(np.float32)
