"""The people of the first system's database. That system added a document at every upload, so one matricula may have
several: each is a photo. The newest has the fields; every class is kept, each with the counts that belong to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gallery.documents.foreign_documents import day_of, foreign_student
from gallery.documents.student_rules import check_student
from gallery.documents.values import Student
from indexer.sources.first_system.photo_copies import HASHES, IMAGES, LINKS, STUDENTS, listed
from indexer.sources.protocol import PastAttendance
from presente.clock import Clock
from presente.errors import InvalidInput
from presente.text import tidy

Document = Mapping[str, Any]

_BOOKS = ("asistencias", "participaciones")
_TAKEN = ("matricula", "nombre_del_alumno", "clase", "fecha_de_registro")
_UNDERSTOOD = frozenset({"_id", *_TAKEN, *_BOOKS, *IMAGES, *HASHES, *LINKS})
_ENTRY_UNDERSTOOD = frozenset({"fecha", "date", "clase", "tipo", "nota"})


@dataclass(slots=True)
class _Told:
    """What an earlier system had of one person in one class: the most that any of the documents says."""

    counts: Counter[str] = field(default_factory=Counter)
    entries: Counter[PastAttendance] = field(default_factory=Counter)


@dataclass(slots=True)
class FirstSystemPerson:
    """A student as the newest document has it, and all documents."""

    student: Student
    documents: list[Document] = field(default_factory=list)
    told: dict[str, _Told] = field(default_factory=dict)

    @property
    def clases(self) -> list[str]:
        """Every class, the newest first."""
        return [clase for clase in reversed(self.told) if clase]

    def whole(self) -> Student:
        """The student in every class, with the counts of all of them."""
        told = self.by_class()
        attended, took_part = (sum(each.counts[book] for each in told.values()) for book in _BOOKS)
        clases = self.clases
        return replace(
            self.student,
            clase=clases[0] if clases else "",
            otras_clases=tuple(clases[1:]),
            asistencias_previas=attended,
            participaciones_previas=took_part,
        )

    def history(self) -> Iterator[PastAttendance]:
        """Entries with a date, of every class; what several documents say is there once."""
        entries: Counter[PastAttendance] = Counter()
        for clase, told in self.by_class().items():
            named: Counter[PastAttendance] = Counter()
            for entry, times in told.entries.items():
                named[replace(entry, matricula=self.student.matricula, clase=entry.clase or clase)] += times
            entries |= named
        return entries.elements()

    def by_class(self) -> dict[str, _Told]:
        """What was told; of a document that names no class, as if it named the newest: it is the same upload again."""
        told = dict(self.told)
        nameless = told.pop("", None)
        if nameless is not None:
            newest = next(reversed(told), "")
            named = told.get(newest, _Told())
            told[newest] = _Told(named.counts | nameless.counts, named.entries | nameless.entries)
        return told


class FirstSystemPeople:
    """Documents by matricula, and what a person should know about them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people: dict[str, FirstSystemPerson] = {}
        self.warnings: list[str] = []
        self._unknown: Counter[str] = Counter()
        self._undated: Counter[str] = Counter()
        self._details: Counter[str] = Counter()

    def take(self, document: Document) -> None:
        """One document of the first system, in the order in which they were written."""
        where = f"{STUDENTS} {document['_id']}"
        try:
            student = self._student(document, where)
        except InvalidInput as error:
            self.warnings.append(f"{where} is left out, with its photo and its counts: {error}")
            return
        told = self._told(document, where)
        understood = _UNDERSTOOD | ({"consentimiento"} if student.consentimiento else set())
        self._unknown.update(name for name in document if name not in understood)
        person = self.people.setdefault(student.matricula, FirstSystemPerson(student))
        if person.student.nombre_del_alumno != student.nombre_del_alumno:
            self.warnings.append(
                f"{student.matricula} is called {person.student.nombre_del_alumno!r} and "
                f"{student.nombre_del_alumno!r}; the newer name is kept, check that it is one person"
            )
        registered = student.fecha_de_registro or person.student.fecha_de_registro
        person.student = replace(student, fecha_de_registro=registered)
        person.documents.append(document)
        before = person.told.pop(student.clase, _Told())  # and in again: the newest class is the last
        person.told[student.clase] = _Told(before.counts | told.counts, before.entries | told.entries)

    def _student(self, document: Document, where: str) -> Student:
        plain = {name: document[name] for name in _TAKEN if document.get(name) is not None}
        if isinstance(plain.get("clase"), int):
            plain["clase"] = str(plain["clase"])
        registered = plain.get("fecha_de_registro", "")
        plain["fecha_de_registro"] = _moment(registered, self.clock)
        if registered and not plain["fecha_de_registro"]:
            self.warnings.append(f"{where}: fecha_de_registro {registered!r} is no date that is understood: left out")
        consent = document.get("consentimiento")
        if isinstance(consent, Mapping) and {"fecha", "texto"} <= consent.keys():
            plain["consentimiento"] = consent
        return check_student(foreign_student(plain, self.clock))

    def _told(self, document: Document, where: str) -> _Told:
        told = _Told()
        for book in _BOOKS:
            value = document.get(book)
            if isinstance(value, Sequence) and not isinstance(value, str | bytes):
                entries = [self._entry(book, each) for each in value]
                told.entries.update(entry for entry in entries if entry is not None)
                told.counts[book] = sum(entry is None for entry in entries)
                self._undated[book] += told.counts[book]
            elif value is not None:
                told.counts[book], exact = _count(value)
                if not exact:
                    taken = told.counts[book]
                    self.warnings.append(f"{where}: {book} {value!r} is no count; {taken} are taken over")
        return told

    def _entry(self, book: str, value: object) -> PastAttendance | None:
        """One entry of a list: a date, or a document with one; None when no date can be found in it."""
        details: Document = value if isinstance(value, Mapping) else {"fecha": value}
        self._details.update(f"{book}.{name}" for name in details if name not in _ENTRY_UNDERSTOOD)
        moment = _moment(details.get("fecha", details.get("date")), self.clock)
        if not moment:
            return None
        return PastAttendance(
            book,
            "",
            fecha=datetime.fromisoformat(moment).date().isoformat(),
            clase=tidy(str(details.get("clase") or "")),
            kind=tidy(str(details.get("tipo") or "")),
            note=tidy(str(details.get("nota") or "")),
        )

    def notes(self) -> Iterator[str]:
        """How the documents were understood: what was put together, and what was not taken over."""
        for person in self.people.values():
            if len(person.clases) > 1:
                sums = [
                    f"{book} {' + '.join(str(each.counts[book]) for each in reversed(person.by_class().values()))}"
                    for book in _BOOKS
                ]
                yield (
                    f"{person.student.matricula} is in {len(person.clases)} classes, {', '.join(person.clases)}: "
                    f"all are kept, and the counts of each are added up ({', '.join(sums)})"
                )
        several = [matricula for matricula, person in self.people.items() if len(person.documents) > 1]
        if several:
            yield f"several documents, each a photo; the newest has name and date: {listed(several)}"
        for book, count in self._undated.items():
            if count:
                yield f"{book}: {count} entries have no date that is understood, and are taken over as counts"
        for book, twice in self._repeated().items():
            yield f"{book}: {twice} entries name a student's class and date once more; a date counts once"
        for what, names in (("fields", self._unknown), ("details of entries", self._details)):
            if names:
                told = [f"{name} (in {count})" for name, count in sorted(names.items())]
                yield f"{what} that are not taken over: {listed(told)}"

    def _repeated(self) -> dict[str, int]:
        """Attendance that is there twice."""
        entries = [entry for person in self.people.values() for entry in person.history() if entry.book == _BOOKS[0]]
        days = {(entry.matricula, entry.clase, entry.fecha) for entry in entries}
        return {_BOOKS[0]: len(entries) - len(days)} if len(entries) > len(days) else {}


def _count(value: object) -> tuple[int, bool]:
    """What an earlier system counted, and whether that is exactly what it says."""
    if isinstance(value, bool):
        return int(value), False
    try:
        number = float(str(value).strip())
        whole = max(0, int(number))
    except (ValueError, OverflowError):
        return 0, False
    return whole, whole == number


def _moment(value: object, clock: Clock) -> str:
    """A date, or date and time, in ISO form, as far as it can be understood; else empty."""
    if isinstance(value, datetime):
        return day_of(value, clock)
    text = str(value).strip()
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)  # with its zone as JavaScript writes: "2025-03-04T01:00:00.000Z"
        return text if moment.tzinfo is None else day_of(moment, clock)
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(text[:10], form).date().isoformat()
        except ValueError:
            continue
    return ""
