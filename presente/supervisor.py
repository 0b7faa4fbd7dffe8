"""A run in a process of its own, under the eyes of one that starts it again when a library crashes it.

A decoder that meets the one file it cannot bear takes its whole process down, and no ``except`` sees it. So what each
thread is at is noted in memory that both processes share. After a crash whatever was under way is suspect: the next
attempt takes suspects one at a time, nothing else beside them, and if it crashes again that one is the culprit and is
left out from then on.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_SLOTS, _WIDTH = 512, 512
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})
"""Signals of a process that went wrong by itself. Whoever sends it another one means it to end."""

_PR_SET_PDEATHSIG = 1


class Journal:
    """What each thread is at, and how much is done; kept when the process that wrote it is gone."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8 + _SLOTS * _WIDTH)
        self._lock = threading.Lock()
        self._free = list(range(_SLOTS))

    @contextmanager
    def at(self, item: str) -> Iterator[None]:
        """Note an item (its first bytes) as under way inside the block."""
        text = _note(item)
        with self._lock:
            slot = self._free.pop()
        try:
            start = 8 + slot * _WIDTH
            self._memory[start : start + len(text)] = text
            yield
        finally:
            self._memory[8 + slot * _WIDTH : 8 + (slot + 1) * _WIDTH] = bytes(_WIDTH)
            with self._lock:
                self._free.append(slot)

    def add_done(self, count: int) -> None:
        """Count what was finished for good."""
        self._memory[:8] = struct.pack("<q", self.done + count)

    @property
    def done(self) -> int:
        """How much was finished, by this process or those before it."""
        return int(struct.unpack("<q", self._memory[:8])[0])

    def take_under_way(self) -> frozenset[bytes]:
        """What was noted when the process went down; the notes are empty afterwards."""
        notes = (self._memory[8 + slot * _WIDTH : 8 + (slot + 1) * _WIDTH].rstrip(b"\0") for slot in range(_SLOTS))
        found = frozenset(note for note in notes if note)
        self._memory[8:] = bytes(_SLOTS * _WIDTH)
        return found


def _note(item: str) -> bytes:
    try:
        text = item.encode("utf-8", "surrogateescape")  # a name of a file that is not text
    except UnicodeEncodeError:  # half a character, which no file's name has but a sheet may hold
        text = item.encode("utf-8", "backslashreplace")
    return text[:_WIDTH]


@dataclass(frozen=True, slots=True)
class SupervisedRun:
    """One process's part of a run.

    Attributes:
        journal: where to note what is under way and done.
        done_before: how much the attempts before this one finished.
    """

    journal: Journal = field(default_factory=Journal)
    suspects: frozenset[bytes] = frozenset()
    culprits: frozenset[bytes] = frozenset()
    done_before: int = 0

    def is_suspect(self, item: str) -> bool:
        """Whether an item may be what crashed an attempt: nothing else may be under way beside it."""
        return _note(item) in self.suspects

    def is_culprit(self, item: str) -> bool:
        """Whether an item crashed an attempt."""
        return _note(item) in self.culprits


def supervise(run: Callable[[SupervisedRun], int]) -> int:
    """Call ``run`` in a process of its own, again after a crash; its exit code.

    Signals that ask this process to end are passed on. Where processes cannot be forked, ``run`` is simply called.
    """
    attempt = SupervisedRun()
    if not hasattr(os, "fork"):
        return run(attempt)
    while True:
        status = _in_child(run, attempt)
        if not os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status)
        number = signal.Signals(os.WTERMSIG(status))
        under_way = attempt.journal.take_under_way()
        progress = attempt.journal.done > attempt.done_before or not under_way <= attempt.suspects
        found = under_way if len(under_way) == 1 else frozenset()
        if number not in _CRASHES or not (progress or found - attempt.culprits):
            log.error("the run was ended by %s; what was done is kept, the same command goes on", number.name)
            return 1
        log.warning("the run crashed (%s) with %d photos under way and goes on without", number.name, len(under_way))
        attempt = SupervisedRun(
            attempt.journal, attempt.suspects | under_way, attempt.culprits | found, attempt.journal.done
        )


def _in_child(run: Callable[[SupervisedRun], int], attempt: SupervisedRun) -> int:
    """Run in a forked process; its wait status."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)  # a terminal's Ctrl-C reaches the parent only, which passes it on, once
            _end_with(parent)
            code = run(attempt)
            sys.stdout.flush()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except BaseException:  # this process ends here, whatever happened
            log.exception("unexpected")
        finally:
            os._exit(code)
    before = {
        number: signal.signal(number, lambda number, _: os.kill(child, number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        return os.waitpid(child, 0)[1]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with(parent: int) -> None:
    """Be killed when the parent is: nobody else would take this process for the run that it is."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:  # elsewhere, and for a parent that went before we asked
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="watches the parent", daemon=True).start()
