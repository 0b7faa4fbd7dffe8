"""A process that decodes photos for another one, and nothing else: ``python -m faces.image.worker``.

It reads no settings and imports only what decoding needs. Photos and pixels pass through memory that both processes
share: small ones through one area, the desk, that is mapped once; each large one through a memory file of its own,
whose descriptor comes with the job and which takes the pixels. The socket carries only descriptions, as JSON.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import select
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from faces.image.decode import RGB, ImageLimits, decode
from presente.errors import PhotoRefused

_MOST_PHOTOS = 1000
_MOST_KEPT = 64_000_000
"""Bytes by which a process may grow over its life; beyond that another process takes its place after the photo."""

LONGEST_MESSAGE = 65_536
DESK = 8_000_000
"""Most bytes of a small photo's file, and of its pixels: 1920 x 1080 pixels are 6.2 MB."""

SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
"""Flags with which both processes map pixels: where the system can, all pages at once instead of at first touch."""


def main() -> int:
    """Decode until the other end of the socket is closed, or until a fresh process is due."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the socket that jobs come through")
    parser.add_argument("--desk", type=int, required=True, help="descriptor of the memory for small photos")
    parser.add_argument("--memory", type=int, required=True, help="bytes that a photo may take")
    parser.add_argument("--nice", type=int, default=0, help="niceness: by how much the process yields to others")
    given = parser.parse_args()
    channel = socket.socket(fileno=given.socket)
    desk = mmap.mmap(given.desk, DESK)
    threading.Thread(target=_end_with, args=(channel,), daemon=True).start()
    os.nice(given.nice)
    warnings.simplefilter("ignore")  # a photo's refusal says all that matters
    _silence_libraries()
    if (mapped := _own_memory(0)) > 0:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + given.memory, mapped + given.memory))
    at_first = _own_memory(1)
    for count in range(1, _MOST_PHOTOS + 1):
        message, descriptors, *_ = socket.recv_fds(channel, LONGEST_MESSAGE, 1)
        if not message:
            break
        job = json.loads(message)
        last = count == _MOST_PHOTOS
        if descriptors:
            reply = _reply(job, os.pread(descriptors[0], job["size"], 0), partial(_own_file, descriptors[0]))
            os.close(descriptors[0])
            last |= _own_memory(1) > at_first + _MOST_KEPT
        else:
            reply = _reply(job, desk[: job["size"]], partial(_on_desk, desk))
        channel.sendall(json.dumps(reply | {"last": last}).encode())
        if last:
            break
    return 0


def _silence_libraries() -> None:
    """Keep what C libraries print (libtiff, of each damaged file) out of the server's log, but not Python's errors."""
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _own_file(descriptor: int, height: int, width: int) -> RGB:
    """An array in the memory file that brought the photo."""
    os.ftruncate(descriptor, 0)
    os.ftruncate(descriptor, height * width * 3)
    return _array(mmap.mmap(descriptor, height * width * 3, flags=SHARED), height, width)


def _on_desk(desk: mmap.mmap, height: int, width: int) -> RGB:
    """An array in the desk."""
    return _array(desk, height, width)


def _array(memory: mmap.mmap, height: int, width: int) -> RGB:
    return np.frombuffer(memory, dtype=np.uint8, count=height * width * 3).reshape(height, width, 3)


def _reply(job: dict[str, Any], data: bytes, allocate: Callable[[int, int], RGB]) -> dict[str, Any]:
    """Decode a photo, and describe the result: its shape, or its refusal."""
    try:
        photo = decode(data, ImageLimits(*job["limits"]), job["enough"], allocate)
    except PhotoRefused as refused:
        return {"refused": [refused.code, refused.what, refused.fix]}
    except MemoryError:
        return {"refused": ["too_costly", "The photo took more memory to decode than its header says.", ""]}
    return {"shape": photo.pixels.shape[:2], "media_type": photo.media_type, "size": photo.size}


def _own_memory(column: int) -> int:
    """Bytes of this process: mapped (column 0) or resident (column 1); 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column]) * resource.getpagesize()
    except OSError:
        return 0


def _end_with(channel: socket.socket) -> None:
    """End the process at once when the other end is closed, also in the middle of a photo."""
    ended = select.poll()
    ended.register(channel, 0)  # nothing but its end
    ended.poll()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
