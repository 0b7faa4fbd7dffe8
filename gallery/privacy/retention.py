"""Carries out what consents and periods say: who is erased, which photos and faces go, where the log begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from gallery.access_log.shortening import shorten
from gallery.documents.access_log import AccessAction
from gallery.documents.attendance import EntryFilter
from gallery.documents.consent_rules import is_due
from gallery.documents.erasure_list import Cause
from gallery.documents.student_lists import StudentFilter, StudentOrder, place_in
from gallery.documents.values import StoredStudent
from gallery.gallery import Gallery
from gallery.privacy.receipts import erase_student, new_code
from presente.clock import Clock
from presente.settings.retention import RetainedKind, Retention

SOON_DAYS = 30
"""What ends within so many days ends soon."""
_PAGE = 500

Log = Callable[[AccessAction, Sequence[str], str], None]
"""Writes a line of the access log: what, about whom, more about it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept for how long.

    Attributes:
        retention: the periods.
        withdrawal_days: days between the end of a consent and the erasure.
        unknown_days: days for which faces of unknown people are kept; None where none is kept: all of them go.
    """

    retention: Retention
    withdrawal_days: int
    unknown_days: int | None = None


NOTHING_GOES = Policy(Retention(), 14)
"""What the settings say where nothing is set."""


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What a run did, or would do: how many. It names no one.

    Attributes:
        consents_ended: consents that had run out, whose students are recognised no longer.
        withdrawn: students who were erased because their consent had ended long enough ago.
        students: students who were erased because their period was over.
        photo_owners: students whose photos were erased.
        attendance_faces: entries whose face was erased.
        unknown_faces: faces of unknown people that were erased.
        access_lines: lines that were cut off the access log.
        soon_consents: consents that end within :data:`SOON_DAYS` days.
        soon_erased: students whose consent has ended, and who are erased later.
        undated: students with a period who have neither a date of registration nor an entry, and are kept.
    """

    consents_ended: int = 0
    withdrawn: int = 0
    students: int = 0
    photo_owners: int = 0
    attendance_faces: int = 0
    unknown_faces: int = 0
    access_lines: int = 0
    soon_consents: int = 0
    soon_erased: int = 0
    undated: int = 0


