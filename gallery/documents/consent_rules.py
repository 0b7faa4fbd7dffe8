"""What makes a consent valid, what becomes of a stored one when another is given, and how it ends. Pure: no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from gallery.documents.erasure_list import Cause
from gallery.documents.values import CONSENT_GIVERS, Consent, ConsentEnd, Student
from presente.errors import Conflict, InvalidInput, shown

_TEXTS = ("fecha", "texto", "otorgado_por", "tutor", "parentesco", "hasta", "retirado", "motivo", "recibo")


def consent_fields(consent: Consent) -> dict[str, Any]:
    """A consent as a store keeps it: ``fecha`` and ``texto``, and of the rest what is not empty."""
    kept = {name: getattr(consent, name) for name in _TEXTS}
    made: dict[str, Any] = {name: value for name, value in kept.items() if value or name in ("fecha", "texto")}
    if consent.anteriores:
        made["anteriores"] = [consent_fields(each) for each in consent.anteriores]
    return made


def consent_of(kept: Mapping[str, Any]) -> Consent:
    """What :func:`consent_fields` made, or an earlier version; what is not known is passed over."""
    known = {each.name for each in fields(Consent)} - {"anteriores"}
    texts = {name: str(value) for name, value in kept.items() if name in known}
    return Consent(**texts, anteriores=tuple(map(consent_of, kept.get("anteriores", ()))))  # type: ignore[arg-type]


def consent_texts(consent: Consent) -> dict[str, str]:
    """The texts of a consent that are checked as every text is, by the names that errors give them."""
    texts = {"consentimiento.fecha": consent.fecha, "consentimiento.texto": consent.texto}
    more = {f"consentimiento.{name}": getattr(consent, name) for name in ("tutor", "parentesco", "hasta")}
    return texts | {name: value for name, value in more.items() if value}


def check_consent(consent: Consent) -> None:
    """Check who gave a consent, and until when; its texts were checked before.

    Raises:
        InvalidInput: ``invalid_student``.
    """
    if consent.otorgado_por not in CONSENT_GIVERS:
        raise _invalid("otorgado_por", consent.otorgado_por, "It must be alumno or tutor, or be left out.")
    if consent.otorgado_por == "tutor" and not consent.tutor:
        raise _invalid("tutor", "", "Name the guardian who gave the consent.")
    if consent.otorgado_por != "tutor" and (consent.tutor or consent.parentesco):
        raise _invalid("tutor", consent.tutor or consent.parentesco, "Only a consent that a tutor gave has it.")
    if not consent.hasta:
        return
    try:
        until = date.fromisoformat(consent.hasta)
    except ValueError as exc:
        raise _invalid("hasta", consent.hasta, "It must be a date like 2027-07-31.") from exc
    if until.isoformat() < consent.fecha[:10]:
        raise _invalid("hasta", consent.hasta, f"It must not be before fecha, {consent.fecha[:10]}.")


def _invalid(name: str, value: str, fix: str) -> InvalidInput:
    return InvalidInput("invalid_student", f"consentimiento.{name} is {shown(value)}.", fix, "consentimiento")


def consent_after(stored: Consent | None, given: Consent | None, matricula: str) -> Consent | None:
    """The consent of a student who has one and is given one; the one that was stored goes into its history.

    A client that knows only ``fecha`` and ``texto`` sends back what it read: that changes nothing. A consent that has
    ended is followed by one that is given on that day or later, and by nothing else.

    Raises:
        Conflict: ``consent_withdrawn``.
    """
    if stored is None or given is None or given == stored:
        return stored if given is None else given
    is_same = (given.fecha, given.texto) == (stored.fecha, stored.texto)
    says_more = any((given.otorgado_por, given.tutor, given.parentesco, given.hasta))
    if is_same and not says_more:
        return stored
    if stored.has_ended and (is_same or given.fecha[:10] < stored.retirado[:10]):
        raise consent_withdrawn(matricula)
    if is_same:
        return replace(given, anteriores=stored.anteriores)
    return replace(given, anteriores=(*stored.anteriores, replace(stored, recibo="", anteriores=())))


def consent_or_stored(stored: Consent | None, given: Consent | None) -> Consent | None:
    """As :func:`consent_after`; the stored one where what is given cannot follow it."""
    try:
        return consent_after(stored, given, "")
    except Conflict:
        return stored


def ended_consent(stored: Consent | None, moment: str, why: ConsentEnd, code: str) -> Consent:
    """A consent that ends at a moment; without one on record only its end is. One that has ended stays as it is."""
    if stored is None:
        return Consent("", "", retirado=moment, motivo=why, recibo=code)
    return stored if stored.has_ended else replace(stored, retirado=moment, motivo=why, recibo=code)


def with_consent_of(stored: Student | None, student: Student) -> Student:
    """A student as an enrolment stores it, with the consent that is then on record.

    Raises:
        Conflict: ``consent_withdrawn``.
    """
    own = None if stored is None else stored.consentimiento
    return replace(student, consentimiento=consent_after(own, student.consentimiento, student.matricula))


def refuse_ended(student: Student) -> None:
    """Refuse photos, or a merge, of a student whose consent has ended.

    Raises:
        Conflict: ``consent_withdrawn``.
    """
    if student.consentimiento is not None and student.consentimiento.has_ended:
        raise consent_withdrawn(student.matricula)


def cause_of(consent: Consent | None, cause: Cause) -> Cause:
    """Why a student is erased: whoever withdrew the consent has asked for it, whoever carries it out."""
    if consent is None or not consent.has_ended or not cause.listed:
        return cause
    return Cause(cause.asked or consent.motivo == "withdrawn", "withdrawn")


def consent_withdrawn(matricula: str) -> Conflict:
    """The error of what takes a consent, of a student whose consent has ended."""
    return Conflict(
        "consent_withdrawn",
        f"The consent of {shown(matricula)} has ended.",
        "Record a consent that was given since, or erase the student.",
    )


def is_due(consent: Consent | None, days: int, now: datetime) -> bool:
    """Whether a consent ended at least so many days before a moment, which has an offset."""
    if consent is None or not consent.has_ended:
        return False
    return datetime.fromisoformat(consent.retirado) + timedelta(days=days) <= now
