"""What the machine has."""

from __future__ import annotations

import os
from pathlib import Path

_UNKNOWN = 4_000_000_000
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Of a container, in control groups of version 2 and 1; a service's own group lies deeper and is not looked for."""


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
