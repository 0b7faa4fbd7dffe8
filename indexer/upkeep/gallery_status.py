"""``status``: what is stored and indexed, which pack and threshold are in force, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from faces.packs.model_pack import ModelPack
from gallery.documents.seal_store import SealState
from gallery.gallery import Gallery
from gallery.privacy.retention import SOON_DAYS, consents_that_end
from gallery.status import GalleryStatus
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import OperatingPoint, operating_point
from indexer.upkeep.sealing_words import files_words, sealing_words
from presente import __version__, composition
from presente.errors import ConfigError, PackError, PresenteError
from presente.installation import command_line
from presente.settings import Settings

_CALIBRATE = command_line("evaluation calibrate --fpir 0.001")


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The state of a gallery.

    Attributes:
        gallery: counts, pack and index, whichever pack the settings name.
        pack: the pack that the settings name; None when there is no such pack.
        calibration: the stored curve, if it is of the gallery's pack and of this version's score.
        unused_calibration: why a stored curve does not hold, and what to do; empty when none is passed over.
        point: the threshold in force and its source; None when it cannot be known, which is a problem as well.
        problems: what keeps the gallery from identifying anyone.
        sealing: how the store is sealed.
        consents: how many end soon, and how many have ended.
        unknown_people: how many are cards, how many are not of the school, and how many faces they have.
    """

    gallery: GalleryStatus
    pack: ModelPack | None
    calibration: CalibrationCurve | None
    unused_calibration: str
    point: OperatingPoint | None
    problems: tuple[PresenteError, ...]
    sealing: SealState
    consents: tuple[int, int]
    unknown_people: tuple[int, int, int]

    def as_dict(self, settings: Settings) -> dict[str, Any]:
        """For ``--json``."""
        status = self.gallery
        return {
            "students": status.counts.students,
            "cohort": status.counts.cohort,
            "images": status.counts.images,
            "templates": status.counts.templates,
            "indexed": status.indexed,
            "pack": status.pack or None,
            "dim": status.dim,
            "model_pack": None if self.pack is None else self.pack.tag,
            "threshold": None if self.point is None else self.point.threshold,
            "threshold_source": None if self.point is None else self.point.source,
            "calibration": self._calibration_json(),
            "unused_calibration": self.unused_calibration,
            "problems": [{"code": error.code, "what": error.what, "fix": error.fix} for error in self.problems],
            **status.index_described(),
            "sealing": asdict(self.sealing),
            "consents": {"end_soon": self.consents[0], "ended": self.consents[1]},
            "unknown_people": dict(zip(("open", "not_ours", "faces"), self.unknown_people, strict=True)),
            "timezone": composition.open_clock(settings).described(),
            "runtime": composition.runtime_in_use(settings),
            "version": __version__,
            "settings": settings.described(),
        }

    def lines(self, settings: Settings) -> Iterator[str]:
        """For people."""
        shown = self.as_dict(settings) | {
            "threshold": self._threshold_words(),
            "calibration": self._calibration_words(),
            "sealing": sealing_words(self.sealing),
            "consents": f"{self.consents[0]} end within {SOON_DAYS} days, {self.consents[1]} have ended",
            "unknown_people": "{} cards, {} not of the school, {} faces".format(*self.unknown_people),
            "index_files": files_words(self.gallery.files),
        }
        for key, value in shown.items():
            if key not in ("settings", "problems", "threshold_source", "unused_calibration"):
                yield f"{key:16s} {value}"
        for item in settings.described():
            yield f"{item['name']:24s} {item['value'] or '-':28s} from {item['from']}"
        for error in self.problems:
            yield f"PROBLEM [{error.code}] {error}"

    def _calibration_json(self) -> dict[str, Any] | None:
        if self.calibration is None:
            return None
        return {
            "people": self.calibration.people,
            "searches": self.calibration.searches,
            "made_at": self.calibration.made_at,
            "target": self.calibration.target,
            "fpir": None if self.point is None else self.point.fpir(self.point.threshold),
            "warning": "" if self.point is None else self.point.warning(),
        }

    def _threshold_words(self) -> str:
        if self.point is None or self.pack is None:
            return "unknown: see the problem at the end"
        return self.pack.described_threshold(self.point.threshold, self.point.source)

    def _calibration_words(self) -> str:
        curve = self.calibration
        if curve is None:
            return f"none: {self.unused_calibration}" if self.unused_calibration else f"none; to make one: {_CALIBRATE}"
        warning = "" if self.point is None else self.point.warning()
        made = f"of {curve.made_at}, {curve.searches} searches among {curve.people} people, for fpir={curve.target:g}"
        return f"{made}; {warning}" if warning else made


def read_status(settings: Settings) -> StatusReport:
    """The state of the gallery. A pack that is missing or does not match is a problem in it, not an error.

    Raises:
        ConfigError: ``unknown_store``, ``foreign_database``.
        StoreError: the store cannot be read, or ``calibration_unreadable``.
    """
    problems: list[PresenteError] = []
    try:
        pack = composition.open_pack(settings)
    except PackError as error:
        pack = None
        problems.append(error)
    gallery = composition.open_for_upkeep(settings)
    try:
        point: OperatingPoint | None = None
        people, curve = gallery.calibration()
        unused = gallery.unused_calibration()
        if pack is not None:
            try:
                _check_pack(gallery, pack, settings)
                own = composition.gallery_settings(settings, pack)
                point = operating_point(own.target, own.threshold, own.threshold_source, curve, people, unused)
            except (PackError, ConfigError) as error:
                problems.append(error)
        consents = consents_that_end(gallery, composition.open_clock(settings))
        state, sealing = gallery.status(), gallery.store.seals.state()
        kept = consents, gallery.store.unknowns.counts()
        return StatusReport(state, pack, curve, unused, point, tuple(problems), sealing, *kept)
    finally:
        gallery.close()


def _check_pack(gallery: Gallery, pack: ModelPack, settings: Settings) -> None:
    """Raise the error that everyone gets who opens a gallery with a pack that did not make it."""
    if gallery.store.pack() not in (None, (pack.tag, pack.dim)):
        composition.open_gallery(settings, pack).close()
