"""Makes a script from a seed: who of the class comes, who is late, what everyone does, which strangers are seen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..draw import ENROLLED, RAISED, Identity, Kind, Look, Posture, sample_look, sample_posture
from ..draw.arms import joints
from ..make_class import Student, choose_students, strangers
from .script import MOVING_S, Act, DeskRow, Role, Script, Span, Waypoint

CLASS = "IA-101"
DESK = 4.4
"""How far a desk's edge is below the eyes of who sits at it, in half face widths."""

_DESK_FOOT = 5.5
"""How far its foot is, in face widths: as far as people are drawn."""

_ROWS: dict[int, tuple[tuple[float, float], ...]] = {
    2: ((0.30, 38.0), (0.665, 52.0)),
    3: ((0.25, 33.0), (0.48, 41.0), (0.72, 51.0)),
}
"""Per number of rows: the height of the eyes as a share of the picture's, and the width of the faces at 640 x 480."""

_SPEED = 3.6
"""Face widths per second of a person who walks."""

_GESTURES: tuple[Kind, ...] = (
    "chin_on_hand", "scratching", "hand_at_ear", "elbow_up", "pointing", "behind_head", "folded", "writing",
)  # fmt: skip
_WALLS = ("shelf", "window", "plain", "gradient")


@dataclass(frozen=True)
class Film:
    """What is asked for: length in seconds, size in pixels, seed, students who come, strangers who sit in the class."""

    duration_s: float = 24.0
    width: int = 640
    height: int = 480
    seed: int = 9
    people: int = 8
    visitors: int = 0


@dataclass(frozen=True)
class _Counts:
    """How often what happens."""

    late: int
    raises: int
    away: int
    gestures: int
    outings: int
    passers: int


def plan(film: Film) -> Script:
    """Return the script of a film.

    Raises ValueError when it is too short, too small, or has more students than the class or places.
    """
    students = [student for student in choose_students() if student.group == CLASS]
    _check(film, len(students))
    return _Planner(film, students).script()


def _check(film: Film, most: int) -> None:
    if not 12 <= film.duration_s <= 4 * 3600:
        raise ValueError(f"A film of {film.duration_s:g} s: give 12 s to 4 hours.")
    if not (320 <= film.width <= 3840 and 240 <= film.height <= 2160 and film.width % 2 == film.height % 2 == 0):
        raise ValueError(f"A film of {film.width} x {film.height}: give even sizes from 320 x 240 to 3840 x 2160.")
    if not 1 <= film.width / film.height <= 2.5:
        raise ValueError(f"A film of {film.width} x {film.height}: give a width of 1 to 2.5 times the height.")
    if not (2 <= film.people <= most and 0 <= film.visitors <= 3 and film.people + film.visitors <= 12):
        raise ValueError(
            f"{film.people} students and {film.visitors} visitors: give 2 to {most} and 0 to 3, 12 in all at most."
        )


