"""The threshold of a search: a fixed score, or what the calibration curve gives for a rate and the people searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gallery.threshold.calibration import CalibrationCurve
from presente.errors import ConfigError
from presente.installation import command_line

ThresholdTarget = float | Literal["stored"] | None
"""A rate (FPIR) that the curve must give; ``stored``: the curve's rate, if there is a curve; None: the fixed score."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The threshold of one search, where it comes from, and what is known of its errors.

    Attributes:
        threshold: a score.
        source: where it comes from.
        people: how many people a stranger is compared with.
        curve: the calibration; None while the gallery is not calibrated.
        target: the rate that gave the threshold; None when a score was given.
        unused: why a stored calibration does not hold, and what to do; empty when none is passed over.
    """

    threshold: float
    source: str
    people: int
    curve: CalibrationCurve | None
    target: float | None = None
    unused: str = ""

    def fpir(self, score: float | None) -> float | None:
        """The expected share of strangers with a score this high; None without a score or a calibration.

        To six significant digits: at the threshold for a rate it is that rate, not 0.000999999999999999.
        """
        if score is None or self.curve is None:
            return None
        return float(f"{self.curve.fpir(score, self.people):.6g}")

    def warning(self) -> str:
        """What a person should know about the calibration; empty when there is nothing."""
        if self.curve is None:
            return self.unused
        if self.curve.stale(self.people):
            return f"calibrated with {self.curve.people} people, {self.people} are searched: calibrate again"
        doubt = "" if self.target is None else self.curve.doubt(self.target, self.people)
        return doubt and f"fpir={self.target:g} is more than the calibration can support: {doubt}"


def operating_point(
    target: ThresholdTarget, fixed: float, source: str, curve: CalibrationCurve | None, people: int, unused: str = ""
) -> OperatingPoint:
    """The operating point for a target. A rate that the data do not support never lowers the threshold below ``fixed``.

    Args:
        target: what is asked for.
        fixed: the score that holds without a rate.
        source: where ``fixed`` comes from.
        curve: the calibration, if there is one.
        people: how many people are searched.
        unused: why a stored calibration does not hold, if one is passed over.

    Raises:
        ConfigError: ``not_calibrated`` when a rate is asked for and there is no curve.
    """
    rate = curve.target if target == "stored" and curve is not None else target
    if not isinstance(rate, float):
        return OperatingPoint(fixed, source, people, curve, unused=unused)
    if curve is None:
        raise ConfigError(
            "not_calibrated",
            f"The threshold is set to fpir={rate:g}, and "
            + (f"{unused}." if unused else "the gallery has no calibration by its pack."),
            ("Run that" if unused else f"Run `{command_line(f'evaluation calibrate --fpir {rate:g}')}`")
            + ", or give a score.",
        )
    threshold = curve.threshold(rate, people)
    if curve.doubt(rate, people):
        threshold = max(threshold, fixed)
    return OperatingPoint(threshold, f"calibrated fpir={rate:g}", people, curve, rate)
