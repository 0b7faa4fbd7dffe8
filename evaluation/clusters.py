"""Ways to group templates by person: as the service groups unknown people, and others to compare with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.cluster_metrics import cluster_figures
from evaluation.tables import read_table, write_table
from gallery.unknowns.grouping import Grouping

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
Method = Literal["dbscan", "dbscan3", "average"]

METHODS: dict[Method, str] = {
    "dbscan": "DBSCAN, min_samples 1",
    "dbscan3": "DBSCAN, min_samples 3",
    "average": "agglomerative, average linkage",
}
"""What the service's grouping is compared with. Each looks at all pairs: DBSCAN by scikit-learn, as scripts around face
models call it (metric cosine, eps the distance at the threshold; noise is a group of its own), and scipy's linkage."""

MOST_FOR_LINKAGE = 20_000
"""Templates that ``average`` takes: it keeps every distance, 1.6 GB of them."""


@dataclass(frozen=True, slots=True)
class GroupedPhoto:
    """A photo, whom it shows, and the number of the group that it was put into."""

    path: str
    person: str
    group: int


def served(vectors: Vectors, threshold: Callable[[int], float], order: NDArray[np.int64]) -> Labels:
    """The groups that the service makes of templates, float32 (n, d), that it meets in an order, int64 (n,)."""
    labels = np.empty(len(vectors), dtype=np.int64)
    labels[order] = Grouping(vectors.shape[1], threshold).add(np.ascontiguousarray(vectors[order]))
    return labels


def compared(method: Method, vectors: Vectors, threshold: float) -> Labels:
    """The groups that another method makes of all templates at once."""
    if method == "average":
        return _average(vectors, threshold)
    from sklearn.cluster import DBSCAN

    found = DBSCAN(eps=1 - threshold, min_samples=3 if method == "dbscan3" else 1, metric="cosine").fit_predict(vectors)
    alone = np.arange(len(found)) + len(found)
    return np.where(found < 0, alone, found).astype(np.int64)


def _average(vectors: Vectors, threshold: float) -> Labels:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    if len(vectors) < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    return np.asarray(fcluster(linkage(pdist(vectors, "cosine"), "average"), 1 - threshold, "distance"), dtype=np.int64)


def measured(people: Sequence[str], group: Callable[[], Labels]) -> dict[str, Any]:
    """The figures of a grouping, and the seconds that it took."""
    started = time.perf_counter()
    labels = group()
    seconds = time.perf_counter() - started
    figures = asdict(cluster_figures(people, labels.tolist()))
    return {name: round(value, 6) for name, value in figures.items()} | {"grouping_s": round(seconds, 2)}


def write_groups(path: Path, photos: Sequence[GroupedPhoto]) -> None:
    """Write which photo is in which group."""
    write_table(path, ("path", "person", "group"), [(one.path, one.person, one.group) for one in photos])


def read_groups(path: Path) -> list[GroupedPhoto]:
    """Read what :func:`write_groups` wrote.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """
    return read_table(
        path, lambda row: GroupedPhoto(row["path"], row["person"], int(row["group"])), "evaluation clusters"
    )
