"""What is held, why, until when: numbers, and names where they are asked for. It changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from gallery.documents.attendance import EntryFilter
from gallery.documents.consent_rules import is_due
from gallery.documents.erasure_list import NO_ERASURES
from gallery.documents.student_lists import StudentFilter
from gallery.documents.values import StoredStudent
from gallery.gallery import Gallery
from gallery.privacy.retention import SOON_DAYS, Policy, listed
from presente.clock import Clock


@dataclass(frozen=True, slots=True)
class NamedStudent:
    """A student on a list of the report: until when the consent holds, or from when on everything is erased."""

    matricula: str
    nombre_del_alumno: str
    clases: tuple[str, ...]
    until: str


@dataclass(frozen=True, slots=True)
class PrivacyReport:
    """What is held.

    Attributes:
        at: the date of the report.
        students, cohort: how many people.
        photos, templates: how many.
        attendances, participations: how many entries say that a student was there, or took part.
        faces: entries that keep a face.
        negatives: faces of which a person said that they are not a student.
        unknown_faces: faces of unknown people.
        unknown_people: groups of them that are cards.
        not_ours: groups of which a person said that they are not of the school.
        access_lines: lines of the access log.
        accounts, keys: how many.
        consents: students by consent: ``none``, ``holds``, ``ends_soon``, ``withdrawn``, ``expired``.
        givers: consents that hold, by who gave them: ``alumno``, ``tutor``, or empty.
        classes: students by class; those of no class under the empty name.
        overdue: students who should have been erased by now.
        erasures: entries of the erasure list by kind.
        asked: those that the person asked for.
        lists: with names: ``none``, ``ends_soon``, ``ended``, ``overdue``, ``no_class``.
    """

    at: str
    students: int
    cohort: int
    photos: int
    templates: int
    attendances: int
    participations: int
    faces: int
    negatives: int
    unknown_faces: int
    unknown_people: int
    not_ours: int
    access_lines: int
    accounts: int
    keys: int
    consents: dict[str, int]
    givers: dict[str, int]
    classes: dict[str, int]
    overdue: int
    erasures: dict[str, int]
    asked: int
    lists: dict[str, list[NamedStudent]] = field(default_factory=dict)


def privacy_report(gallery: Gallery, policy: Policy, clock: Clock, names: bool = False) -> PrivacyReport:
    """Count what a gallery holds; with ``names`` also who is on which list."""
    store, today = gallery.store, clock.today()
    soon = (date.fromisoformat(today) + timedelta(days=SOON_DAYS)).isoformat()
    consents, givers, classes = Counter[str](), Counter[str](), Counter[str]()
    lists: dict[str, list[NamedStudent]] = {name: [] for name in ("none", "ends_soon", "ended", "overdue", "no_class")}
    for stored in listed(gallery, StudentFilter(kind="student")):
        consent, clases = stored.student.consentimiento, stored.student.clases
        state = _state(stored, soon)
        consents[state] += 1
        classes.update(clases or [""])
        if consent is not None and not consent.has_ended:
            givers[consent.otorgado_por] += 1
        on = [state if state in ("none", "ends_soon") else "", "" if clases else "no_class"]
        if state in ("withdrawn", "expired"):
            on += ["ended", "overdue" if is_due(consent, policy.withdrawal_days, clock.now()) else ""]
        for name in filter(None, on):
            lists[name].append(_named(stored, policy))
    counts, (unknown_people, not_ours, unknown_faces) = store.counts(), store.unknowns.counts()
    erasures = [each for each in store.erasures.entries() if each.kind not in NO_ERASURES]
    return PrivacyReport(
        at=today,
        students=counts.students,
        cohort=counts.cohort,
        photos=counts.images,
        templates=counts.templates,
        attendances=store.attendance.count_present(EntryFilter(), history=True),
        participations=store.attendance.count_participations(EntryFilter(), history=True),
        faces=store.attendance.drop_faces("9999-99-99", None, (), dry=True),
        negatives=store.negatives.count(),
        unknown_faces=unknown_faces,
        unknown_people=unknown_people,
        not_ours=not_ours,
        access_lines=store.access_log.count_until(store.access_log.head().number),
        accounts=len(store.access.accounts()),
        keys=len(store.access.access_keys()),
        consents=dict(consents),
        givers=dict(givers),
        classes=dict(sorted(classes.items())),
        overdue=len(lists["overdue"]),
        erasures=dict(Counter(entry.kind for entry in erasures)),
        asked=sum(entry.asked for entry in erasures),
        lists=lists if names else {},
    )


def _state(stored: StoredStudent, soon: str) -> str:
    consent = stored.student.consentimiento
    if consent is None:
        return "none"
    if consent.has_ended:
        return consent.motivo or "withdrawn"
    return "ends_soon" if consent.hasta and consent.hasta <= soon else "holds"


def _named(stored: StoredStudent, policy: Policy) -> NamedStudent:
    student, consent = stored.student, stored.student.consentimiento
    until = "" if consent is None else consent.hasta
    if consent is not None and consent.has_ended:
        due = datetime.fromisoformat(consent.retirado) + timedelta(days=policy.withdrawal_days)
        until = due.isoformat(timespec="seconds")
    return NamedStudent(student.matricula, student.nombre_del_alumno, student.clases, until)
