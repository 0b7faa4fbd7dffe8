"""Short films that tests make: portraits of the sample class that sway a little before a grey wall."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SAMPLE = Path(__file__).resolve().parent.parent / "data_sample"
SEATED = ("A0178", "A0184", "A0189")
"""Students whom :func:`drawn_frames` shows from left to right."""


def drawn_frames(
    seconds: float, fps: int = 10, photos: Sequence[Path] | None = None, size: tuple[int, int] = (640, 480)
) -> list[NDArray[np.uint8]]:
    """Frames, uint8 (height, width, 3), of portraits side by side."""
    chosen = photos or [SAMPLE / "students" / name / "1.jpg" for name in SEATED]
    portraits = [Image.open(photo).convert("RGB").resize((90, 112)) for photo in chosen]
    wall = np.random.default_rng(1).integers(90, 140, (12, 16, 3), dtype=np.uint8)
    background = Image.fromarray(wall).resize(size, Image.Resampling.BICUBIC)
    frames = []
    for number in range(int(seconds * fps)):
        at, picture = number / fps, background.copy()
        for place, portrait in enumerate(portraits):
            left, top = 20 + 120 * place + 6 * np.sin(1.3 * at + place), 100 + 5 * np.cos(at + place)
            picture.paste(portrait, (int(left), int(top)))
        frames.append(np.asarray(picture))
    return frames


def write_film(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    codec: str = "libx264",
    fps: int = 10,
    times_ms: Sequence[int] | None = None,
    rotation: int = 0,
    pixels: str = "yuv420p",
    pixel_shape: Fraction = Fraction(1),
) -> Path:
    """A film of frames; ``times_ms``: when each is shown, else evenly; ``rotation``: degrees noted in its header;
    ``pixels``: as FFmpeg names them; ``pixel_shape``: width of one by its height."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.sample_aspect_ratio = pixel_shape
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, shown in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """A second of silence, without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000)
        assert isinstance(stream, av.AudioStream)
        for number in range(50):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), dtype=np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, 960 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
