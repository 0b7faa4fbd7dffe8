"""The values of the access log: who did what, when, and about whom; and the chain of hashes over its lines.

A line's hash covers the hash of the line before: changing, removing or moving a line takes changing every later
hash. Persons are covered by commitments, which are not changed when a person is erased.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

_FORMAT = 1
"""The version of what a line's hash covers; it is a part of it."""
_SALT_BYTES = 16
_SALT = re.compile(r"[0-9a-f]{32}(?:-([0-9]{1,19}))?")
"""32 hex digits and, of every line since the first version of the log, the id that the student had then. There is no
blank in it, so that what follows the first blank of what is hashed is the matricula."""
_HEAD = re.compile(r"0:|0*[1-9][0-9]{0,18}:[0-9a-f]+")
MOST_CONCERNED = 1000
"""Students whom one line can be about."""


class AccessAction(StrEnum):
    """What was done."""

    IDENTIFIED = "identified"
    VERIFIED = "verified"
    SEARCHED = "searched"
    READ = "read"
    LOG_READ = "log_read"
    LOG_SHORTENED = "log_shortened"
    DATA_EXPORTED = "data_exported"
    ENROLLED = "enrolled"
    PHOTOS_ADDED = "photos_added"
    CHANGED = "changed"
    CONSENT_ENDED = "consent_ended"
    ERASED = "erased"
    MERGED = "merged"
    PHOTOS_MOVED = "photos_moved"
    PHOTOS_ERASED = "photos_erased"
    TOLD_APART = "told_apart"
    UNKNOWN_CHANGED = "unknown_changed"
    UNKNOWN_ERASED = "unknown_erased"
    EXPORTED = "exported"
    ATTENDANCE_TAKEN = "attendance_taken"
    ATTENDANCE_CORRECTED = "attendance_corrected"
    SESSION_OPENED = "session_opened"
    SESSION_CHANGED = "session_changed"
    TIMETABLE_CHANGED = "timetable_changed"
    PARTICIPATION_RECORDED = "participation_recorded"
    PARTICIPATION_WITHDRAWN = "participation_withdrawn"
    THRESHOLD_LOWERED = "threshold_lowered"
    CALIBRATED = "calibrated"
    PACK_CHANGED = "pack_changed"
    JOB_ASKED = "job_asked"
    JOB_CANCELLED = "job_cancelled"
    FINDING_PUT_ASIDE = "finding_put_aside"
    KEY_MADE = "key_made"
    KEY_REVOKED = "key_revoked"
    ACCOUNT_MADE = "account_made"
    ACCOUNT_CHANGED = "account_changed"
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    LOGIN_FAILED = "login_failed"

    @property
    def only_looks(self) -> bool:
        """Whether the action changes nothing and takes nothing out of the gallery."""
        return self in _LOOKS


_LOOKS = frozenset(
    {
        AccessAction.IDENTIFIED,
        AccessAction.VERIFIED,
        AccessAction.SEARCHED,
        AccessAction.READ,
        AccessAction.LOG_READ,
    }
)

