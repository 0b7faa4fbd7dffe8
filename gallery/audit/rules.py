"""The rules of an audit, in an order in which each rule skips what an earlier one explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gallery.audit.finding_builder import FindingBuilder
from gallery.audit.findings import SEVERITIES, AuditedPerson, Finding
from gallery.audit.names import alike
from gallery.audit.similarity import Rows, Similarity
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import EnrolledTemplate
from gallery.person_score import at_most, scores_with

_GAP = 0.1
"""A photo is mislabelled if it is nearer to another person's photos than to its own person's by at least this share of
the way from the threshold to 1."""

_POOR = (("size", 25.0, "{:.0f} pixels wide"), ("sharpness", 12.0, "blurred (sharpness {:.1f})"))
"""Below about these qualities photos of LFW, made smaller or blurred, begin to miss their person's other photos: 1 of
20 at 25 pixels, 1 of 4 at 20; 1 of 20 at a sharpness of 18, 1 of 2 at 9."""

TURNED = 1.6
"""From this yaw on, 58 % of LFW's pairs of one person score below the threshold; below it, 9 % at most."""


@dataclass(frozen=True, slots=True)
class _Link:
    """The nearest photos (rows) of two people, the mean cosine of all their photos, its level, and the reason."""

    rows: tuple[int, int]
    score: float
    level: float
    why: str


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """A photo (row) searched for without its own row: its score with its person by the other photos (-inf without any),
    its best score with another person, and that person's subject id (-1 for no one)."""

    row: int
    own: float
    other: float
    nearest: int


