"""What people do with their arms: kinds of postures, each of them in many ways."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from .arms import Arm, Hand, Layer, joints, reaching
from .identity import Identity

Kind = Literal[
    "down",
    "on_desk",
    "folded",
    "writing",
    "chin_on_hand",
    "hand_at_ear",
    "scratching",
    "behind_head",
    "pointing",
    "elbow_up",
    "raised_straight",
    "raised_bent",
    "raised_half",
    "both_raised",
]
"""Kinds of postures. `elbow_up` is a hand up beside the face whose wrist stays below the nose: not raised."""

KINDS: tuple[Kind, ...] = get_args(Kind)
RAISED: tuple[Kind, ...] = ("raised_straight", "raised_bent", "raised_half", "both_raised")
"""The kinds in which a hand is raised: its wrist is above the nose, and away from the head."""

RESTING: tuple[Kind, ...] = ("on_desk", "folded", "writing", "down")


@dataclass(frozen=True)
class Posture:
    """How a person holds their arms. `right` and `left` are the person's own: who looks at us has the left arm at the
    right of the picture. `sleeve` is the share of the arms that clothes cover.
    """

    kind: Kind
    right: Arm
    left: Arm
    sleeve: float = 1.0

    @property
    def raised(self) -> bool:
        """Whether a hand is raised."""
        return self.kind in RAISED


def sample_posture(who: Identity, kind: Kind, seed: int, desk: float = 4.6) -> Posture:
    """Return a posture of a kind that belongs to `seed`.

    `desk` is how far the edge of the desk is below the eyes, in half face widths: hands that rest lie on it.
    """
    rng = np.random.default_rng([0xA2A5, seed])
    arms = _Arms(who, rng, desk)
    sleeve = 1.0 if rng.random() < 0.55 else float(rng.uniform(0.22, 0.6))
    side = 1 if rng.random() < 0.5 else -1
    makers = {
        "down": arms.down,
        "on_desk": arms.on_desk,
        "folded": arms.folded,
        "writing": arms.writing,
        "chin_on_hand": arms.at_chin,
        "hand_at_ear": arms.at_ear,
        "scratching": arms.scratching,
        "behind_head": arms.behind_head,
        "pointing": arms.pointing,
        "elbow_up": arms.elbow_up,
        "raised_straight": arms.straight,
        "raised_bent": arms.bent,
        "raised_half": arms.half,
        "both_raised": arms.raised,
    }
    acting = makers[kind](side)
    if kind in ("behind_head", "both_raised", "folded", "down"):
        other = makers[kind](-side)
    elif kind == "writing":
        other = arms.on_desk(-side)
    else:
        other = (arms.on_desk, arms.folded, arms.down)[int(rng.choice(3, p=(0.55, 0.25, 0.2)))](-side)
    right, left = (other, acting) if side > 0 else (acting, other)
    return Posture(kind, right, left, sleeve)


def between(first: Posture, second: Posture, share: float) -> Posture:
    """Return the posture on the way from one to another, `share` in 0..1 of it; its kind is the nearer one's."""
    nearer = second if share >= 0.5 else first
    right, left = _between(first.right, second.right, share), _between(first.left, second.left, share)
    return replace(nearer, right=right, left=left)


def _between(first: Arm, second: Arm, share: float) -> Arm:
    def mixed(a: float, b: float) -> float:
        return (1 - share) * a + share * b

    nearer = second if share >= 0.5 else first
    layer: Layer = nearer.layer if first.layer == second.layer or share in (0, 1) else "before"
    return Arm(
        mixed(first.upper, second.upper),
        mixed(first.fore, second.fore),
        mixed(first.hand, second.hand),
        mixed(first.upper_seen, second.upper_seen),
        mixed(first.fore_seen, second.fore_seen),
        nearer.held,
        layer,
    )


