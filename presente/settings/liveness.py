"""Where liveness is judged, as a setting: off, observed or enforced, for each use of a photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from presente.settings.values import number

LivenessUse = Literal["identify", "verify", "attendance"]
"""What a face is looked at for; ``attendance``: attendance by a photo, sessions, films and cameras."""

LivenessMode = Literal["off", "observe", "enforce"]
"""Not judged; judged and told; judged, and only live faces pass."""

_USES: tuple[LivenessUse, ...] = get_args(LivenessUse)
_MODES: tuple[LivenessMode, ...] = get_args(LivenessMode)


@dataclass(frozen=True, slots=True)
class LivenessModes:
    """The mode of each use."""

    identify: LivenessMode = "off"
    verify: LivenessMode = "off"
    attendance: LivenessMode = "off"

    def of(self, use: LivenessUse) -> LivenessMode:
        """The mode of a use."""
        mode: LivenessMode = getattr(self, use)
        return mode

    @property
    def is_on(self) -> bool:
        """Whether any use is judged."""
        return any(self.of(use) != "off" for use in _USES)

    def __str__(self) -> str:
        """As :func:`liveness_modes` reads it."""
        modes = {self.of(use) for use in _USES}
        if len(modes) == 1:
            return modes.pop()
        return " ".join(f"{use}={self.of(use)}" for use in _USES if self.of(use) != "off")


def liveness_modes(text: str) -> LivenessModes:
    """One mode for all uses, or ``USE=MODE`` words separated by blanks; a use that is not named is off."""
    words = text.split()
    if len(words) == 1 and words[0] in _MODES:
        return LivenessModes(*(words[0] for _ in _USES))
    found: dict[str, LivenessMode] = {}
    for word in words:
        use, _, mode = word.partition("=")
        if use not in _USES or mode not in _MODES or use in found:
            raise ValueError(
                f"it must be {', '.join(_MODES[:-1])} or {_MODES[-1]}, or USE=MODE for some of {', '.join(_USES)}, "
                "separated by blanks, each once"
            )
        found[use] = mode
    return LivenessModes(**found)


@dataclass(frozen=True, slots=True)
class TargetBpcer:
    """A threshold given as the share of live faces that may be taken for attacks; a calibration makes a score of it."""

    bpcer: float

    def __str__(self) -> str:
        """As it is written in a setting."""
        return f"bpcer={self.bpcer:g}"


def score_or_bpcer(text: str) -> float | TargetBpcer | None:
    """A score from 0 to 1, or ``bpcer=RATE`` with a rate above 0 and below 0.5; None when empty."""
    if not text:
        return None
    if not text.startswith("bpcer="):
        return number(0.0, 1.0)(text)
    rate = number(0.0, 0.5)(text.removeprefix("bpcer="))
    if rate in (0.0, 0.5):
        raise ValueError("a rate must be above 0 and below 0.5")
    return TargetBpcer(rate)
