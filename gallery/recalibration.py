"""Fitting the stored calibration again once the gallery has outgrown it, or persons are scored in another way."""

from __future__ import annotations

from gallery.gallery import Gallery
from gallery.threshold.calibration import STRANGERS
from gallery.threshold.impostor_scores import calibrate, enrolled_people, from_gallery
from presente.errors import InvalidInput


def refit(gallery: Gallery) -> str:
    """Fit the stored curve again if it is stale, or of another score; what was done, in words, empty if nothing was.

    A curve that was fitted to strangers' photos stays: the photos are not kept, and the gallery alone tells less.

    Raises:
        InvalidInput: ``unsuitable_scores``, ``enrolled_twice``; the stored curve stays.
        StoreError: of the store, or ``calibration_unreadable``.
    """
    (people, _), curve = gallery.calibration(), gallery.stored_calibration()
    if curve is None or not (curve.stale(people) or curve.of_another_score()):
        return ""
    grown = f"{curve.people} people were enrolled when the threshold was calibrated, {people} are now"
    if curve.of_another_score():
        grown = f"the calibration was fitted to another score of a person ({curve.score!r})"
    if STRANGERS in curve.sources:
        return f"{grown}: calibrate again, with photos of strangers as then"
    students, cohort = (enrolled_people(gallery.store, gallery.dim, cohort=which) for which in (False, True))
    try:
        fitted = calibrate(from_gallery(students, cohort), len(students.people), gallery.pack, curve.target)
    except InvalidInput as error:
        if error.code not in ("too_few_people", "too_few_searches"):
            raise
        return f"{grown}, too few to calibrate again: {error.what}"
    gallery.store.store_calibration(fitted.to_json())
    return f"{grown}: it was calibrated again, by {fitted.searches} searches{fitted.enrolled_twice_note()}"
