"""Auditing a gallery by its templates, names and stored qualities. Nothing is changed.

Every finding is a suspicion that a person should check. The levels, what they find and what they miss: docs/audit.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gallery.audit.findings import Audit
from gallery.audit.rules import AuditRules
from gallery.audit.similarity import Similarity
from gallery.gallery import Gallery

IDENTICAL = 0.93
"""Two photos are one photo from this share of the way from the threshold to 1 on. Saved again as JPEG of quality 60, at
three quarters of the size, or cropped by a twentieth, 199 of 200 photos of LFW reach it. Of LFW's 10,522 pairs of
photos of one person three reach it, and two of these are one photo (docs/audit.md)."""


def audit(
    gallery: Gallery,
    cohort: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    begins: Callable[[int], None] = lambda _: None,
) -> Audit:
    """Find people under two names, mislabelled, duplicate and weak photos, and people who are hard to recognise.

    Args:
        gallery: a gallery with the threshold that it decides by.
        cohort: also the people who are no students.
        progress: is told how many further photos were compared.
        begins: is told, before the first, how many there are.
    """
    gallery.index.catch_up()
    with gallery.index.reading() as searcher:
        snapshot = searcher.snapshot()
    known = {each.template: each for each in gallery.store.enrolled()}
    audited = np.isin(snapshot.ids, np.fromiter(known, dtype=np.int64, count=len(known)))
    audited &= np.isin(snapshot.subjects, gallery.store.roster(kind=None if cohort else "student"))
    threshold = gallery.operating_point(cohort=cohort).threshold
    similarity = Similarity(snapshot, np.flatnonzero(audited), threshold, threshold + IDENTICAL * (1 - threshold))
    begins(len(similarity))
    similarity.find_neighbours(progress)
    findings = AuditRules(gallery.store, similarity, known).findings()
    levels = similarity.levels
    return Audit(len(similarity.people), len(similarity), levels.known, levels.usual, levels.identical, tuple(findings))
