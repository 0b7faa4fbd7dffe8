"""Films the sample class: `python -m data_sample.make_film`.

The script, its truth and its frames are the same for the same seed. The coded film is not the same bytes with another
build of an encoder, but shows the same but for the losses of its compression.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .filming.encoding import CODINGS, write_film
from .filming.frames import Camera
from .filming.plan import Film, plan
from .filming.truth import truth_of, truth_path

HERE = Path(__file__).resolve().parent
SHIPPED = HERE / "film" / "class.webm"
STUDENTS = HERE / "students"
FPS = 10.0


def make_film(film: Film, path: Path, fps: float = FPS) -> Path:
    """Write a film and, beside it, its truth; where the truth is.

    Raises ValueError when the film cannot be made so.
    """
    if not 1 <= fps <= 60:
        raise ValueError(f"{fps:g} frames per second: give 1 to 60.")
    script = plan(film)
    camera = Camera(script)
    write_film(path, _told(camera.frames(fps), camera.count(fps)), script.width, script.height, fps)
    truth = truth_path(path)
    enrolled = Path(os.path.relpath(STUDENTS, path.resolve().parent)).as_posix()
    lines = json.dumps(truth_of(script, camera, path.name, fps, enrolled), ensure_ascii=False)
    truth.write_text(_broken(lines), encoding="utf-8")
    return truth


def _broken(text: str) -> str:
    """Return JSON with a line per person and per list of faces: small, and readable in a comparison of versions."""
    for word in ('"people"', '{"name"', '"raises"', '"away"', '"gestures"', '"faces"', '"roster"', '"absent"'):
        text = text.replace(word, "\n" + word)
    return text + "\n"


def _told(frames: Iterable[NDArray[np.uint8]], count: int) -> Iterator[NDArray[np.uint8]]:
    """Pass frames on, and say about every ten seconds how far they are."""
    said = time.monotonic()
    for number, frame in enumerate(frames, start=1):
        yield frame
        if time.monotonic() - said > 10:
            said = time.monotonic()
            print(f"{number} of {count} frames", file=sys.stderr)


def main() -> int:
    """Run from the command line; the exit code."""
    usual = Film()
    parser = argparse.ArgumentParser(
        prog="python -m data_sample.make_film",
        description="Film the sample class: people come, look away, raise hands; someone is late, a stranger passes.",
        epilog="Example: python -m data_sample.make_film --out var/class.mp4 --minutes 50 --fps 5 --visitors 1",
    )
    parser.add_argument("--out", type=Path, default=SHIPPED, help=f"the film: {', '.join(CODINGS)}; its truth: .json")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, default=usual.duration_s, help="its length (default: %(default)g)")
    length.add_argument("--minutes", type=float, help="likewise")
    parser.add_argument("--width", type=int, default=usual.width, help="in pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, default=usual.height, help="in pixels (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=FPS, help="frames per second (default: %(default)g)")
    parser.add_argument(
        "--seed", type=int, default=usual.seed, help="who comes and what happens (default: %(default)s)"
    )
    parser.add_argument("--people", type=int, default=usual.people, help="students who come (default: %(default)s)")
    parser.add_argument("--visitors", type=int, default=usual.visitors, help="strangers who sit among them")
    given = parser.parse_args()
    seconds = given.seconds if given.minutes is None else 60 * given.minutes
    film = Film(seconds, given.width, given.height, given.seed, given.people, given.visitors)
    started = time.monotonic()
    try:
        truth = make_film(film, given.out, given.fps)
    except ValueError as error:
        parser.error(str(error))
    print(f"{given.out} ({given.out.stat().st_size:,} bytes) and {truth} in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
