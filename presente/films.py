"""Films and gallery together: appearances in a film become faces whose attendance is recorded, as those of a photo."""

from __future__ import annotations

from pathlib import Path

from faces.embedder import FaceEmbedder
from faces.film.reading import RaisedHands, Tell, read_film
from faces.film.values import FilmReading
from gallery.attendance.film_chances import most_chances
from gallery.gallery import Gallery
from gallery.recalibration import fit_to_gallery
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint
from gallery.threshold.raised_threshold import FPIR, raised_threshold
from presente.errors import InvalidInput

_FITTED_TO = 5_000
"""People of a gallery without a calibration to which a curve is fitted for a film: it takes seconds."""

__all__ = ["FilmReading", "read_school_film", "threshold_for_chances", "threshold_of_film"]


def read_school_film(
    path: Path, embedder: FaceEmbedder, hands: RaisedHands | None, tell: Tell, judges: bool = False
) -> FilmReading:
    """Read a film with a pack, whose own threshold says when two views are one face; see
    :func:`faces.film.reading.read_film`."""
    return read_film(str(path), embedder, embedder.pack.threshold, hands, tell, judges=judges)


def threshold_of_film(gallery: Gallery, reading: FilmReading) -> tuple[float, OperatingPoint]:
    """The score from which an appearance of a film is a person, and the operating point of a photo that it rises from.

    ``gallery`` is the whole gallery.
    """
    point = gallery.operating_point(None)
    chances = most_chances([appearance.spans for appearance in reading.appearances])
    return threshold_for_chances(gallery, point, chances), point


def threshold_for_chances(gallery: Gallery, point: OperatingPoint, chances: int) -> float:
    """The threshold where one stranger may be looked at so many times.

    Where the gallery has no calibration, a curve is fitted to its people, if they are neither too few nor very many.
    """
    curve = point.curve
    if curve is None and chances > 1 and point.people <= _FITTED_TO:
        curve = _fitted(gallery)
    return raised_threshold(point, curve, chances)


def _fitted(gallery: Gallery) -> CalibrationCurve | None:
    """A curve that is fitted to a gallery's people; None if they are too few."""
    try:
        return fit_to_gallery(gallery, FPIR)
    except InvalidInput:
        return None
