"""The manifest of a published generation: what the generation says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from gallery.index.kinds.protocol import IndexSpec, KindName
from gallery.index.recall_gate import GateReport

FORMAT, SEALED_FORMAT = 2, 3
"""Of generations in the clear, and of sealed ones (:mod:`gallery.index.sealed_files`)."""
METRIC = "inner_product"


@dataclass(frozen=True, slots=True)
class IndexedDocuments:
    """Which documents an index was made from. The attributes are keys of the manifest.

    Attributes:
        store: the store's identity.
        pack: tag of the pack.
        change: the last change that was seen.
        mark: the random word that belongs to that change.
    """

    store: str
    pack: str
    change: int
    mark: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a generation. The attributes are the keys of ``manifest.json``.

    Attributes:
        format: 2, or 3 when vectors and codes are sealed; 1 for generations of Presente 0.1.
        generation: the number.
        origin: the documents that it was made from.
        dim: length of a template.
        kind: the kind of index.
        templates: how many templates there are.
        metric: how templates are compared.
        parameters: the parameters of the kind.
        subjects: how many subjects have a template; None in format 1.
        gate: the recall gate's report; None in format 1, whose indexes are all exact.
        files: SHA-256 by file name.
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
        """Read JSON.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is not a manifest.
        """
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
        """The manifest as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @property
    def spec(self) -> IndexSpec:
        """How the index is made and searched."""
        return IndexSpec(self.kind, self.parameters)
