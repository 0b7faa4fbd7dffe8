"""Finds students enrolled twice by parts of a run that were under way at the same moment and did not see each other.

Each part compares its photos with what the gallery has. Of two parts that write at once, neither may see the other's
student. So a part compares the students whom it enrolled once more when all of its photos are stored: the part that
ends last sees both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gallery.documents.student_rules import POSSIBLE_DUPLICATE
from gallery.documents.values import StoredStudent
from gallery.enrolment.nearest_others import nearest_others
from gallery.enrolment.score_levels import LevelKeeper
from gallery.gallery import Gallery
from indexer.pipeline.run_report import RunReport
from indexer.sources.values import Source
from presente.parallel import in_batches

_STUDENTS_AT_ONCE = 64


def note_late_duplicates(source: Source, gallery: Gallery, threshold: float, report: RunReport) -> None:
    """Add to a report the students whom it does not say to be enrolled twice, and set ``aviso`` of the later one.

    They stay enrolled, also where the settings refuse duplicates. ``threshold`` is that of the gallery's pack.

    Raises:
        StoreError: of the store.
    """
    if not report.enrolled or gallery.settings.duplicates == "allow":
        return
    level = LevelKeeper(gallery, threshold).now().duplicate
    matriculas = dict.fromkeys(photo.student.matricula for photo in source.photos)
    enrolled = [matricula for matricula in matriculas if matricula in report.enrolled]
    for batch in in_batches(reversed(enrolled), _STUDENTS_AT_ONCE):
        _compare([stored for stored in map(gallery.store.student, batch) if stored is not None], gallery, level, report)


def _compare(students: Sequence[StoredStudent], gallery: Gallery, level: float, report: RunReport) -> None:
    templates = [gallery.templates_of(stored.id) for stored in students]
    owners = [stored for stored, own in zip(students, templates, strict=True) for _ in own]
    if not owners:
        return
    others = iter(nearest_others(gallery, np.concatenate(templates), [stored.id for stored in owners], level))
    for stored, own in zip(students, templates, strict=True):
        matricula = stored.student.matricula
        found = [other for other in (next(others) for _ in own) if other is not None]
        new = [other for other in found if not report.has_duplicate(matricula, other.matricula)]
        for other in new:
            report.add_duplicate(matricula, other.matricula, other.score)
        if new and not stored.student.aviso:
            gallery.store.update(replace(stored.student, aviso=POSSIBLE_DUPLICATE))
