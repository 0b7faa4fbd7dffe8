"""How a gallery decides, and what it demands of enrolments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gallery.threshold.operating_point import ThresholdTarget

DuplicatePolicy = Literal["refuse", "warn", "allow"]
"""What happens to a student whose photos clearly show another student."""


@dataclass(frozen=True, slots=True)
class GallerySettings:
    """The settings of a gallery.

    Attributes:
        threshold: the score from which a face is known, unless ``target`` gives another one.
        threshold_source: where that threshold comes from.
        margin: two people who both reach the threshold and are closer than this are ambiguous.
        consent_required: whether students without consent on record are refused.
        consent_text: what the school asks people to agree to, for forms; empty when it has no text of its own.
        erasure_list: a file that every erasure is appended to before it is acknowledged; None for none.
        target: the rate that gives the threshold.
        duplicates: what the programs that enrol do with duplicates.
        pack_name: how ``--pack`` names the pack, for advice in errors.
    """

    threshold: float
    threshold_source: str
    margin: float = 0.02
    consent_required: bool = False
    target: ThresholdTarget = None
    duplicates: DuplicatePolicy = "warn"
    pack_name: str = ""
    consent_text: str = ""
    erasure_list: Path | None = None