class _Planner:
    """Makes the script of one film, by chance."""

    def __init__(self, film: Film, students: Sequence[Student]) -> None:
        self._film, self._students = film, students
        self._rng = np.random.default_rng([0xF117, film.seed])
        self._scale = min(film.width / 640, film.height / 480)
        length, people = film.duration_s, film.people
        self._late_after = min(600.0, 0.3 * length)
        self._counts = _Counts(
            late=max(1, people // 8),
            raises=max(4, round(people * length / 600)),
            away=max(4, round(people * length / 150)),
            gestures=max(5, round(people * length / 200)),
            outings=round(people * length / 6000),
            passers=max(1, round(length / 600)),
        )

    def script(self) -> Script:
        """Return the script."""
        film, rng = self._film, self._rng
        spots = self._spots(film.people + film.visitors)
        order = rng.permutation(len(self._students))
        coming = [self._students[k] for k in order[: film.people]]
        unknown = strangers()
        visitors, passing = unknown[: film.visitors], unknown[film.visitors :]
        late = set(range(self._counts.late))
        roles = [
            self._seated(student.matricula, student.matricula, student.who, spots[k], k in late)
            for k, student in enumerate(coming)
        ]
        for k, who in enumerate(visitors):
            roles.append(self._seated(f"visitor {k + 1}", None, who, spots[film.people + k], late=False))
        roles = self._busy(roles)
        roles += self._passing(passing)
        rows = len(_ROWS[self._row_count()])
        return Script(
            width=film.width,
            height=film.height,
            duration_s=film.duration_s,
            seed=film.seed,
            clase=CLASS,
            roster=tuple(sorted(student.matricula for student in self._students)),
            late_after_s=round(self._late_after, 3),
            room=self._room(),
            desks=tuple(self._desk(row) for row in range(rows)),
            roles=tuple(sorted(roles, key=lambda role: role.row)),
        )

    def _row_count(self) -> int:
        return 2 if self._film.people + self._film.visitors <= 8 else 3

    def _room(self) -> Look:
        wall = _WALLS[int(self._rng.integers(len(_WALLS)))]
        return dataclasses.replace(Look(), background=wall, background_seed=self._film.seed, light_x=0.25)

    def _row(self, row: int) -> tuple[float, float]:
        """Return the height of the eyes and the width of the faces of a row, in pixels."""
        share, face = _ROWS[self._row_count()][row]
        return share * self._film.height, face * self._scale

    def _desk(self, row: int) -> DeskRow:
        y, face = self._row(row)
        last = row == self._row_count() - 1
        return DeskRow(y + DESK * face / 2, self._film.height if last else y + _DESK_FOOT * face)

    def _spots(self, count: int) -> list[tuple[int, float]]:
        """Return so many places (row, x), in random order."""
        rows = self._row_count()
        edges = [round(count * row / rows) for row in range(rows + 1)]
        spots = []
        for row in range(rows):
            seats = edges[row + 1] - edges[row]
            step = self._film.width / (seats + 0.8)
            shift = 0.8 if row % 2 else 1.0
            spots += [(row, step * (k + shift) + float(self._rng.normal(0, 4)) * self._scale) for k in range(seats)]
        return [spots[k] for k in self._rng.permutation(count)]

    def _look(self, who: Identity) -> Look:
        """Return how a person looks in this film; the camera sees all alike."""
        look = sample_look(who.seed * 64 + self._film.seed % 64, ENROLLED)
        return dataclasses.replace(
            look, yaw=0.0, pitch=0.0, roll=float(self._rng.normal(0, 0.04)), light_x=0.25, light_y=-0.4, contrast=0.35,
            gain=1.0, gamma=1.0, warmth=0.0, dark=0.0, smile=float(self._rng.uniform(0, 0.4)), mouth_open=0.0,
            eye_open=1.0, glasses=None, brow_raise=0.0, gaze_x=0.0, gaze_y=0.0, blur=0.0, noise=0.0, jpeg=None,
        )  # fmt: skip

    def _posture(self, who: Identity, kind: Kind, sleeve: float) -> Posture:
        posture = sample_posture(who, kind, int(self._rng.integers(1 << 30)), DESK)
        return dataclasses.replace(posture, sleeve=sleeve)

    def _seated(self, name: str, matricula: str | None, who: Identity, spot: tuple[int, float], late: bool) -> Role:
        """Return a person who comes, early or late, and sits at a desk until the end."""
        row, x = spot
        y, face = self._row(row)
        sleeve = 1.0 if self._rng.random() < 0.6 else float(self._rng.uniform(0.25, 0.6))
        path = self._coming(x, face, late)
        rest, walking = self._posture(who, "on_desk", sleeve), self._posture(who, "down", sleeve)
        sways = tuple(float(v) for v in self._rng.uniform(0, 2 * math.pi, 4))
        return Role(name, matricula, who, self._look(who), row, y, face, rest, walking, (path,), (), sways)

    def _coming(self, x: float, face: float, late: bool) -> tuple[Waypoint, ...]:
        """Return the path of a person to their seat; half of those in time sit there from the start."""
        length, end = self._film.duration_s, Waypoint(self._film.duration_s, x, 0.0)
        if not late and self._rng.random() < 0.5:
            return (Waypoint(0.0, x, 0.0), end)
        if late:
            first, last = 1.2 * self._late_after, min(2.5 * self._late_after, 0.65 * length)
        else:
            first, last = 0.0, min(120.0, 0.12 * length)
        way = _arriving(0.0, x, face, self._film.width)[-1].at_s
        start = min(float(self._rng.uniform(first, last)), length - way - 1)
        return (*_arriving(start, x, face, self._film.width), end)

    def _busy(self, roles: list[Role]) -> list[Role]:
        """Return the people with what they do: each act at a moment when its person sits and does nothing else."""
        diary = {role.name: _Diary(role) for role in roles}
        names = [role.name for role in roles]
        students = [role.name for role in roles if role.matricula is not None]
        long = 1.0 if self._film.duration_s > 120 else 0.6
        for _ in range(self._counts.outings):
            diary[self._one(students)].go_out(self._rng, self._film.width)
        for k in range(self._counts.raises):
            kind = RAISED[k % len(RAISED)]
            self._enter(diary, students, kind, (4.5 * long, 9.0 * long))
        for k in range(self._counts.away):
            self._enter(diary, names, "looking_down" if k % 3 == 2 else "turned_away", (4.0 * long, 15.0 * long))
        for k in range(self._counts.gestures):
            self._enter(diary, names, _GESTURES[k % len(_GESTURES)], (3.0 * long, 12.0 * long))
        return [diary[role.name].role() for role in roles]

    def _one(self, names: Sequence[str]) -> str:
        return names[int(self._rng.integers(len(names)))]

    def _enter(self, diary: dict[str, _Diary], names: Sequence[str], kind: str, length: tuple[float, float]) -> None:
        """Let someone do something; where no one has time for it, it is left out."""
        for _ in range(40):
            own = diary[self._one(names)]
            seconds = float(self._rng.uniform(*length))
            start = own.free(self._rng, seconds)
            if start is not None:
                own.acts.append(self._act(own.person, kind, start, start + seconds))
                return

    def _act(self, role: Role, kind: str, start: float, end: float) -> Act:
        if kind == "turned_away":
            yaw = float(self._rng.uniform(0.95, 1.2)) * (1 if self._rng.random() < 0.5 else -1)
            return Act(kind, start, end, None, yaw, None)
        if kind == "looking_down":
            writing = self._posture(role.who, "writing", role.rest.sleeve)
            return Act(kind, start, end, writing, None, float(self._rng.uniform(0.55, 0.7)))
        tries = [self._posture(role.who, kind, role.rest.sleeve) for _ in range(20)]  # type: ignore[arg-type]
        return Act(kind, start, end, next((posture for posture in tries if self._is_seen(role, posture)), tries[0]))

    def _is_seen(self, role: Role, posture: Posture) -> bool:
        """Whether all of a seated person's arms is inside the picture, as far as its sides go."""
        middle, unit = role.paths[0][-1].x, role.face_width / 2
        reach = [joints(role.who, arm, side)[:, 0] for arm, side in ((posture.right, -1), (posture.left, 1))]
        across = middle + unit * np.concatenate(reach)
        return bool(across.min() > unit / 2 and across.max() < self._film.width - unit / 2)

    def _passing(self, people: Sequence[Identity]) -> list[Role]:
        """Return strangers who pass: in turn before all desks and behind all, looking at the camera on their way."""
        roles = []
        rows = self._row_count()
        for k in range(self._counts.passers):
            who = people[k % len(people)]
            y, face = self._row(0 if k % 2 else rows - 1)
            row, face = (-1, 0.9 * face) if k % 2 else (rows, 1.12 * face)
            slot = self._film.duration_s / self._counts.passers
            start = slot * k + float(self._rng.uniform(0.35, 0.5)) * slot
            path = self._crossing(start, face)
            rest = self._posture(who, "down", 1.0)
            roles.append(Role(f"stranger {k + 1}", None, who, self._look(who), row, y, face, rest, rest, (path,)))
        return roles

    def _crossing(self, start: float, face: float) -> tuple[Waypoint, ...]:
        """Return the way across the picture, with a halt."""
        ends = [-face, self._film.width + face]
        if self._rng.random() < 0.5:
            ends.reverse()
        halt = self._film.width * float(self._rng.uniform(0.4, 0.6))
        there = start + abs(halt - ends[0]) / (_SPEED * face)
        on = there + float(self._rng.uniform(1.2, 2.0))
        out = on + abs(ends[1] - halt) / (_SPEED * face)
        points = (Waypoint(start, ends[0], 1.0), Waypoint(there, halt, 1.0), Waypoint(on, halt, 1.0))
        return (*points, Waypoint(out, ends[1], 1.0))


class _Diary:
    """When a person is busy."""

    def __init__(self, person: Role) -> None:
        self.person = person
        self.acts: list[Act] = []
        self.paths = [person.paths[0]]

    def role(self) -> Role:
        """Return the person with all of it."""
        acts = tuple(sorted(self.acts, key=lambda act: act.from_s))
        return dataclasses.replace(self.person, acts=acts, paths=tuple(self.paths))

    def free(self, rng: np.random.Generator, seconds: float) -> float | None:
        """Return a moment from which the person sits and has nothing to do for so long; None if by chance none."""
        seats = [span for span in self._seated() if span.to_s - span.from_s > seconds + 4 * MOVING_S]
        if not seats:
            return None
        lengths = np.array([span.to_s - span.from_s - seconds - 2 * MOVING_S for span in seats])
        span = seats[int(rng.choice(len(seats), p=lengths / lengths.sum()))]
        start = float(rng.uniform(span.from_s + MOVING_S, span.to_s - seconds - MOVING_S))
        busy = any(act.from_s < start + seconds + MOVING_S and start < act.to_s + MOVING_S for act in self.acts)
        return None if busy else start

    def _seated(self) -> list[Span]:
        """Return when the person sits."""
        spans = []
        for path in self.paths:
            low = [point for point in path if point.lift == 0.0]
            if len(low) >= 2:
                spans.append(Span(low[0].at_s, low[-1].at_s))
        return spans

    def go_out(self, rng: np.random.Generator, width: int) -> None:
        """Let the person leave the room for some minutes and come back, if there is time for it."""
        path = self.paths[-1]
        sits, end = path[-2], path[-1]
        length = end.at_s - sits.at_s
        if length < 600:
            return
        leaves = sits.at_s + float(rng.uniform(0.2, 0.5)) * length
        back = leaves + float(rng.uniform(60, 240))
        arriving = _arriving(back, sits.x, self.person.face_width, width)
        edge, seconds = arriving[0].x, arriving[1].at_s - arriving[0].at_s
        up = Waypoint(leaves + 0.6, sits.x, 1.0)
        away = Waypoint(leaves + 0.6 + seconds, edge, 1.0)
        self.paths[-1] = (*path[:-1], Waypoint(leaves, sits.x, 0.0), up, away)
        self.paths.append((*arriving, end))


def _arriving(start: float, x: float, face: float, width: int) -> tuple[Waypoint, ...]:
    """Return the way to a seat at `x` from the nearer edge of a picture of this width."""
    edge = -face if x < width / 2 else width + face
    there = start + abs(x - edge) / (_SPEED * face)
    return (Waypoint(start, edge, 1.0), Waypoint(there, x, 1.0), Waypoint(there + 0.6, x, 0.0))
