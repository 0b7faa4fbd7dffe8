"""A process that decodes photos for another one, and nothing else: ``python -m faces.image.worker``.

It reads no settings and imports no more than decoding takes. Photos come and pixels go in memory that both processes
share: small ones on a desk, mapped once for all of them, large ones in a file of their own that comes with the job and
goes with its pixels. Only what is said of them goes through the socket, as JSON.
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
"""Bytes that a process may have grown by, once a photo is done, before another takes its place."""

LONGEST_MESSAGE = 65_536
DESK = 8_000_000
"""Bytes of a file, and of pixels, up to which a photo is small: 1920 x 1080 is."""

SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
"""How both processes map pixels: all pages at once, where the system can, instead of one by one at first touch."""


def main() -> int:
    """Decode until the other end of the socket is closed, or a fresh process would do better."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the socket that jobs come through")
    parser.add_argument("--desk", type=int, required=True, help="descriptor of the memory for small photos")
    parser.add_argument("--memory", type=int, required=True, help="bytes that a photo may take")
    parser.add_argument("--nice", type=int, default=0, help="by how much the process stands back")
    given = parser.parse_args()
    channel = socket.socket(fileno=given.socket)
    desk = mmap.mmap(given.desk, DESK)
    threading.Thread(target=_end_with, args=(channel,), daemon=True).start()
    os.nice(given.nice)
    warnings.simplefilter("ignore")  # whatever is worth saying of a photo is in its refusal
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


def _own_file(descriptor: int, height: int, width: int) -> RGB:
    """The file that brought the photo, for its pixels instead."""
    os.ftruncate(descriptor, 0)
    os.ftruncate(descriptor, height * width * 3)
    return _array(mmap.mmap(descriptor, height * width * 3, flags=SHARED), height, width)


def _on_desk(desk: mmap.mmap, height: int, width: int) -> RGB:
    """The desk, for pixels."""
    return _array(desk, height, width)


def _array(memory: mmap.mmap, height: int, width: int) -> RGB:
    return np.frombuffer(memory, dtype=np.uint8, count=height * width * 3).reshape(height, width, 3)


def _reply(job: dict[str, Any], data: bytes, allocate: Callable[[int, int], RGB]) -> dict[str, Any]:
    """Decode a photo, and say what became of it."""
    try:
        photo = decode(data, ImageLimits(*job["limits"]), job["enough"], allocate)
    except PhotoRefused as refused:
        return {"refused": [refused.code, refused.what, refused.fix]}
    except MemoryError:
        return {"refused": ["too_costly", "The photo took more memory to decode than its header says.", ""]}
    return {"shape": photo.pixels.shape[:2], "media_type": photo.media_type, "reduction": photo.reduction}


def _own_memory(column: int) -> int:
    """Bytes of this process: 0 all that is mapped, 1 what is in memory. 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column]) * resource.getpagesize()
    except OSError:
        return 0


def _end_with(channel: socket.socket) -> None:
    """End at once when the other end is gone, also in the middle of a photo."""
    ended = select.poll()
    ended.register(channel, 0)  # nothing but its end
    ended.poll()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
