"""How many chances one stranger may get in a film. Pure.

What is one face all through a film is decided once. What was not found to be one face, because no two views of it
were alike enough, is decided several times, and a stranger who passes often gets as many chances. Appearances that
were seen at the same time are different people; so one person has at most one of each appearance and of those that
never share a moment with it. The greatest such number is how many chances one stranger may have had, and the threshold
is raised for them (:mod:`gallery.threshold.raised_threshold`).
"""

from __future__ import annotations

from collections.abc import Sequence

Spans = Sequence[tuple[float, float]]


def most_chances(appearances: Sequence[Spans]) -> int:
    """In how many of a film's appearances, each given by when it was seen, one person may be; 1 at least."""
    most = 1
    for own in appearances:
        most = max(most, 1 + sum(not _share_time(own, other) for other in appearances if other is not own))
    return most


def _share_time(spans: Spans, others: Spans) -> bool:
    return any(start <= to and since <= end for start, end in spans for since, to in others)
