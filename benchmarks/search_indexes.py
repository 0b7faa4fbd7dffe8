"""The indexes that ``benchmarks.search`` compares: Presente's kinds as published, FAISS's, and two other libraries'."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery.index.generations import GenerationStore
from gallery.index.manifest import IndexedDocuments
from gallery.index.recall_gate import IndexSettings
from gallery.index.searcher import Searcher
from presente.parallel import default_workers

_PRODUCT_FROM = 20
"""From how many probes on FAISS takes a matrix product if nothing is changed; :mod:`gallery.index.kinds.flat` does."""

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
Search = Callable[[NDArray[np.float32], int], Found]


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index to measure: scores float32 (m, k) and rows int64 (m, k) of probes; its bytes in memory and on disk,
    beside what the two share; whatever else is worth reporting."""

    search: Search
    memory: int
    disk: int
    notes: dict[str, Any] = field(default_factory=dict)


def presente(kind: str, rows: NDArray[np.float32], people: NDArray[np.int64]) -> BuiltIndex:
    """A generation, published with its gate, and loaded again as a start does; vectors are mapped and count as disk."""
    live = Searcher.empty(rows.shape[1])
    live.recent.append(np.arange(len(rows)), people, rows)
    with tempfile.TemporaryDirectory() as folder:
        store = GenerationStore(Path(folder), IndexSettings(kind))  # type: ignore[arg-type]
        store.publish(live.snapshot().batches(), rows.shape[1], IndexedDocuments("bench", "bench", 1, ""))
        start = time.perf_counter()
        generation = GenerationStore(Path(folder)).latest()[0]
        assert generation is not None
        generation.index.search(rows[:1], 10)
        first_answer_s = round(time.perf_counter() - start, 3)
        sizes = {path.name: path.stat().st_size for path in Path(folder).rglob("*.*") if path.is_file()}
        gate = generation.manifest.gate
        notes = {
            "kind": generation.manifest.kind,
            "parameters": generation.manifest.parameters,
            "first_answer_s": first_answer_s,
            "gate_recall": gate.recall if gate else None,
            "gate_tried": [[t.kind, t.parameters, t.recall, t.seconds] for t in gate.tried] if gate else [],
        }
        index = generation.index  # its mapped files stay readable
        return BuiltIndex(index.search, sizes.get("codes.faiss", 0), sum(sizes.values()), notes)


def _faiss(make: Callable[[int], Any], threads: int, prepare: Callable[[Any], None] = lambda _: None) -> Any:
    def build(rows: NDArray[np.float32], _: NDArray[np.int64]) -> BuiltIndex:
        faiss.omp_set_num_threads(default_workers())
        index = make(rows.shape[1])
        if not index.is_trained:
            index.train(rows[:: max(1, len(rows) // 50_000)].copy())
        index.add(rows)
        prepare(index)
        size = faiss.serialize_index(index).size

        def search(probes: NDArray[np.float32], k: int) -> Any:
            faiss.omp_set_num_threads(threads if len(probes) < 32 else default_workers())
            ours, faiss.cvar.distance_compute_blas_threshold = faiss.cvar.distance_compute_blas_threshold, _PRODUCT_FROM
            found = index.search(probes, k)
            faiss.cvar.distance_compute_blas_threshold = ours
            return found

        return BuiltIndex(search, size, size)

    return build


def _hnswlib(rows: NDArray[np.float32], _: NDArray[np.int64]) -> BuiltIndex:
    import hnswlib

    index = hnswlib.Index("ip", rows.shape[1])
    index.init_index(len(rows), ef_construction=200, M=32)
    index.add_items(rows, num_threads=default_workers())
    index.set_ef(128)

    def search(probes: NDArray[np.float32], k: int) -> Any:
        found, distances = index.knn_query(probes, k, num_threads=1 if len(probes) < 32 else default_workers())
        return 1 - distances, found.astype(np.int64)

    return BuiltIndex(search, index.index_file_size(), index.index_file_size())


def _usearch(rows: NDArray[np.float32], _: NDArray[np.int64]) -> BuiltIndex:
    from usearch.index import Index

    index = Index(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_search=128)
    index.add(np.arange(len(rows)), rows, threads=default_workers())

    def search(probes: NDArray[np.float32], k: int) -> Any:
        found = index.search(probes, k, threads=1 if len(probes) < 32 else default_workers())
        return 1 - found.distances.reshape(-1, k), found.keys.reshape(-1, k).astype(np.int64)

    return BuiltIndex(search, index.memory_usage, index.serialized_length)


def _ef(index: Any) -> None:
    index.hnsw.efSearch = 128


def _probe(index: Any) -> None:
    index.nprobe = 32


def index_builders() -> dict[str, Callable[[NDArray[np.float32], NDArray[np.int64]], BuiltIndex]]:
    """Every index that can be built here, by name; ``hnswlib`` and ``usearch`` where they are installed."""
    ip = faiss.METRIC_INNER_PRODUCT
    made: dict[str, Any] = {
        f"faiss_flat_{threads}_threads": _faiss(faiss.IndexFlatIP, threads)
        for threads in sorted({1, default_workers()})
    }
    made |= {
        "faiss_sq8": _faiss(lambda dim: faiss.index_factory(dim, "SQ8", ip), 1),
        "faiss_hnsw": _faiss(lambda dim: faiss.index_factory(dim, "HNSW32,Flat", ip), 1, _ef),
        "faiss_ivf": _faiss(lambda dim: faiss.index_factory(dim, "IVF1024,Flat", ip), 1, _probe),
    }
    for kind in ("flat", "pq", "rabitq", "hnsw", "ivf", "auto"):
        made[kind] = lambda rows, people, kind=kind: presente(kind, rows, people)
    made |= {name: build for name, build in (("hnswlib", _hnswlib), ("usearch", _usearch)) if find_spec(name)}
    return made
