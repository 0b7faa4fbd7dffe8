"""``verify``: whether documents and index agree, and with ``--deep`` whether anything is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from gallery.documents.damage import Damage
from gallery.documents.values import DocumentStore, Student
from gallery.index.document_index import Agreement
from gallery.threshold.calibration import CalibrationCurve
from presente import cli, composition
from presente.errors import ConfigError
from presente.installation import command_line
from presente.settings import Settings
from presente.text import tidy

_LISTED = 20
"""Findings of one kind that people are shown; ``--json`` has all."""

_PAGE = 1000
"""Students read from the store at once."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """What was found. ``agreement`` is None when the gallery could not be read, which is a finding."""

    agreement: Agreement | None
    miscounted: tuple[str, ...]
    findings: tuple[Damage, ...]
    deep: bool

    @property
    def agrees(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.agreement is not None and self.agreement.agrees and not self.miscounted and not self.findings

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found = self.agreement or Agreement(0, (), (), ())
        return {
            "agrees": self.agrees,
            "deep": self.deep,
            "templates": None if self.agreement is None else found.templates,
            "missing_in_index": found.missing_in_index,
            "missing_in_store": found.missing_in_store,
            "different": found.different,
            "miscounted": self.miscounted,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.agreement is not None:
            apart = self.miscounted or not self.agreement.agrees
            mended_by = f"`{command_line('indexer compact')}` rebuilds the index and counts anew"
            word = f"DISAGREE; {mended_by}" if apart else "agree"
            yield f"documents and index {word} on {self.agreement.templates} templates"
        for key, value in self.as_dict().items():
            if isinstance(value, tuple) and value:
                yield f"{key}: {value}"
        shown: Counter[str] = Counter()
        for finding in self.findings:
            shown[finding.code] += 1
            if shown[finding.code] <= _LISTED:
                yield finding.line()
        for code, count in shown.items():
            if count > _LISTED:
                yield f"{code}: {count - _LISTED} more; --json lists all"
        if self.deep and not self.findings:
            yield "nothing is damaged: every photo, template and file is as it was written"
        if not self.deep:
            yield "photos, pages and files were not read; --deep reads everything"


def verify(settings: Settings, deep: bool, output: cli.Output) -> Consistency:
    """Compare index and documents, counts and entries; ``deep``: also read everything.

    Raises:
        ConfigError: ``unknown_store``, ``foreign_database``.
    """
    findings: list[Damage] = []
    if deep:
        with output.bar(_photos(settings), "photo") as progress:
            findings += composition.find_damage(settings, progress)
    agreement: Agreement | None = None
    miscounted: tuple[str, ...] = ()
    try:
        agreement, miscounted = _compared(settings)
        if not findings:  # what is damaged was told already
            findings += _untidy(settings)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever reading it raises, the two do not agree
        told = composition.as_damage(error, "comparing index and documents")
        if not any((each.code, each.what) == (told.code, told.what) for each in findings):
            findings.append(told)
    return Consistency(agreement, miscounted, tuple(findings), deep)


def _photos(settings: Settings) -> int | None:
    """How many there are, if that can be told."""
    with suppress(Exception):
        store = composition.open_store(settings.store)
        try:
            return store.counts().images
        finally:
            store.close()
    return None


def _compared(settings: Settings) -> tuple[Agreement, tuple[str, ...]]:
    gallery = composition.open_for_upkeep(settings)
    try:
        kept = gallery.store.calibration()
        if kept:
            CalibrationCurve.from_json(kept)  # damaged, it is an error
        return gallery.index.verify(), tuple(gallery.store.records.miscounted())
    finally:
        gallery.close()


def _untidy(settings: Settings) -> list[Damage]:
    """Students whose texts are not in their one form: what wrote them did not know of it."""
    store = composition.open_store(settings.store)
    try:
        return [finding for student in _students(store) for finding in _untidy_texts(student)]
    finally:
        store.close()


def _students(store: DocumentStore) -> Iterator[Student]:
    after = ""
    while page := store.students(kind=None, after=after, limit=_PAGE):
        yield from (stored.student for stored in page)
        after = page[-1].student.matricula


def _untidy_texts(student: Student) -> Iterator[Damage]:
    names = [name for name, text in _texts(student) if text != tidy(text)]
    if names:
        what = f"{', '.join(names)} is written with characters that are not seen, or in another form than NFC."
        yield Damage("text_not_tidy", what, f"student {student.matricula!r}", _fix(student.matricula))


def _texts(student: Student) -> Iterator[tuple[str, str]]:
    for name in ("matricula", "nombre_del_alumno", "clase"):
        yield name, getattr(student, name)
    yield from (("otras_clases", clase) for clase in student.otras_clases)


def _fix(matricula: str) -> str:
    if matricula == tidy(matricula):
        return "Enrol the student again from the sheet, or PATCH the fields: they are tidied."
    return (
        f"Enrol a photo of the student as {tidy(matricula)!r}, then give that one all the rest with "
        f"`{command_line('indexer merge KEEP OTHER')}`, OTHER being the matricula as it is stored."
    )
