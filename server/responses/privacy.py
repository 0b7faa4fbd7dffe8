"""Replies about withdrawals and receipts, and the header that has a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta

from gallery.documents.values import StoredStudent
from gallery.privacy.receipts import Receipt
from gallery.privacy.report import PrivacyReport
from gallery.privacy.retention import Policy
from presente.face_json import JsonObject
from presente.settings.retention import shown_retention
from server.responses.students import StudentJson, student_json

_RECEIPT = "Presente-Receipt"
RECEIPT_HEADER: Mapping[str, str] = {
    _RECEIPT: "The receipt of the erasure: base64url of the JSON that GET /v1/receipts/CODE answers."
}
"""The header of a reply to an erasure, for ``@answers``."""


class WithdrawalReply(JsonObject, frozen=True, kw_only=True):
    """A consent that has ended."""

    matricula: str
    student: StudentJson
    erased_at: Annotated[str, Meta(description="From when on everything is erased, unless a consent is given before.")]
    receipt_code: Annotated[
        str, Meta(description="The code of the receipt of that erasure: GET /v1/receipts/CODE. Keep it.")
    ]


class StatedJson(JsonObject, frozen=True, kw_only=True):
    """What a receipt states. It is signed as JSON with sorted names and without blanks, in UTF-8."""

    format: int
    installation: Annotated[str, Meta(description="The identity of the store.")]
    key: Annotated[str, Meta(description="The public key of the installation, Ed25519, 32 bytes in base64.")]
    what: Literal["student", "photo"]
    why: Annotated[Literal["erased", "withdrawn"], Meta(description="withdrawn: a consent had ended.")]
    asked: Annotated[bool, Meta(description="Whether the person asked for it.")]
    at: Annotated[str, Meta(description="UTC, ISO.")]
    entry: Annotated[str, Meta(description="The mark of the entry of the erasure list.")]
    matricula: Annotated[str, Meta(description="HMAC-SHA256 of the matricula with the code as the key, hex.")]
    photo: Annotated[str, Meta(description="Of a photo: likewise of its SHA-256; else empty.")]
    erased: Annotated[dict[str, int], Meta(description="How much of each kind.")]
    generations: Annotated[list[int], Meta(description="Generations of the index in which it was overwritten.")]
    data_key: Annotated[
        Literal["destroyed", "kept", "none"],
        Meta(description="Of the student: destroyed; kept, of a photo; none: the store is not sealed."),
    ]
    backups: Annotated[list[str], Meta(description="Folders of backups that may hold it until their next run.")]


class ReceiptReply(JsonObject, frozen=True, kw_only=True):
    """A receipt of an erasure; ``presente check-receipt`` checks it."""

    receipt: StatedJson
    signature: Annotated[str, Meta(description="Ed25519, of what is stated, base64.")]
    code: Annotated[str, Meta(description="The key of the digests in it.")]


class ReceiptKeyReply(JsonObject, frozen=True, kw_only=True):
    """What receipts are checked with."""

    algorithm: Literal["Ed25519"] = "Ed25519"
    key: Annotated[str, Meta(description="The public key, 32 bytes in base64.")]


class NamedStudentJson(JsonObject, frozen=True, kw_only=True):
    """A student on a list of the report."""

    matricula: str
    nombre_del_alumno: str
    clases: list[str]
    until: Annotated[str, Meta(description="How long the consent holds, or when everything is erased; or empty.")]


class PrivacyReply(JsonObject, frozen=True, kw_only=True):
    """What is held, and where consents stand."""

    at: Annotated[str, Meta(description="The date at the school.")]
    students: int
    cohort: int
    photos: int
    templates: int
    attendances: Annotated[int, Meta(description="Entries that say that a student was there.")]
    participations: int
    faces: Annotated[int, Meta(description="Entries of attendance that keep a face.")]
    negatives: Annotated[int, Meta(description="Faces of which a person said that they are not a student.")]
    unknown_faces: Annotated[int, Meta(description="Faces of people who are not enrolled.")]
    unknown_people: Annotated[int, Meta(description="The cards that show them.")]
    not_ours: Annotated[int, Meta(description="People of whom a person said that they are not of the school.")]
    access_lines: int
    accounts: int
    keys: int
    consents: Annotated[
        dict[str, int], Meta(description="Students by consent: none, holds, ends_soon, withdrawn, expired.")
    ]
    givers: Annotated[dict[str, int], Meta(description="Consents that hold by who gave them; empty: not noted.")]
    classes: Annotated[dict[str, int], Meta(description="Students by class; of no class under the empty name.")]
    overdue: Annotated[int, Meta(description="Students who should have been erased by now.")]
    erasures: Annotated[dict[str, int], Meta(description="Entries of the erasure list by kind.")]
    asked: Annotated[int, Meta(description="Those that the person asked for.")]
    lists: Annotated[
        dict[str, list[NamedStudentJson]],
        Meta(description="With names: none, ends_soon, ended, overdue, no_class; else empty."),
    ]
    retention: Annotated[str, Meta(description="The periods, as PRESENTE_RETENTION has them.")]
    withdrawal_days: Annotated[int, Meta(description="Days between the end of a consent and the erasure.")]
    unknown_days: Annotated[
        int | None, Meta(description="Days for which faces of unknown people are kept; null: none is.")
    ]


def privacy_reply(report: PrivacyReport, policy: Policy) -> PrivacyReply:
    """What is held."""
    values = {each.name: getattr(report, each.name) for each in fields(report) if each.name != "lists"}
    lists = {name: [NamedStudentJson(**asdict(each)) for each in named] for name, named in report.lists.items()}
    return PrivacyReply(
        **values,
        lists=lists,
        retention=shown_retention(policy.retention),
        withdrawal_days=policy.withdrawal_days,
        unknown_days=policy.unknown_days,
    )


def with_receipt(receipt: Receipt) -> dict[str, str]:
    """The headers of a reply to an erasure."""
    return {_RECEIPT: receipt.to_header()}


def withdrawal_reply(stored: StoredStudent, days: int) -> WithdrawalReply:
    """A consent that has ended."""
    consent = stored.student.consentimiento
    assert consent is not None
    due = datetime.fromisoformat(consent.retirado) + timedelta(days=days)
    return WithdrawalReply(
        matricula=stored.student.matricula,
        student=student_json(stored),
        erased_at=due.isoformat(timespec="seconds"),
        receipt_code=consent.recibo,
    )


def receipt_reply(receipt: Receipt) -> ReceiptReply:
    """A receipt."""
    stated: dict[str, Any] = receipt.stated
    return ReceiptReply(receipt=StatedJson(**stated), signature=receipt.signature, code=receipt.code)
