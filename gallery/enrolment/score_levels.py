"""What a score means at enrolment: a stranger's, the student's, or that of another student who is enrolled already.

Levels are given as error rates. A calibration curve turns them into scores: the stored curve, otherwise one that is
fitted in memory to the gallery's own people. Without either the pack's threshold is used. Why these rates:
docs/adr/0016-enrolment.md.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np

from gallery.gallery import Gallery
from gallery.threshold.calibration import MIN_SEARCHES, STRANGERS, CalibrationCurve
from gallery.threshold.impostor_scores import calibrate, in_groups
from presente.errors import InvalidInput

STRANGER_RATE = 0.01
"""The share of strangers who reach the score from which a face may be the student's. Below it, nothing shows it."""
STUDENT_RATE = 0.001
"""The share of strangers who reach the score from which a face clearly is the student's."""
DUPLICATE_RATE = 0.001
"""The share of new people whose best score with all enrolled people seems to show that they are enrolled already."""

_MIN_PEOPLE = 10
"""A curve of fewer people is too uncertain: among 8 people of LFW, a stranger's level is anywhere from 0.18 to 0.38."""
_MAX_SEARCHES = 2000
"""How many templates a curve in memory is fitted to."""
_SURE_SHARE, _DECAY = 0.75, 9.6
"""Without a curve: the share of the pack's threshold that 0.1 % of LFW's strangers reach with one template, and how
fast the logarithm of their number falls with the square of that share (1 % reach 0.57 of the threshold)."""
_CHANCES = 0.36
"""The power of the number of templates by which the number of strangers who reach a score grows. On LFW, of 1 % and of
0.1 % with one template: 1.26 and 1.30 times as many with two, 1.68 and 1.86 with five, 1.89 and 2.19 with eight."""


@dataclass(frozen=True, slots=True)
class EnrolmentLevels:
    """The scores from which something is clear, in a gallery of a given size.

    Attributes:
        threshold: the model pack's threshold.
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
        """The score with a student of ``own`` templates below which nothing shows that a face is the student's."""
        return min(self._one_to_one(STRANGER_RATE, own), self.surely(own))

    def surely(self, own: int) -> float:
        """The score with a student of ``own`` templates from which a face clearly is the student's."""
        return min(self._one_to_one(STUDENT_RATE, own), self.threshold)

    @property
    def duplicate(self) -> float:
        """The score with a student, of all who are enrolled, from which a face clearly is that student's."""
        if self.curve is None:
            return self.threshold
        level = self.curve.threshold(DUPLICATE_RATE, self.people)
        return level if self.supported else max(level, self.threshold)

    def fpir(self, score: float) -> float | None:
        """The share of new people with a best score this high; None without a curve."""
        return None if self.curve is None else self.curve.fpir(score, self.people)

    def _one_to_one(self, rate: float, own: int) -> float:
        """The score that a share of strangers reaches with one student of ``own`` templates.

        More templates are more chances. The curve's people have ``templates`` each, so that a student with fewer
        templates counts as a fraction of a person.
        """
        chances = _chances(own)
        if self.curve is None:
            return self.threshold * math.sqrt(_SURE_SHARE**2 + math.log(STUDENT_RATE * chances / rate) / _DECAY)
        return self.curve.threshold(min(rate * _chances(self.templates) / chances, 0.49), 1)


def _chances(templates: float) -> float:
    """How many times as many strangers reach a score with so many templates of a person as with one."""
    return float(max(templates, 1) ** _CHANCES)


class LevelKeeper:
    """Computes a gallery's present levels, and keeps the curve that was fitted for them. For several threads."""

    def __init__(self, gallery: Gallery, threshold: float) -> None:
        """Keep the levels of a gallery whose pack has this threshold."""
        self._gallery = gallery
        self._threshold = threshold
        self._lock = threading.Lock()
        self._fitted: CalibrationCurve | None = None
        self._fitted_people = 0

    def now(self) -> EnrolmentLevels:
        """The present levels."""
        people, stored = self._gallery.calibration()
        with self._gallery.index.reading() as searcher:
            templates = len(searcher) / max(searcher.subject_count(), 1)
        templates = max(templates, 1.0)
        if stored is not None:
            supported = not stored.doubt(DUPLICATE_RATE, people)
            # A curve that was fitted to the gallery itself includes its duplicates; then the rate is in doubt.
            if supported or STRANGERS in stored.sources:
                return EnrolmentLevels(self._threshold, people, templates, stored, supported)
        return EnrolmentLevels(self._threshold, people, templates, self._own_curve(people))

    def _own_curve(self, people: int) -> CalibrationCurve | None:
        """The curve of the gallery's own people. It is fitted again when their number has doubled or halved."""
        with self._lock:
            if not self._fitted_people / 2 < people < self._fitted_people * 2:
                self._fitted_people, self._fitted = self._fit(people)
            return self._fitted

    def _fit(self, people: int) -> tuple[int, CalibrationCurve | None]:
        """How many people the curve is for, and the curve; 0 and None when the next call should try again."""
        if people < _MIN_PEOPLE:
            return 0, None
        students = self._gallery.searchable()
        with self._gallery.index.reading() as searcher:
            snapshot = searcher.snapshot()
        wanted = slice(None) if students is None else np.isin(snapshot.subjects, students)
        places = np.arange(len(snapshot))[wanted]
        if len(places) < MIN_SEARCHES:
            return 0, None
        certain = self._threshold + (1 - self._threshold) / 4
        found, of = in_groups(
            snapshot.subjects[places], lambda rows: snapshot.take(places[rows]), _MAX_SEARCHES, certain
        )
        try:
            return people, calibrate(found, of, self._gallery.pack, DUPLICATE_RATE, resamples=0)
        except InvalidInput:
            return people, None
