"""The client that blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from . import calls
from .connection import Connection
from .many import PhotoAnswer, identify_in_threads
from .photos import PhotoSource, photo_bytes, photos_given
from .replies import (
    AttendanceEntry,
    AttendanceLine,
    ClassPhoto,
    Consent,
    Enrolment,
    Identification,
    Participation,
    Readiness,
    SearchResults,
    Status,
    Student,
    Verification,
)
from .retries import DEFAULT_RETRIES, Retries
from .settings import settings_of
from .unknowns import Unknowns


class Client:
    """A Presente server. Safe to use from several threads; :meth:`close` it, or use it in a ``with`` block.

    Every method raises :class:`Problem` (the server refused), :class:`NoAnswer` or :class:`UnexpectedAnswer`.
    Questions, and writes that the server carries out once per Idempotency-Key, are sent again when the server is busy
    or the connection ends; ``change``, ``erase`` and ``withdraw_participation`` are sent once.

    Attributes:
        settings: what it was made with.
        unknowns: the calls about people who are not enrolled.
    """

    def __init__(
        self,
        address: str = "http://127.0.0.1:8000",
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: Retries = DEFAULT_RETRIES,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        """Reach a server; nothing is sent yet.

        Args:
            address: of the server; may have a path, behind a proxy.
            key: an API key; None: that of the environment variable PRESENTE_API_KEY, if it is set.
            timeout_s: seconds without a byte after which an attempt is given up.
            retries: how long and when a request is sent again.
            ca_file: PEM file with the certificates of a school's own authority, which alone is trusted then; None: the
                public ones, or those that the variable SSL_CERT_FILE names.

        Raises:
            TypeError: the key is no text.
            ValueError: the address is none, the key has characters that no key has, or the file has no certificate.
            OSError: the file cannot be read.
        """
        self.settings = settings_of(address, key, timeout_s, retries, ca_file)
        self._connection = Connection(self.settings)
        self.unknowns = Unknowns(self._connection)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Client:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    # -- questions --------------------------------------------------------------------------------------------------

    def identify(
        self,
        photo: PhotoSource,
        *,
        k: int = 5,
        threshold: float | None = None,
        faces: str = "all",
        clase: str | None = None,
        cohort: bool = False,
        detail: str = "auto",
        partial: bool = False,
    ) -> Identification:
        """Who is in a photo.

        Args:
            photo: its bytes, or the path of its file.
            k: how many people to list for each face.
            threshold: a score to hold to, instead of the gallery's own; a lower one needs an admin's key.
            faces: all of the photo, or only the largest.
            clase: search only this class.
            cohort: search also people who are no one's students.
            detail: how closely the photo is looked at: auto, portrait or group.
            partial: while a part of the gallery is not there, answer from the rest.
        """
        return self._connection.do(
            calls.identify(photo_bytes(photo), k, threshold, faces, clase, cohort, detail, partial)
        )

    def identify_many(
        self,
        photos: Iterable[PhotoSource],
        *,
        at_once: int = 4,
        k: int = 5,
        threshold: float | None = None,
        faces: str = "all",
        clase: str | None = None,
        cohort: bool = False,
        detail: str = "auto",
        partial: bool = False,
    ) -> Iterator[PhotoAnswer]:
        """Who is in each of many photos, in their order, as the answers come.

        At most ``at_once`` requests are on their way, and twice as many photos are held: an iterable may be as long as
        it likes. A photo that is refused, cannot be read, or got no answer while patience lasted has its error in its
        answer, and the next ones are asked all the same. A refusal that every photo would meet ends the iteration: of
        the key, a parameter or the class.
        """

        def ask(photo: PhotoSource) -> Identification:
            return self.identify(
                photo, k=k, threshold=threshold, faces=faces, clase=clase, cohort=cohort, detail=detail, partial=partial
            )

        return identify_in_threads(photos, ask, at_once)

    def verify(self, photo: PhotoSource, matricula: str, *, threshold: float | None = None) -> Verification:
        """Whether a photo shows the student of a matricula."""
        return self._connection.do(calls.verify(photo_bytes(photo), matricula, threshold))

    def search(
        self, embeddings: Any, *, k: int = 5, clase: str | None = None, cohort: bool = False, partial: bool = False
    ) -> SearchResults:
        """The nearest people of embeddings: an array (n, d) of NumPy, or rows of numbers."""
        return self._connection.do(calls.search(embeddings, k, clase, cohort, partial))

    def status(self) -> Status:
        """The gallery at a glance."""
        return self._connection.do(calls.status())

    def ready(self) -> Readiness:
        """Whether queries are answered; true or false as it is."""
        return self._connection.do(calls.ready())

    # -- students ---------------------------------------------------------------------------------------------------

    def enrol(
        self,
        matricula: str,
        nombre_del_alumno: str,
        photos: Sequence[PhotoSource],
        *,
        clase: str | None = None,
        fecha_de_registro: str | None = None,
        consentimiento: Consent | None = None,
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> Enrolment:
        """Enrol a student with one photo or more, all or none; searchable when this returns.

        Args:
            matricula: the student's number, unique.
            nombre_del_alumno: the student's name.
            photos: bytes or paths, at most 16.
            clase: the student's class.
            fecha_de_registro: an ISO date; today at the school when None.
            consentimiento: the student's consent.
            force: store photos that clearly are not the student's, or duplicates, all the same.
            idempotency_key: names this request, for a program that may end and call again; None: one is made.
        """
        student = {
            "matricula": matricula,
            "nombre_del_alumno": nombre_del_alumno,
            "clase": clase,
            "fecha_de_registro": fecha_de_registro,
            "consentimiento": consentimiento,
        }
        return self._connection.do(
            calls.enrol(student, [*map(photo_bytes, photos_given(photos))], force, idempotency_key)
        )

    def add_photos(
        self,
        matricula: str,
        photos: Sequence[PhotoSource],
        *,
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> Enrolment:
        """Add photos to a student, all or none."""
        return self._connection.do(
            calls.add_photos(matricula, [*map(photo_bytes, photos_given(photos))], force, idempotency_key)
        )

    def student(self, matricula: str) -> Student:
        """One student."""
        return self._connection.do(calls.student(matricula))

    def students(self, *, clase: str | None = None, q: str | None = None, page_size: int = 100) -> Iterator[Student]:
        """Students in order of matricula, a page at a time; ``q`` is a part of a name or matricula."""
        return self._connection.lines(lambda cursor: calls.students(cursor, clase, q, page_size))

    def change(
        self,
        matricula: str,
        *,
        nombre_del_alumno: str | UnsetType = UNSET,
        clase: str | UnsetType = UNSET,
        otras_clases: Sequence[str] | UnsetType = UNSET,
        fecha_de_registro: str | UnsetType = UNSET,
        consentimiento: Consent | UnsetType | None = UNSET,
        aviso: str | UnsetType = UNSET,
    ) -> Student:
        """Change what is given of a student; ``consentimiento=None`` takes the consent back."""
        changes = {
            "nombre_del_alumno": nombre_del_alumno,
            "clase": clase,
            "otras_clases": otras_clases,
            "fecha_de_registro": fecha_de_registro,
            "consentimiento": consentimiento,
            "aviso": aviso,
        }
        return self._connection.do(calls.change(matricula, changes))

    def erase(self, matricula: str) -> None:
        """Erase a student and everything made of the student's photos."""
        return self._connection.do(calls.erase(matricula))

    # -- attendance and participation -------------------------------------------------------------------------------

    def take_attendance(
        self,
        photo: PhotoSource,
        clase: str,
        *,
        fecha: str | None = None,
        threshold: float | None = None,
        detail: str = "auto",
        idempotency_key: str | None = None,
    ) -> ClassPhoto:
        """Record who of a class is in a photo; without ``fecha`` it is of today at the school."""
        content = photo_bytes(photo)
        return self._connection.do(calls.take_attendance(content, clase, fecha, threshold, detail, idempotency_key))

    def state_attendance(
        self,
        matricula: str,
        clase: str,
        *,
        status: str = "present",
        fecha: str | None = None,
        note: str = "",
        idempotency_key: str | None = None,
    ) -> AttendanceEntry:
        """Record a person's statement that a student was present, or ``status="rejected"``: was not."""
        return self._connection.do(calls.state_attendance(matricula, clase, status, fecha, note, idempotency_key))

    def resolve(
        self, entry: int, status: str, *, note: str = "", idempotency_key: str | None = None
    ) -> tuple[AttendanceEntry, ...]:
        """Confirm an entry (``present``) or reject it (``rejected``); the entries that hold now, that one first."""
        return self._connection.do(calls.resolve(entry, status, note, idempotency_key))

    def attendance(
        self,
        *,
        clase: str | None = None,
        fecha: str | None = None,
        desde: str | None = None,
        hasta: str | None = None,
        matricula: str | None = None,
        history: bool = False,
        page_size: int = 1000,
    ) -> Iterator[AttendanceLine]:
        """The attendance list, a page at a time; with ``history`` every entry, not only those that hold."""
        conditions = {"clase": clase, "fecha": fecha, "desde": desde, "hasta": hasta, "matricula": matricula}
        return self._connection.lines(lambda cursor: calls.attendance(cursor, conditions, history, page_size))

    def record_participation(
        self,
        matricula: str,
        *,
        clase: str | None = None,
        fecha: str | None = None,
        kind: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> Participation:
        """Record that a student took part in class; without a class it is the student's own."""
        statement = {"matricula": matricula, "clase": clase, "fecha": fecha, "kind": kind, "note": note}
        return self._connection.do(calls.record_participation(statement, idempotency_key))

    def participations(
        self,
        *,
        clase: str | None = None,
        fecha: str | None = None,
        desde: str | None = None,
        hasta: str | None = None,
        matricula: str | None = None,
        history: bool = False,
        page_size: int = 1000,
    ) -> Iterator[Participation]:
        """Participations in the order in which they were recorded, a page at a time."""
        conditions = {"clase": clase, "fecha": fecha, "desde": desde, "hasta": hasta, "matricula": matricula}
        return self._connection.lines(lambda cursor: calls.participations(cursor, conditions, history, page_size))

    def withdraw_participation(self, number: int) -> None:
        """Say that a participation does not count."""
        return self._connection.do(calls.withdraw_participation(number))
