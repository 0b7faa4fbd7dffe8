"""The students of the first system's database, each made of all documents with one matricula.

That system added a document at every upload, so one matricula may have several documents, each with a photo. The fields
are those of the newest document. Every class is kept, with the counts that belong to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from gallery.documents.foreign_documents import day_of, foreign_student
from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.first_system.documents import (
    HASH_FIELDS,
    IMAGE_FIELDS,
    LINK_FIELDS,
    STUDENTS,
    Document,
    join_limited,
)
from indexer.sources.values import PastAttendance
from presente.clock import Clock
from presente.errors import InvalidInput
from presente.text import tidy

_COUNT_FIELDS = ("asistencias", "participaciones")
_STUDENT_FIELDS = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")
_KNOWN_FIELDS = frozenset({"_id", *_STUDENT_FIELDS, *_COUNT_FIELDS, *IMAGE_FIELDS, *HASH_FIELDS, *LINK_FIELDS})
_KNOWN_ENTRY_FIELDS = frozenset({"fecha", "date", "clase", "tipo", "nota"})


@dataclass(slots=True)
class _ClassRecord:
    """The attendance of one student in one class: the most that any of the documents has.

    Attributes:
        counts: by field, how many entries without a date.
        entries: entries with a date, and how often each occurs.
    """

    counts: Counter[str] = field(default_factory=Counter)
    entries: Counter[PastAttendance] = field(default_factory=Counter)


@dataclass(slots=True)
class FirstSystemPerson:
    """A student with the fields of the newest document; all documents; and a record per class, the newest last."""

    student: Student
    documents: list[Document] = field(default_factory=list)
    records: dict[str, _ClassRecord] = field(default_factory=dict)

    @property
    def clases(self) -> list[str]:
        """Every class, the newest first."""
        return [clase for clase in reversed(self.records) if clase]

    def merged_student(self) -> Student:
        """The student in every class, with the sum of the counts of all classes."""
        records = self.records_by_class().values()
        attended, took_part = (sum(record.counts[name] for record in records) for name in _COUNT_FIELDS)
        clases = self.clases
        return replace(
            self.student,
            clase=clases[0] if clases else "",
            otras_clases=tuple(clases[1:]),
            asistencias_previas=attended,
            participaciones_previas=took_part,
        )

    def past_attendance(self) -> Iterator[PastAttendance]:
        """Entries with a date, of every class; an entry that several documents have counts once."""
        entries: Counter[PastAttendance] = Counter()
        for clase, record in self.records_by_class().items():
            complete: Counter[PastAttendance] = Counter()
            for entry, times in record.entries.items():
                complete[replace(entry, matricula=self.student.matricula, clase=entry.clase or clase)] += times
            entries |= complete
        return entries.elements()

    def records_by_class(self) -> dict[str, _ClassRecord]:
        """The records. A document without a class counts for the newest class, because it repeats that upload."""
        records = dict(self.records)
        without_class = records.pop("", None)
        if without_class is not None:
            newest = next(reversed(records), "")
            record = records.get(newest, _ClassRecord())
            records[newest] = _ClassRecord(record.counts | without_class.counts, record.entries | without_class.entries)
        return records


class FirstSystemPeople:
    """Collects documents by matricula; warnings and notes tell what a person should know about them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people: dict[str, FirstSystemPerson] = {}
        self.warnings: list[str] = []
        self._unknown_fields: Counter[str] = Counter()
        self._undated: Counter[str] = Counter()
        self._unknown_details: Counter[str] = Counter()

    def add_document(self, document: Document) -> None:
        """Add one document; documents come in the order in which they were written."""
        where = f"{STUDENTS} {document['_id']}"
        try:
            student = self._student(document, where)
        except InvalidInput as error:
            self.warnings.append(f"{where} is left out, with its photo and its counts: {error}")
            return
        record = self._record(document, where)
        known = _KNOWN_FIELDS | ({"consentimiento"} if student.consentimiento else set())
        self._unknown_fields.update(name for name in document if name not in known)
        person = self.people.setdefault(student.matricula, FirstSystemPerson(student))
        if person.student.nombre_del_alumno != student.nombre_del_alumno:
            self.warnings.append(
                f"{student.matricula} has the names {person.student.nombre_del_alumno!r} and "
                f"{student.nombre_del_alumno!r}; the newer name is kept; check that it is one person"
            )
        registered = student.fecha_de_registro or person.student.fecha_de_registro
        person.student = replace(student, fecha_de_registro=registered)
        person.documents.append(document)
        before = person.records.pop(student.clase, _ClassRecord())  # and added again: the newest class is the last
        person.records[student.clase] = _ClassRecord(before.counts | record.counts, before.entries | record.entries)

    def _student(self, document: Document, where: str) -> Student:
        fields = {name: document[name] for name in _STUDENT_FIELDS if document.get(name) is not None}
        if isinstance(fields.get("clase"), int):
            fields["clase"] = str(fields["clase"])
        registered = fields.get("fecha_de_registro", "")
        fields["fecha_de_registro"] = _iso_date(registered, self.clock)
        if registered and not fields["fecha_de_registro"]:
            self.warnings.append(f"{where}: fecha_de_registro {registered!r} is no date that is understood: left out")
        consent = document.get("consentimiento")
        if isinstance(consent, Mapping) and {"fecha", "texto"} <= consent.keys():
            fields["consentimiento"] = consent
        return check_student(foreign_student(fields, self.clock))

    def _record(self, document: Document, where: str) -> _ClassRecord:
        """The attendance and participation of one document."""
        record = _ClassRecord()
        for name in _COUNT_FIELDS:
            value = document.get(name)
            if isinstance(value, Sequence) and not isinstance(value, str | bytes):
                entries = [self._entry(name, each) for each in value]
                record.entries.update(entry for entry in entries if entry is not None)
                record.counts[name] = sum(entry is None for entry in entries)
                self._undated[name] += record.counts[name]
            elif value is not None:
                record.counts[name], exact = _count(value)
                if not exact:
                    taken = record.counts[name]
                    self.warnings.append(f"{where}: {name} {value!r} is no count; {taken} are taken over")
        return record

    def _entry(self, field: str, value: object) -> PastAttendance | None:
        """One entry of a list: a date, or a document with a date; None when it has no date."""
        details: Document = value if isinstance(value, Mapping) else {"fecha": value}
        self._unknown_details.update(f"{field}.{name}" for name in details if name not in _KNOWN_ENTRY_FIELDS)
        moment = _iso_date(details.get("fecha", details.get("date")), self.clock)
        if not moment:
            return None
        return PastAttendance(
            field,
            "",
            fecha=datetime.fromisoformat(moment).date().isoformat(),
            clase=tidy(str(details.get("clase") or "")),
            kind=tidy(str(details.get("tipo") or "")),
            note=tidy(str(details.get("nota") or "")),
        )

    def notes(self) -> Iterator[str]:
        """How the documents were understood: what was merged, and what was not taken over."""
        for person in self.people.values():
            if len(person.clases) > 1:
                records = list(reversed(person.records_by_class().values()))
                sums = [
                    f"{name} {' + '.join(str(record.counts[name]) for record in records)}" for name in _COUNT_FIELDS
                ]
                yield (
                    f"{person.student.matricula} is in {len(person.clases)} classes, {', '.join(person.clases)}: "
                    f"all are kept, and the counts of each are added up ({', '.join(sums)})"
                )
        several = [matricula for matricula, person in self.people.items() if len(person.documents) > 1]
        if several:
            yield f"several documents, each a photo; the newest has name and date: {join_limited(several)}"
        for name, count in self._undated.items():
            if count:
                yield f"{name}: {count} entries have no date that is understood, and are taken over as counts"
        for name, count in self._repeated().items():
            yield f"{name}: {count} entries name a student's class and date once more; a date counts once"
        for what, names in (("fields", self._unknown_fields), ("details of entries", self._unknown_details)):
            if names:
                counted = [f"{name} (in {count})" for name, count in sorted(names.items())]
                yield f"{what} that are not taken over: {join_limited(counted)}"

    def _repeated(self) -> dict[str, int]:
        """How many entries of attendance repeat a student, class and date."""
        attendance = _COUNT_FIELDS[0]
        everything = (entry for person in self.people.values() for entry in person.past_attendance())
        entries = [entry for entry in everything if entry.field == attendance]
        days = {(entry.matricula, entry.clase, entry.fecha) for entry in entries}
        return {attendance: len(entries) - len(days)} if len(entries) > len(days) else {}


def _count(value: object) -> tuple[int, bool]:
    """A value as a count, and whether the value is exactly that count."""
    if isinstance(value, bool):
        return int(value), False
    try:
        number = float(str(value).strip())
        whole = max(0, int(number))
    except (ValueError, OverflowError):
        return 0, False
    return whole, whole == number


def _iso_date(value: object, clock: Clock) -> str:
    """A date, or date and time, in ISO form; empty when the value is not understood."""
    if isinstance(value, datetime):
        return day_of(value, clock)
    text = str(value).strip()
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)  # also with a zone, as JavaScript writes it: "2025-03-04T01:00:00.000Z"
        return text if moment.tzinfo is None else day_of(moment, clock)
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(text[:10], form).date().isoformat()
        except ValueError:
            continue
    return ""
