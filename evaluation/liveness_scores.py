"""Liveness scores of presentations: computed once and written as a table, from which the metrics are computed.

The table is tab-separated UTF-8, one line per photo, with the columns

    label         bona_fide or attack
    kind          the kind of attack; empty of a live person
    person        whose face it shows
    path          the photo
    outcome       ok, or why there is no score (no_face, too_tight, too_small, ...): a non-response
    score         0 to 1, higher is more like a live person; empty after a non-response
    group         the value of the list's column that --group names; empty without one
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.presentations import ATTACK, BONA_FIDE, Presentation, PresentationLabel
from evaluation.tables import read_score, read_table, shown_score, write_table
from evaluation.templates import NO_FACE, OK
from faces.embedder import FaceEmbedder
from presente.errors import InvalidInput, PhotoRefused
from presente.parallel import in_threads

_COLUMNS = ("label", "kind", "person", "path", "outcome", "score", "group")


@dataclass(frozen=True, slots=True)
class JudgedPresentation:
    """One line of the table; the score is -inf after a non-response."""

    label: PresentationLabel
    kind: str
    person: str
    path: str
    outcome: str
    score: float
    group: str = ""

    @property
    def is_attack(self) -> bool:
        """Whether it is an attack, and no live person."""
        return self.label == ATTACK

    @property
    def is_judged(self) -> bool:
        """Whether the check gave a score."""
        return self.outcome == OK

    def passes(self, threshold: float) -> bool:
        """Whether it is called live; without a score it is not."""
        return self.is_judged and self.score >= threshold


def judge_photos(
    presentations: Sequence[Presentation], embedder: FaceEmbedder, workers: int, progress: Callable[[int], None]
) -> list[JudgedPresentation]:
    """Judge every photo, in order, as the service does: of every face that it finds, the most prominent one.

    Args:
        presentations: the photos.
        embedder: with a liveness pack.
        workers: threads; 0 for one per core.
        progress: told how many further photos were judged.

    Raises:
        InvalidInput: ``unreadable_photo`` when a file cannot be read: the list that names it is wrong.
    """

    def judged(one: Presentation) -> tuple[str, float]:
        try:
            face = embedder.read_faces(one.path.read_bytes()).prominent
        except PhotoRefused as refused:
            return refused.code, -math.inf
        if face is None:
            return NO_FACE, -math.inf
        found = embedder.judged([face])[0]
        return (OK, found.score) if found.score is not None else (str(found.reason), -math.inf)

    results = []
    for one, made in in_threads(judged, presentations, workers):
        error = made.exception()
        if isinstance(error, OSError):
            raise InvalidInput(
                "unreadable_photo", f"{one.path} cannot be read ({error}).", "Correct the list or --root."
            ) from error
        results.append(JudgedPresentation(one.label, one.kind, one.person, str(one.path), *made.result(), one.group))
        progress(1)
    return results


def write_judged(path: Path, judged: Sequence[JudgedPresentation]) -> None:
    """Write the table."""
    write_table(
        path,
        _COLUMNS,
        ((one.label, one.kind, one.person, one.path, one.outcome, shown_score(one.score), one.group) for one in judged),
    )


def read_judged(path: Path) -> list[JudgedPresentation]:
    """Read a table back.

    Raises:
        InvalidInput: ``unreadable_scores``.
    """

    def read(row: dict[str, str]) -> JudgedPresentation:
        label: PresentationLabel = ATTACK if row["label"] == ATTACK else BONA_FIDE
        if row["label"] != label:
            raise ValueError(f"label {row['label']!r}")
        score = read_score(row["score"])
        return JudgedPresentation(label, row["kind"], row["person"], row["path"], row["outcome"], score, row["group"])

    return read_table(path, read, "evaluation liveness")
