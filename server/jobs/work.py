"""What each kind of job does, in the job's own process. A result names no person: findings go where erasure reaches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.documents.jobs import JobProgress, JobRequest
from presente import composition
from presente.errors import StoreError
from presente.installation import IMPORT_ROOT, INSTALLED
from presente.settings import Settings, without_settings
from presente.settings.settings import SETTINGS

if TYPE_CHECKING:
    from gallery.documents.protocol import DocumentStore
    from gallery.gallery import Gallery

_LOOK_S = 1.0
"""Seconds between two looks at how far the embedding is."""

Tell = Callable[[JobProgress], None]
"""Is told how far the work is."""


@dataclass(frozen=True, slots=True)
class JobWork:
    """A job as its process gets it; ``film``: the file of a job about a film."""

    settings: Settings
    asked: JobRequest
    film: Path | None = None


def do(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    """Do the work; its result, values of JSON.

    Raises:
        PresenteError: it could not be done.
    """
    return _KINDS[work.asked.kind](work, tell)


class _Count:
    """Counts what is done, and tells it."""

    def __init__(self, unit: str, tell: Tell) -> None:
        self._now = JobProgress(0, None, unit)
        self._tell = tell

    def begins(self, of: int) -> None:
        self._change(of=of)

    def goes_on(self, further: int) -> None:
        self._change(done=self._now.done + further)

    def _change(self, **changed: Any) -> None:
        self._now = replace(self._now, **changed)
        self._tell(self._now)


def _audit(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    from gallery.audit.audit import audit
    from gallery.audit.findings import kept

    gallery, count = _open(work.settings), _Count("photos", tell)
    try:
        found = audit(gallery, bool(work.asked.arguments.get("cohort")), count.goes_on, count.begins)
        gallery.store.findings.put([kept(finding) for finding in found.findings])
    finally:
        gallery.close()
    severities = Counter(finding.severity for finding in found.findings)
    return {
        "people": found.people,
        "photos": found.photos,
        "threshold": float(found.threshold),
        "usual": float(found.usual),
        "identical": float(found.identical),
        "high": severities["high"],
        "medium": severities["medium"],
        "low": severities["low"],
    }


def _calibrate(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    from gallery.recalibration import fit_to_gallery
    from gallery.threshold.impostor_scores import enrolled_people
    from gallery.threshold.own_photos import own_scores, score_quantiles

    gallery, count = _open(work.settings), _Count("searches", tell)
    try:
        curve = fit_to_gallery(gallery, work.asked.arguments["fpir"], count.goes_on, count.begins)
        own = own_scores(enrolled_people(gallery.store, gallery.dim, cohort=False))
        gallery.store_calibration(curve)
        _log_calibration(gallery.store, work)
        people = gallery.calibration()[0]
    finally:
        gallery.close()
    return {
        "pack": curve.pack,
        "fpir": curve.target,
        "threshold": curve.threshold(curve.target, people),
        "searches": curve.searches,
        "own_photos": len(own),
        "own_scores": score_quantiles(own),
    }


def _compact(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    from gallery.recalibration import refit
    from presente.errors import InvalidInput

    gallery, count = _open(work.settings), _Count("steps", tell)
    count.begins(3)
    try:
        generation = gallery.index.rebuild()
        count.goes_on(1)
        gallery.store.attendance.recount()
        count.goes_on(1)
        before = gallery.store.calibration()
        try:
            note = refit(gallery)
        except InvalidInput as error:  # the curve that is stored stays
            note = str(error)
        if gallery.store.calibration() != before:
            _log_calibration(gallery.store, work)
        count.goes_on(1)
        return {"generation": generation, "templates": gallery.store.counts().templates, "note": note}
    finally:
        gallery.close()


def _sync(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    """Embed with the indexer's program, in which a decoder may crash; how far it is, the documents say."""
    store = composition.open_own_store(work.settings)
    texts = {each.variable: work.settings.texts[each.name] for each in SETTINGS if each.name in work.settings.texts}
    if work.settings.master_key is not None:  # secret settings are not among the texts
        texts["PRESENTE_MASTER_KEY"] = work.settings.master_key.as_setting()
    clone = {} if INSTALLED else {"PYTHONPATH": str(IMPORT_ROOT)}
    words = [sys.executable, "-P", "-m", "presente", "index", "sync", "--json"]
    program = subprocess.Popen(words, env=without_settings() | texts | clone, stdout=subprocess.PIPE)

    def end(*_: object) -> None:
        program.terminate()
        os._exit(1)

    signal.signal(signal.SIGTERM, end)
    printed: list[bytes] = []
    reader = threading.Thread(target=lambda: printed.append(program.communicate()[0]), daemon=True)
    reader.start()
    try:
        begun = store.counts()
        while reader.is_alive():
            reader.join(_LOOK_S)
            now = store.counts()
            tell(JobProgress(now.templates - begun.templates, now.images - begun.templates, "photos"))
    finally:
        store.close()
    return _sync_result(printed[0])


def _sync_result(printed: bytes) -> Mapping[str, Any]:
    """What the program reports, without anyone's name.

    Raises:
        StoreError: ``sync_failed``, or what the program said.
    """
    try:
        report = json.loads(printed)
    except ValueError as exc:
        raise StoreError("sync_failed", "Embedding ended without a report.", "Look at the server's log.") from exc
    if "error" in report:
        error = report["error"]
        raise StoreError(error["code"], error["what"], error["fix"])
    return {"embedded": report["done"], "refused": report["reasons"], "stopped": report["stopped"] or ""}


def _retention(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    """Carry out what consents and periods say, in the name of who asked for the job."""
    from gallery.documents.access_log import AccessAction, AccessEvent, in_lines
    from gallery.privacy.retention import RetentionRun

    settings, asked = work.settings, work.asked
    gallery, count = composition.open_for_upkeep(settings), _Count("students", tell)

    def log(action: AccessAction, about: Sequence[str], detail: str) -> None:
        count.goes_on(len(about))
        if settings.access_log != "off":
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            event = AccessEvent(at, asked.caller, asked.role, "local", action, detail=detail, about=tuple(about))
            gallery.store.access_log.append(in_lines(event))

    try:
        policy = composition.privacy_policy(settings)
        forget = partial(composition.forget_copies, settings)
        clock = composition.open_clock(settings)
        dry = bool(work.asked.arguments.get("dry_run"))
        return asdict(RetentionRun(gallery, policy, clock, forget, log, dry).run())
    finally:
        gallery.close()


def _film(work: JobWork, tell: Tell) -> Mapping[str, Any]:
    """Read a film, without the gallery: the server records what it shows."""
    from server.films.reading import read_for_session

    def told(seconds: float, of: float | None) -> None:
        tell(JobProgress(round(seconds), None if of is None else max(1, round(of)), "seconds"))

    assert work.film is not None
    return read_for_session(work.settings, work.film, told).packed()


def _open(settings: Settings) -> Gallery:
    return composition.open_gallery(settings, composition.open_pack(settings))


def _log_calibration(store: DocumentStore, work: JobWork) -> None:
    """Write that the threshold was calibrated, by whom the job was asked for."""
    from gallery.documents.access_log import AccessAction, AccessEvent

    if work.settings.access_log != "off":
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        asked = work.asked
        store.access_log.append([AccessEvent(at, asked.caller, asked.role, "local", AccessAction.CALIBRATED)])


_KINDS: Mapping[str, Callable[[JobWork, Tell], Mapping[str, Any]]] = {
    "audit": _audit,
    "calibrate": _calibrate,
    "compact": _compact,
    "film": _film,
    "retention": _retention,
    "sync": _sync,
}
