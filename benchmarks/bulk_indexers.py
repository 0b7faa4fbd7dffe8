"""The indexers that the bulk benchmark compares, each in its own process: opened once, then given photos in parts."""

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

from benchmarks import common

if TYPE_CHECKING:
    from indexer.sources.values import SourcePhoto
    from presente.settings import Settings


@dataclass(frozen=True, slots=True)
class TimedTemplates:
    """Seconds by the clock that some photos took, and templates by location; a photo without a face has none."""

    seconds: float
    templates: Mapping[str, NDArray[np.float32]]


class BulkIndexer(Protocol):
    """One way to make templates of many photos."""

    def take(self, locations: frozenset[str]) -> TimedTemplates:
        """Decode, detect, embed and keep those photos."""


class InsightfaceLoop:
    """The loop of most projects, ``FaceAnalysis.get``: with two models, or with all of insightface's defaults."""

    def __init__(self, pack_folder: Path, defaults: bool) -> None:
        from insightface.app import FaceAnalysis

        modules = None if defaults else ["detection", "recognition"]
        self._app = FaceAnalysis(name=str(pack_folder), allowed_modules=modules)
        self._app.prepare(ctx_id=-1, det_size=None if defaults else (640, 640))

    def take(self, locations: frozenset[str]) -> TimedTemplates:
        """Photo after photo; the face is the one that insightface puts first."""
        import cv2

        start, templates = time.perf_counter(), {}
        for location in sorted(locations):
            picture = cv2.imread(location)
            faces = [] if picture is None else self._app.get(picture, max_num=1)
            if faces:
                templates[location] = faces[0].normed_embedding
        return TimedTemplates(time.perf_counter() - start, templates)


class IndexerAdd:
    """``indexer add`` into a gallery that was empty, decode and write included.

    With ``landmarks`` the source knows each photo's five points, as CelebA's lists do, and nothing is detected; they
    are found beforehand, by a look at the whole photo.
    """

    def __init__(self, root: Path, settings: Settings, landmarks: bool = False) -> None:
        from indexer.sources.folder import read_folder
        from presente import composition

        self._folder = tempfile.TemporaryDirectory()
        self._settings = common.own_gallery(settings, Path(self._folder.name))
        pack = composition.open_pack(self._settings)
        self._embedder = composition.open_embedder(self._settings, pack)
        self._gallery = composition.open_gallery(self._settings, pack)
        self._source = read_folder(root)
        if landmarks:
            self._source = replace(self._source, photos=tuple(map(self._with_landmarks, self._source.photos)))
        self.runtime = self._embedder.runtime

    def _with_landmarks(self, photo: SourcePhoto) -> SourcePhoto:
        faces = self._embedder.read_faces(photo.read()).faces
        return replace(photo, landmarks=faces[0].face.landmarks) if faces else photo

    def take(self, locations: frozenset[str]) -> TimedTemplates:
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
        return TimedTemplates(report.seconds, templates)


def _unwatched(count: int, refused: int = 0) -> None:
    """A benchmark shows no progress."""


_indexer: Any = None
"""The indexer of this process."""


def _open(kind: type[BulkIndexer], arguments: tuple[Any, ...]) -> None:
    global _indexer
    _indexer = kind(*arguments)


def _take(locations: frozenset[str]) -> tuple[TimedTemplates, float]:
    """Templates of some photos, and the CPU seconds that they took in all threads."""
    start = time.process_time()
    return _indexer.take(locations), time.process_time() - start


def _runtime() -> str:
    return str(_indexer.runtime)


def _peak_mb() -> float:
    """Largest resident size of this process so far, in MB of 10^6 bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib * 1024 / 1e6


class InOwnProcess:
    """An indexer in a process of its own."""

    def __init__(self, kind: type[BulkIndexer], *arguments: Any) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_open, initargs=(kind, arguments))
        self.templates: dict[str, NDArray[np.float32]] = {}
        self.seconds: list[float] = []
        self.cpu_seconds = 0.0

    def take(self, locations: frozenset[str]) -> None:
        """Make templates of some photos, and wait for them."""
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
