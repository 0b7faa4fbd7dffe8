"""Galleries of small vectors that a process opens by address, writes that are under way beside one, and a calibration
curve that a gallery can keep."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gallery.documents.mongo.store import MongoStore
from gallery.documents.values import TemplateBatch
from gallery.gallery import Gallery
from gallery.index.document_index import DocumentIndex
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from gallery.threshold.calibration import CalibrationCurve
from presente.composition import open_store
from tests.conftest import DIM, PACK, enrolment
from tests.gallery.conftest import vectors

BY_HAND = CalibrationCurve(
    PACK, 100, 1000, 200, 6.0, 50.0, (0.01, 0.02, 0.1), 0.01, "2026-11-21T00:00:00+00:00", {"cohort": 1000}
)


def own_index(gallery: Gallery) -> DocumentIndex:
    """The index of a gallery, which this process holds."""
    assert isinstance(gallery.index, DocumentIndex)
    return gallery.index


def open_gallery(url: str, folder: Path) -> Gallery:
    return Gallery(open_store(url), GenerationStore(folder / "index"), PACK, DIM, GallerySettings(0.5, "test"))


def store_curve(gallery: Gallery, **changed: object) -> None:
    curve = replace(BY_HAND, pack=PACK, target=0.03, **{"sources": {"left out": 50}, **changed})  # type: ignore[arg-type]
    gallery.store.store_calibration(curve.to_json())


def stored_curve(gallery: Gallery) -> CalibrationCurve:
    curve = CalibrationCurve.from_json(gallery.store.calibration() or "")
    assert curve is not None
    return curve


@contextlib.contextmanager
def late(url: str, matricula: str, seed: int) -> Iterator[None]:
    """Enrol in another thread, which announces its write before the block runs and writes templates after it."""
    store = MongoStore(url)
    reserved, go_on = threading.Event(), threading.Event()
    put = store._writer.photos.put_templates

    def wait(*arguments: Any) -> TemplateBatch | None:
        reserved.set()
        assert go_on.wait(60)
        return put(*arguments)

    store._writer.photos.put_templates = wait  # type: ignore[assignment, method-assign]
    thread = threading.Thread(target=store.enrol, args=([enrolment(matricula, vectors(2, seed))],))
    thread.start()
    assert reserved.wait(60)
    try:
        yield
    finally:
        go_on.set()
        thread.join()
        store.close()
