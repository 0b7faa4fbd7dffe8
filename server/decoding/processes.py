"""Processes that decode, reused for the next photo. One that crashes or takes too long loses only its own photo."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.image import worker as worker_module
from faces.image.cost import Cost
from faces.image.decode import DecodedPhoto, ImageLimits
from faces.image.worker import DESK, LONGEST_MESSAGE, SHARED
from presente.errors import Busy, PhotoRefused
from presente.installation import IMPORT_ROOT, INSTALLED
from presente.settings import without_settings

log = logging.getLogger(__name__)

_LONGEST_S = 30.0
"""Seconds that a photo may take: ten times what the dearest accepted one needs of a core that has other work, too."""

_SPARE = 256_000_000
"""Bytes of address space beside a photo's own: it is a belt, and the cost is the measure."""


class _Gone(Exception):
    """The process ended before it answered."""


class _Worker:
    """One process, the socket to it and the desk for small photos. Used by one thread at a time."""

    def __init__(self, memory: int, nice: int) -> None:
        self.last = False
        """Whether it has answered for the last time."""
        self._channel, theirs = socket.socketpair()
        desk = _shared_memory(DESK)
        try:
            self._desk = mmap.mmap(desk, DESK)
            words = ["--socket", theirs.fileno(), "--desk", desk, "--memory", memory, "--nice", nice]
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", worker_module.__name__, *map(str, words)],
                cwd=IMPORT_ROOT,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), desk],
                start_new_session=True,  # a terminal's Ctrl-C is the server's to handle
            )
        except BaseException:
            self._channel.close()
            raise
        finally:
            theirs.close()
            os.close(desk)

    def decode_small(self, job: dict[str, Any], data: bytes) -> DecodedPhoto:
        """A photo that has room on the desk; a copy of its pixels."""
        self._desk[: len(data)] = data
        reply = self._ask(job, [])
        return _photo(reply, np.frombuffer(self._desk, dtype=np.uint8)[: _pixel_bytes(reply)].copy())

    def decode_large(self, job: dict[str, Any], data: bytes) -> DecodedPhoto:
        """A photo in memory of its own, which goes when its pixels do."""
        descriptor = _shared_memory()
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            reply = self._ask(job, [descriptor])
            _keep_size(descriptor)
            if _pixel_bytes(reply) != os.fstat(descriptor).st_size:
                raise _Gone
            shared = mmap.mmap(descriptor, _pixel_bytes(reply), flags=SHARED)
            return _photo(reply, np.frombuffer(shared, dtype=np.uint8))
        finally:
            os.close(descriptor)

    def _ask(self, job: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """Send a job and wait for what became of it."""
        self._channel.settimeout(job["seconds"])
        try:
            socket.send_fds(self._channel, [json.dumps(job).encode()], descriptors)
            reply: dict[str, Any] = json.loads(self._channel.recv(LONGEST_MESSAGE) or "{}")
        except (BrokenPipeError, ConnectionResetError) as exc:
            raise _Gone from exc
        if not reply:
            raise _Gone
        self.last = reply["last"]
        if "refused" in reply:
            raise PhotoRefused(*reply["refused"])
        return reply

    def end(self) -> int:
        """Kill it; its exit status."""
        self.process.kill()
        self._channel.close()
        return self.process.wait()


class DecodingProcesses:
    """Processes of one kind, one per photo under way; the caller bounds how many those are."""

    def __init__(self, memory: int, nice: int = 0, seconds: float = _LONGEST_S) -> None:
        """Start none yet.

        Args:
            memory: bytes that a photo may take.
            nice: by how much they stand back for other processes.
            seconds: after which a process is killed that is still at its photo.
        """
        self._memory = memory + _SPARE
        self._nice = nice
        self._seconds = seconds
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    def start(self, count: int) -> None:
        """Have some ready."""
        for _ in range(count):
            self._put(self._new())

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        with self._lock:
            return [worker.process.pid for worker in self._all]

    def decode(self, data: bytes, limits: ImageLimits, enough: int | None, cost: Cost) -> DecodedPhoto:
        """See :func:`faces.image.decode.decode`; the pixels are in memory of their own, which goes when they do.

        Raises:
            PhotoRefused: likewise; ``too_costly`` when the clock ended it, ``crashed`` when it ended the process.
            Busy: ``busy``.
        """
        wanted = [limits.max_bytes, limits.max_pixels, limits.min_side]
        job = {"size": len(data), "limits": wanted, "enough": enough, "seconds": self._seconds}
        worker = self._take()
        kept = False
        try:
            small = max(len(data), cost.result_bytes) <= DESK
            photo = worker.decode_small(job, data) if small else worker.decode_large(job, data)
            kept = True
            return photo
        except PhotoRefused:
            kept = True
            raise
        except TimeoutError as exc:
            log.error("%s took %.0f s to decode and was ended", _described(data), self._seconds)
            raise PhotoRefused(
                "too_costly",
                f"The photo was not decoded within {self._seconds:.0f} seconds.",
                "Save it as a plain JPEG, or scale it down.",
            ) from exc
        except (_Gone, ValueError, KeyError) as exc:  # or what it answers makes no sense
            log.error("%s ended the process that decoded it (%s)", _described(data), _how(self._end(worker)))
            raise PhotoRefused(
                "crashed", "Decoding the photo ended the process that did it.", "Save it as a plain JPEG."
            ) from exc
        finally:
            if kept and not worker.last:
                self._put(worker)
            else:
                self._end(worker)

    def close(self) -> None:
        """End all."""
        with self._lock:
            self._closed = True
            gone, self._all, self._idle = self._all, set(), []
        for worker in gone:
            worker.end()

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                self._all.discard(worker)
                log.error("a process that was to decode had ended (%s)", _how(worker.end()))
        return self._new()

    def _put(self, worker: _Worker) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(worker)

    def _new(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise Busy("busy", "The server is stopping.", "Ask again in a second.")
            try:
                worker = _Worker(self._memory, self._nice)
            except OSError as exc:
                log.error("no process can be started to decode in: %s", exc)
                raise Busy("busy", "The server cannot start a process to decode in.", "Send it again later.") from exc
            self._all.add(worker)
            return worker

    def _end(self, worker: _Worker) -> int:
        """End one and have another ready."""
        status = worker.end()
        with self._lock:
            known = worker in self._all
            self._all.discard(worker)
        if known:
            with suppress(Busy):
                self._put(self._new())
        return status


def _environment() -> dict[str, str]:
    """The server's, without what is no business of a decoder: keys and the store's password."""
    clone = {} if INSTALLED else {"PYTHONPATH": str(IMPORT_ROOT)}
    return (without_settings() | clone) | {
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "8388608",  # glibc would raise it, and keep large pictures for later
        "MALLOC_TRIM_THRESHOLD_": "16777216",  # but what small ones took is used again
    }


def _shared_memory(size: int = 0) -> int:
    """A file in memory that no folder lists; elsewhere than on Linux, one that no folder lists any more."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("photo", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    if size:
        _keep_size(descriptor)
    return descriptor


def _pixel_bytes(reply: dict[str, Any]) -> int:
    height, width = reply["shape"]
    return int(height) * int(width) * 3


def _photo(reply: dict[str, Any], pixels: NDArray[np.uint8]) -> DecodedPhoto:
    height, width = reply["size"]
    return DecodedPhoto(pixels.reshape(*reply["shape"], 3), reply["media_type"], (height, width))


def _keep_size(descriptor: int) -> None:
    """Seal the file against being made smaller: a process that reads past its end is killed."""
    if hasattr(fcntl, "F_ADD_SEALS"):
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)


def _described(data: bytes) -> str:
    return f"a photo of {len(data):,} bytes (SHA-256 {hashlib.sha256(data).hexdigest()[:12]})"


def _how(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit code {status}"
