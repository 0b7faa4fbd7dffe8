"""What becomes of a liveness score: where liveness is judged, and from which score a face counts as live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faces.liveness.values import LivenessScore
from gallery.documents.attendance import WAIT_REASON, LivenessDecision, WaitReason
from gallery.threshold.liveness_calibration import LivenessCalibration
from presente.errors import ConfigError
from presente.installation import command_line
from presente.settings.liveness import LivenessMode, LivenessModes, LivenessUse, TargetBpcer


@dataclass(frozen=True, slots=True)
class LivenessPoint:
    """The score, from 0 to 1, from which a face counts as live, and where it comes from."""

    threshold: float
    source: str


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """How liveness is judged. Safe to use from several threads.

    Attributes:
        modes: of each use.
        tag: of the liveness pack; empty when no use is judged.
        declared: the pack's own threshold, from 0 to 1.
        asked: the threshold that the settings give.
        came_from: where ``asked`` comes from.
        calibration: gives what is stored for the pack, None when there is nothing. It is asked for every decision.
    """

    modes: LivenessModes
    tag: str = ""
    declared: float = 1.0
    asked: float | TargetBpcer | None = None
    came_from: str = "default"
    calibration: Callable[[], LivenessCalibration | None] = lambda: None

    def mode(self, use: LivenessUse) -> LivenessMode:
        """How a use is judged."""
        return self.modes.of(use)

    def point(self) -> LivenessPoint:
        """The threshold that holds now.

        Raises:
            ConfigError: ``liveness_not_calibrated`` when a rate is asked for that nothing stored for the pack gives.
            StoreError: of the store.
        """
        if isinstance(self.asked, float):
            return LivenessPoint(self.asked, self.came_from)
        stored = self.calibration()
        if stored is not None:
            rate = self.asked.bpcer if self.asked is not None else stored.target
            return LivenessPoint(stored.threshold(rate), f"calibrated bpcer={rate:g}")
        if self.asked is None:
            return LivenessPoint(self.declared, f"pack {self.tag}")
        raise ConfigError(
            "liveness_not_calibrated",
            f"PRESENTE_LIVENESS_THRESHOLD is {self.asked}, and the gallery has no calibration of {self.tag}.",
            f"Run `{command_line(f'evaluation calibrate --bpcer {self.asked.bpcer:g} --bona-fide DIR')}`, or give a "
            "score.",
        )

    def decision(self, score: LivenessScore) -> LivenessDecision:
        """What a score means by the threshold that holds now.

        Raises:
            ConfigError: as :meth:`point`.
            StoreError: likewise.
        """
        return decided(score, self.point())


def decided(score: LivenessScore, point: LivenessPoint) -> LivenessDecision:
    """What a score means by a threshold."""
    if score.score is None:
        return "not_judged"
    return "live" if score.score >= point.threshold else "attack"


def wait_reason(score: LivenessScore | None, point: LivenessPoint) -> WaitReason:
    """Why a face does not pass by a threshold where only live ones do; empty of one that does.

    One that no one asked about does not.
    """
    return WAIT_REASON.get("not_judged" if score is None else decided(score, point), "")


NOT_JUDGED = LivenessPolicy(LivenessModes())
"""Where no use is judged."""
