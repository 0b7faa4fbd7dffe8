"""What a job's process makes of a film: its reading, and a sheet of pictures of everyone who appears in it."""

from __future__ import annotations

import base64
import io
import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from faces.film.reading import Tell
from faces.film.values import FilmAppearance, FilmReading
from faces.pose.followed_hands import FollowedHands
from gallery.documents.class_sessions import Box
from presente import composition
from presente.films import read_school_film
from presente.settings import Settings

VIEWS_SHOWN = 4
"""Views of each appearance that are kept to be looked at."""
_PER_LINE = 3
_MOST_SHOWN = 500
"""Appearances of which views are kept: as many as faces of a photo."""
_SIDE = 128
_QUALITY = 85
_TOLD_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class FaceSheet:
    """Views of those who appear in a film, in one picture.

    Attributes:
        content: the picture, a JPEG.
        width, height: its pixels.
        views: for each appearance, where its views are, the best first.
    """

    content: bytes
    width: int
    height: int
    views: tuple[tuple[Box, ...], ...]


@dataclass(frozen=True, slots=True)
class ReadFilm:
    """A film that was read: what it shows, and the sheet of pictures; None when no one appears. Of the views only the
    best of each appearance has its picture, and only where unknown faces are kept."""

    reading: FilmReading
    sheet: FaceSheet | None

    def packed(self) -> dict[str, Any]:
        """As values of JSON, for the server that asked this process."""
        return {"film": base64.b64encode(pickle.dumps(self)).decode()}

    @classmethod
    def unpacked(cls, values: Mapping[str, Any]) -> ReadFilm:
        """What :meth:`packed` made; only of a process that this server started."""
        found = pickle.loads(base64.b64decode(values["film"]))
        assert isinstance(found, cls)
        return found


def read_for_session(settings: Settings, path: Path, tell: Tell) -> ReadFilm:
    """Read a film by the settings.

    Raises:
        FilmRefused: as :func:`presente.films.read_school_film`.
        PackError, ConfigError: of the packs.
    """
    pack = composition.open_pack(settings)
    judges = settings.liveness.of("attendance") != "off"
    liveness = composition.open_liveness(settings) if judges else None
    embedder = composition.open_embedder(settings, pack, liveness=liveness)
    pose = composition.open_pose(settings)
    hands = None if pose is None else FollowedHands(pose, composition.raise_rule(settings))
    reading = read_school_film(path, embedder, hands, _sparingly(tell), judges)
    tell(reading.duration_s, reading.duration_s)
    sheet = face_sheet(reading.appearances) if reading.appearances else None
    shown = 1 if settings.unknowns == "keep" else 0
    appearances = tuple(_with_pictures(appearance, shown) for appearance in reading.appearances)
    return ReadFilm(replace(reading, appearances=appearances), sheet)


def face_sheet(appearances: Sequence[FilmAppearance]) -> FaceSheet:
    """The sheet of some appearances: a few views of each beside each other, three appearances per line."""
    shown = appearances[:_MOST_SHOWN]
    width = _PER_LINE * VIEWS_SHOWN * _SIDE
    height = -(-len(shown) // _PER_LINE) * _SIDE
    picture = Image.new("RGB", (width, height), "white")
    places: list[tuple[Box, ...]] = []
    for number, appearance in enumerate(shown):
        line, column = divmod(number, _PER_LINE)
        boxes = []
        for place, view in enumerate(appearance.views[:VIEWS_SHOWN]):
            left, top = (column * VIEWS_SHOWN + place) * _SIDE, line * _SIDE
            thumbnail = Image.open(io.BytesIO(view.thumbnail)).convert("RGB")
            thumbnail.thumbnail((_SIDE, _SIDE))
            picture.paste(thumbnail, (left, top))
            right, bottom = left + thumbnail.width, top + thumbnail.height
            boxes.append((float(left), float(top), float(right), float(bottom)))
        places.append(tuple(boxes))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return FaceSheet(out.getvalue(), width, height, (*places, *[()] * (len(appearances) - len(shown))))


def _with_pictures(appearance: FilmAppearance, shown: int) -> FilmAppearance:
    """An appearance of whose views only the first ``shown`` have a picture."""
    bare = (replace(view, thumbnail=b"") for view in appearance.views[shown:])
    return replace(appearance, views=(*appearance.views[:shown], *bare))


def _sparingly(tell: Tell) -> Tell:
    """Tells at most about twice per second: each time costs a line to the server."""
    last = 0.0

    def told(seconds: float, of: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _TOLD_EVERY_S:
            last = time.monotonic()
            tell(seconds, of)

    return told
