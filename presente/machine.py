"""The machine: which one it is, how much memory it has, how this process gives memory back, and what it lets others
read."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from contextlib import suppress
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")

_UNKNOWN = 4_000_000_000
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""A container's limit, in control groups of version 2 and 1. A service's own group lies deeper and is ignored."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""As glibc's malloc.h numbers them."""
_PR_SET_DUMPABLE = 4
"""As Linux's sys/prctl.h numbers it."""


def give_memory_back() -> None:
    """Make glibc's allocator return freed memory to the system. Other allocators are left alone.

    By default it raises its limits with every large array that is freed, and each thread keeps up to twice the largest
    one for later.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 8 * 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)


def keep_private(keys: bool) -> None:
    """Let no one else read what this process and its children make or leave: files are for this user alone, and a crash
    leaves no picture of the memory, which has photos.

    Args:
        keys: the memory has keys that open what is sealed: then other programs of this user cannot read it, either
            (Linux). Programs that look into processes, such as debuggers, need root then.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if keys:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def machine_memory(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """The machine's memory in bytes, or the container's limit where that is lower; 4 GB when neither is known."""
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


def machine_name() -> str:
    """A name that this machine shares with no other one; containers on one machine have the same, where it is Linux."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()
