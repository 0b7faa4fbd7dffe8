"""Writes frames as a film. The same frames give another file with another build of an encoder, so bytes vary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray


@dataclass(frozen=True)
class _Coding:
    """How a kind of film is coded."""

    codec: str
    container: str
    options: dict[str, str]
    pixels: str = "yuv420p"


CODINGS = {
    ".webm": _Coding("libvpx-vp9", "webm", {"crf": "34", "b": "0", "deadline": "realtime", "cpu-used": "6"}),
    ".mp4": _Coding("libx264", "mp4", {"crf": "23", "preset": "veryfast"}),
    ".mjpeg": _Coding("mjpeg", "mjpeg", {"q:v": "4"}, "yuvj420p"),
    ".y4m": _Coding("rawvideo", "yuv4mpegpipe", {}),
}
"""By the ending of the file. The last two are what Chromium takes for a camera."""


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]], width: int, height: int, fps: float) -> int:
    """Write frames (height, width, 3), uint8, RGB, to a film; the number of frames.

    Raises ValueError when the ending of its name is no known kind.
    """
    coding = CODINGS.get(path.suffix.lower())
    if coding is None:
        raise ValueError(f"{path.name}: the name of a film ends in {', '.join(CODINGS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(fps).limit_denominator(1000)
    count = 0
    with av.open(str(path), "w", format=coding.container) as container:
        stream = container.add_stream(coding.codec, rate=rate, options=coding.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, coding.pixels
        stream.codec_context.gop_size = max(1, round(10 * fps))
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = count, 1 / rate
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
    return count
