"""What is wrong in a gallery, as far as its templates, names and stored qualities show it. Changes nothing.

Every finding is a suspicion for a person to look into. The levels, and what they find and miss: docs/audit.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gallery.audit.names import alike
from gallery.audit.similarity import Rows, Similarity
from gallery.documents.values import EnrolledTemplate, Student
from gallery.gallery import Gallery

FindingKind = Literal["same_person", "mislabelled", "duplicate", "hard_to_recognise", "weak_photo"]
Severity = Literal["high", "medium", "low"]

_SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")

IDENTICAL = 0.93
"""How far from the threshold to 1 two photos are that are one photo. Saved again as JPEG of quality 60, at three
quarters of the size, or cropped by a twentieth, 199 of 200 LFW photos reach it; of LFW's own 10,522 pairs of one person
3 do, and 2 of these are one photo (docs/audit.md)."""

_GAP = 0.1
"""How much nearer to others than to their own photos are that are mislabelled, likewise."""

_POOR = (("size", 25.0, "{:.0f} pixels wide"), ("sharpness", 12.0, "blurred (sharpness {:.1f})"))
"""About here photos of LFW, made smaller or blurred, begin to miss their own person's others: 1 of 20 at 25 pixels,
1 of 4 at 20; 1 of 20 at a sharpness of 18, 1 of 2 at 9."""

TURNED = 1.6
"""From this yaw on 58 % of LFW's pairs of one person score below the threshold; below it, 9 % at most."""


@dataclass(frozen=True, slots=True)
class AuditedPerson:
    """A subject who is part of a finding, and how many of their photos were looked at."""

    student: Student
    photos: int


@dataclass(frozen=True, slots=True)
class AuditedPhoto:
    """A photo that is part of a finding: whose, its SHA-256 and where it came from."""

    matricula: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look into.

    Attributes:
        kind: ``same_person``: the first of ``people`` should stay; ``photos`` has the nearest two of each two names.
            ``mislabelled``: the first of ``photos``, of the first of ``people``, seems to be of the second of them; the
            other photo is the second's that is nearest to it. ``duplicate``: the first of ``photos`` may go, the other
            is what it repeats. ``hard_to_recognise``: the first of ``people``; the second, if any, is the nearest
            other. ``weak_photo``: likewise, of one photo.
        severity: ``high``: people will be taken for others; ``medium``: somebody will not be recognised; ``low``.
        score: the cosine that speaks for it.
        level: what the score was held against.
        certain: whether it is clear which photo of a duplicate is out of place.
        why: in words.
    """

    kind: FindingKind
    severity: Severity
    people: tuple[AuditedPerson, ...]
    photos: tuple[AuditedPhoto, ...]
    score: float
    level: float
    why: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found, gravest first, in how many people and photos, and the levels (cosines) that it went by."""

    people: int
    photos: int
    threshold: float
    usual: float
    identical: float
    findings: tuple[Finding, ...]


def audit(gallery: Gallery, cohort: bool = False, progress: Callable[[int], None] = lambda _: None) -> Audit:
    """Look for people under two names, mislabelled, duplicate and weak photos, and people hard to recognise.

    Args:
        gallery: with the threshold that it decides by.
        cohort: also the people who are nobody's students.
        progress: is told how many photos more were looked at.
    """
    gallery.index.catch_up()
    with gallery.index.reading() as live:
        frozen = live.frozen()
    known = {each.template: each for each in gallery.store.enrolled()}
    looked_at = np.isin(frozen.ids, np.fromiter(known, dtype=np.int64, count=len(known)))
    looked_at &= np.isin(frozen.subjects, gallery.store.roster(kind=None if cohort else "student"))
    threshold = gallery.operating_point(cohort=cohort).threshold
    likeness = Similarity(frozen, np.flatnonzero(looked_at), threshold, threshold + IDENTICAL * (1 - threshold))
    likeness.find_rivals(progress)
    findings = _Auditor(gallery, likeness, known).findings()
    levels = likeness.levels
    return Audit(len(likeness.people), len(likeness), levels.known, levels.usual, levels.identical, tuple(findings))


@dataclass(frozen=True, slots=True)
class _Link:
    """Two people's nearest photos (rows), the mean cosine of all, what that is held against, and why."""

    rows: tuple[int, int]
    score: float
    level: float
    why: str


