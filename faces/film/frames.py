"""The frames of a film or a camera, decoded by a process of their own: it may crash, stop or grow without harm here."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

import numpy as np

from faces.film import worker as worker_module
from faces.image.decode import RGB
from presente.errors import FilmRefused
from presente.installation import IMPORT_ROOT
from presente.settings import without_settings

_LONGEST_LINE = 100_000
_SILENT_S = 60.0
"""The process is ended when it says nothing for so long: it tells of its progress about once per second of film."""


@dataclass(frozen=True, slots=True)
class FilmLimits:
    """What a film may cost, and which of its frames are looked at.

    Attributes:
        longest_s: a film of more seconds is refused.
        most_pixels: likewise one with more pixels per frame.
        longest_side: pixels of the longer side of the frames that are given; larger ones are reduced.
        every_s: seconds between two frames that are looked at, at least.
        still_s: where nothing changed since the last frame that was looked at, the next one comes after so long.
        memory: bytes that the decoding process may take.
    """

    longest_s: float = 4 * 3600.0
    most_pixels: int = 40_000_000
    longest_side: int = 1920
    every_s: float = 0.5
    still_s: float = 2.0
    memory: int = 1_500_000_000


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """A frame that is to be looked at: when it is shown, in seconds from the first frame, and its upright pixels."""

    at_s: float
    pixels: RGB


class FilmFrames:
    """The frames of one film that are worth a look. Iterate over it once, inside a ``contextlib.closing``.

    Attributes:
        claimed_s: how long the film says that it is, in seconds; None when it does not say, or not credibly.
        reached_s: how far it is decoded.
        decoded: how many frames were decoded.
        damaged: whether parts of it could not be decoded. It is known at the end.
    """

    def __init__(self, source: str, limits: FilmLimits | None = None, live: bool = False) -> None:
        """Start decoding.

        Args:
            source: path of a file; if ``live`` the address or the device (``/dev/...``) of a camera, or a file that is
                shown as if it were one.
            limits: what it may cost.
            live: frames are given as they come, and what is not read in time is left out.
        """
        self.claimed_s: float | None = None
        self.reached_s = 0.0
        self.decoded = 0
        self.damaged = False
        self._limits = limits or FilmLimits()
        self._live = live
        words = [sys.executable, "-P", "-m", worker_module.__name__]
        # The source comes by a pipe: the address of a camera has a password in it, and arguments can be read by anyone.
        self._process = subprocess.Popen(
            words,
            cwd=IMPORT_ROOT,
            env=without_settings() | {"PYTHONPATH": str(IMPORT_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        given = {"source": source, "live": live, "limits": asdict(self._limits)}
        self._process.stdin.write(json.dumps(given).encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let the decoding end, wherever it is; from any thread, or from a signal's handler.

        Whoever iterates is told that it crashed."""
        self._process.kill()

    def close(self) -> None:
        """End the decoding, and give back what it took."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __iter__(self) -> Iterator[FilmFrame]:
        """The frames, in order.

        Raises:
            FilmRefused: ``unreadable_film``, ``no_picture``, ``empty_film``, ``film_too_long``, ``film_too_large``; for
                a camera ``camera_unavailable``.
        """
        assert self._process.stdout is not None
        answers = _Answers(self._process.stdout, self._live)
        while True:
            said = answers.line()
            self.reached_s, self.decoded = said.get("at_s", self.reached_s), said.get("decoded", self.decoded)
            match said["kind"]:
                case "film":
                    self.claimed_s = said["claimed_s"]
                case "frame":
                    shape = said["height"], said["width"], 3
                    pixels = np.frombuffer(answers.content(shape[0] * shape[1] * 3), dtype=np.uint8).reshape(shape)
                    yield FilmFrame(said["at_s"], pixels)
                case "end":
                    self.damaged = said["damaged"]
                    return
                case "refused":
                    raise FilmRefused(said["code"], said["what"], said["fix"])


class _Answers:
    """What the process writes: lines of JSON, some of them followed by pixels."""

    def __init__(self, stream: IO[bytes], live: bool) -> None:
        self._descriptor = stream.fileno()
        self._live = live
        self._rest = bytearray()

    def line(self) -> dict[str, Any]:
        while (end := self._rest.find(b"\n")) < 0:
            if len(self._rest) > _LONGEST_LINE:
                raise self._gone("what it said makes no sense")
            self._read(65_536)
        told: dict[str, Any] = json.loads(self._rest[:end])
        del self._rest[: end + 1]
        return told

    def content(self, size: int) -> bytearray:
        while len(self._rest) < size:
            self._read(1 << 20)
        found = self._rest[:size]
        del self._rest[:size]
        return found

    def _read(self, most: int) -> None:
        if not select.select([self._descriptor], [], [], _SILENT_S)[0]:
            raise self._gone(f"nothing came for {_SILENT_S:.0f} seconds")
        found = os.read(self._descriptor, most)
        if not found:
            raise self._gone("decoding it crashed, or took more memory than a film may")
        self._rest += found

    def _gone(self, why: str) -> FilmRefused:
        if self._live:
            return FilmRefused("camera_unavailable", f"The camera cannot be read: {why}.", "Look at it.")
        return FilmRefused(
            "unreadable_film", f"The film cannot be read: {why}.", "Convert it to MP4 (H.264) and send that."
        )
