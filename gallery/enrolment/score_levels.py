"""What a score means at enrolment: it may be a stranger's, it is the student's, it is somebody else's already.

Levels are error rates, and a calibration curve makes scores of them: the stored one, else one fitted in memory to the
gallery's own people. Without either the pack's threshold must do. Why these rates: docs/adr/0016-enrolment.md.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np

from gallery.gallery import Gallery
from gallery.threshold.calibration import MIN_SEARCHES, CalibrationCurve
from gallery.threshold.impostor_scores import STRANGERS, calibrate, in_groups
from presente.errors import InvalidInput

STRANGER_RATE = 0.01
"""Share of strangers whose score with a student says that they may be the student: below that score nothing does."""
STUDENT_RATE = 0.001
"""Share of strangers whose score with a student says that they are the student."""
DUPLICATE_RATE = 0.001
"""Share of really new people whose best score with anybody enrolled says that they are enrolled already."""

_MIN_PEOPLE = 10
"""A curve of fewer people is too uncertain: among 8 of LFW the level for a stranger is anywhere from 0.18 to 0.38."""
_MOST = 2000
"""Templates that a curve in memory is fitted to."""
_SURE, _STEEP = 0.75, 9.6
"""Without a curve: the share of the pack's threshold that 0.1 % of LFW's strangers reach with one template, and how
fast the logarithm of their share falls with the squared share of the threshold (1 % reach 0.57 of it)."""


@dataclass(frozen=True, slots=True)
class EnrolmentLevels:
    """From which cosines on something is clear, in a gallery of so many people.

    Attributes:
        threshold: the model pack's own.
        people: how many students are enrolled.
        templates: how many each of them has, on average.
        curve: FPIR by score and people; None when the gallery is too small for one.
        supported: whether the curve's data support :data:`DUPLICATE_RATE`.
    """

    threshold: float
    people: int
    templates: float
    curve: CalibrationCurve | None
    supported: bool = False

    def may_be(self, own: int) -> float:
        """Below this best score with ``own`` templates of a student nothing says that a face is the student's."""
        return min(self._one_to_one(STRANGER_RATE, own), self.surely(own))

    def surely(self, own: int) -> float:
        """From this best score with ``own`` templates of a student on a face clearly is the student's."""
        return min(self._one_to_one(STUDENT_RATE, own), self.threshold)

    @property
    def duplicate(self) -> float:
        """From this score with a student on a face clearly is that student's, among all who are enrolled."""
        if self.curve is None:
            return self.threshold
        level = self.curve.threshold(DUPLICATE_RATE, self.people)
        return level if self.supported else max(level, self.threshold)

    def fpir(self, score: float) -> float | None:
        """The share of really new people whose best score is as high; None without a curve."""
        return None if self.curve is None else self.curve.fpir(score, self.people)

    def _one_to_one(self, rate: float, own: int) -> float:
        """The score that a share of strangers reaches with one student of ``own`` templates: each is one more chance.

        The curve's people have ``templates`` each, so that a student of fewer is a part of one.
        """
        chances = max(own, 1)
        if self.curve is None:
            return self.threshold * math.sqrt(_SURE**2 + math.log(STUDENT_RATE * chances / rate) / _STEEP)
        return self.curve.threshold(min(rate * self.templates / chances, 0.49), 1)


class LevelKeeper:
    """Gives a gallery's levels as they are now, and keeps the curve that was fitted for them. For several threads."""

    def __init__(self, gallery: Gallery, threshold: float) -> None:
        """Of a gallery, whose pack has this threshold."""
        self._gallery = gallery
        self._threshold = threshold
        self._lock = threading.Lock()
        self._fitted: CalibrationCurve | None = None
        self._fitted_people = 0

    def now(self) -> EnrolmentLevels:
        """The levels of this moment."""
        people, stored = self._gallery.calibration()
        with self._gallery.index.reading() as live:
            templates = len(live) / max(live.people(), 1)
        templates = max(templates, 1.0)
        if stored is not None:
            supported = not stored.doubt(DUPLICATE_RATE, people)
            # One fitted to the gallery itself has its duplicates in it; where they show, it is in doubt.
            if supported or STRANGERS in stored.sources:
                return EnrolmentLevels(self._threshold, people, templates, stored, supported)
        return EnrolmentLevels(self._threshold, people, templates, self._own_curve(people))

    def _own_curve(self, people: int) -> CalibrationCurve | None:
        """The curve of the gallery's own people; fitted again when there are twice as many, or half."""
        with self._lock:
            if not self._fitted_people / 2 < people < self._fitted_people * 2:
                self._fitted_people, self._fitted = self._fit(people)
            return self._fitted

    def _fit(self, people: int) -> tuple[int, CalibrationCurve | None]:
        """For how many people it holds, and the curve; 0 and None when it is worth another try at the next call."""
        if people < _MIN_PEOPLE:
            return 0, None
        students = self._gallery.searchable()
        with self._gallery.index.reading() as live:
            frozen = live.frozen()
        wanted = slice(None) if students is None else np.isin(frozen.subjects, students)
        places = np.arange(len(frozen))[wanted]
        if len(places) < MIN_SEARCHES:
            return 0, None
        certain = self._threshold + (1 - self._threshold) / 4
        found, of = in_groups(frozen.subjects[places], lambda rows: frozen.take(places[rows]), _MOST, certain)
        try:
            return people, calibrate(found, of, self._gallery.pack, DUPLICATE_RATE, resamples=0)
        except InvalidInput:
            return people, None
