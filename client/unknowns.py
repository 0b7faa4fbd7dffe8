"""People who are not enrolled: what ``Client.unknowns`` and ``AsyncClient.unknowns`` do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from msgspec import UNSET, UnsetType

from . import unknown_calls as calls
from .connection import AsyncConnection, Connection
from .photos import PhotoSource, photo_bytes
from .replies import Consent
from .unknown_replies import Forgotten, NamedPerson, UnknownFace, UnknownPerson


class Unknowns:
    """Calls that block."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, *, state: str = "open", order: str = "last_at", page_size: int = 24) -> Iterator[UnknownPerson]:
        """Everyone of a state (``open``, ``not_ours``), a page at a time: whoever was seen last first (``last_at``), or
        most often (``visits``)."""
        return self._connection.lines(lambda cursor: calls.persons(cursor, state, order, page_size))

    def one(self, number: int) -> UnknownPerson:
        """One of them, with up to three students whom the person resembles."""
        return (self._connection.do(calls.person(number))).unknown

    def faces(self, number: int, *, page_size: int = 50) -> Iterator[UnknownFace]:
        """The faces of one, oldest first, a page at a time."""
        return self._connection.lines(lambda cursor: calls.faces(cursor, number, page_size))

    def picture(self, number: int, face: int) -> bytes:
        """The picture of a face, a JPEG."""
        return self._connection.do(calls.picture(number, face))

    def enrol(
        self,
        number: int,
        matricula: str,
        nombre_del_alumno: str,
        *,
        clase: str | None = None,
        fecha_de_registro: str | None = None,
        consentimiento: Consent | None = None,
        faces: Sequence[int] | None = None,
        rest: calls.Rest = "keep",
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> NamedPerson:
        """Enrol one as a new student.

        Args:
            number: id of the person.
            matricula: the student's number, unique.
            nombre_del_alumno: the student's name.
            clase: the student's class.
            fecha_de_registro: an ISO date; today at the school when None.
            consentimiento: the student's consent.
            faces: ids of those that become photos; None for all.
            rest: whether the other faces stay (``keep``) or are erased (``forget``).
            force: store photos that clearly show another person, or a student, all the same.
            idempotency_key: names this request, for a program that may end and call again; None: one is made.
        """
        student = {
            "matricula": matricula,
            "nombre_del_alumno": nombre_del_alumno,
            "clase": clase,
            "fecha_de_registro": fecha_de_registro,
            "consentimiento": consentimiento,
        }
        chosen = calls.chosen_faces(faces, rest)
        return self._connection.do(calls.enrol(number, student, chosen, force, idempotency_key))

    def merge(
        self,
        number: int,
        matricula: str,
        *,
        faces: Sequence[int] | None = None,
        rest: calls.Rest = "keep",
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> NamedPerson:
        """Give the faces of one to a student, whom they show; arguments as for :meth:`enrol`."""
        chosen = calls.chosen_faces(faces, rest)
        return self._connection.do(calls.merge(number, matricula, chosen, force, idempotency_key))

    def join(self, number: int, other: int) -> UnknownPerson:
        """Make one person of two; ``other`` is gone."""
        return self._connection.do(calls.join(number, other))

    def split(self, number: int, faces: Sequence[int]) -> UnknownPerson:
        """Move faces that show someone else to a person of their own, who is returned."""
        return self._connection.do(calls.split(number, faces))

    def mark(self, number: int, *, state: str | UnsetType = UNSET, note: str | UnsetType = UNSET) -> UnknownPerson:
        """Say that one is no one of the school (``not_ours``) or to be looked at (``open``); note a remark."""
        return self._connection.do(calls.mark(number, state, note))

    def forget(self, number: int, face: int | None = None, *, asked: bool = False) -> None:
        """Erase one with all faces, or one face; ``asked``: whether the person asked for it."""
        return self._connection.do(calls.forget(number, face, asked))

    def forget_by_photo(self, photo: PhotoSource) -> Forgotten:
        """Erase what is kept of the person whom a photo shows; bytes or a path."""
        return self._connection.do(calls.forget_by_photo(photo_bytes(photo)))


class AsyncUnknowns:
    """Calls that are awaited."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def all(self, *, state: str = "open", order: str = "last_at", page_size: int = 24) -> AsyncIterator[UnknownPerson]:
        """Everyone of a state (``open``, ``not_ours``), a page at a time: whoever was seen last first (``last_at``), or
        most often (``visits``)."""
        return self._connection.lines(lambda cursor: calls.persons(cursor, state, order, page_size))

    async def one(self, number: int) -> UnknownPerson:
        """One of them, with up to three students whom the person resembles."""
        return (await self._connection.do(calls.person(number))).unknown

    def faces(self, number: int, *, page_size: int = 50) -> AsyncIterator[UnknownFace]:
        """The faces of one, oldest first, a page at a time."""
        return self._connection.lines(lambda cursor: calls.faces(cursor, number, page_size))

    async def picture(self, number: int, face: int) -> bytes:
        """The picture of a face, a JPEG."""
        return await self._connection.do(calls.picture(number, face))

    async def enrol(
        self,
        number: int,
        matricula: str,
        nombre_del_alumno: str,
        *,
        clase: str | None = None,
        fecha_de_registro: str | None = None,
        consentimiento: Consent | None = None,
        faces: Sequence[int] | None = None,
        rest: calls.Rest = "keep",
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> NamedPerson:
        """Enrol one as a new student.

        Args:
            number: id of the person.
            matricula: the student's number, unique.
            nombre_del_alumno: the student's name.
            clase: the student's class.
            fecha_de_registro: an ISO date; today at the school when None.
            consentimiento: the student's consent.
            faces: ids of those that become photos; None for all.
            rest: whether the other faces stay (``keep``) or are erased (``forget``).
            force: store photos that clearly show another person, or a student, all the same.
            idempotency_key: names this request, for a program that may end and call again; None: one is made.
        """
        student = {
            "matricula": matricula,
            "nombre_del_alumno": nombre_del_alumno,
            "clase": clase,
            "fecha_de_registro": fecha_de_registro,
            "consentimiento": consentimiento,
        }
        chosen = calls.chosen_faces(faces, rest)
        return await self._connection.do(calls.enrol(number, student, chosen, force, idempotency_key))

    async def merge(
        self,
        number: int,
        matricula: str,
        *,
        faces: Sequence[int] | None = None,
        rest: calls.Rest = "keep",
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> NamedPerson:
        """Give the faces of one to a student, whom they show; arguments as for :meth:`enrol`."""
        chosen = calls.chosen_faces(faces, rest)
        return await self._connection.do(calls.merge(number, matricula, chosen, force, idempotency_key))

    async def join(self, number: int, other: int) -> UnknownPerson:
        """Make one person of two; ``other`` is gone."""
        return await self._connection.do(calls.join(number, other))

    async def split(self, number: int, faces: Sequence[int]) -> UnknownPerson:
        """Move faces that show someone else to a person of their own, who is returned."""
        return await self._connection.do(calls.split(number, faces))

    async def mark(
        self, number: int, *, state: str | UnsetType = UNSET, note: str | UnsetType = UNSET
    ) -> UnknownPerson:
        """Say that one is no one of the school (``not_ours``) or to be looked at (``open``); note a remark."""
        return await self._connection.do(calls.mark(number, state, note))

    async def forget(self, number: int, face: int | None = None, *, asked: bool = False) -> None:
        """Erase one with all faces, or one face; ``asked``: whether the person asked for it."""
        return await self._connection.do(calls.forget(number, face, asked))

    async def forget_by_photo(self, photo: PhotoSource) -> Forgotten:
        """Erase what is kept of the person whom a photo shows; bytes or a path."""
        return await self._connection.do(calls.forget_by_photo(photo_bytes(photo)))
