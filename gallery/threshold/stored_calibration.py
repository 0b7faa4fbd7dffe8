"""The calibration curve in a store, read again once per second."""

from __future__ import annotations

import math
import time

from gallery.documents.protocol import DocumentStore
from gallery.threshold.calibration import CalibrationCurve

_READ_AGAIN_S = 1.0
"""How long a curve is used before the store is asked again."""


class StoredCalibration:
    """The calibration curve of one pack. What another process stores is seen within a second."""

    def __init__(self, store: DocumentStore, pack: str) -> None:
        self._store = store
        self._pack = pack
        self._curve: CalibrationCurve | None = None
        self._valid_until = -math.inf

    def curve(self) -> CalibrationCurve | None:
        """The stored curve; None when there is none, or it is of another pack or another score.

        Raises:
            StoreError: ``calibration_unreadable``.
        """
        stored = self.stored()
        return None if stored is None or stored.of_another_score() else stored

    def store(self, curve: CalibrationCurve) -> None:
        """Store a curve, which holds from now on."""
        self._store.store_calibration(curve.to_json())
        self._valid_until = -math.inf

    def stored(self) -> CalibrationCurve | None:
        """The stored curve of this pack, whichever score it was fitted to; None when there is none.

        Raises:
            StoreError: ``calibration_unreadable``.
        """
        now = time.monotonic()
        if now >= self._valid_until:
            stored = self._store.calibration()
            curve = CalibrationCurve.from_json(stored) if stored else None
            self._curve = curve if curve is not None and curve.pack == self._pack else None
            self._valid_until = now + _READ_AGAIN_S
        return self._curve