class _Auditor:
    """Applies the rules in an order in which each leaves alone what an earlier one explains."""

    def __init__(self, gallery: Gallery, likeness: Similarity, known: dict[int, EnrolledTemplate]) -> None:
        self.like = likeness
        self.levels = likeness.levels
        self.photos = [known[int(template)] for template in likeness.templates]
        self.gallery = gallery
        self.students: dict[int, Student] = {}
        self.group: dict[int, int] = {}
        self.misplaced = np.zeros(len(likeness), dtype=bool)
        self.disturbed: set[int] = set()

    def findings(self) -> list[Finding]:
        found = [
            *self._same_person(),
            *self._duplicates_across(),
            *self._mislabelled(),
            *self._unrecognised(),
            *self._duplicates_within(),
        ]
        return sorted(found, key=lambda each: (_SEVERITIES.index(each.severity), -abs(each.score - each.level)))

    # -- the same person under two names ----------------------------------------------------------------------------

    def _same_person(self) -> Iterator[Finding]:
        links = []
        pairs = self.like.near_pairs()
        self._load({int(subject) for subject in np.unique(pairs)})
        for one, other in pairs.tolist():
            link = self._likely_same(one, other)
            if link.score >= link.level:
                links.append(link)
                self.group[self._root(one)] = self._root(other)
        groups: dict[int, list[_Link]] = {}
        for link in links:
            groups.setdefault(self._root(int(self.like.subjects[link.rows[0]])), []).append(link)
        for own in groups.values():
            rows = list(dict.fromkeys(row for link in own for row in link.rows))
            best = max(own, key=lambda link: link.score - link.level)
            made = self._finding("same_person", "high", rows, best.score, best.why, level=best.level)
            yield replace(made, people=tuple(sorted(made.people, key=_who_stays)))

    def _likely_same(self, one: int, other: int) -> _Link:
        some, others = self.like.rows_of(one), self.like.rows_of(other)
        cosines = self.like.between(some, others)
        different = cosines[cosines < self.levels.identical]
        names = alike(self.students[one].nombre_del_alumno, self.students[other].nombre_del_alumno)
        level = self.levels.known if names else self.levels.same(self.like.within(one), self.like.within(other))
        if different.size:
            score = float(different.mean())
            said = f"photos of the one score {score:.2f} with those of the other on average"
        else:  # one photo under two names says nothing of who is on it, the names do
            score = float(cosines.mean()) if names else -1.0
            said = "they have one photo in common"
        nearest = np.unravel_index(int(cosines.argmax()), cosines.shape)
        rows = int(some[nearest[0]]), int(others[nearest[1]])
        return _Link(rows, score, level, f"{said}{', and the names are alike' if names else ''}")

    def _root(self, subject: int) -> int:
        while (above := self.group.get(subject, subject)) != subject:
            subject = above
        return subject

    # -- one photo twice --------------------------------------------------------------------------------------------

    def _duplicates_across(self) -> Iterator[Finding]:
        for row, other in sorted(self._twins_across()):
            if self.misplaced[row] or self.misplaced[other]:
                continue
            # The photo that does not fit its own person's others is the one out of place.
            out, stays = sorted((row, other), key=lambda each: self.like.own[each])
            fits, misfits = (self._fits(each) for each in (stays, out))
            certain = fits and not misfits
            self._misplace(out)
            if not certain:
                self._misplace(stays)
            score = float(self.like.between(np.array([out]), np.array([stays]))[0, 0])
            fit = "only the second fits its person's other photos" if certain else "which of the two it is is not clear"
            yield self._finding(
                "duplicate", "high", [out, stays], score, f"one photo under two names; {fit}", certain=certain
            )

    def _twins_across(self) -> set[tuple[int, int]]:
        """Pairs of rows, of people not known to be the same, that are one photo."""
        pairs: set[tuple[int, int]] = set()
        for row, place in np.argwhere(self.like.scores >= self.levels.identical).tolist():
            theirs = self.like.rows_of(self.like.rivals[row, place])
            same = theirs[self.like.between(np.array([row]), theirs)[0] >= self.levels.identical]
            pairs |= {(min(row, other), max(row, other)) for other in same.tolist()}
        first: dict[str, list[int]] = {}
        for row, photo in enumerate(self.photos):
            first.setdefault(photo.sha256, []).append(row)
        pairs |= {(rows[0], other) for rows in first.values() for other in rows[1:]}
        return {(row, other) for row, other in pairs if self._strangers(row, other)}

    def _strangers(self, row: int, other: int) -> bool:
        return self._root(int(self.like.subjects[row])) != self._root(int(self.like.subjects[other]))

    def _fits(self, row: int) -> bool:
        return bool(self.like.own[row] >= self.levels.known)

    def _misplace(self, row: int) -> None:
        """Leave a photo out of what is looked at from here on: it explains itself."""
        self.misplaced[row] = True
        self.disturbed.add(int(self.like.subjects[row]))

    def _duplicates_within(self) -> Iterator[Finding]:
        gone: set[int] = set()
        for first, again in self.like.twins.tolist():
            if first in gone or again in gone:
                continue
            gone.add(again)
            score = float(self.like.between(np.array([again]), np.array([first]))[0, 0])
            yield self._finding("duplicate", "low", [again, first], score, "one photo twice; it says nothing new")

    # -- photos of somebody else ------------------------------------------------------------------------------------

    def _mislabelled(self) -> Iterator[Finding]:
        gap = _GAP * (1 - self.levels.known)
        near = (self.like.scores >= self.levels.same()).any(axis=1) & np.isfinite(self.like.own)
        suspects = []
        for row in np.flatnonzero(near & ~self.misplaced).tolist():
            ahead = self._ahead(row)
            if ahead is not None:
                suspects.append((ahead[1] - ahead[2], row))
        for _, row in sorted(suspects, reverse=True):  # the clearest first: once it is out, others may look right
            ahead = self._ahead(row)
            if ahead is None or ahead[1] - ahead[2] < gap:
                continue
            subject, score, own = ahead
            theirs = self._kept(self.like.rows_of(subject))
            nearest = int(theirs[self.like.between(np.array([row]), theirs)[0].argmax()])
            self._misplace(row)
            why = f"it scores {score:.2f} with photos of the other, {own:.2f} with its own person's"
            yield self._finding("mislabelled", "high", [row, nearest], score, why, level=own)

    def _ahead(self, row: int) -> tuple[int, float, float] | None:
        """Somebody whose photos a photo is of rather than its own person's: who, and its score with both; each score is
        the median over photos. None when there is nobody."""
        own = self._others(row)
        if not len(own):
            return None
        with_own = _middle(self.like.between(np.array([row]), own)[0])
        best: tuple[int, float, float] | None = None
        for subject in self._rivals(row):
            theirs = self._kept(self.like.rows_of(subject))
            if len(theirs):
                score = _middle(self.like.between(np.array([row]), theirs)[0])
                enough = score >= self.levels.same(self.like.within(subject)) and score > with_own
                if enough and (best is None or score > best[1]):
                    best = (subject, score, with_own)
        return best

    def _rivals(self, row: int) -> list[int]:
        """The nearest other subjects, those who seem to be the same person left out."""
        own = self._root(int(self.like.subjects[row]))
        return [int(each) for each in self.like.rivals[row] if each >= 0 and self._root(int(each)) != own]

    def _kept(self, rows: Rows) -> Rows:
        return np.asarray(rows[~self.misplaced[rows]])

    def _others(self, row: int) -> Rows:
        """The rows of a photo's own person that are other photos, and not out of place."""
        rows = self._kept(self.like.rows_of(int(self.like.subjects[row])))
        cosines = self.like.between(np.array([row]), rows)[0]
        return np.asarray(rows[(rows != row) & (cosines < self.levels.identical)])

    # -- leave one out ----------------------------------------------------------------------------------------------

    def _unrecognised(self) -> Iterator[Finding]:
        """Photos that would not be recognised by their person's others, and people of whom that is so of most."""
        levels, like = self.levels, self.like
        nearest = like.scores[:, 0]
        missed = (like.own < levels.known) | ((nearest >= levels.known) & (nearest >= like.own))
        missed |= np.isin(like.subjects, list(self.disturbed))
        for subject in np.unique(like.subjects[missed]).tolist():
            rows = self._kept(like.rows_of(subject))
            if len(like.rows_of(subject)) == 1:
                yield from self._only(int(rows[0])) if len(rows) else ()
                continue
            tried = [(row, *self._left_out(row)) for row in rows.tolist()]
            compared = [each for each in tried if np.isfinite(each[1])]
            failed = [each for each in compared if not self._recognised(*each[1:3])]
            if 2 * len(failed) > len(compared):
                yield self._hard(failed, len(compared))
                continue
            for row, own, score, near in tried:
                if not np.isfinite(own):
                    yield from self._only(row)
                elif not self._recognised(own, score):
                    yield self._weak(row, own, score, near)

    def _only(self, row: int) -> Iterator[Finding]:
        """A photo that its person's others say nothing of: only what was measured does."""
        poor = self._poor(row)
        if poor:
            why = f"{', '.join(poor)}, and there is no other to go by"
            yield self._finding("weak_photo", "low", [row], self.levels.known, why)

    def _left_out(self, row: int) -> tuple[float, float, int]:
        """A photo's best score with its own person's others (-inf without any), with anybody else, and with whom."""
        own = self._others(row)
        with_own = float(self.like.between(np.array([row]), own).max()) if len(own) else -np.inf
        near, best = -1, -np.inf
        for subject in self._rivals(row):
            theirs = self._kept(self.like.rows_of(subject))
            score = float(self.like.between(np.array([row]), theirs).max()) if len(theirs) else -np.inf
            if score > best:
                near, best = subject, score
        return with_own, best, near

    def _recognised(self, own: float, other: float) -> bool:
        return own >= self.levels.known and own > other

    def _hard(self, failed: Sequence[tuple[int, float, float, int]], of: int) -> Finding:
        own = max(each[1] for each in failed)
        _, _, score, near = max(failed, key=lambda each: each[2])
        unlike = own < self.levels.known
        reason = f"at best {own:.2f} with the others" if unlike else f"somebody else is as near ({score:.2f})"
        why = f"{len(failed)} of {of} photos would not be recognised by the others: {reason}"
        near = near if score >= self.levels.known else -1
        rows = [each[0] for each in failed]
        return self._finding("hard_to_recognise", "medium", rows, own, why, near=near)

    def _weak(self, row: int, own: float, score: float, near: int) -> Finding:
        if own >= self.levels.known or score >= max(own, self.levels.known):
            why = f"it scores {own:.2f} with its person's other photos, {score:.2f} with somebody else's"
        else:
            why, near = f"it scores {own:.2f} with its person's other photos", -1
        return self._finding("weak_photo", "low", [row], own, ", ".join([why, *self._poor(row)]), near=near)

    def _poor(self, row: int) -> list[str]:
        quality = self.photos[row].quality
        words = [text.format(quality[name]) for name, least, text in _POOR if quality.get(name, least) < least]
        return words + (["turned away"] if abs(quality.get("yaw", 0.0)) >= TURNED else [])

    # -- in words ---------------------------------------------------------------------------------------------------

    def _finding(
        self,
        kind: FindingKind,
        severity: Severity,
        rows: Sequence[int],
        score: float,
        why: str,
        *,
        level: float | None = None,
        near: int = -1,
        certain: bool = True,
    ) -> Finding:
        """A finding about photos: their people, then whoever is near."""
        subjects = list(dict.fromkeys(int(self.like.subjects[row]) for row in rows)) + ([near] if near >= 0 else [])
        self._load(set(subjects))
        shots = [
            AuditedPhoto(self.students[int(self.like.subjects[row])].matricula, photo.sha256, photo.source)
            for row, photo in ((row, self.photos[row]) for row in rows)
        ]
        people = tuple(self._person(subject) for subject in subjects)
        against = self.levels.known if level is None else level
        return Finding(kind, severity, people, tuple(shots), score, against, why, certain)

    def _person(self, subject: int) -> AuditedPerson:
        return AuditedPerson(self.students[subject], len(self.like.rows_of(subject)))

    def _load(self, subjects: set[int]) -> None:
        missing = subjects - self.students.keys()
        if missing:
            self.students |= self.gallery.store.subjects(sorted(missing))


def _who_stays(person: AuditedPerson) -> tuple[bool, int, str]:
    """Of one person's names: a student's, then that with most photos, then the first matricula."""
    return (person.student.kind != "student", -person.photos, person.student.matricula)


def _middle(scores: np.ndarray) -> float:
    """The median; of an even number the higher of the two in the middle."""
    return float(np.sort(scores)[len(scores) // 2])
