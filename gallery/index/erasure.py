"""Overwriting removed templates in the index's files, and following the documents while no request arrives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gallery.documents.protocol import FollowedStore
from gallery.index.erased_rows import GenerationFiles
from gallery.index.generations import GenerationStore
from gallery.index.template_parts import PublishedTemplates
from presente.errors import IndexDamaged, PresenteError, StoreError

log = logging.getLogger(__name__)


class Erasure:
    """The removed templates that files of generations may still contain. Safe to use from several threads.

    Attributes:
        seen: how many removals were noted.
    """

    def __init__(self, store: FollowedStore, generations: GenerationStore) -> None:
        self._store = store
        self._generations = generations
        self._waiting: set[int] = set()
        self._lock = threading.Lock()
        self.seen = 0

    def add(self, removed: NDArray[np.int64]) -> None:
        """Note templates that were removed."""
        with self._lock:
            self._waiting.update(map(int, removed))
            self.seen += len(removed)

    @property
    def waiting(self) -> int:
        """How many removed templates files may still contain."""
        return len(self._waiting)

    def waits_for(self, published: PublishedTemplates) -> bool:
        """Whether rows of these templates are to be overwritten."""
        return len(published.rows_of_ids(np.array(sorted(self._waiting), dtype=np.int64))) > 0

    def finish(self, published: PublishedTemplates, identity: str) -> None:
        """Overwrite the rows of removed templates in the generation in use and in any newer one.

        Older generations that contain removed templates are deleted.

        Args:
            published: the templates of the generation in use.
            identity: the store's identity; generations of another store are left alone.

        Raises:
            StoreError: ``erasure_incomplete``; the next call tries again.
        """
        with self._lock:
            if not self._waiting:
                return
            ids = np.array(sorted(self._waiting), dtype=np.int64)
            left: list[str] = []
            in_use = published.files
            if in_use is not None:
                self._try(left, in_use.folder, partial(_overwrite, in_use, published, ids))
            for number in self._generations.numbers():
                folder = self._generations.path(number)
                if in_use is None or folder != in_use.folder:
                    self._try(left, folder, partial(self._clear, number, identity, ids))
            left += [str(path) for path in self._generations.delete_leftovers()]
            if left:
                raise StoreError(
                    "erasure_incomplete",
                    "The documents contain nothing of what was removed any more, but vectors are left in "
                    f"{'; '.join(left)}.",
                    "Make it writable. Erasing is finished at the next chance, for example by the same request again.",
                )
            self._waiting.clear()

    def _clear(self, number: int, identity: str, ids: NDArray[np.int64]) -> None:
        """Overwrite or delete a generation that is not in use here."""
        documents = self._generations.indexed_documents(number)
        if documents is not None and documents.store != identity:
            return  # of another store
        if number < max(self._generations.numbers(), default=number):
            if documents is None or self._store.removed_since(documents.change):
                self._generations.delete(number)
            return
        try:
            newest = self._generations.load(number)
        except IndexDamaged:
            self._generations.delete(number)
            return
        published = PublishedTemplates(newest.templates, newest.vectors, newest.index, newest.files)
        if newest.files is not None:
            _overwrite(newest.files, published, ids)
        elif len(published.rows_of_ids(ids)):
            self._generations.delete(number)

    @staticmethod
    def _try(left: list[str], folder: object, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as exc:
            left.append(f"{folder} ({exc.strerror or exc})")


def _overwrite(files: GenerationFiles, published: PublishedTemplates, ids: NDArray[np.int64]) -> None:
    files.overwrite(published.rows_of_ids(ids), published.index)


class StoreWatcher:
    """A thread that keeps an index up to date with the documents, also while no search asks for it."""

    def __init__(self, update: Callable[[], int], seen: int, every_s: float, erased: Callable[[], None]) -> None:
        """Start the thread.

        Args:
            update: brings the index up to date; how many removals it has seen.
            seen: how many it has seen already.
            every_s: seconds between two updates.
            erased: called after an update that saw a student removed.
        """
        self._update = update
        self._seen = seen
        self._every_s = every_s
        self._erased = erased
        self._stopping = threading.Event()
        self._logged = ""
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the update that is under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                now = self._update()
                if now != self._seen:
                    self._erased()
                    self._seen = now
                self._logged = ""
            except Exception as error:
                if str(error) != self._logged:  # once, not at every update while it lasts
                    log.error("%s", error, exc_info=None if isinstance(error, PresenteError | OSError) else error)
                self._logged = str(error)
