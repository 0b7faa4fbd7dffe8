"""Raised hands: a rule on the keypoints of one person who is followed through time. Pure; times are seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from faces.pose.keypoints import Keypoints

_ARMS = (("left_wrist", "left_elbow"), ("right_wrist", "right_elbow"))


@dataclass(frozen=True, slots=True)
class RaiseRule:
    """When a hand is raised. Lengths are in longer sides of the face's box.

    A hand is *up* when its wrist is ``above_nose`` above the nose, and either ``clear_of_head`` above it, where the
    hand of someone who scratches the head is not, or ``beside_head`` beside the nose on a forearm that leans at most
    ``most_lean`` towards the head: a hand at the head is nearer, and its forearm leans more. A raise begins when a hand
    is up. It goes on while a wrist is at most ``held_below`` below the nose, wherever it is.

    Attributes:
        seconds: a hand that is up for less is not raised.
        least_score: keypoints below it are not seen.
        above_nose, clear_of_head, beside_head, held_below: see above.
        most_lean: degrees from upright.
        gap_s: a raise ends when no hand was held for longer: the person may have turned, a hand may be hidden. It is to
            be more than the seconds between two looks at a picture that does not change.
        least_share: share of the looks at the person, from the first to the last with a held hand, in which one is up.
    """

    seconds: float = 1.0
    least_score: float = 0.3
    above_nose: float = 0.05
    clear_of_head: float = 1.1
    beside_head: float = 0.6
    held_below: float = 0.25
    most_lean: float = 30.0
    gap_s: float = 3.0
    least_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Raise:
    """A hand that was raised, or both at once: from when to when it was seen above the nose."""

    from_s: float
    to_s: float


@dataclass(slots=True)
class _Sight:
    """What one look at a person says: whether a hand is up, and whether one is held, as one that is up is, too."""

    up: bool
    held: bool


class RaiseTracker:
    """Follows one person's hands. To be used by one thread at a time."""

    def __init__(self, rule: RaiseRule | None = None) -> None:
        """Follow by a rule."""
        self.rule = rule or RaiseRule()
        self._now = -math.inf
        self._forget()

    def _forget(self) -> None:
        self._first_up: float | None = None
        self._last_up = self._last_held = 0.0
        self._ups = self._looks = self._looks_since = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes on that may be a raise: a tracker that is begun anew would say the same from here on."""
        return self._first_up is None

    @property
    def current(self) -> Raise | None:
        """The raise that goes on, once it is sure to be one; else None."""
        if self._first_up is None or self._last_up - self._first_up < self.rule.seconds:
            return None
        if self._ups < self.rule.least_share * self._looks:
            return None
        return Raise(self._first_up, self._last_held)

    def see(self, at_s: float, keypoints: Keypoints | None) -> Raise | None:
        """Note what a person shows at a time; None for ``keypoints``: the person was not seen.

        Returns:
            a raise that this shows to have ended.

        Raises:
            ValueError: the time is before that of the sight before.
        """
        if not at_s >= self._now:
            raise ValueError(f"a sight at {at_s} s comes after one at {self._now} s")
        self._now = at_s
        ended = self.end() if at_s - self._last_held > self.rule.gap_s else None
        if keypoints is not None:
            self._note(at_s, _looked_at(keypoints, self.rule))
        return ended

    def _note(self, at_s: float, sight: _Sight) -> None:
        if sight.up:
            if self._first_up is None:
                self._first_up = at_s
            self._last_up = at_s
            self._ups += 1
        if self._first_up is None:
            return
        self._looks_since += 1
        if sight.held:
            self._last_held = at_s
            self._looks, self._looks_since = self._looks + self._looks_since, 0

    def end(self) -> Raise | None:
        """The raise that goes on, which ends here: the person is not followed any further."""
        ended = self.current
        self._forget()
        return ended


def find_raises(sights: Iterable[tuple[float, Keypoints | None]], rule: RaiseRule | None = None) -> list[Raise]:
    """The raises of one person in sights of them, in order of time.

    Raises:
        ValueError: the times are not in order.
    """
    tracker = RaiseTracker(rule)
    found = [tracker.see(at_s, keypoints) for at_s, keypoints in sights]
    return [each for each in (*found, tracker.end()) if each is not None]


def _looked_at(keypoints: Keypoints, rule: RaiseRule) -> _Sight:
    """What one look says. A nose that is not seen is taken to be in the middle of the face."""
    x1, y1, x2, y2 = keypoints.face
    nose = keypoints.point("nose", rule.least_score) or ((x1 + x2) / 2, (y1 + y2) / 2)
    side = keypoints.face_side
    up = held = False
    for wrist_name, elbow_name in _ARMS:
        wrist = keypoints.point(wrist_name, rule.least_score)
        if wrist is None:
            continue
        aside, above = abs(wrist[0] - nose[0]) / side, (nose[1] - wrist[1]) / side
        lean = _lean(wrist, keypoints.point(elbow_name, rule.least_score), nose[0])
        beside = aside >= rule.beside_head and lean <= rule.most_lean
        this_up = above >= rule.above_nose and (above >= rule.clear_of_head or beside)
        up |= this_up
        held |= this_up or above >= -rule.held_below
    return _Sight(up, held)


def _lean(wrist: tuple[float, float], elbow: tuple[float, float] | None, middle: float) -> float:
    """Degrees from upright by which a forearm leans towards the middle, more than 90 when it hangs.

    One that stands upright, or leans outwards, or whose elbow is not seen leans by 0.
    """
    if elbow is None:
        return 0.0
    inwards = abs(elbow[0] - middle) - abs(wrist[0] - middle)
    rise = elbow[1] - wrist[1]
    return math.degrees(math.atan2(max(inwards, 0.0), rise)) if rise > 0 else 180.0
