"""A process that decodes photos for another one, and nothing else: ``python -m faces.decoding_worker``.

It reads no settings and imports no more than decoding takes. Photos come and pixels go in memory that both processes
share (the file descriptor that comes with each job); only their description goes through the socket, as JSON.
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
from pathlib import Path
from typing import Any

import numpy as np

from faces.image import RGB, ImageLimits, decode
from presente.errors import PhotoRefused

_MOST_PHOTOS = 1000
_MOST_KEPT = 64_000_000
"""Bytes that a process may have grown by, once a photo is done, before another takes its place."""

LONGEST_MESSAGE = 65_536
SHARED = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
"""How both processes map pixels: all pages at once, where the system can, instead of one by one at first touch."""


def main() -> int:
    """Decode until the other end of the socket is closed, or a fresh process would do better."""
    parser = argparse.ArgumentParser(prog="python -m faces.decoding_worker", description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the socket that jobs come through")
    parser.add_argument("--memory", type=int, required=True, help="bytes that a photo may take")
    parser.add_argument("--nice", type=int, default=0, help="by how much the process stands back")
    given = parser.parse_args()
    channel = socket.socket(fileno=given.socket)
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
        reply = _decoded(json.loads(message), descriptors[0])
        os.close(descriptors[0])
        last = count == _MOST_PHOTOS or _own_memory(1) > at_first + _MOST_KEPT
        channel.sendall(json.dumps(reply | {"last": last}).encode())
        if last:
            break
    return 0


def _decoded(job: dict[str, Any], descriptor: int) -> dict[str, Any]:
    """Decode the photo in a file, put its pixels there instead, and describe them."""

    def allocate(height: int, width: int) -> RGB:
        os.ftruncate(descriptor, 0)
        os.ftruncate(descriptor, height * width * 3)
        shared = mmap.mmap(descriptor, height * width * 3, flags=SHARED)
        return np.frombuffer(shared, dtype=np.uint8).reshape(height, width, 3)

    try:
        data = os.pread(descriptor, job["size"], 0)
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
