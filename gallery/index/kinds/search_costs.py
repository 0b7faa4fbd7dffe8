"""What a search costs by codes and by a matrix product, measured on this machine: which of the two answers a batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.index.kinds.flat import nearest

_SAMPLE_ROWS = 16_384
"""A product is measured with this many of the rows. Its time grows in proportion to them if as many more templates are
asked for."""
_FEW, _MANY = 4, 24
"""Numbers of probes that a product is measured with: one for what it costs in any case, one for each further probe.
Both run on one thread."""
_SINGLES = 4
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class SearchCosts:
    """Seconds of one core, by measurement.

    Attributes:
        codes: what a probe costs that is searched by codes.
        product: what a matrix product costs with any number of probes.
        product_each: what each probe adds to that.
    """

    codes: float
    product: float
    product_each: float

    def product_wins(self, probes: int) -> bool:
        """Whether a matrix product answers so many probes in less time than codes."""
        return self.product + self.product_each * probes < self.codes * probes


def measured_costs(
    matrix: NDArray[np.float32], templates: int, by_codes: Callable[[NDArray[np.float32]], object]
) -> SearchCosts:
    """Measure what searches for a number of templates cost. It takes as long as some twenty single searches.

    Args:
        matrix: float32 (n, d), all rows.
        templates: how many are asked for per probe.
        by_codes: searches one probe, float32 (1, d).
    """
    count = len(matrix)
    probes = np.ascontiguousarray(matrix[:: max(1, count // _MANY)][:_MANY])
    sample = matrix[: min(_SAMPLE_ROWS, count)]
    share = len(sample) / count
    wanted = max(1, round(templates * share))
    few, many = (_seconds(lambda m=m: nearest(sample, probes[:m], wanted)) / share for m in (_FEW, _MANY))  # type: ignore[misc]
    each = max(0.0, (many - few) / (_MANY - _FEW))
    single = min(_seconds(lambda row=row: by_codes(probes[row : row + 1])) for row in range(_SINGLES))  # type: ignore[misc]
    return SearchCosts(single, max(0.0, few - each * _FEW), each)


def _seconds(work: Callable[[], object]) -> float:
    """The least time of several calls on this thread's core: other work does not count."""
    times = []
    for _ in range(_REPEATS):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)
