"""What keeps one photo that crashes a decoder from ending a run of two hundred thousand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from presente.errors import PhotoRefused
from presente.locks import ReadWriteLock
from presente.supervisor import SupervisedRun


class CrashGuard:
    """Notes what is under way, keeps suspects apart, leaves culprits out. For several threads at once."""

    def __init__(self, attempt: SupervisedRun) -> None:
        self.attempt = attempt
        self._beside = ReadWriteLock()

    @contextmanager
    def over(self, photo: str) -> Iterator[None]:
        """A photo, by its location, is worked on inside the block.

        Raises:
            PhotoRefused: ``crashed`` when it is known to end the process.
        """
        if self.attempt.is_culprit(photo):
            raise PhotoRefused(
                "crashed", "Reading this photo crashed the process.", "Save it anew with another program."
            )
        lock = self._beside.write() if self.attempt.is_suspect(photo) else self._beside.read()
        with lock, self.attempt.journal.at(photo):
            yield