class AuditRules:
    """Applies the rules once to the photos of a gallery."""

    def __init__(self, store: DocumentStore, similarity: Similarity, known: dict[int, EnrolledTemplate]) -> None:
        """Prepare.

        Args:
            store: gives the students' names.
            similarity: the photos, compared.
            known: what is known of each template, by its id.
        """
        self.similarity = similarity
        self.levels = similarity.levels
        self.builder = FindingBuilder(store, similarity, known)
        self._build = self.builder.build
        self.group: dict[int, int] = {}  # subjects who seem to be one person: a tree, from each to its parent
        self.misplaced = np.zeros(len(similarity), dtype=bool)
        self.disturbed: set[int] = set()  # subjects with a misplaced photo

    def findings(self) -> list[Finding]:
        """All findings, the most severe first."""
        found = [
            *self._same_person(),
            *self._duplicates_across(),
            *self._mislabelled(),
            *self._unrecognised(),
            *self._duplicates_within(),
        ]
        return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), -abs(each.score - each.level)))

    # -- the same person under two names ----------------------------------------------------------------------------

    def _same_person(self) -> Iterator[Finding]:
        links = []
        pairs = self.similarity.near_pairs()
        self.builder.load({int(subject) for subject in np.unique(pairs)})
        for one, other in pairs.tolist():
            link = self._likely_same(one, other)
            if link.score >= link.level:
                links.append(link)
                self.group[self._root(one)] = self._root(other)
        groups: dict[int, list[_Link]] = {}
        for link in links:
            groups.setdefault(self._root(int(self.similarity.subjects[link.rows[0]])), []).append(link)
        for own in groups.values():
            rows = list(dict.fromkeys(row for link in own for row in link.rows))
            best = max(own, key=lambda link: link.score - link.level)
            made = self._build("same_person", "high", rows, best.score, best.why, level=best.level)
            yield replace(made, people=tuple(sorted(made.people, key=_who_stays)))

    def _likely_same(self, one: int, other: int) -> _Link:
        some, others = self.similarity.rows_of(one), self.similarity.rows_of(other)
        cosines = self.similarity.between(some, others)
        different = cosines[cosines < self.levels.identical]
        names = alike(self.builder.students[one].nombre_del_alumno, self.builder.students[other].nombre_del_alumno)
        level = (
            self.levels.known if names else self.levels.same(self.similarity.within(one), self.similarity.within(other))
        )
        if different.size:
            score = float(different.mean())
            reason = f"photos of the one score {score:.2f} with those of the other on average"
        else:  # one photo under two names: only the names tell whether it is one person
            score = float(cosines.mean()) if names else -1.0
            reason = "they have one photo in common"
        nearest = np.unravel_index(int(cosines.argmax()), cosines.shape)
        rows = int(some[nearest[0]]), int(others[nearest[1]])
        return _Link(rows, score, level, f"{reason}{', and the names are alike' if names else ''}")

    def _root(self, subject: int) -> int:
        while (above := self.group.get(subject, subject)) != subject:
            subject = above
        return subject

    # -- one photo twice --------------------------------------------------------------------------------------------

    def _duplicates_across(self) -> Iterator[Finding]:
        for row, other in sorted(self._repeated_across()):
            if self.misplaced[row] or self.misplaced[other]:
                continue
            # The photo that does not fit its person's other photos is the one in the wrong place.
            out, stays = sorted((row, other), key=lambda each: self.similarity.own[each])
            fits, misfits = (self._fits(each) for each in (stays, out))
            certain = fits and not misfits
            self._misplace(out)
            if not certain:
                self._misplace(stays)
            score = float(self.similarity.between(np.array([out]), np.array([stays]))[0, 0])
            fit = (
                "only the second fits its person's other photos"
                if certain
                else "which of the two is wrong is not clear"
            )
            yield self._build(
                "duplicate", "high", [out, stays], score, f"one photo under two names; {fit}", certain=certain
            )

    def _repeated_across(self) -> set[tuple[int, int]]:
        """Pairs of rows that are one photo, of people who are not known to be one person."""
        pairs: set[tuple[int, int]] = set()
        for row, place in np.argwhere(self.similarity.scores >= self.levels.identical).tolist():
            theirs = self.similarity.rows_of(self.similarity.neighbours[row, place])
            same = theirs[self.similarity.between(np.array([row]), theirs)[0] >= self.levels.identical]
            pairs |= {(min(row, other), max(row, other)) for other in same.tolist()}
        first: dict[str, list[int]] = {}
        for row, photo in enumerate(self.builder.photos):
            first.setdefault(photo.sha256, []).append(row)
        pairs |= {(rows[0], other) for rows in first.values() for other in rows[1:]}
        return {(row, other) for row, other in pairs if self._strangers(row, other)}

    def _strangers(self, row: int, other: int) -> bool:
        return self._root(int(self.similarity.subjects[row])) != self._root(int(self.similarity.subjects[other]))

    def _fits(self, row: int) -> bool:
        return bool(self.similarity.own[row] >= self.levels.known)

    def _misplace(self, row: int) -> None:
        """Leave a photo out of all further comparisons: a finding explains it."""
        self.misplaced[row] = True
        self.disturbed.add(int(self.similarity.subjects[row]))

    def _duplicates_within(self) -> Iterator[Finding]:
        gone: set[int] = set()
        for first, again in self.similarity.repeated.tolist():
            if first in gone or again in gone:
                continue
            gone.add(again)
            score = float(self.similarity.between(np.array([again]), np.array([first]))[0, 0])
            yield self._build("duplicate", "low", [again, first], score, "one photo twice; the second adds nothing")

    # -- photos of other people -------------------------------------------------------------------------------------

    def _mislabelled(self) -> Iterator[Finding]:
        gap = _GAP * (1 - self.levels.known)
        near = (self.similarity.scores >= self.levels.same()).any(axis=1) & np.isfinite(self.similarity.own)
        suspects = []
        for row in np.flatnonzero(near & ~self.misplaced).tolist():
            ahead = self._ahead(row)
            if ahead is not None:
                suspects.append((ahead[1] - ahead[2], row))
        for _, row in sorted(suspects, reverse=True):  # the clearest first: without it, other photos may fit
            ahead = self._ahead(row)
            if ahead is None or ahead[1] - ahead[2] < gap:
                continue
            subject, score, own = ahead
            theirs = self._kept(self.similarity.rows_of(subject))
            nearest = int(theirs[self.similarity.between(np.array([row]), theirs)[0].argmax()])
            self._misplace(row)
            why = f"it scores {score:.2f} with photos of the other, {own:.2f} with its own person's"
            yield self._build("mislabelled", "high", [row, nearest], score, why, level=own)

    def _ahead(self, row: int) -> tuple[int, float, float] | None:
        """Another person whom a photo seems to show rather than its own person; None when there is no such person.

        Returns the other's subject id, the score with the other, and the score with its own person; each score is the
        median over that person's photos.
        """
        own = self._others(row)
        if not len(own):
            return None
        with_own = _upper_median(self.similarity.between(np.array([row]), own)[0])
        best: tuple[int, float, float] | None = None
        for subject in self._neighbours(row):
            theirs = self._kept(self.similarity.rows_of(subject))
            if len(theirs):
                score = _upper_median(self.similarity.between(np.array([row]), theirs)[0])
                enough = score >= self.levels.same(self.similarity.within(subject)) and score > with_own
                if enough and (best is None or score > best[1]):
                    best = (subject, score, with_own)
        return best

    def _neighbours(self, row: int) -> list[int]:
        """The nearest other subjects, without those who seem to be the same person."""
        own = self._root(int(self.similarity.subjects[row]))
        return [int(each) for each in self.similarity.neighbours[row] if each >= 0 and self._root(int(each)) != own]

    def _kept(self, rows: Rows) -> Rows:
        return np.asarray(rows[~self.misplaced[rows]])

    def _others(self, row: int) -> Rows:
        """The rows of a photo's person that are other photos and not misplaced."""
        rows = self._kept(self.similarity.rows_of(int(self.similarity.subjects[row])))
        cosines = self.similarity.between(np.array([row]), rows)[0]
        return np.asarray(rows[(rows != row) & (cosines < self.levels.identical)])

    # -- leave one out ----------------------------------------------------------------------------------------------

    def _unrecognised(self) -> Iterator[Finding]:
        """Photos that would not be recognised by their person's other photos, and people with mostly such photos."""
        levels, similarity = self.levels, self.similarity
        nearest = at_most(similarity.scores[:, 0])
        missed = (similarity.own < levels.known) | ((nearest >= levels.known) & (nearest >= similarity.own))
        missed |= np.isin(similarity.subjects, list(self.disturbed))
        for subject in np.unique(similarity.subjects[missed]).tolist():
            rows = self._kept(similarity.rows_of(subject))
            if len(similarity.rows_of(subject)) == 1:
                yield from self._only(int(rows[0])) if len(rows) else ()
                continue
            results = [self._leave_out(row) for row in rows.tolist()]
            compared = [each for each in results if np.isfinite(each.own)]
            failed = [each for each in compared if not self._recognised(each)]
            if 2 * len(failed) > len(compared):
                yield self._hard(failed, len(compared))
                continue
            for result in results:
                if not np.isfinite(result.own):
                    yield from self._only(result.row)
                elif not self._recognised(result):
                    yield self._weak(result)

    def _only(self, row: int) -> Iterator[Finding]:
        """A photo that cannot be compared with others of its person: only its measured quality tells something."""
        poor = self._poor(row)
        if poor:
            why = f"{', '.join(poor)}, and there is no other to go by"
            yield self._build("weak_photo", "low", [row], self.levels.known, why)

    def _leave_out(self, row: int) -> _LeftOut:
        """Compare a photo with all others."""
        own = self._others(row)
        with_own = self._score_with(row, own)
        nearest, best = -1, -np.inf
        for subject in self._neighbours(row):
            score = self._score_with(row, self._kept(self.similarity.rows_of(subject)))
            if score > best:
                nearest, best = subject, score
        return _LeftOut(row, with_own, best, nearest)

    def _score_with(self, row: int, rows: Rows) -> float:
        """The score of a photo with a person who has these photos; -inf without any."""
        vectors = self.similarity.vectors
        return float(scores_with(vectors(np.array([row])), vectors(rows))[0]) if len(rows) else -np.inf

    def _recognised(self, photo: _LeftOut) -> bool:
        return photo.own >= self.levels.known and photo.own > photo.other

    def _hard(self, failed: Sequence[_LeftOut], of: int) -> Finding:
        """A person of whose ``of`` photos these would not be recognised."""
        own = max(each.own for each in failed)
        closest = max(failed, key=lambda each: each.other)
        unlike = own < self.levels.known
        reason = f"at best {own:.2f} with the others" if unlike else f"another person is as near ({closest.other:.2f})"
        why = f"{len(failed)} of {of} photos would not be recognised by the others: {reason}"
        near = closest.nearest if closest.other >= self.levels.known else -1
        return self._build("hard_to_recognise", "medium", [each.row for each in failed], own, why, near=near)

    def _weak(self, photo: _LeftOut) -> Finding:
        """A photo that would not be recognised."""
        own, near = photo.own, photo.nearest
        if own >= self.levels.known or photo.other >= max(own, self.levels.known):
            why = f"it scores {own:.2f} with its person's other photos, {photo.other:.2f} with another person's"
        else:
            why, near = f"it scores {own:.2f} with its person's other photos", -1
        reasons = ", ".join([why, *self._poor(photo.row)])
        return self._build("weak_photo", "low", [photo.row], own, reasons, near=near)

    def _poor(self, row: int) -> list[str]:
        """What is poor about a photo, in words."""
        quality = self.builder.photos[row].quality
        words = [text.format(quality[name]) for name, least, text in _POOR if quality.get(name, least) < least]
        return words + (["turned away"] if abs(quality.get("yaw", 0.0)) >= TURNED else [])


def _who_stays(person: AuditedPerson) -> tuple[bool, int, str]:
    """Which of one person's names should stay: a student's, then the one with most photos, then the first matricula."""
    return (person.student.kind != "student", -person.photos, person.student.matricula)


def _upper_median(scores: np.ndarray) -> float:
    """The median; of an even number of scores the higher one of the two in the middle."""
    return float(np.sort(scores)[len(scores) // 2])
