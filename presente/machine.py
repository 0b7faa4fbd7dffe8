"""What the machine has."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

_UNKNOWN = 4_000_000_000
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Of a container, in control groups of version 2 and 1; a service's own group lies deeper and is not looked for."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""As glibc's malloc.h numbers them."""


def give_memory_back() -> None:
    """Have the allocator of this process return what was freed, where it is glibc's.

    Left alone it raises its own limits with every large array that comes and goes, and each thread keeps up to twice
    the largest for the next one.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 8 * 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)


def machine_memory(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory of the machine, or of the container when that has less; 4 GB where nobody says."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = _UNKNOWN
    for name in _LIMITS:
        try:
            machine = min(machine, int((groups / name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return machine
