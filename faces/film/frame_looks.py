"""The faces of the last frames that cameras in browsers sent: several looks at one face are one piece of evidence."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faces.embedder import EmbeddedFace
from faces.film.views import MOST_VIEWS
from faces.liveness.evidence import evidence_of
from faces.liveness.values import LivenessScore

_KEPT_S = 20.0
"""Seconds for which a look counts: who holds up a picture, and then comes in person, is there after a few frames."""
_MOST_LOOKS = 500
"""Looks that are kept, of all sessions together."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    at: float
    session: int
    template: NDArray[np.float32]
    liveness: LivenessScore


class FrameLooks:
    """The last looks of a server at faces before cameras, in memory alone. Safe to use from several threads."""

    def __init__(self, same: float, now: Callable[[], float] = time.monotonic) -> None:
        """Keep none yet.

        Args:
            same: the cosine from which two templates are taken for one person's.
            now: seconds of a clock that never goes back.
        """
        self._same, self._now = same, now
        self._looks: deque[_Look] = deque(maxlen=_MOST_LOOKS)
        self._lock = threading.Lock()

    def joined(self, session: int, faces: Sequence[EmbeddedFace]) -> list[EmbeddedFace]:
        """The faces of a frame of a session, each as live as it looks by its last looks together, six at most.

        Faces of which that was not asked stay as they are.
        """
        now, kept = self._now(), []
        with self._lock:
            while self._looks and self._looks[0].at < now - _KEPT_S:
                self._looks.popleft()
            earlier = [look for look in self._looks if look.session == session]
            for face in faces:
                if face.liveness is None:
                    kept.append(face)
                    continue
                same = [each.liveness for each in earlier if float(each.template @ face.template) >= self._same]
                evidence = evidence_of([*same[1 - MOST_VIEWS :], face.liveness])
                kept.append(replace(face, liveness=evidence))
                self._looks.append(_Look(now, session, face.template, face.liveness))
        return kept
