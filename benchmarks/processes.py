"""Memory, CPU time and open files of a process, as Linux reports them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server: its process id, and the file that it logs to."""

    pid: int
    log: Path

    def memory_mb(self) -> float:
        """Resident memory of the process alone, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)

    def tree_memory_mb(self) -> float:
        """As :func:`tree_memory_mb`."""
        return tree_memory_mb(self.pid)

    def cpu_seconds(self) -> float:
        """CPU time that the process has used."""
        return cpu_seconds(self.pid)

    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def logged(self) -> int:
        """Bytes of the log."""
        return self.log.stat().st_size

    def tracebacks(self) -> int:
        """Stack traces in the log."""
        return self.log.read_text(encoding="utf-8", errors="replace").count("Traceback (most recent call last)")


def tree_memory_mb(pid: int) -> float:
    """Resident memory of a process and all that it started, MiB; a page that several share is counted once."""
    total = 0
    for each in (pid, *_children(pid)):
        with suppress(OSError, ValueError, StopIteration):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii").splitlines()
            total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return total / 1024


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def peak(measure: Callable[[], float], every_s: float) -> Iterator[list[float]]:
    """The largest value that ``measure`` gives inside the block, as the one element of the list."""
    most = [measure()]
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(every_s):
            most[0] = max(most[0], measure())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        stop.set()
        thread.join()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text(encoding="ascii").split()):
                found += [child, *_children(child)]
    return found
