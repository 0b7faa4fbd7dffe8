"""Keeps one photo that crashes a decoder from ending a run of two hundred thousand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from presente.errors import PhotoRefused
from presente.locks import ReadWriteLock
from presente.supervisor import SupervisedRun


class CrashGuard:
    """Notes which photos are being read, reads suspects alone, and refuses culprits. Safe to use from several threads.

    A suspect was being read when an earlier attempt crashed; a culprit was the only photo being read.
    """

    def __init__(self, attempt: SupervisedRun) -> None:
        self.attempt = attempt
        self._alone = ReadWriteLock()

    @contextmanager
    def reading(self, photo: str) -> Iterator[None]:
        """Note, inside the block, that the photo at this location is being read.

        Raises:
            PhotoRefused: ``crashed`` when the photo is known to end the process.
        """
        if self.attempt.is_culprit(photo):
            raise crashed()
        lock = self._alone.write() if self.attempt.is_suspect(photo) else self._alone.read()
        with lock, self.attempt.journal.at(photo):
            yield


def crashed() -> PhotoRefused:
    """The refusal of a photo that ends the process that reads it."""
    return PhotoRefused("crashed", "Reading this photo crashed the process.", "Save it anew with another program.")
