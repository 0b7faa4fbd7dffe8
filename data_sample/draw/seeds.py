"""Seed ranges: who may be drawn for what.

An identity is one integer seed.  The ranges are disjoint, so that nobody the recogniser was
trained on can appear in the class or in a measurement.
"""

from __future__ import annotations

from itertools import pairwise

TRAIN = range(1_000_000, 2_000_000)
"""Identities that training draws."""

CALIBRATE = range(2_000_000, 2_100_000)
"""Held-out identities on which the threshold is chosen."""

HELD_OUT = range(2_100_000, 2_200_000)
"""Held-out identities on which figures are measured (they choose nothing)."""

CLASS = range(3_000_000, 3_010_000)
"""Students of the sample class."""

STRANGERS = range(3_010_000, 3_020_000)
"""People of the sample world who are in no class."""

ATTACKS_TRAIN = range(4_000_000, 5_000_000)
"""Pictures with and without presentation attacks that training draws; people in them are of `TRAIN`."""

ATTACKS_HELD_OUT = range(5_000_000, 5_100_000)
"""Those on which figures are measured; people in them are of `HELD_OUT`."""

ATTACKS_SHIPPED = range(5_100_000, 5_110_000)
"""Those in the folder `attacks`; people in them are of `CLASS`."""

_ALL = (TRAIN, CALIBRATE, HELD_OUT, CLASS, STRANGERS, ATTACKS_TRAIN, ATTACKS_HELD_OUT, ATTACKS_SHIPPED)


def assert_disjoint() -> None:
    """Raise AssertionError if two seed ranges overlap."""
    ordered = sorted(_ALL, key=lambda r: r.start)
    for low, high in pairwise(ordered):
        assert low.stop <= high.start, f"seed ranges overlap: {low} and {high}"


def assert_unseen(seed: int) -> None:
    """Raise AssertionError unless `seed` is one that training never draws."""
    assert seed not in TRAIN, f"seed {seed} belongs to training"


assert_disjoint()
