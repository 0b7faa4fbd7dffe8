"""``verify``: whether documents and index agree and, with ``--deep``, whether anything is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from gallery.documents.damage import Damage
from gallery.documents.protocol import DocumentStore
from gallery.documents.values import Student
from gallery.index.agreement import Agreement
from gallery.threshold.calibration import CalibrationCurve
from presente import cli, composition
from presente.errors import ConfigError
from presente.installation import command_line
from presente.settings import Settings
from presente.text import tidy

_FINDINGS_SHOWN = 20
"""Findings of one code that the terminal shows; ``--json`` has all."""

_PAGE = 1000
"""Students in one reading from the store."""


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """What ``verify`` found.

    Attributes:
        agreement: of documents and index; None when the gallery could not be read, which is a finding as well.
        miscounted: matriculas of students whose counts are not those of their entries.
        findings: what is damaged or not in order.
        deep: whether everything was read.
    """

    agreement: Agreement | None
    miscounted: tuple[str, ...]
    findings: tuple[Damage, ...]
    deep: bool

    @property
    def agrees(self) -> bool:
        """Whether nothing is wrong."""
        return self.agreement is not None and self.agreement.agrees and not self.miscounted and not self.findings

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        agreement = self.agreement or Agreement(0, (), (), ())
        return {
            "agrees": self.agrees,
            "deep": self.deep,
            "templates": None if self.agreement is None else agreement.templates,
            "missing_in_index": agreement.missing_in_index,
            "missing_in_store": agreement.missing_in_store,
            "different": agreement.different,
            "miscounted": self.miscounted,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.agreement is not None:
            differ = self.miscounted or not self.agreement.agrees
            mend = f"DISAGREE; `{command_line('indexer compact')}` rebuilds the index and counts anew"
            verdict = mend if differ else "agree"
            yield f"documents and index {verdict} on {self.agreement.templates} templates"
        for key, value in self.as_dict().items():
            if isinstance(value, tuple) and value:
                yield f"{key}: {value}"
        shown: Counter[str] = Counter()
        for finding in self.findings:
            shown[finding.code] += 1
            if shown[finding.code] <= _FINDINGS_SHOWN:
                yield finding.line()
        for code, count in shown.items():
            if count > _FINDINGS_SHOWN:
                yield f"{code}: {count - _FINDINGS_SHOWN} more; --json lists all"
        if self.deep and not self.findings:
            yield "nothing is damaged: every photo, template and file is as it was written"
        if not self.deep:
            yield "photos, pages and files were not read; --deep reads everything"


def verify(settings: Settings, deep: bool, output: cli.Output) -> ConsistencyReport:
    """Compare the index with the documents and the counts with the entries; with ``deep``, read everything as well.

    Raises:
        ConfigError: ``unknown_store``, ``foreign_database``.
    """
    findings: list[Damage] = []
    if deep:
        with output.bar(_photo_count(settings), "photo") as progress:
            findings += composition.find_damage(settings, progress)
    agreement: Agreement | None = None
    miscounted: tuple[str, ...] = ()
    try:
        agreement, miscounted = _compare(settings)
        if not findings:  # else the texts may be unreadable, too
            findings += _untidy_students(settings)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the reading raises, the two do not agree
        finding = composition.as_damage(error, "comparing index and documents")
        if not any((each.code, each.what) == (finding.code, finding.what) for each in findings):
            findings.append(finding)
    return ConsistencyReport(agreement, miscounted, tuple(findings), deep)


def _photo_count(settings: Settings) -> int | None:
    """How many photos the store holds; None when the store cannot be read."""
    with suppress(Exception):
        store = composition.open_own_store(settings)
        try:
            return store.counts().images
        finally:
            store.close()
    return None


def _compare(settings: Settings) -> tuple[Agreement, tuple[str, ...]]:
    gallery = composition.open_for_upkeep(settings)
    try:
        calibration = gallery.store.calibration()
        if calibration:
            CalibrationCurve.from_json(calibration)  # raises when it is damaged
        return gallery.index.verify(), tuple(gallery.store.attendance.miscounted())
    finally:
        gallery.close()


def _untidy_students(settings: Settings) -> list[Damage]:
    """Findings on students whose texts are not in their one form, because another program wrote them."""
    store = composition.open_own_store(settings)
    try:
        return [finding for student in _all_students(store) for finding in _untidy_texts(student)]
    finally:
        store.close()


def _all_students(store: DocumentStore) -> Iterator[Student]:
    after = ""
    while page := store.students(kind=None, after=after, limit=_PAGE):
        yield from (stored.student for stored in page)
        after = page[-1].student.matricula


def _untidy_texts(student: Student) -> Iterator[Damage]:
    names = [name for name, text in _texts(student) if text != tidy(text)]
    if names:
        what = f"{', '.join(names)} has characters that cannot be seen, or is in another form than NFC."
        yield Damage("text_not_tidy", what, f"student {student.matricula!r}", _how_to_tidy(student.matricula))


def _texts(student: Student) -> Iterator[tuple[str, str]]:
    for name in ("matricula", "nombre_del_alumno", "clase"):
        yield name, getattr(student, name)
    yield from (("otras_clases", clase) for clase in student.otras_clases)


def _how_to_tidy(matricula: str) -> str:
    if matricula == tidy(matricula):
        return "Enrol the student again from the sheet, or PATCH the fields: they are tidied."
    return (
        f"Enrol a photo of the student as {tidy(matricula)!r}, then merge the two with "
        f"`{command_line('indexer merge KEEP OTHER')}`, where OTHER is the matricula as it is stored."
    )
