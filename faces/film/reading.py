"""Reads a film: looks at its frames, follows the faces in them, and notes whose hand goes up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faces.embedder import FaceEmbedder
from faces.film.following import FaceFollower
from faces.film.frames import FilmFrame, FilmFrames, FilmLimits
from faces.film.tracker import unjudged
from faces.film.values import FilmRaise, FilmReading
from faces.image.decode import RGB, DecodedPhoto
from faces.liveness.values import LivenessScore
from faces.pose.raised_hands import RaiseRule
from faces.reading import AlignedFace
from presente.parallel import in_threads

Tell = Callable[[float, float | None], None]
"""Is told how many seconds of a film are read, and how many it has, as far as that is known."""

_CLOSER_EVERY_S = 1.0
"""Seconds between two closer looks, for small faces, which cost several times a usual one."""
_ONE_RAISE_S = RaiseRule().gap_s
"""Raises of one face by two tracks that are not farther apart in time are one."""
_UPRIGHT_AFTER = 3
"""The way up of a film is that of so many frames with faces; until then every way is tried."""


class RaisedHands(Protocol):
    """Notes whose hand goes up, of the faces of one frame after the other."""

    def see(self, at_s: float, pixels: RGB, tracks: Sequence[int], boxes: NDArray[np.float32]) -> None:
        """Take in a frame: the faces' tracks, and their boxes, float32 (n, 4)."""

    def raises(self) -> Sequence[tuple[int, float, float]]:
        """Each raise so far: track, from when, to when."""


@dataclass
class _Way:
    """Which way up a film is: the clockwise quarter turns that make it upright; None until that is known."""

    turns: int | None = None
    votes: dict[int, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def vote(self, turns: int) -> None:
        with self.lock:
            self.votes[turns] = self.votes.get(turns, 0) + 1
            if self.votes[turns] >= _UPRIGHT_AFTER:
                self.turns = turns if self.turns is None else self.turns


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at a frame gave: the faces, in the upright pixels."""

    pixels: RGB
    faces: tuple[AlignedFace, ...]


class FilmReader:
    """Looks at the frames of one film. Its frames may be looked at from several threads."""

    def __init__(self, embedder: FaceEmbedder, judges: bool = False) -> None:
        """Look with an embedder; ``judges``: whether it is asked how live faces look, for which it has a pack."""
        self._embedder, self._judges = embedder, judges
        self._way = _Way()
        self._closer_s = -_CLOSER_EVERY_S

    def look(self, frame: FilmFrame) -> _Look:
        """The faces of a frame."""
        finder, turns = self._embedder.finder, self._way.turns
        pixels = frame.pixels
        if turns is None:
            found = finder.first_looks(pixels)
            if found.faces:
                self._way.vote(found.turns)
            turns = found.turns
        pixels = np.ascontiguousarray(np.rot90(pixels, -turns)) if turns else pixels
        faces = finder.upright_looks(pixels, self._closer_is_allowed(frame.at_s))
        photo = DecodedPhoto(pixels, "", pixels.shape[:2])
        return _Look(pixels, self._embedder.read(photo, faces).faces)

    def _closer_is_allowed(self, at_s: float) -> Callable[[], bool]:
        def allowed() -> bool:
            if at_s < self._closer_s + _CLOSER_EVERY_S:
                return False
            self._closer_s = at_s
            return True

        return allowed

    def embed(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """Templates of faces, float32 (n, d)."""
        return np.array([face.template for face in self._embedder.embed(faces)], dtype=np.float32)

    def judge(self, faces: Sequence[AlignedFace]) -> Sequence[LivenessScore | None]:
        """How live faces look; None of each where that is not asked."""
        return self._embedder.judged(faces) if self._judges else unjudged(faces)


def _untold(_: float, __: float | None) -> None:
    """No one wants to know."""


def read_film(
    source: str,
    embedder: FaceEmbedder,
    same: float,
    hands: RaisedHands | None = None,
    tell: Tell = _untold,
    limits: FilmLimits | None = None,
    workers: int = 0,
    judges: bool = False,
) -> FilmReading:
    """Read a film from its first to its last frame.

    Args:
        source: path of the file.
        embedder: finds and embeds the faces.
        same: the cosine from which two templates are taken for one person's.
        hands: notes raised hands; None: they are not looked for.
        tell: is told how far it is.
        limits: what the film may cost.
        workers: threads that look at frames; 0: one per core.
        judges: whether it is asked how live the faces look; the embedder has a liveness pack then.

    Raises:
        FilmRefused: as :class:`faces.film.frames.FilmFrames`.
    """
    reader = FilmReader(embedder, judges)
    follower = FaceFollower(reader.embed, same, reader.judge)
    looked_at, height, width = 0, 0, 0
    with closing(FilmFrames(source, limits)) as frames:
        for frame, future in in_threads(reader.look, frames, workers, ahead=2):
            look = future.result()
            tracks = follower.see(frame.at_s, look.pixels, look.faces)
            if hands is not None:
                boxes = np.array([face.face.box for face in look.faces], dtype=np.float32).reshape(-1, 4)
                hands.see(frame.at_s, look.pixels, tracks, boxes)
            looked_at += 1
            height, width = look.pixels.shape[:2]
            total = frames.claimed_s if frames.claimed_s and frames.claimed_s >= frame.at_s else None
            tell(frame.at_s, total)
        appearances, whose = follower.finish()
        return FilmReading(
            frames.reached_s,
            width,
            height,
            frames.decoded,
            looked_at,
            appearances,
            None if hands is None else raises_of(hands, whose),
            frames.damaged,
            frames.claimed_s,
        )


def raises_of(hands: RaisedHands, whose: Callable[[int, float], int | None]) -> tuple[FilmRaise, ...]:
    """Raised hands by the appearance of their tracks; those of a face that no view shows well are left out.

    A face that is lost and found again while the hand is up has two tracks and one raise.
    """
    known = [
        FilmRaise(number, start, end)
        for track, start, end in hands.raises()
        if (number := whose(track, start)) is not None
    ]
    found: list[FilmRaise] = []
    for each in sorted(known, key=lambda one: (one.appearance, one.from_s)):
        before = found[-1] if found else None
        if before and before.appearance == each.appearance and each.from_s - before.to_s <= _ONE_RAISE_S:
            found[-1] = replace(before, to_s=max(before.to_s, each.to_s))
        else:
            found.append(each)
    return tuple(sorted(found, key=lambda one: one.from_s))
