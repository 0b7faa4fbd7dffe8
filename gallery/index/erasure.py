"""What is removed from the documents leaves the index's files, too; a thread sees to it while nobody asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.values import DocumentStore
from gallery.index.generation_files import GenerationFiles
from gallery.index.generations import GenerationStore
from gallery.index.template_parts import PublishedTemplates
from presente.errors import IndexDamaged, PresenteError, StoreError

log = logging.getLogger(__name__)


class Erasure:
    """Templates that were removed and that files of generations may still hold. Safe to use from several threads."""

    def __init__(self, store: DocumentStore, snapshots: GenerationStore) -> None:
        self._store = store
        self._snapshots = snapshots
        self._waiting: set[int] = set()
        self._lock = threading.Lock()
        self.seen = 0
        """How many removals were seen."""

    def add(self, removed: NDArray[np.int64]) -> None:
        """Note templates that were removed."""
        with self._lock:
            self._waiting.update(map(int, removed))
            self.seen += len(removed)

    @property
    def waiting(self) -> int:
        """How many removed templates may still be in a file."""
        return len(self._waiting)

    def waits_for(self, published: PublishedTemplates) -> bool:
        """Whether rows of a generation are to be overwritten."""
        return len(published.places(np.array(sorted(self._waiting), dtype=np.int64))) > 0

    def finish(self, published: PublishedTemplates, identity: str) -> None:
        """Overwrite the rows of what was removed, in the generation that is in use and in any newer one; delete the
        older ones that hold something of it.

        Raises:
            StoreError: ``erasure_incomplete``; what is left is tried again by the next call.
        """
        with self._lock:
            if not self._waiting:
                return
            ids = np.array(sorted(self._waiting), dtype=np.int64)
            left: list[str] = []
            in_use = published.files
            if in_use is not None:
                self._try(left, in_use.folder, partial(_overwrite, in_use, published, ids))
            for number in self._snapshots.generations():
                folder = self._snapshots.path(number)
                if in_use is None or folder != in_use.folder:
                    self._try(left, folder, partial(self._clear, number, identity, ids))
            left += [str(path) for path in self._snapshots.leftovers()]
            if left:
                raise StoreError(
                    "erasure_incomplete",
                    "The documents hold nothing of what was removed any more, but vectors are left in "
                    f"{'; '.join(left)}.",
                    "Make it writable; it is finished at the next chance, for example the same request again.",
                )
            self._waiting.clear()

    def _clear(self, number: int, identity: str, ids: NDArray[np.int64]) -> None:
        """Of a generation that is not in use here."""
        origin = self._snapshots.origin(number)
        if origin is not None and origin.store != identity:
            return  # of other documents
        if number < max(self._snapshots.generations(), default=number):
            if origin is None or self._store.removed_since(origin.change):
                self._snapshots.delete(number)
            return
        try:
            newest = self._snapshots.load(number)
        except IndexDamaged:
            self._snapshots.delete(number)
            return
        held = PublishedTemplates(newest.templates, newest.vectors, newest.index, newest.files)
        if newest.files is not None:
            _overwrite(newest.files, held, ids)
        elif len(held.places(ids)):
            self._snapshots.delete(number)

    @staticmethod
    def _try(left: list[str], folder: object, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as exc:
            left.append(f"{folder} ({exc.strerror or exc})")


def _overwrite(files: GenerationFiles, published: PublishedTemplates, ids: NDArray[np.int64]) -> None:
    files.overwrite(published.places(ids), published.index)


class Follower(Protocol):
    """What a watcher watches over."""

    erasure: Erasure

    def catch_up(self) -> None:
        """Apply what the documents have recorded since."""

    def finish_erasing(self) -> None:
        """Overwrite what files still hold of templates that were removed."""


class StoreWatcher:
    """A thread that lets an index follow the documents also while nobody asks it anything."""

    def __init__(self, index: Follower, every_s: float, erased: Callable[[], None]) -> None:
        """Start.

        Args:
            index: what follows.
            every_s: seconds between two looks.
            erased: called after a look that saw somebody removed.
        """
        self._index = index
        self._every_s = every_s
        self._erased = erased
        self._stopping = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        seen = self._index.erasure.seen
        while not self._stopping.wait(self._every_s):
            try:
                self._index.catch_up()
                self._index.finish_erasing()
                now = self._index.erasure.seen
                if now != seen:
                    self._erased()
                    seen = now
                self._said = ""
            except Exception as error:
                if str(error) != self._said:  # once, not every second while it lasts
                    log.error("%s", error, exc_info=None if isinstance(error, PresenteError | OSError) else error)
                self._said = str(error)
