"""Calibration: how often a stranger would be named, as a curve over the score and the size of the gallery.

A stranger's best score is the maximum of as many impostor scores as people are enrolled. Cosines of unrelated
directions, and means of such cosines, are close to normal. So the tail of the scores is exponential in the square of
the score, and the square of the maximum follows a Gumbel distribution (Coles, *An Introduction to Statistical Modeling
of Extreme Values*, 2001, ch. 3), whose location grows with the logarithm of the number of
people. With s the signed square of the score::

    FPIR(score, people) = 1 - exp(-(people / fitted_people) * exp(intercept - slope * s))

It is fitted by maximum likelihood to the best scores of non-mated searches, censored on both sides: scores below the
median say nothing about the tail, and of the topmost scores only the number counts, because some of them belong to
people who are enrolled under two names. Reasons: docs/adr/0014-calibration.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.person_score import SCORE
from presente.errors import InvalidInput, StoreError
from presente.installation import command_line

FORMAT = 2
BEST_TEMPLATE = "best"
"""The score that curves of format 1 were fitted to: that of a person's best template alone."""
STRANGERS = "strangers"
"""The source of searches with photos of people who are not enrolled."""
MIN_SEARCHES = 20
_LOW_SHARE = 0.5
"""The share of searches with the lowest scores, of which only the number counts."""
_TOP_SHARE = 0.01
"""The share of searches with the highest scores, of which only the number counts."""
RESAMPLES = 100
_MIN_USABLE_SHARE = 0.5
"""The share of resamples that a curve must be fitted to; with fewer, their spread means nothing."""
_EQUAL = 1e-5
"""Scores that are closer together than this are equal: cosines of float32 vectors are not more exact."""
_MAX_EXPONENT = 700.0
"""Exponents are limited to this: it gives more than every rate, and larger ones overflow."""
_SUPPORT_FACTOR = 2.0
"""A rate is supported when the 95 % interval at its threshold is within this factor of the rate."""
_STALE_FACTOR = 2.0
"""A curve is stale when the gallery has this many times more, or fewer, people than it was fitted with."""


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """FPIR as a function of the score and the number of people, and how far it can be trusted.

    Attributes:
        pack: tag of the model pack whose scores these are.
        people: how many enrolled people were searched when it was fitted.
        searches, subjects: how many non-mated searches it was fitted to, and of how many different people.
        intercept, slope: of the formula in this module's docstring.
        covariance: of intercept and slope (variance, covariance, variance), from resampling the subjects.
        target: the rate that was asked for.
        made_at: when it was fitted, UTC, ISO.
        sources: how many searches came from where.
        enrolled_twice: how many people seemed to be enrolled twice; their searches were left out.
        score: the score that it was fitted to: :data:`gallery.person_score.SCORE`, or that of an earlier version.
    """

    pack: str
    people: int
    searches: int
    subjects: int
    intercept: float
    slope: float
    covariance: tuple[float, float, float]
    target: float
    made_at: str
    sources: dict[str, int]
    enrolled_twice: int = 0
    score: str = SCORE

    def fpir(self, score: float, people: int) -> float:
        """The expected share of strangers whose best score among ``people`` people reaches ``score``."""
        return self._rate(self._log_intensity(score), people)

    def threshold(self, fpir: float, people: int) -> float:
        """The score (at most 1) that a share ``fpir`` of strangers reaches among ``people`` people."""
        check_target(fpir)
        intensity = -math.log1p(-fpir) * self.people / max(people, 1)
        square = (self.intercept - math.log(intensity)) / self.slope
        return math.copysign(math.sqrt(min(abs(square), 1.0)), square)

    def interval(self, score: float, people: int) -> tuple[float, float]:
        """The 95 % interval of :meth:`fpir`, from the spread of the fit alone."""
        square = score * abs(score)
        own, both, other = self.covariance
        variance = own - 2 * square * both + square * square * other
        spread = 1.96 * math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.inf
        low, high = (self._rate(self._log_intensity(score) + sign * spread, people) for sign in (-1, 1))
        return low, high

    def doubt(self, fpir: float, people: int) -> str:
        """Why the data do not support a rate among ``people`` people; empty when they do.

        They support it when the fit is sharp enough, and when the searches would show at least one such event with the
        number of people that were searched. Beyond that there is nothing but the formula.
        """
        score = self.threshold(fpir, people)
        low, high = self.interval(score, people)
        if high > _SUPPORT_FACTOR * fpir or low < fpir / _SUPPORT_FACTOR:
            return f"the rate may be anything from {low:.2g} to {high:.2g}: more non-mated searches are needed"
        seen = self.fpir(score, self.people) * self.searches
        if seen < 1:
            return f"{self.searches} searches would show {seen:.2g} such events: more non-mated searches are needed"
        return ""

    def enrolled_twice_note(self) -> str:
        """A note, to be appended to a sentence, on people who seem to be enrolled twice; empty when there are none."""
        if not self.enrolled_twice:
            return ""
        return (
            f"; {self.enrolled_twice} people who are enrolled under another name, too, by their photos, were left out: "
            f"run `{command_line('indexer audit')}`"
        )

    def stale(self, people: int) -> bool:
        """Whether the gallery grew or shrank so much that a new fit is due. Until then the curve adjusts for size."""
        return not self.people / _STALE_FACTOR < people < self.people * _STALE_FACTOR

    def _log_intensity(self, score: float) -> float:
        return self.intercept - self.slope * score * abs(score)

    def _rate(self, log_intensity: float, people: int) -> float:
        """The share of strangers who reach a score, given the logarithm of the intensity at it."""
        if people <= 0:
            return 0.0
        exponent = log_intensity + math.log(people) - math.log(self.people)
        return -math.expm1(-math.exp(min(exponent, _MAX_EXPONENT)))

    def of_another_score(self) -> str:
        """Why it does not hold for the scores of this version, and what to do; empty when it does."""
        if self.score == SCORE:
            return ""
        photos = " --unknown DIR" if STRANGERS in self.sources else ""
        return (
            f"the stored calibration does not hold: it was fitted to the score {self.score!r}, it is {SCORE!r} now; "
            f"run `{command_line(f'evaluation calibrate --fpir {self.target:g}{photos}')}`"
        )

    def to_json(self) -> str:
        """The curve as a store keeps it."""
        return json.dumps({"format": FORMAT, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> CalibrationCurve | None:
        """Read what a store kept; None when another version wrote it.

        Raises:
            StoreError: ``calibration_unreadable`` when it is damaged: the threshold that it meant is unknown.
        """
        try:
            described = json.loads(text)
            made_in = described.pop("format", None)
            if made_in not in (1, FORMAT):
                return None
            if made_in == 1:
                described["score"] = BEST_TEMPLATE
            own, both, other = described.pop("covariance")
            curve = cls(**described, covariance=(own, both, other))
            numbers = (curve.intercept, curve.slope, *curve.covariance, curve.target)
            if not all(math.isfinite(number) for number in numbers) or curve.slope <= 0 or curve.people < 1:
                raise ValueError("its numbers are impossible")
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise StoreError(
                "calibration_unreadable",
                f"The stored calibration is damaged ({exc}).",
                f"Calibrate again with `{command_line('evaluation calibrate')}`.",
            ) from exc
        return curve


def check_target(fpir: float) -> None:
    """Refuse a number that is no rate to calibrate for: ``invalid_fpir``."""
    if not 0 < fpir < 0.5:
        raise InvalidInput("invalid_fpir", f"FPIR {fpir} was asked for.", "It must be above 0 and below 0.5.")


def fit(
    scores: NDArray[np.floating], subjects: Sequence[object], seed: int = 1, resamples: int = RESAMPLES
) -> tuple[float, float, tuple[float, float, float]]:
    """Fit intercept, slope and their covariance to best impostor scores.

    Args:
        scores: float (n,), the best score of each search.
        subjects: the person whom each search is of.
        seed: of the resampling.
        resamples: how many resamples; with fewer than two the covariance is infinite, which means unknown.

    Raises:
        InvalidInput: ``too_few_searches``, ``unsuitable_scores``.
    """
    if len(scores) < MIN_SEARCHES:
        raise InvalidInput(
            "too_few_searches",
            f"There are {len(scores)} non-mated searches, {MIN_SEARCHES} are needed.",
            "Enrol more people, or give photos of strangers.",
        )
    cosines = np.clip(np.asarray(scores, dtype=np.float64), -1.0, 1.0)
    if not np.isfinite(scores).all():
        fix = f"Run `{command_line('indexer verify --deep')}`."
        raise InvalidInput("unsuitable_scores", "A score is not a number.", fix)
    squares = cosines * np.abs(cosines)
    names = {name: i for i, name in enumerate(dict.fromkeys(subjects))}
    if len(names) < 2:
        raise InvalidInput(
            "too_few_searches", "All searches are of one person.", "Give photos of more people: one says too little."
        )
    fitted = _fit(squares)
    if fitted is None:
        raise _too_alike()
    if resamples < 2:
        return *fitted, (math.inf, 0.0, math.inf)
    groups = np.array([names[subject] for subject in subjects])
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    chance = np.random.default_rng(seed)
    drawn = [
        _fit(squares[np.concatenate([members[i] for i in chance.integers(len(members), size=len(members))])])
        for _ in range(resamples)
    ]
    usable = np.array([draw for draw in drawn if draw is not None])  # a resample may contain equal scores only
    if len(usable) < max(2, _MIN_USABLE_SHARE * resamples):
        raise _too_alike()
    spread = np.cov(usable.T)
    if not np.isfinite(spread).all():
        raise _too_alike()
    return *fitted, (float(spread[0, 0]), float(spread[0, 1]), float(spread[1, 1]))


def _too_alike() -> InvalidInput:
    return InvalidInput(
        "unsuitable_scores", "The best scores of the searches are almost equal.", "Give photos of more people."
    )


def _fit(squares: NDArray[np.float64]) -> tuple[float, float] | None:
    """Fit a Gumbel distribution by maximum likelihood, censored below a low and above a high bound: intercept, slope.

    None when the scores between the bounds are almost equal. The squares are measured from the low bound in units of
    their own spread, so that location and width are of the order of one for every pack. Every exponential is limited
    where its value no longer matters.
    """
    from scipy.optimize import minimize

    ordered = np.sort(squares)
    low, high = ordered[int(_LOW_SHARE * len(ordered))], ordered[-1 - math.ceil(_TOP_SHARE * len(ordered))]
    inner = ordered[(ordered > low) & (ordered <= high)]
    below, above = int((ordered <= low).sum()), int((ordered > high).sum())
    scale = float(inner.std()) if len(inner) > 1 else 0.0
    if not len(inner) or _cosine(inner[-1]) - _cosine(inner[0]) < _EQUAL or scale <= 0:
        return None
    units = (inner - low) / scale
    top = float(high - low) / scale

    def cost(parameters: NDArray[np.float64]) -> float:
        location, log_width = float(parameters[0]), float(parameters[1])
        if abs(log_width) > _MAX_LOG_WIDTH or abs(location) > math.exp(_MAX_LOG_WIDTH):
            return _IMPOSSIBLE
        width = math.exp(log_width)
        z = (units - location) / width
        # log density of a Gumbel: -z - exp(-z) - log(width); log of its distribution: -exp(-z)
        total = float((-z - np.exp(np.minimum(-z, _MAX_LIKELIHOOD_EXPONENT))).sum()) - len(units) * log_width
        total -= below * math.exp(min(location / width, _MAX_LIKELIHOOD_EXPONENT))
        missing = math.exp(min((location - top) / width, _MAX_LIKELIHOOD_EXPONENT))
        # the logarithm of 1 - exp(-missing), which is that of missing itself when it is small
        total += above * (math.log(-math.expm1(-missing)) if missing > 1e-12 else (location - top) / width)
        return -total

    start = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]])
    found = minimize(cost, start[0], method="Nelder-Mead", options={"initial_simplex": start})
    width = scale * math.exp(float(found.x[1]))
    intercept, slope = (float(low) + scale * float(found.x[0])) / width, 1 / width
    return (intercept, slope) if math.isfinite(intercept) and math.isfinite(slope) else None


_MAX_LOG_WIDTH = 30.0
"""The logarithm of the widest, and of the narrowest, distribution that is tried, in units of the scores' spread."""
_MAX_LIKELIHOOD_EXPONENT = 500.0
"""Exponents in the likelihood are limited to this, so that sums of the exponentials are finite."""
_IMPOSSIBLE = 1e300


def _cosine(square: float) -> float:
    return math.copysign(math.sqrt(abs(square)), square)
