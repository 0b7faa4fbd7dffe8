"""The values of unknown people: faces that nobody enrolled has, in groups of one person each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

UnknownState = Literal["open", "not_ours"]
"""``open``: a card that a person may name, ignore or forget. ``not_ours``: a person said that it is no one of the
school: no card, and whoever resembles it more than a student is told apart from the student."""

UnknownSource = Literal["identify", "attendance", "session", "film"]
"""What showed a face."""


@dataclass(frozen=True, slots=True)
class UnknownFace:
    """One sighting of someone who is not enrolled, as it is to be stored.

    Attributes:
        vector: the template, float32 (d,), length 1.
        pack: tag of the model pack that made it.
        at: when it was first seen, UTC, ISO with seconds.
        last_at: when it was last seen, likewise: sightings of one visit are one face.
        source: what showed it.
        picture: the face and what is around it, JPEG; a photo of it can be enrolled.
        box: of the face in the picture, x1, y1, x2, y2 in pixels.
        quality: what :class:`faces.quality.Quality` measured.
        looks: how often it was seen in the visit.
        clase: class whose attendance showed it; empty for none.
        session: id of the session that showed it; 0 for none.
        worth: how good a view of the face it is, 0 to 1 (``faces.film.views``): a group shows its best.
    """

    vector: NDArray[np.float32]
    pack: str
    at: str
    last_at: str
    source: UnknownSource
    picture: bytes
    box: tuple[float, float, float, float]
    quality: Mapping[str, float] = field(default_factory=dict)
    looks: int = 1
    clase: str = ""
    session: int = 0
    worth: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredUnknownFace:
    """A stored face, without its picture; ``id`` and ``group`` are positive."""

    id: int
    group: int
    face: UnknownFace


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """A person who is not enrolled.

    Attributes:
        id: positive; later groups have greater ids, and no id is used twice.
        state: what a person said of it.
        first_at, last_at: when it was first and last seen, UTC, ISO.
        visits: how many faces it has.
        looks: how often it was seen in all of them.
        cover: id of the face with the greatest ``worth``.
        clases: the classes whose attendance showed it, sorted.
        note: a person's remark.
    """

    id: int
    state: UnknownState
    first_at: str
    last_at: str
    visits: int
    looks: int
    cover: int
    clases: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class UnknownBatch:
    """Templates of unknown faces, in order of id: ids int64 (n,), groups int64 (n,), vectors float32 (n, d), and which
    belong to a group that is ``not_ours``, bool (n,)."""

    ids: NDArray[np.int64]
    groups: NDArray[np.int64]
    vectors: NDArray[np.float32]
    not_ours: NDArray[np.bool_]


UnknownOrder = Literal["last_at", "visits"]
"""The newest first, or those who were seen most often first."""


@dataclass(frozen=True, slots=True)
class UnknownPlace:
    """Where a group stands in a list: the value that the list is sorted by, and the id."""

    value: str | int
    id: int
