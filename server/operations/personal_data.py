"""Everything that is held about one student. What is held about others beside it is left out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gallery.documents.access import AccessKey, Account
from gallery.documents.access_log import AccessFilter, AccessLine
from gallery.documents.attendance import EntryFilter, StoredAttendance, StoredParticipation
from gallery.documents.audit_findings import KeptFinding
from gallery.documents.class_sessions import StoredSession
from gallery.documents.negatives import StoredNegative
from gallery.documents.values import DescribedPhoto, StoredStudent
from gallery.gallery import Gallery
from gallery.photo_export import EXTENSIONS
from server.service import Service

_LINES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What is held about a student.

    Attributes:
        stored: the fields, the consent with its history, and the counts.
        photos: what is known of each photo.
        pack, dim: by which pack there are templates, and how many numbers each has.
        attendance, participations: the entries.
        sessions: the sessions that entries are of.
        session_photos: how many copies of photos of open sessions may show the student.
        unknown_faces: how many faces of unknown people resemble the student.
        accounts, keys: the student's own.
        findings: of the last audit.
        negatives: faces of which a person said that they are not the student.
        lines: of the access log.
    """

    stored: StoredStudent
    photos: Sequence[DescribedPhoto]
    pack: str
    dim: int
    attendance: Sequence[StoredAttendance]
    participations: Sequence[StoredParticipation]
    sessions: Sequence[StoredSession]
    session_photos: int
    unknown_faces: int
    accounts: Sequence[Account]
    keys: Sequence[AccessKey]
    findings: Sequence[KeptFinding]
    negatives: Sequence[StoredNegative]
    lines: Sequence[AccessLine]


def personal_data(service: Service, matricula: str) -> PersonalData:
    """What is held about a student whom the caller sees.

    Raises:
        NotFound: ``student_not_found``.
    """
    stored, gallery = service.gallery.student(matricula), service.gallery.whole
    store, name, entries = gallery.store, stored.student.matricula, EntryFilter(subject=stored.id)
    attendance = store.attendance.entries(entries)
    sessions = (store.sessions.session(number) for number in sorted({each.entry.session for each in attendance} - {0}))
    return PersonalData(
        stored=stored,
        photos=store.student_photos.described(name, gallery.pack),
        pack=gallery.pack,
        dim=gallery.dim,
        attendance=attendance,
        participations=store.attendance.participations(entries),
        sessions=[session for session in sessions if session is not None],
        session_photos=store.session_photos.kept_of(stored.id),
        unknown_faces=len(gallery.unknown_faces_of([name])),
        accounts=[account for account in store.access.accounts() if account.grant.matricula == name],
        keys=[key for key in store.access.access_keys() if key.grant.matricula == name],
        findings=[finding for finding in store.findings.findings() if stored.id in finding.subjects],
        negatives=store.negatives.of(stored.id),
        lines=list(_lines(gallery, stored.id)),
    )


def _lines(gallery: Gallery, subject: int) -> Iterator[AccessLine]:
    after, which = 0, AccessFilter(subject=subject)
    while page := gallery.store.access_log.lines(which, after, _LINES_AT_ONCE):
        yield from page
        after = page[-1].number


def archive(service: Service, data: PersonalData, described: bytes) -> Iterator[bytes]:
    """A .zip with the description and every photo, written while it is read: one photo is in memory at a time."""
    sink = _Sink()
    store, matricula = service.gallery.whole.store, data.stored.student.matricula
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as made:
        made.writestr("data.json", described)
        yield sink.taken()
        for each in data.photos:
            photo = store.student_photos.photo(matricula, each.sha256)
            if photo is not None:  # otherwise it was erased meanwhile
                made.writestr(f"photos/{each.sha256}.{EXTENSIONS.get(photo.media_type, 'bin')}", photo.content)
                yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """What is written to it is taken from it. It cannot be read or sought."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        written = bytes(memoryview(content))  # type: ignore[arg-type]  # what a file is given
        self._written += written
        return len(written)

    def taken(self) -> bytes:
        """What was written since the last call."""
        found = bytes(self._written)
        self._written.clear()
        return found