class _Arms:
    """Makes arms of one person, by chance."""

    def __init__(self, who: Identity, rng: np.random.Generator, desk: float) -> None:
        self._who, self._rng, self._desk = who, rng, desk

    def _near(self, middle: float, spread: float) -> float:
        return middle + spread * float(np.clip(self._rng.normal(0, 0.5), -1, 1))

    def _at(
        self,
        side: int,
        wrist: tuple[float, float],
        seen: tuple[float, float],
        elbow_out: bool,
        hand: float,
        held: Hand,
        layer: Layer,
    ) -> Arm:
        """An arm whose wrist is at a point; `hand` is its direction as seen from the forearm's."""
        upper, fore, upper_seen, fore_seen = reaching(self._who, side, wrist, seen, elbow_out)
        return Arm(upper, fore, fore + hand, upper_seen, fore_seen, held, layer)

    def down(self, _side: int) -> Arm:
        """An arm that hangs."""
        upper = self._near(0.12, 0.14)
        fore = upper - abs(self._near(0.1, 0.3))
        return Arm(upper, fore, fore, 0.98, self._near(0.9, 0.1), "flat", "before")

    def on_desk(self, side: int) -> Arm:
        """A hand that lies on the desk."""
        wrist = (self._near(0.8, 0.7), self._desk + self._near(0.3, 0.2))
        seen = (self._near(0.8, 0.12), self._near(0.68, 0.15))
        return self._at(side, wrist, seen, True, self._near(-0.1, 0.3), "flat", "on_desk")

    def folded(self, side: int) -> Arm:
        """A forearm that lies across the body."""
        wrist = (self._near(-0.55, 0.4), self._desk + self._near(0.15, 0.25))
        return self._at(side, wrist, (self._near(0.85, 0.1), 0.95), True, self._near(0, 0.2), "flat", "on_desk")

    def writing(self, side: int) -> Arm:
        """A hand with a pen."""
        wrist = (self._near(0.45, 0.5), self._desk + self._near(0.35, 0.15))
        seen = (self._near(0.8, 0.1), self._near(0.75, 0.12))
        return self._at(side, wrist, seen, True, self._near(-0.2, 0.3), "pen", "on_desk")

    def at_chin(self, side: int) -> Arm:
        """A hand that carries the chin or the cheek."""
        cheek = self._rng.random() < 0.4
        x, y = (0.95, 1.15) if cheek else (0.4, self._who.shape.chin_y + 0.6)
        wrist = (self._near(x, 0.25), self._near(y, 0.25))
        held: Hand = "fist" if self._rng.random() < 0.5 else "flat"
        seen = (self._near(0.85, 0.12), self._near(0.95, 0.05))
        arm = self._at(side, wrist, seen, False, 0, held, "on_desk")
        return replace(arm, hand=math.pi + self._near(0.25, 0.3))

    def at_ear(self, side: int) -> Arm:
        """A hand at the ear, the temple or the glasses, the elbow low."""
        wrist = (self._near(1.25, 0.2), self._near(1.0, 0.3))
        arm = self._at(side, wrist, (0.9, 0.97), False, 0, "flat", "before")
        return replace(arm, hand=math.pi + self._near(0.35, 0.25))

    def scratching(self, side: int) -> Arm:
        """A hand on the head, the elbow out at the side."""
        top = self._rng.random() < 0.6
        wrist = (self._near(1.15, 0.2), self._near(-0.75 if top else 0.0, 0.35))
        arm = self._at(side, wrist, (self._near(0.95, 0.08), self._near(0.9, 0.1)), True, 0, "flat", "before")
        return replace(arm, hand=math.pi + self._near(0.95 if top else 0.7, 0.35))

    def behind_head(self, side: int) -> Arm:
        """A hand behind the head, the elbow far out."""
        wrist = (self._near(0.6, 0.2), self._near(0.1, 0.35))
        arm = self._at(side, wrist, (self._near(0.95, 0.06), 0.95), True, 0, "flat", "behind")
        return replace(arm, hand=math.pi + self._near(1.2, 0.3))

    def pointing(self, side: int) -> Arm:
        """An arm stretched to the side, or more or less towards the viewer, the wrist below the nose."""
        upper = self._near(1.25, 0.35)
        fore = upper + self._near(0.1, 0.3)
        seen = float(self._rng.uniform(0.35, 1.0))
        return self._low(side, Arm(upper, fore, fore, seen, seen, "point", "before"))

    def elbow_up(self, side: int) -> Arm:
        """A forearm that stands upright beside the body, the wrist below the nose."""
        upper = self._near(0.55, 0.4)
        fore = self._near(2.75, 0.3)
        held: Hand = "open" if self._rng.random() < 0.5 else "flat"
        return self._low(side, Arm(upper, fore, self._near(fore, 0.2), self._near(0.85, 0.15), 0.9, held, "before"))

    def straight(self, side: int) -> Arm:
        """An arm straight up, or nearly."""
        upper = self._near(2.8, 0.3)
        fore = upper + self._near(0.08, 0.2)
        return self._high(side, upper, fore, float(self._rng.uniform(0.8, 1.0)))

    def bent(self, side: int) -> Arm:
        """An upper arm raised to the side, the forearm upright or leaning over the head."""
        return self._high(side, self._near(2.1, 0.4), self._near(3.1, 0.4), float(self._rng.uniform(0.8, 1.0)))

    def half(self, side: int) -> Arm:
        """An elbow at the height of the shoulder or lower, the forearm upright: the hand is a little above the nose."""
        return self._high(side, self._near(1.35, 0.4), self._near(3.0, 0.25), float(self._rng.uniform(0.75, 1.0)))

    def raised(self, side: int) -> Arm:
        """A hand raised in any way."""
        return (self.straight, self.bent, self.half)[int(self._rng.integers(3))](side)

    def _high(self, side: int, upper: float, fore: float, seen: float) -> Arm:
        """A raised arm, turned up until its wrist is well above the nose, and out until it is away from the head."""
        held: Hand = ("flat", "open", "point", "fist")[int(self._rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))]
        layer: Layer = "behind" if self._rng.random() < 0.6 else "before"
        hand = fore + self._near(0, 0.25)
        high = self._who.middle.nose_y - float(self._rng.uniform(0.35, 0.7))
        while True:
            arm = Arm(upper, fore, hand, seen, seen, held, layer)
            across, down = joints(self._who, arm, side)[2] * (side, 1)
            if down > high:
                upper, seen = upper + 0.05, min(1.0, seen + 0.02)
            elif across < 1.35 and down > self._who.shape.crown_y - 0.5:
                fore, hand = fore - 0.05, hand - 0.05
            else:
                return arm

    def _low(self, side: int, arm: Arm) -> Arm:
        """An arm turned down until its wrist is well below the nose."""
        low = self._who.middle.nose_y + float(self._rng.uniform(0.25, 0.6))
        while joints(self._who, arm, side)[2, 1] < low:
            arm = replace(arm, upper=arm.upper - 0.05, fore=arm.fore - 0.02 if arm.held == "point" else arm.fore)
        return arm
