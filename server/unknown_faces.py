"""Faces of unknown people that photos show, kept without making anyone wait.

Requests put them into a queue, and a thread keeps them. What does not fit into the queue is counted, and lost: someone
who comes again is seen again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from faces.film.views import view_quality
from faces.quality import GoodQuality, Quality
from gallery.documents.unknown_people import UnknownFace, UnknownSource
from gallery.gallery import Gallery
from gallery.unknowns.keeper import KeptAs, UnknownKeeper
from presente.errors import PresenteError

MOST_WAITING = 500
"""Faces in the queue at most: 150 MB of pictures."""
_LOOK_S = 1.0
_GOOD = GoodQuality()

UnknownOutcome = KeptAs | Literal["not_good", "queue_full", "failed"]
"""What became of an unknown face: kept or not, as the keeper says; not good enough to be known again; lost, because too
many waited, or the store could not be used."""

log = logging.getLogger(__name__)


class Picture(Protocol):
    """A picture of a face: :class:`faces.surroundings.FacePicture`, or one that is a JPEG already."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Of the face in it, x1, y1, x2, y2 in pixels."""

    def jpeg(self) -> bytes:
        """The picture as a JPEG."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredPicture:
    """A picture that is a JPEG."""

    content: bytes
    box: tuple[float, float, float, float]

    def jpeg(self) -> bytes:
        """The picture."""
        return self.content


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face that was decided unknown.

    Attributes:
        template: float32 (d,), length 1.
        quality: of the face in the photo.
        picture: the face and what is around it.
        at: when it was seen, UTC, ISO with seconds.
        source, clase, session: as for :class:`gallery.documents.unknown_people.UnknownFace`.
        last_at: when it was last seen; empty for the same moment.
    """

    template: NDArray[np.float32]
    quality: Quality
    picture: Picture
    at: str
    source: UnknownSource
    clase: str = ""
    session: int = 0
    last_at: str = ""


class UnknownFaces:
    """The queue and its thread. Safe to use from several threads."""

    def __init__(self, gallery: Gallery, tell: Callable[[UnknownOutcome], None]) -> None:
        """Begin to keep faces that a gallery does not know; ``tell`` is told what became of each, and must not raise.

        Attributes:
            keeper: puts faces into the store.
        """
        self.keeper = UnknownKeeper(gallery)
        self._pack, self._tell = gallery.pack, tell
        self._queue: queue.Queue[SeenFace | threading.Event | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="unknown-faces", daemon=True)
        self._thread.start()

    def see(self, faces: Iterable[SeenFace]) -> None:
        """Take in faces to be kept; those that are not good enough are passed over. It waits for nothing."""
        for face in faces:
            if _GOOD.faults(face.quality.as_dict()):
                self._tell("not_good")
                continue
            try:
                self._queue.put_nowait(face)
            except queue.Full:
                self._tell("queue_full")

    def settle(self) -> None:
        """Wait until everything that was taken in so far is kept, or is known to be lost; not for what comes later."""
        reached = threading.Event()
        if self._thread.is_alive():
            self._queue.put(reached)
        while self._thread.is_alive() and not reached.wait(_LOOK_S):
            continue

    def close(self) -> None:
        """Keep what waits, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._tell(self._outcome(item))

    def _outcome(self, face: SeenFace) -> UnknownOutcome:
        """Keep a face. The thread goes on, whatever happens."""
        try:
            return self.keeper.keep(self._stored(face))
        except PresenteError as error:
            log.warning("unknown faces: %s", error)
        except Exception:
            log.exception("unknown faces")
        return "failed"

    def _stored(self, face: SeenFace) -> UnknownFace:
        return UnknownFace(
            vector=face.template,
            pack=self._pack,
            at=face.at,
            last_at=face.last_at or face.at,
            source=face.source,
            picture=face.picture.jpeg(),
            box=face.picture.box,
            quality=face.quality.as_dict(),
            clase=face.clase,
            session=face.session,
            worth=view_quality(face.quality),
        )
