"""Thresholds of a liveness pack by BPCER, as the gallery keeps them: numbers, and nothing about a person.

They are scores of photos of live people in order: with n of them, a share r may be refused when floor(r n) score below
the threshold, which is the next one's score.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass

from gallery.documents.note_store import LIVENESS_CALIBRATION
from gallery.documents.protocol import DocumentStore
from presente.errors import ConfigError, StoreError
from presente.installation import command_line

FORMAT = 1
KEPT = 1_000
"""At most so many scores are kept, the lowest ones: of 10,000 photos they give thresholds up to a rate of 0.1."""
_READ_AGAIN_S = 1.0
"""How long a calibration is used before the store is asked again."""


@dataclass(frozen=True, slots=True)
class LivenessCalibration:
    """Scores of photos of live people, and the share of them that may be refused.

    Attributes:
        pack: tag of the liveness pack whose scores these are.
        target: the share of live people that was asked for, who may be called attacks (BPCER).
        photos, people: how many photos got a score, and of how many people.
        lowest: their scores, 0 to 1, rising: all of them, or the lowest :data:`KEPT`.
        low, high: the 95 % interval of the true BPCER at the threshold for ``target``.
        not_judged: how many further photos got no score.
        made_at: when, UTC, ISO.
    """

    pack: str
    target: float
    photos: int
    people: int
    lowest: tuple[float, ...]
    low: float
    high: float
    not_judged: int
    made_at: str

    def threshold(self, bpcer: float) -> float:
        """The score from which a face is called live when at most a share ``bpcer`` of live people may be refused.

        Raises:
            ConfigError: ``liveness_not_calibrated`` when the photos do not show that rate.
        """
        refused = refused_of(self.photos, bpcer)
        if 1 <= refused < len(self.lowest):
            return self.lowest[refused]
        raise ConfigError(
            "liveness_not_calibrated",
            f"The {self.photos} photos of the stored calibration of {self.pack} do not show bpcer={bpcer:g}.",
            f"Run `{command_line(f'evaluation calibrate --bpcer {bpcer:g} --bona-fide DIR')}` with "
            f"{photos_needed(bpcer)} photos or more, or give a score.",
        )

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
            made = cls(**found | {"lowest": tuple(found["lowest"])})
            scores = made.lowest
            if not 0 < made.target < 1 or list(scores) != sorted(scores) or not 0 <= scores[0] <= scores[-1] <= 1:
                raise ValueError("its numbers are impossible")
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as exc:
            raise StoreError(
                "calibration_unreadable",
                f"The stored calibration of liveness is damaged ({exc!r}).",
                f"Calibrate again with `{command_line('evaluation calibrate --bpcer 0.01 --bona-fide DIR')}`.",
            ) from exc
        return made


def refused_of(photos: int, bpcer: float) -> int:
    """How many of so many photos of live people may be refused at a rate."""
    return math.floor(bpcer * photos + 1e-9)


def photos_needed(bpcer: float) -> int:
    """How many photos of live people show a rate: one of them may be refused."""
    return math.ceil(1 / bpcer - 1e-9)


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


class StoredLivenessCalibration:
    """What is stored for one pack, read again once per second. Safe to use from several threads."""

    def __init__(self, store: DocumentStore, pack: str) -> None:
        self._store = store
        self._pack = pack
        self._kept: tuple[float, LivenessCalibration | None] = (-math.inf, None)

    def __call__(self) -> LivenessCalibration | None:
        """The calibration; None when there is none for the pack.

        Raises:
            StoreError: as :func:`stored_liveness_threshold`.
        """
        valid_until, found = self._kept
        now = time.monotonic()
        if now >= valid_until:
            found = stored_liveness_threshold(self._store, self._pack)
            self._kept = (now + _READ_AGAIN_S, found)
        return found
