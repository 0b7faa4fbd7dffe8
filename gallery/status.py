"""What a gallery reports about itself: counts, pack, index and threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gallery.documents.values import Counts
from gallery.index.index_state import IndexFiles, ShardState
from gallery.index.kinds.protocol import IndexSpec
from gallery.index.recall_gate import GateReport
from gallery.settings import GallerySettings
from gallery.threshold.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True)
class GalleryStatus:
    """The state of a gallery.

    Attributes:
        counts: how much is stored.
        indexed: templates in the index.
        unpublished: those of them that were added since the newest generation.
        unerased: templates that were removed and that files may still contain.
        pack: tag of the model pack.
        dim: length of a template.
        spec: kind and parameters of the index.
        gate_report: why the index is of this kind; None before a generation was published.
        generation: number of the newest generation, 0 before there is one.
        change: the last change of the documents that the index has seen.
        settings: how the gallery decides.
        operating_point: the threshold of a search among all students.
        shards: each shard of the index; none when one process holds it.
        files: how the vectors of the generation in use are kept; None while the index is in memory only.
    """

    counts: Counts
    indexed: int
    unpublished: int
    unerased: int
    pack: str
    dim: int
    spec: IndexSpec
    gate_report: GateReport | None
    generation: int
    change: int
    settings: GallerySettings
    operating_point: OperatingPoint
    shards: tuple[ShardState, ...] = ()
    files: IndexFiles | None = None

    def index_described(self) -> dict[str, Any]:
        """The index as programs print it: kind, parameters, generation, and the recall gate's report or None."""
        return {
            "index_kind": self.spec.kind,
            "index_parameters": dict(self.spec.parameters),
            "index_gate": None if self.gate_report is None else asdict(self.gate_report),
            "generation": self.generation,
            "unpublished": self.unpublished,
            "unerased": self.unerased,
            "change": self.change,
            "index_files": self.files,
            "shards": [asdict(shard) for shard in self.shards],
        }