class RetentionRun:
    """One run. Each step looks at what is there: a run that is cut off is continued by the next one."""

    def __init__(
        self,
        gallery: Gallery,
        policy: Policy,
        clock: Clock,
        forget: Callable[[Collection[str]], None],
        log: Log,
        dry: bool = False,
    ) -> None:
        """Prepare a run.

        Args:
            gallery: the whole gallery.
            policy: what is kept for how long.
            clock: the school's.
            forget: drops what is kept outside the gallery of students, by matricula.
            log: writes lines of the access log.
            dry: only count.
        """
        self._gallery = gallery
        self._policy = policy
        self._clock = clock
        self._forget = forget
        self._log = log
        self._dry = dry

    def run(self) -> RetentionReport:
        """Do everything; what was done."""
        report = RetentionReport(consents_ended=self._end_consents(), withdrawn=self._erase_withdrawn())
        report = self._students(report)
        report = replace(report, attendance_faces=self._drop_faces(), unknown_faces=self._drop_unknown())
        report = replace(report, access_lines=self._shorten_log())
        self._drop_jobs()
        soon, ended = consents_that_end(self._gallery, self._clock)
        return replace(report, soon_consents=soon, soon_erased=ended)

    def _end_consents(self) -> int:
        yesterday = (date.fromisoformat(self._clock.today()) - timedelta(days=1)).isoformat()
        ended = 0
        for stored in listed(self._gallery, StudentFilter(kind=None, consent_until=yesterday)):
            consent, matricula = stored.student.consentimiento, stored.student.matricula
            ended += 1
            if consent is None or self._dry:
                continue
            moment = self._clock.local(self._clock.start_of(consent.hasta, days=1)).isoformat(timespec="seconds")
            self._gallery.end_consent(matricula, moment, "expired", new_code())
            self._forget([matricula])
            self._log(AccessAction.CONSENT_ENDED, [matricula], "expired")
        return ended

    def _erase_withdrawn(self) -> int:
        erased = 0
        for stored in listed(self._gallery, StudentFilter(kind=None, consent_ended=True)):
            consent = stored.student.consentimiento
            if consent is None or not is_due(consent, self._policy.withdrawal_days, self._clock.now()):
                continue
            erased += 1
            asked = consent.motivo == "withdrawn"
            self._erase(stored, Cause(asked, "withdrawn"), consent.recibo)
        return erased

    def _erase(self, stored: StoredStudent, cause: Cause, code: str = "") -> None:
        matricula = stored.student.matricula
        if self._dry:
            return
        self._forget([matricula])
        erase_student(self._gallery, matricula, cause, code)
        self._forget([matricula])
        self._log(AccessAction.ERASED, [matricula], "asked" if cause.asked else "retention")

    def _students(self, report: RetentionReport) -> RetentionReport:
        kinds: tuple[RetainedKind, ...] = ("students", "photos")
        if not any(rule.kind in kinds for rule in self._policy.retention.rules):
            return report
        erased = photos = undated = 0
        for stored in listed(self._gallery, StudentFilter(kind="student")):
            if all(self._period(kind, stored) is None for kind in kinds):
                continue
            seen = last_seen(self._gallery, stored)
            undated += seen is None
            if seen is not None and self._is_over("students", stored, seen):
                self._erase(stored, Cause())
                erased += 1
            elif seen is not None and stored.images and self._is_over("photos", stored, seen):
                self._erase_photos(stored)
                photos += 1
        return replace(report, students=erased, photo_owners=photos, undated=undated)

    def _erase_photos(self, stored: StoredStudent) -> None:
        matricula = stored.student.matricula
        if self._dry:
            return
        self._forget([matricula])
        digests = self._gallery.store.digests(matricula)
        self._gallery.take_photos(matricula, digests)
        self._forget([matricula])
        self._log(AccessAction.PHOTOS_ERASED, [matricula], f"photos={len(digests)} retention")

    def _period(self, kind: RetainedKind, stored: StoredStudent) -> int | None:
        return self._policy.retention.longest(kind, stored.student.clases)

    def _is_over(self, kind: RetainedKind, stored: StoredStudent, seen: str) -> bool:
        days = self._period(kind, stored)
        return days is not None and seen < self._day_before(days)

    def _day_before(self, days: int) -> str:
        return (date.fromisoformat(self._clock.today()) - timedelta(days=days)).isoformat()

    def _drop_faces(self) -> int:
        retention, attendance = self._policy.retention, self._gallery.store.attendance
        own = retention.classes("attendance_faces")
        found = 0
        for clase in (None, *own):
            days = retention.days("attendance_faces", clase or "")
            if days is not None:
                found += attendance.drop_faces(self._day_before(days), clase, () if clase else own, self._dry)
        if found and not self._dry:
            self._log(AccessAction.CHANGED, [], f"attendance faces={found} retention")
            self._gallery.store.finish_erasing()
        return found

    def _drop_unknown(self) -> int:
        """Erase the faces of unknown people that were last seen too long ago; those of people of whom someone said that
        they are not of the school stay, as long as any face is kept."""
        days, before = self._policy.unknown_days, None
        if days is not None:
            before = (self._clock.now().astimezone(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
        found = self._gallery.store.unknowns.drop(before, self._dry)
        if found and not self._dry:
            self._log(AccessAction.CHANGED, [], f"unknown faces={found} retention")
            self._gallery.store.finish_erasing()
        return found

    def _shorten_log(self) -> int:
        days = self._policy.retention.days("access_log")
        if days is None:
            return 0
        now = self._clock.now().astimezone(UTC)
        before = _text(now - timedelta(days=days))
        store = self._gallery.store
        if self._dry:
            return store.access_log.count_until(store.access_log.last_before(before).number)
        cut = shorten(store, before, _text(now))
        if cut:
            self._log(AccessAction.LOG_SHORTENED, [], f"lines={cut}")
        return cut

    def _drop_jobs(self) -> None:
        days = self._policy.retention.days("jobs")
        if days is not None and not self._dry:
            before = self._clock.now().astimezone(UTC) - timedelta(days=days)
            self._gallery.store.jobs.drop(before.isoformat(timespec="seconds"))


def last_seen(gallery: Gallery, stored: StoredStudent) -> str | None:
    """The last date (ISO) of a student here: of the registration, of an entry of attendance or participation; None when
    there is none."""
    entries, attendance = EntryFilter(subject=stored.id), gallery.store.attendance
    dates = [stored.student.fecha_de_registro[:10]]
    dates += [each.entry.fecha for each in attendance.entries(entries)]
    dates += [each.entry.fecha for each in attendance.participations(entries)]
    return max(filter(None, dates), default=None)


def listed(gallery: Gallery, which: StudentFilter) -> Iterator[StoredStudent]:
    """The students who meet a filter, in order of matricula; they may be erased meanwhile."""
    order, after = StudentOrder(), None
    while page := gallery.store.listed_students(which, order, after, _PAGE):
        yield from page
        after = place_in(order, page[-1])


def consents_that_end(gallery: Gallery, clock: Clock) -> tuple[int, int]:
    """How many consents end within :data:`SOON_DAYS` days, and how many have ended."""
    soon = (date.fromisoformat(clock.today()) + timedelta(days=SOON_DAYS)).isoformat()
    which = StudentFilter(kind=None, consent_until=soon), StudentFilter(kind=None, consent_ended=True)
    return _count(gallery, which[0]), _count(gallery, which[1])


def _count(gallery: Gallery, which: StudentFilter) -> int:
    return sum(1 for _ in listed(gallery, which))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
