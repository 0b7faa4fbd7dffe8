"""The threshold of a liveness pack for an asked BPCER, as the gallery keeps it: numbers, and nothing about a person."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from gallery.documents.note_store import LIVENESS_CALIBRATION
from gallery.documents.protocol import DocumentStore
from presente.errors import StoreError
from presente.installation import command_line

FORMAT = 1


@dataclass(frozen=True, slots=True)
class LivenessCalibration:
    """The score from which a face is called live, and the photos of live people by which it was chosen.

    Attributes:
        pack: tag of the liveness pack whose scores these are.
        bpcer: the share of live people that was asked for, who may be called attacks.
        threshold: the score, 0 to 1.
        photos, people: how many photos got a score, and of how many people.
        refused: of these photos, how many score below the threshold.
        low, high: the 95 % interval of the true BPCER at the threshold.
        not_judged: how many further photos got no score.
        made_at: when, UTC, ISO.
    """

    pack: str
    bpcer: float
    threshold: float
    photos: int
    people: int
    refused: int
    low: float
    high: float
    not_judged: int
    made_at: str

    @property
    def described(self) -> str:
        """What the threshold is, for replies and messages: ``calibrated bpcer=0.01``."""
        return f"calibrated bpcer={self.bpcer:g}"

    def to_json(self) -> str:
        """As the gallery keeps it."""
        return json.dumps({"format": FORMAT, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> LivenessCalibration | None:
        """Read what a gallery kept; None when another version wrote it.

        Raises:
            StoreError: ``calibration_unreadable`` when it is damaged: the threshold that it meant is unknown.
        """
        try:
            found = json.loads(text)
            if found.pop("format") != FORMAT:
                return None
            made = cls(**found)
            if not (0 < made.bpcer < 1 and 0 <= made.threshold <= 1 and math.isfinite(made.low + made.high)):
                raise ValueError("its numbers are impossible")
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise StoreError(
                "calibration_unreadable",
                f"The stored calibration of liveness is damaged ({exc!r}).",
                f"Calibrate again with `{command_line('evaluation calibrate --bpcer 0.01 --bona-fide DIR')}`.",
            ) from exc
        return made


def stored_liveness_threshold(store: DocumentStore, pack: str) -> LivenessCalibration | None:
    """What was calibrated last, if it was for this pack; ``pack`` is the tag of a liveness pack.

    Raises:
        StoreError: ``calibration_unreadable``; or of the store.
    """
    text = store.notes.read(LIVENESS_CALIBRATION)
    kept = None if text is None else LivenessCalibration.from_json(text)
    return kept if kept is not None and kept.pack == pack else None


def store_liveness_calibration(store: DocumentStore, calibration: LivenessCalibration) -> None:
    """Keep a calibration, in place of the one before: it holds from now on."""
    store.notes.write(LIVENESS_CALIBRATION, calibration.to_json())
