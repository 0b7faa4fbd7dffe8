"""A job's process, as the server sees it: what it tells, and its end.

It stands back for queries (nice 10), and has half of the cores. It stays in the server's session, because Linux weighs
whole sessions against each other (autogroup), and only within one by nice.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gallery.documents.jobs import JobProgress
from presente.installation import IMPORT_ROOT, INSTALLED
from presente.settings import without_settings
from server.jobs import child
from server.jobs.work import JobWork

_GRACE_S = 5.0
"""Seconds that a process has to end when it is asked to."""


@dataclass(frozen=True, slots=True)
class JobMessage:
    """What a process tells: how far it is, its result, or the error that ended it (``code`` and ``text``)."""

    progress: JobProgress | None = None
    result: dict[str, Any] | None = None
    code: str = ""
    text: str = ""

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.progress is None


class JobProcess:
    """One process at one job. Used by one thread."""

    def __init__(self, work: JobWork) -> None:
        """Start it. Raises OSError."""
        clone = {} if INSTALLED else {"PYTHONPATH": str(IMPORT_ROOT)}
        threads = str(max(1, (os.cpu_count() or 1) // 2))
        bounds = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", child.__name__],
            env=without_settings() | clone | bounds,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._told: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="job", daemon=True)
        self._reader.start()
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone: the reader finds out why
            self._process.stdin.write(pickle.dumps(work))
            self._process.stdin.flush()

    def message(self, wait_s: float) -> JobMessage | None:
        """The next thing that it tells; None when it tells nothing for so long."""
        try:
            return self._told.get(timeout=wait_s)
        except queue.Empty:
            return None

    def end(self) -> None:
        """End it, if it has not ended by itself."""
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        last = JobMessage(progress=JobProgress())
        for line in self._process.stdout:
            said = json.loads(line)
            last = JobMessage(JobProgress(**said["progress"])) if "progress" in said else JobMessage(None, **said)
            self._told.put(last)
        if not last.is_last:
            status = self._process.wait()
            self._told.put(JobMessage(code="job_crashed", text=f"Its process ended (exit status {status})."))
