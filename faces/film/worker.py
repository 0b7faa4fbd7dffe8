"""A process that decodes one film or camera: ``python -m faces.film.worker``; it reads its task from standard input.

It writes lines of JSON to standard output. A line of kind ``frame`` is followed by its pixels. Of a film, the frames
are given that are worth a look: one every so often, if something changed. Of a camera, those that can be taken in time.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from faces.film.sources import is_device, is_file

_FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf,3gp,m4v,h264,hevc,yuv4mpegpipe,mxf,dv,gif"
"""Containers that hold a film themselves. Others, like playlists, name further files or addresses to be opened."""
_RATE = 25.0
"""Frames per second of a film that does not say when its frames are shown."""
_LONGEST_STEP_S = 600.0
"""A film does not jump forward by more: a time beyond is damage."""
_TELL_S = 1.0
_SMALL = (64, 36)
"""Width and height of the small grey pictures that are compared."""
_CHANGED = 14
"""Levels of grey by which some place of the small picture differs when something moved; noise stays below."""
_OPEN_S = 20.0
_LONGEST_PIXEL = 3.0
"""A pixel whose sides differ by more than this is a mistake of the header."""


@dataclass
class _Task:
    source: str
    live: bool
    longest_s: float
    most_pixels: int
    longest_side: int
    every_s: float
    still_s: float


class _Refused(Exception):
    def __init__(self, code: str, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.told = {"kind": "refused", "code": code, "what": what, "fix": fix}


def main() -> int:
    """Decode what standard input names."""
    given = json.loads(sys.stdin.buffer.readline())
    limits = given["limits"]
    memory = limits.pop("memory")
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory, mapped + memory))
    out = _Out()
    try:
        _decode(_Task(given["source"], given["live"], **limits), out)
    except _Refused as refused:
        out.say(refused.told)
    except MemoryError:
        out.say(_Refused("film_too_large", "The film takes more memory to decode than a film may.", _FIX).told)
    return 0


_FIX = "Convert it to MP4 (H.264), at most 1920 x 1080, and send that."


class _Out:
    """Standard output."""

    def __init__(self) -> None:
        self._descriptor = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is nothing of ours

    def say(self, told: dict[str, Any], pixels: NDArray[np.uint8] | None = None) -> None:
        parts = [json.dumps(told).encode() + b"\n"]
        if pixels is not None:
            parts.append(np.ascontiguousarray(pixels).tobytes())
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def has_room(self) -> bool:
        """Whether the other side takes what it is given."""
        return bool(select.select([], [self._descriptor], [], 0)[1])


def _decode(task: _Task, out: _Out) -> None:
    with _opened(task) as container:
        if not container.streams.video:
            raise _Refused("no_picture", "The file has no picture, only sound or other data.", "Send a film.")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.width * context.height > task.most_pixels:
            raise _Refused(
                "film_too_large", f"A frame of the film has {context.width} x {context.height} pixels.", _FIX
            )
        stream.thread_type = "AUTO"
        out.say({"kind": "film", "claimed_s": _claimed(container)})
        progress = _Progress(task, out, _pixel_shape(stream))
        for frame in _frames(container, stream, progress):
            progress.see(frame)
        if not progress.decoded:
            raise _Refused("empty_film", "No frame of the film could be decoded.", _FIX)
        progress.end()


def _opened(task: _Task) -> Any:
    if task.live and not is_file(task.source):
        options = {"rtsp_transport": "tcp"}
        try:
            return av.open(
                task.source,
                format="v4l2" if is_device(task.source) else None,
                options=options,
                timeout=(_OPEN_S, _OPEN_S),
            )
        except (av.FFmpegError, OSError, ValueError) as exc:
            raise _Refused("camera_unavailable", f"The camera cannot be opened: {_in_words(exc)}.") from exc
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        return av.open(f"file:{task.source}", options=options)
    except (av.FFmpegError, OSError, ValueError) as exc:
        if not Path(task.source).stat().st_size:
            raise _Refused("empty_film", "The file is empty.", "Send the film again.") from exc
        raise _Refused("unreadable_film", "The file is no film that can be read.", _FIX) from exc


_UNAVAILABLE: tuple[tuple[type[Exception], str], ...] = (
    (av.HTTPUnauthorizedError, "it does not accept the user and the password of its address"),
    (av.HTTPForbiddenError, "it does not accept the user and the password of its address"),
    (av.HTTPClientError, "it knows no stream by the path of its address"),
    (av.HTTPServerError, "it answers that it has a fault"),
    (av.ConnectionRefusedError, "it refuses the connection; perhaps the port is wrong"),
    (av.ConnectionResetError, "it broke the connection off"),
    (av.TimeoutError, "it does not answer"),
    (av.ExitError, "it does not answer"),
    (av.FileNotFoundError, "there is no such device"),
    (av.PermissionError, "this account may not use the device"),
    (av.ProtocolNotFoundError, "addresses of this kind are not known"),
    (av.InvalidDataError, "it does not answer, or what it sends is no film; perhaps its address is wrong"),
)


def _in_words(error: Exception) -> str:
    """Why a camera cannot be opened, without its address."""
    for kind, words in _UNAVAILABLE:
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and error.errno == errno.EIO:  # as FFmpeg calls every host that is not found
        return "there is no such host, or no way to it"
    return (isinstance(error, OSError) and error.strerror) or "FFmpeg says no more"


def _pixel_shape(stream: Any) -> float:
    """Width of a pixel by its height; tapes and broadcasts have pixels that are no squares."""
    shape = float(stream.sample_aspect_ratio or 1)
    return shape if 1 / _LONGEST_PIXEL <= shape <= _LONGEST_PIXEL else 1.0


def _claimed(container: Any) -> float | None:
    seconds = container.duration / 1_000_000 if container.duration else 0.0
    return seconds if 0 < seconds < 1e6 else None


def _frames(container: Any, stream: Any, progress: _Progress) -> Iterator[Any]:
    """Every frame that can be decoded; packets that cannot are passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except MemoryError:
            raise
        except (av.FFmpegError, OSError, EOFError):  # the file ends before its data do
            progress.damaged = True
            packet = None
        try:
            yield from stream.codec_context.decode(packet)
        except av.EOFError:
            return
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            progress.damaged = True
        if packet is None or (packet.size == 0 and packet.dts is None):
            return
        progress.tell()


