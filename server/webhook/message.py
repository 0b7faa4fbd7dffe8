"""What is sent of entries and participations, and how it is signed. Pure.

Signed as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com), for which receivers have libraries. There is
no face, no photo, no name and no remark in it: a matricula says whom it is about.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from gallery.documents.attendance import StoredAttendance, StoredParticipation
from gallery.documents.values import Student
from presente.face_json import JsonObject
from presente.settings.values import SECRET_PREFIX


class AttendanceNews(JsonObject, frozen=True, kw_only=True, tag="attendance", tag_field="type"):
    """An entry that was added; ``undoes`` is the id of the one that it takes back, ``reason`` why one waits."""

    id: int
    at: str
    matricula: str
    clase: str
    fecha: str
    session: int | None
    status: str
    reason: str | None
    source: str
    undoes: int | None


class ParticipationNews(JsonObject, frozen=True, kw_only=True, tag="participation", tag_field="type"):
    """A participation; ``withdraws`` is the id of the one that does not count any more."""

    id: int
    at: str
    matricula: str
    clase: str
    fecha: str
    kind: str
    withdraws: int | None


class Message(JsonObject, frozen=True, kw_only=True):
    """What one request tells, in the order in which it was recorded."""

    events: list[AttendanceNews | ParticipationNews]


def message_of(
    entries: Sequence[StoredAttendance],
    participations: Sequence[StoredParticipation],
    students: Mapping[int, Student],
) -> Message:
    """What is told of entries and participations; nothing of students who are not among ``students``, by subject id."""
    told: list[AttendanceNews | ParticipationNews] = []
    for stored in entries:
        entry = stored.entry
        if (student := students.get(entry.subject or 0)) is not None:
            told.append(
                AttendanceNews(
                    id=stored.id,
                    at=entry.at,
                    matricula=student.matricula,
                    clase=entry.clase,
                    fecha=entry.fecha,
                    session=entry.session or None,
                    status=entry.status,
                    reason=entry.reason or None,
                    source=entry.source,
                    undoes=entry.undoes,
                )
            )
    for took_part in participations:
        said = took_part.entry
        if (student := students.get(said.subject or 0)) is not None:
            told.append(
                ParticipationNews(
                    id=took_part.id,
                    at=said.at,
                    matricula=student.matricula,
                    clase=said.clase,
                    fecha=said.fecha,
                    kind=said.kind,
                    withdraws=said.withdraws,
                )
            )
    return Message(events=told)


def signed(message: Message, secret: str, number: str, seconds: int) -> tuple[bytes, dict[str, str]]:
    """The body of a request, and its headers.

    Args:
        message: what is told.
        secret: the setting's; one that begins with ``whsec_`` is base64.
        number: what tells this message from another, the same when it is sent again.
        seconds: the time, seconds since 1970.
    """
    body = msgspec.json.encode(message)
    digest = hmac.new(_key(secret), f"{number}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return body, {
        "Content-Type": "application/json",
        "webhook-id": number,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    if secret.startswith(SECRET_PREFIX):
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    return secret.encode()
