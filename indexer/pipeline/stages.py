"""The stages that enrolling a source and embedding stored photos share: embed in batches, write in batches.

A photo is counted as done only after its batch was committed. A photo that cannot be used, or that makes a library
fail, is refused with a reason and never ends the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from faces.embedder import AlignedFace, EmbeddedFace, FaceEmbedder
from indexer.pipeline.run_report import INTERNAL_ERROR, INTERRUPTED, Refusal, RunReport
from presente.errors import Conflict, PhotoRefused, PresenteError
from presente.parallel import default_workers, in_batches, in_threads
from presente.secrets import hidden

log = logging.getLogger(__name__)

BATCH = 32
"""Photos written in one transaction."""

_READERS_PER_CORE_OF_GPU = 3
"""Threads per core that read photos when a GPU finds the faces: two wait for it while one decodes or aligns."""

_Photo = TypeVar("_Photo")


def embed_in_batches(
    embedder: FaceEmbedder, aligned: Iterable[tuple[_Photo, AlignedFace]], workers: int
) -> Iterator[tuple[_Photo, EmbeddedFace | BaseException]]:
    """Embed the face of every photo, in order: the embedded face, or the error of that face.

    One call of the model takes as many faces as calls before showed to be quickest; ``workers`` calls run at once (0:
    one per core).
    """
    batches = in_batches(aligned, embedder.batch_size.next)
    for _, future in in_threads(lambda batch: _embed_batch(embedder, batch), batches, workers, ahead=2):
        yield from future.result()


def _embed_batch(
    embedder: FaceEmbedder, batch: Sequence[tuple[_Photo, AlignedFace]]
) -> list[tuple[_Photo, EmbeddedFace | BaseException]]:
    photos = [photo for photo, _ in batch]
    start = time.perf_counter()
    try:
        embedded = embedder.embed([face for _, face in batch])
    except (ValueError, RuntimeError) as exc:  # a face that the model cannot take must not cost the other faces
        if len(batch) == 1:
            return [(photos[0], exc)]
        return [outcome for entry in batch for outcome in _embed_batch(embedder, [entry])]
    embedder.batch_size.took(len(batch), time.perf_counter() - start)
    return list(zip(photos, embedded, strict=True))


def reading_threads(embedder: FaceEmbedder, workers: int) -> int:
    """How many threads read photos and find their faces for ``workers`` (0: one per core)."""
    return (workers or default_workers()) * (_READERS_PER_CORE_OF_GPU if embedder.on_gpu else 1)


def write_in_batches(
    outcomes: Iterable[tuple[_Photo, EmbeddedFace | BaseException]],
    write: Callable[[Sequence[tuple[_Photo, EmbeddedFace]]], None],
    refuse: Callable[[_Photo, BaseException], None],
    owner: Callable[[_Photo], object] | None = None,
) -> None:
    """Pass embedded faces to ``write``, at most ``BATCH`` at a time, and errors to ``refuse`` at once.

    With ``owner``, the photos of one owner come in one batch, unless they are more than a batch.
    """
    waiting: list[tuple[_Photo, EmbeddedFace]] = []
    for photo, outcome in outcomes:
        if isinstance(outcome, BaseException):
            refuse(photo, outcome)
            continue
        waiting.append((photo, outcome))
        if len(waiting) >= BATCH:
            count = BATCH if owner is None else _before_last_owner([owner(each) for each, _ in waiting])
            write(waiting[:count])
            waiting = waiting[count:]
    if waiting:
        write(waiting)


def _before_last_owner(owners: Sequence[object]) -> int:
    """How many entries come before the last owner's; all of them when there is one owner."""
    return next((place for place in range(len(owners), 0, -1) if owners[place - 1] is not owners[-1]), len(owners))


def run_timed(report: RunReport, run: Callable[[], None]) -> None:
    """Call ``run``; note its seconds, and why it stopped early if it did, in the report. Raises nothing."""
    start = time.perf_counter()
    try:
        run()
    except KeyboardInterrupt:
        report.stopped = INTERRUPTED
    except PresenteError as error:
        log.error("%s", error)
        report.stopped = error.code
    except Exception as error:
        log.error("unexpected", exc_info=error)
        report.stopped = INTERNAL_ERROR
    finally:
        report.seconds = time.perf_counter() - start


def refusal(location: str, error: BaseException) -> Refusal:
    """The error of one photo as a refusal with a code; an unexpected one is logged with its traceback."""
    if isinstance(error, PhotoRefused | Conflict):
        return Refusal(location, error.code, str(error))
    if isinstance(error, FileNotFoundError):
        return Refusal(location, "file_not_found", "There is no such file.")
    if isinstance(error, OSError):
        return Refusal(location, "unreadable_file", f"The file cannot be read ({error.strerror or error}).")
    log.error("%s", location, exc_info=error)
    return Refusal(location, INTERNAL_ERROR, hidden(f"{type(error).__name__}: {error}"))