class _Progress:
    """Where the film is, and which of its frames are given away."""

    def __init__(self, task: _Task, out: _Out, pixel_shape: float) -> None:
        self.decoded = 0
        self.damaged = False
        self._task, self._out, self._pixel_shape = task, out, pixel_shape
        self._began = time.monotonic()
        self._at_s = 0.0
        self._told_s = self._began
        self._first: float | None = None
        self._before: float | None = None
        self._looked_at: tuple[float, NDArray[np.int16]] | None = None
        self._next_s = 0.0
        self._last: Any = None

    def see(self, frame: Any) -> None:
        self.decoded += 1
        self._last = frame
        self.damaged |= bool(frame.is_corrupt)
        self._at_s = self._shown_at(frame)
        if self._task.live:
            time.sleep(max(0.0, self._at_s - (time.monotonic() - self._began)))
        if self._at_s > self._task.longest_s and not self._task.live:
            hours = self._task.longest_s / 3600
            raise _Refused("film_too_long", f"The film is longer than {hours:g} hours.", "Send it in parts.")
        if self._at_s >= self._next_s and (not self._task.live or self._out.has_room()):
            self._offer(frame)
        self.tell()

    def tell(self) -> None:
        """Say how far it is, about once per second."""
        if time.monotonic() - self._told_s > _TELL_S and (not self._task.live or self._out.has_room()):
            self._told_s = time.monotonic()
            self._out.say({"kind": "progress", "at_s": self._at_s, "decoded": self.decoded})

    def end(self) -> None:
        """The film has ended. Its last frame is given in any case: until when someone was there may show only in it."""
        if not self._task.live and self._looked_at is not None and self._at_s > self._looked_at[0]:
            self._give(self._last)
        last = {"kind": "end", "at_s": self._at_s, "decoded": self.decoded, "damaged": self.damaged}
        self._out.say(last)

    def _shown_at(self, frame: Any) -> float:
        """When a frame is shown: by its own time where that makes sense, else a frame's length after the one before."""
        if self._task.live and not is_file(self._task.source):
            return time.monotonic() - self._began
        own = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else None
        if self._before is None or own is None or not 0 <= own - self._before <= _LONGEST_STEP_S:
            at = self._at_s + 1 / _RATE if self.decoded > 1 else 0.0
            if own is not None:
                self._first = own - at  # times begin anew
        else:
            assert self._first is not None
            at = own - self._first
        self._before = own
        return max(at, self._at_s)

    def _offer(self, frame: Any) -> None:
        reduced = self._reformatted(frame, *_SMALL, "gray")
        if reduced is None:
            return
        small = reduced.astype(np.int16)
        if self._looked_at is not None:
            since, before = self._looked_at
            still = int(np.abs(small - before).max()) < _CHANGED
            if still and self._at_s < since + self._task.still_s:
                self._next_s = self._at_s + self._task.every_s
                return
        self._looked_at = self._at_s, small
        self._next_s = self._at_s + self._task.every_s
        self._give(frame)

    def _give(self, frame: Any) -> None:
        pixels = self._upright(frame)
        if pixels is None:
            return
        told = {"kind": "frame", "at_s": self._at_s, "decoded": self.decoded}
        self._told_s = time.monotonic()
        self._out.say(told | {"height": pixels.shape[0], "width": pixels.shape[1]}, pixels)

    def _upright(self, frame: Any) -> NDArray[np.uint8] | None:
        """The frame's pixels, upright, reduced to the longest side that is wanted."""
        if frame.width * frame.height > self._task.most_pixels:
            raise _Refused("film_too_large", f"A frame of the film has {frame.width} x {frame.height} pixels.", _FIX)
        shape = self._pixel_shape
        wide, high = frame.width * max(1.0, shape), frame.height * max(1.0, 1 / shape)
        scale = min(1.0, self._task.longest_side / max(wide, high))
        pixels = self._reformatted(frame, max(1, round(wide * scale)), max(1, round(high * scale)), "rgb24")
        return None if pixels is None else np.rot90(pixels, round(frame.rotation / 90) % 4)

    def _reformatted(self, frame: Any, width: int, height: int, pixels: str) -> NDArray[np.uint8] | None:
        """A frame in another size, with pixels as FFmpeg names them; None if there is no way from its own to those."""
        try:
            return np.asarray(frame.reformat(width, height, format=pixels).to_ndarray(), dtype=np.uint8)
        except (av.FFmpegError, ValueError):
            self.damaged = True
            return None


if __name__ == "__main__":
    sys.exit(main())
