"""A camera that is watched: connected, and connected again when it goes away."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from faces.film.frames import FilmFrame, FilmFrames, FilmLimits
from faces.film.sources import is_file
from presente.errors import FilmRefused, NotFound, listed, shown

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0


@dataclass(frozen=True, slots=True, repr=False)
class CameraSource:
    """Where a camera is. No ``repr``: there may be a password.

    Attributes:
        name: what people call it.
        source: an address, a device, or a file that is shown as if it were a camera.
    """

    name: str
    source: str

    @property
    def is_file(self) -> bool:
        """Whether it ends by itself."""
        return is_file(self.source)

    @property
    def shown(self) -> str:
        """Its name, and where it is: of an address the host."""
        where = _host_of(self.source)
        return where if self.name == self.source else f"{self.name} ({where})"


def _host_of(source: str) -> str:
    """An address without what may be secret in it: user, password, path and query. A device or a file as it is."""
    scheme, mark, rest = source.partition("://")
    if not mark:
        return source
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    further = rest[len(authority) :]
    # With an @ behind it, the host may be a part of a password that has a slash.
    return f"{scheme}://{'***' if '@' in further else authority.rpartition('@')[2]}{'/...' if further else ''}"


def find_camera(word: str, cameras: Mapping[str, str]) -> CameraSource:
    """The camera that a person names: one of the settings, an address, a device or its number, or a file.

    Raises:
        NotFound: ``camera_not_found``.
    """
    if word in cameras:
        return CameraSource(word, cameras[word])
    if word.isdecimal():
        return CameraSource(word, f"/dev/video{word}")
    if not is_file(word) or Path(word).is_file():
        return CameraSource(word, word)
    known = f"They are {listed(cameras)}." if cameras else "None is set."
    raise NotFound(
        "camera_not_found",
        f"{shown(word.rpartition('@')[2])} is no camera: no name of PRESENTE_CAMERAS, no address, device or file.",
        known,
    )


class LiveCamera:
    """The frames of a camera, for as long as it is wanted. ``stop`` may be called by any thread, or by a signal.

    Attributes:
        source: the camera.
        stopped: is set when it is not wanted any more.
    """

    def __init__(self, source: CameraSource, limits: FilmLimits) -> None:
        self.source = source
        self._limits = limits
        self.stopped = threading.Event()
        self._frames: FilmFrames | None = None

    def frames(self) -> Iterator[FilmFrame]:
        """Frames as they come, with the seconds since this was called. A camera that goes away is connected again,
        after 1 second, then 2, and so on up to 30; a file ends.

        Raises:
            FilmRefused: of a file, as :class:`faces.film.frames.FilmFrames`.
        """
        began, wait = time.monotonic(), _FIRST_WAIT_S
        while not self.stopped.is_set():
            try:
                for frame in self._connected():
                    wait = _FIRST_WAIT_S
                    yield frame if self.source.is_file else FilmFrame(time.monotonic() - began, frame.pixels)
                why = "It gives no pictures any more."
            except FilmRefused as refused:
                if self.source.is_file and not self.stopped.is_set():
                    raise
                why = refused.what
            finally:
                if self._frames is not None:
                    self._frames.close()
            if self.source.is_file or self.stopped.is_set():
                return
            log.warning("Camera %s: %s It is tried again in %.0f s.", self.source.shown, why, wait)
            self.stopped.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    def _connected(self) -> FilmFrames:
        self._frames = frames = FilmFrames(self.source.source, self._limits, live=True)
        if self.stopped.is_set():  # stopped while this was started
            frames.end()
        return frames

    def stop(self) -> None:
        """Let the frames end."""
        self.stopped.set()
        if self._frames is not None:
            self._frames.end()
