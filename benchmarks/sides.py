"""The two sides of the bulk benchmark, each in a process of its own: opened once, then given photos slice by slice."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from indexer.sources.values import SourcePhoto


@dataclass(frozen=True, slots=True)
class Slice:
    """Seconds by the clock that some photos took, and templates by location; a photo without a face has none."""

    seconds: float
    templates: Mapping[str, NDArray[np.float32]]


class Side(Protocol):
    """One way to get templates of photos."""

    def take(self, locations: frozenset[str]) -> Slice:
        """Those photos, decoded, detected, embedded and kept."""


class Loop:
    """The loop that most projects use, ``FaceAnalysis.get``: as they use it, or with all of insightface's defaults."""

    def __init__(self, pack_folder: Path, defaults: bool) -> None:
        from insightface.app import FaceAnalysis

        modules = None if defaults else ["detection", "recognition"]
        self._app = FaceAnalysis(name=str(pack_folder), allowed_modules=modules)
        self._app.prepare(ctx_id=-1, det_size=None if defaults else (640, 640))

    def take(self, locations: frozenset[str]) -> Slice:
        """Photo after photo; the face is the one that insightface puts first."""
        import cv2

        start, templates = time.perf_counter(), {}
        for location in sorted(locations):
            picture = cv2.imread(location)
            faces = [] if picture is None else self._app.get(picture, max_num=1)
            if faces:
                templates[location] = faces[0].normed_embedding
        return Slice(time.perf_counter() - start, templates)


class IndexerAdd:
    """``indexer add`` into a gallery that was empty, decode and write included.

    With ``landmarks`` the source knows each photo's five points, as CelebA's lists do, and nothing is detected; they
    are found beforehand, by a look at the whole photo.
    """

    def __init__(self, root: Path, settings: Mapping[str, str], landmarks: bool = False) -> None:
        from indexer.sources.folder import read_folder
        from presente import composition
        from presente.settings import load_settings

        self._folder = tempfile.TemporaryDirectory()
        places = {
            "PRESENTE_STORE": f"sqlite:///{self._folder.name}/gallery.db",
            "PRESENTE_INDEX": f"{self._folder.name}/index",
        }
        self._settings = load_settings(environment={**settings, **places})
        pack = composition.open_pack(self._settings)
        self._embedder = composition.open_embedder(self._settings, pack)
        self._gallery = composition.open_gallery(self._settings, pack)
        self._source = read_folder(root)
        if landmarks:
            self._source = replace(self._source, photos=tuple(map(self._with_landmarks, self._source.photos)))
        self.runtime = self._embedder.runtime

    def _with_landmarks(self, photo: SourcePhoto) -> SourcePhoto:
        faces = self._embedder.detect(self._embedder.decode(photo.read()))
        return replace(photo, landmarks=faces[0].face.landmarks) if faces else photo

    def take(self, locations: frozenset[str]) -> Slice:
        """One run of the indexer's pipeline."""
        from gallery.documents.values import Enrolment
        from indexer.pipeline.enrol_source import enrol_source

        photos = tuple(photo for photo in self._source.photos if photo.location in locations)
        source = replace(self._source, photos=photos)
        templates: dict[str, NDArray[np.float32]] = {}
        enrol = self._gallery.enrol

        def remembered(enrolments: Sequence[Enrolment]) -> None:
            enrol(enrolments)
            templates.update({photo.source: photo.template.vector for one in enrolments for photo in one.photos})

        self._gallery.enrol = remembered  # type: ignore[method-assign, assignment]
        report = enrol_source(source, self._embedder, self._gallery, self._settings.workers, _unwatched)
        self._gallery.enrol = enrol  # type: ignore[method-assign]
        return Slice(report.seconds, templates)


def _unwatched(count: int, refused: int = 0) -> None:
    """Nobody looks at a benchmark's progress."""


_side: Any = None
"""This process's side."""


def _open(kind: type[Side], arguments: tuple[Any, ...]) -> None:
    global _side
    _side = kind(*arguments)


def _take(locations: frozenset[str]) -> tuple[Slice, float]:
    """A slice, and the CPU seconds that it took in all threads."""
    start = time.process_time()
    return _side.take(locations), time.process_time() - start


def _runtime() -> str:
    return str(_side.runtime)


def _peak_mb() -> float:
    """Largest resident size of this process so far, in MB of 10^6 bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib * 1024 / 1e6


class Apart:
    """A side in a process of its own."""

    def __init__(self, kind: type[Side], *arguments: Any) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_open, initargs=(kind, arguments))
        self.templates: dict[str, NDArray[np.float32]] = {}
        self.seconds: list[float] = []
        self.cpu_seconds = 0.0

    def take(self, locations: frozenset[str]) -> None:
        """Do a slice, and wait for it."""
        taken, cpu_seconds = self._pool.submit(_take, locations).result()
        self.cpu_seconds += cpu_seconds
        self.templates.update(taken.templates)
        self.seconds.append(taken.seconds)

    def runtime(self) -> str:
        """What runs the models."""
        return self._pool.submit(_runtime).result()

    def peak_mb(self) -> float:
        """Largest resident size so far, MB."""
        return self._pool.submit(_peak_mb).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()