DONE = "done"
"""The outcome of what was done; otherwise it is the code of the error."""


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """What is to be logged.

    Attributes:
        at: when, UTC, ISO, to the millisecond.
        caller: who did it: the caller's name, never a person's real name.
        role: of the caller.
        address: the network address that the request came from.
        action: what was done.
        outcome: :data:`DONE`, or the code of the error.
        request: the request's id, if the server made it: in one that a client chose, anything may stand.
        detail: more about it; it names no person.
        about: matriculas of the students concerned, at most :data:`MOST_CONCERNED`.
    """

    at: str
    caller: str
    role: str
    address: str
    action: AccessAction
    outcome: str = DONE
    request: str = ""
    detail: str = ""
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concerned:
    """A student whom a line is about.

    Attributes:
        commitment: SHA-256 of the salt and the matricula. It stays.
        salt: random, of this line and student, and the student's id at the time; None once the student was erased, or
            was not in the gallery at the time.
        matricula: the student's at the time; None likewise.
        subject: the student's subject id; after a merge that of the student who stayed; None likewise.
    """

    commitment: str
    salt: str | None = None
    matricula: str | None = None
    subject: int | None = None

    @property
    def holds(self) -> bool:
        """Whether salt and matricula, where they are there, are those of the commitment."""
        if self.salt is None or self.matricula is None:
            return self.salt is None and self.matricula is None
        return _SALT.fullmatch(self.salt) is not None and self.commitment == _commitment(self.salt, self.matricula)

    @property
    def committed_subject(self) -> int | None:
        """The id that the student had at the time, as the salt has it; None when it does not."""
        found = _SALT.fullmatch(self.salt or "")
        return int(found[1]) if found and found[1] else None


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last line of a log: its number and its hash. An empty log has number 0 and no hash."""

    number: int = 0
    hash: str = ""

    def __str__(self) -> str:
        """``NUMBER:HASH``."""
        return f"{self.number}:{self.hash}"

    @classmethod
    def of(cls, text: str) -> ChainHead:
        """What ``NUMBER:HASH`` says.

        Raises:
            ValueError: it is of another form.
        """
        if _HEAD.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not NUMBER:HASH")
        number, _, digest = text.partition(":")
        return cls(int(number), digest)

    @classmethod
    def of_noted(cls, text: str) -> ChainHead | None:
        """As :meth:`of`; None for a text of another form."""
        return cls.of(text) if _HEAD.fullmatch(text) else None


NO_LINES = ChainHead()
"""The head of a log without lines."""


@dataclass(frozen=True, slots=True)
class AccessLine:
    """A line of the log.

    Attributes:
        number: 1 for the first line, and one more for each line.
        event: what was logged; its ``about`` is empty, because ``concerned`` has it.
        concerned: the students.
        previous: the hash of the line before; empty for the first.
        hash: SHA-256 of all of that, where students are there as commitments.
    """

    number: int
    event: AccessEvent
    concerned: tuple[Concerned, ...]
    previous: str
    hash: str

    @property
    def head(self) -> ChainHead:
        """The log's head when this line is the last one."""
        return ChainHead(self.number, self.hash)


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which lines are asked for: those that meet every condition that is not None.

    Attributes:
        since: not before this moment (UTC, ISO, as ``at`` is written).
        before: before this moment.
        caller: of this caller.
        action: of this action.
        subject: about this student.
    """

    since: str | None = None
    before: str | None = None
    caller: str | None = None
    action: str | None = None
    subject: int | None = None


ALL_LINES = AccessFilter()


def in_lines(event: AccessEvent) -> list[AccessEvent]:
    """An event as the events of its lines: several when it is about more students than one line names."""
    about = tuple(dict.fromkeys(event.about))
    parts = [about[start : start + MOST_CONCERNED] for start in range(0, len(about), MOST_CONCERNED)]
    return [replace(event, about=part) for part in parts or [()]]


def commit(event: AccessEvent, subjects: Mapping[str, int]) -> tuple[AccessEvent, tuple[Concerned, ...]]:
    """The event without its students, and a commitment to each of them.

    Args:
        event: what is to be logged.
        subjects: subject ids of the students who are in the gallery, by matricula. Others get a commitment only: a line
            names a student while the student is in the gallery, and not longer.
    """
    concerned = []
    for matricula in dict.fromkeys(event.about):
        subject = subjects.get(matricula)
        salt = secrets.token_hex(_SALT_BYTES) + ("" if subject is None else f"-{subject}")
        committed = _commitment(salt, matricula)
        kept = Concerned(committed) if subject is None else Concerned(committed, salt, matricula, subject)
        concerned.append(kept)
    bare = AccessEvent(
        event.at,
        event.caller,
        event.role,
        event.address,
        event.action,
        event.outcome,
        event.request,
        event.detail,
    )
    return bare, tuple(concerned)


def chained(entries: Iterable[tuple[AccessEvent, tuple[Concerned, ...]]], head: ChainHead) -> list[AccessLine]:
    """Lines that continue a log after its head."""
    lines = []
    for event, concerned in entries:
        number = head.number + 1
        lines.append(AccessLine(number, event, concerned, head.hash, line_hash(number, event, concerned, head.hash)))
        head = lines[-1].head
    return lines


def line_hash(number: int, event: AccessEvent, concerned: Iterable[Concerned], previous: str) -> str:
    """SHA-256, in hexadecimal digits, of a JSON list (ASCII, without spaces): format, number, the previous line's hash,
    at, caller, role, address, action, outcome, request, detail, and the list of commitments."""
    whole = [
        _FORMAT,
        number,
        previous,
        event.at,
        event.caller,
        event.role,
        event.address,
        str(event.action),
        event.outcome,
        event.request,
        event.detail,
        [each.commitment for each in concerned],
    ]
    return hashlib.sha256(json.dumps(whole, separators=(",", ":")).encode()).hexdigest()


def _commitment(salt: str, matricula: str) -> str:
    return hashlib.sha256(f"{salt} {matricula}".encode()).hexdigest()
