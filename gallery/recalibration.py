"""Fitting the stored calibration again once the gallery has outgrown it, or persons are scored in another way."""

from __future__ import annotations

from collections.abc import Callable

from gallery.gallery import Gallery
from gallery.threshold.calibration import STRANGERS, CalibrationCurve
from gallery.threshold.impostor_scores import calibrate, enrolled_people, from_gallery
from presente.errors import InvalidInput

_MOST_FITS = 5
"""Fits in one call, while the gallery doubles from one to the next."""


def refit(gallery: Gallery) -> str:
    """Fit the stored curve again if it is stale, or of another score; what was done, in words, empty if nothing was.

    A curve that was fitted to strangers' photos stays: the photos are not kept, and the gallery alone tells less.
    Other processes may enrol meanwhile, and fit a curve themselves; the last one to store a curve sees whether it is
    stale by then, and fits it again.

    Raises:
        InvalidInput: ``unsuitable_scores``, ``enrolled_twice``; the stored curve stays.
        StoreError: of the store, or ``calibration_unreadable``.
    """
    note = ""
    for _ in range(_MOST_FITS):
        stored, said = _refit_once(gallery)
        note = said or note
        if not stored:
            break
    return note


def _refit_once(gallery: Gallery) -> tuple[bool, str]:
    """Whether a curve was fitted and stored, and what was done or why not, in words."""
    (people, _), curve = gallery.calibration(), gallery.stored_calibration()
    if curve is None or not (curve.stale(people) or curve.of_another_score()):
        return False, ""
    grown = f"{curve.people} people were enrolled when the threshold was calibrated, {people} are now"
    if curve.of_another_score():
        grown = f"the calibration was fitted to another score of a person ({curve.score!r})"
    if STRANGERS in curve.sources:
        return False, f"{grown}: calibrate again, with photos of strangers as then"
    try:
        fitted = fit_to_gallery(gallery, curve.target)
    except InvalidInput as error:
        if error.code not in ("too_few_people", "too_few_searches"):
            raise
        return False, f"{grown}, too few to calibrate again: {error.what}"
    gallery.store_calibration(fitted)
    return True, f"{grown}: it was calibrated again, by {fitted.searches} searches{fitted.enrolled_twice_note()}"


def fit_to_gallery(
    gallery: Gallery,
    target: float,
    progress: Callable[[int], None] = lambda _: None,
    begins: Callable[[int], None] = lambda _: None,
) -> CalibrationCurve:
    """A curve for a rate, fitted to searches of the cohort and of each student among all others; it is not stored.

    ``begins`` is told how many searches there are, ``progress`` how many further ones were made.

    Raises:
        InvalidInput: ``too_few_people``, ``too_few_searches``, ``unsuitable_scores``, ``enrolled_twice``.
    """
    students, cohort = (enrolled_people(gallery.store, gallery.dim, cohort=which) for which in (False, True))
    searches = from_gallery(students, cohort, progress, begins)
    return calibrate(searches, len(students.people), gallery.pack, target)
