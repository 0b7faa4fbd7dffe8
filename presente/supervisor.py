"""Runs work in a child process, and starts it again when a library crashes it.

A damaged file can crash a decoder and with it the whole process, and no ``except`` sees that. Therefore each thread
notes its item in memory that both processes share. After a crash every item that was under way is a suspect. The next
attempt takes the suspects one at a time, with nothing else under way. If one crashes that attempt as well, it is the
culprit, and is left out from then on.
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
"""Signals of a process that crashed by itself. Any other signal was sent to end it."""

_PR_SET_PDEATHSIG = 1


class Journal:
    """The item of each thread, and the number of items that are done. It outlives the process that wrote it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8 + _SLOTS * _WIDTH)
        self._lock = threading.Lock()
        self._free = list(range(_SLOTS))

    @contextmanager
    def at(self, item: str) -> Iterator[None]:
        """Note an item as under way inside the block; of a long one, its first bytes."""
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
        """Add to the number of finished items."""
        self._memory[:8] = struct.pack("<q", self.done + count)

    @property
    def done(self) -> int:
        """How many items were finished, by this process and those before it."""
        return int(struct.unpack("<q", self._memory[:8])[0])

    def take_under_way(self) -> frozenset[bytes]:
        """The items that were under way when the process ended. They are forgotten afterwards."""
        notes = (self._memory[8 + slot * _WIDTH : 8 + (slot + 1) * _WIDTH].rstrip(b"\0") for slot in range(_SLOTS))
        found = frozenset(note for note in notes if note)
        self._memory[8:] = bytes(_SLOTS * _WIDTH)
        return found


def _note(item: str) -> bytes:
    try:
        text = item.encode("utf-8", "surrogateescape")  # the name of a file that is not UTF-8
    except UnicodeEncodeError:  # half a surrogate pair: no file name has it, a sheet may
        text = item.encode("utf-8", "backslashreplace")
    return text[:_WIDTH]


@dataclass(frozen=True, slots=True)
class SupervisedRun:
    """One attempt at a run, in one process.

    Attributes:
        journal: where to note what is under way and done.
        suspects: notes of the items that were under way when an attempt crashed.
        culprits: notes of the items that crashed an attempt.
        done_before: how many items the attempts before this one finished.
    """

    journal: Journal = field(default_factory=Journal)
    suspects: frozenset[bytes] = frozenset()
    culprits: frozenset[bytes] = frozenset()
    done_before: int = 0

    def is_suspect(self, item: str) -> bool:
        """Whether an item may have crashed an attempt: nothing else may be under way at the same time."""
        return _note(item) in self.suspects

    def is_culprit(self, item: str) -> bool:
        """Whether an item crashed an attempt."""
        return _note(item) in self.culprits


def supervise(run: Callable[[SupervisedRun], int]) -> int:
    """Call ``run`` in a child process, again after a crash; its exit code.

    Signals that ask this process to end are passed on. Where there is no ``fork``, ``run`` is called in this process.
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
        culprit = under_way if len(under_way) == 1 else frozenset()
        if number not in _CRASHES or not (progress or culprit - attempt.culprits):
            log.error("the run was ended by %s; what was done is kept: repeat the command to go on", number.name)
            return 1
        log.warning(
            "the run crashed (%s) with %d photos under way; it goes on, with these one at a time",
            number.name,
            len(under_way),
        )
        attempt = SupervisedRun(
            attempt.journal, attempt.suspects | under_way, attempt.culprits | culprit, attempt.journal.done
        )


def _in_child(run: Callable[[SupervisedRun], int], attempt: SupervisedRun) -> int:
    """Run in a forked process; the wait status of that."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)  # so that a terminal's Ctrl-C reaches the parent only, which passes it on
            _end_with(parent)
            code = run(attempt)
            sys.stdout.flush()
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except BaseException:  # this process ends here in any case
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
    """End this process when its parent ends: no one would know that it still runs."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:  # on other systems, and for a parent that ended before prctl was called
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="watches the parent", daemon=True).start()
