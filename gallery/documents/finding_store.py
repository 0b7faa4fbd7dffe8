"""The protocol of an audit's findings, which every document store satisfies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gallery.documents.audit_findings import KeptFinding


class FindingStore(Protocol):
    """The findings of the last audit, and those that a person has put aside.

    A finding goes, and so does the note that it was put aside, when a student whom it is about is erased or merged into
    another, or when one of its photos is erased or moved.
    """

    def put(self, findings: Sequence[KeptFinding]) -> None:
        """Replace the findings. One about a person or a photo that is gone is left out."""

    def findings(self) -> list[KeptFinding]:
        """The findings, in the order in which they were put."""

    def put_aside(self, mark: str) -> bool:
        """Note that a person has looked at a finding and nothing is wrong; False when there is no such finding.

        It holds for later audits that find the same."""

    def take_up(self, mark: str) -> bool:
        """Forget that a finding was put aside; False when it was not."""

    def aside(self) -> set[str]:
        """The marks of the findings that were put aside."""
