"""Galleries of small vectors that a process opens by address, and a calibration curve that a gallery can keep."""

from dataclasses import replace
from pathlib import Path

from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from gallery.threshold.calibration import CalibrationCurve
from presente.composition import open_store
from tests.conftest import DIM, PACK

BY_HAND = CalibrationCurve(
    PACK, 100, 1000, 200, 6.0, 50.0, (0.01, 0.02, 0.1), 0.01, "2026-11-21T00:00:00+00:00", {"cohort": 1000}
)


def open_gallery(url: str, folder: Path) -> Gallery:
    return Gallery(open_store(url), GenerationStore(folder / "index"), PACK, DIM, GallerySettings(0.5, "test"))


def store_curve(gallery: Gallery, **changed: object) -> None:
    curve = replace(BY_HAND, pack=PACK, target=0.03, **{"sources": {"left out": 50}, **changed})  # type: ignore[arg-type]
    gallery.store.store_calibration(curve.to_json())


def stored_curve(gallery: Gallery) -> CalibrationCurve:
    curve = CalibrationCurve.from_json(gallery.store.calibration() or "")
    assert curve is not None
    return curve
