"""What a published generation says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from gallery.index.kinds.protocol import IndexSpec, KindName
from gallery.index.recall_gate import GateReport

FORMAT = 2
METRIC = "inner_product"


@dataclass(frozen=True, slots=True)
class IndexedDocuments:
    """Which documents an index was made of: the store's identity, the pack, the last change seen and its mark."""

    store: str
    pack: str
    change: int
    mark: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a generation; of format 1, whose indexes were all exact, it has no gate and no subjects' count.

    ``files`` maps file name to SHA-256.
    """

    format: int
    generation: int
    origin: IndexedDocuments
    dim: int
    kind: KindName
    templates: int
    metric: str = METRIC
    parameters: dict[str, int] = field(default_factory=dict)
    subjects: int | None = None
    gate: GateReport | None = None
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Manifest:
        """From JSON; ``ValueError``, ``TypeError``, ``KeyError`` or ``AttributeError`` when it is not a manifest."""
        described: dict[str, Any] = json.loads(text)
        gate = described.get("gate")
        return cls(
            **{
                **described,
                "origin": IndexedDocuments(**described["origin"]),
                "gate": None if gate is None else GateReport.read(gate),
            }
        )

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @property
    def spec(self) -> IndexSpec:
        """How its index is made and searched."""
        return IndexSpec(self.kind, self.parameters)
