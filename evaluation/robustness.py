"""Templates of probes that were changed, and the rates of identification at each level of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation import metrics
from evaluation.composites import Box, share_of_union
from evaluation.intervals import shown, wilson
from evaluation.scores import ProbeScores
from evaluation.templates import NO_FACE, OK, TemplateMaker, TemplateResult, settings_key
from evaluation.transforms import AS_IT_IS, VERSION, Changed, Transform
from faces.detection.detected_face import DetectedFace
from faces.embedder import FaceEmbedder
from presente.errors import PhotoRefused
from presente.recognition import digest_of

_SAME_FACE = 0.35
"""Share of their union from which a face is the one that was changed."""


class ChangedProbes:
    """Makes templates of changed probes. The face of a probe is found once, in the photo as it is."""

    def __init__(self, embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._faces: dict[str, DetectedFace | None] = {}

    def maker(self, transform: Transform, level: str) -> TemplateMaker:
        """Changes a photo, has it read as the server reads it, and takes the face that is where the person's is."""

        def make(content: bytes) -> TemplateResult:
            try:
                changed = self._changed(content, transform, level)
                if changed is None:
                    return TemplateResult(None, NO_FACE)
                read = self._embedder.read_faces(changed.content)
            except PhotoRefused as refused:
                return TemplateResult(None, refused.code)
            best = max(read.faces, key=lambda each: _shared(each.face, changed.face), default=None)
            if best is None or _shared(best.face, changed.face) < _SAME_FACE:
                return TemplateResult(None, NO_FACE)
            return TemplateResult(self._embedder.embed([best])[0].template, OK)

        return TemplateMaker(f"{settings_key(self._embedder)} probe {transform.name}={level} {VERSION}", make)

    def _changed(self, content: bytes, transform: Transform, level: str) -> Changed | None:
        digest = digest_of(content)
        if digest not in self._faces:
            prominent = self._embedder.read_faces(content).prominent
            self._faces[digest] = None if prominent is None else prominent.face
        face = self._faces[digest]
        if face is None:
            return None
        with self._embedder.opened(content) as photo:
            return transform.apply(photo.pixels, face, level)


def _shared(face: DetectedFace, expected: Box) -> float:
    x1, y1, x2, y2 = (float(value) for value in face.box)
    return share_of_union((x1, y1, x2, y2), expected)


@dataclass(frozen=True, slots=True)
class LevelRates:
    """The rates of one level: how many probes, the share whose face was found, and as :class:`metrics.SearchRates`."""

    level: str
    probes: int
    found: int
    found_rate: float
    found_interval: tuple[float, float]
    rank1: float
    rank1_interval: tuple[float, float]
    fnir: float
    fnir_interval: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """Its values for JSON."""
        return {name: shown(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def group_of(transform: str, level: str) -> str:
    """The group of the searches of one level in the table of scores; that of unchanged probes is empty."""
    return f"{transform}={level}"


def curve(searches: Sequence[ProbeScores], transform: str, levels: Sequence[str], threshold: float) -> list[LevelRates]:
    """The rates at each level, those of unchanged probes first."""
    groups = [("", AS_IT_IS), *((group_of(transform, level), level) for level in levels)]
    return [
        level_rates([one for one in searches if one.mated and one.group == group], level, threshold)
        for group, level in groups
    ]


def level_rates(searches: Sequence[ProbeScores], level: str, threshold: float) -> LevelRates:
    """The rates of the mated searches of one level; there is at least one."""
    found = sum(search.outcome == OK for search in searches)
    rates = metrics.rates_at(searches, threshold)
    return LevelRates(
        level,
        len(searches),
        found,
        round(found / len(searches), 6),
        wilson(found, len(searches)),
        round(metrics.rank_rate(searches, 1), 6),
        rates.rank1_interval,
        round(metrics.fnir_at(searches, threshold), 6),
        rates.fnir_interval,
    )
