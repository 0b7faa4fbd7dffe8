"""The values of an import, as its folder keeps them in JSON."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from presente.struct_types import describe_types

RowChange = Literal["new", "changed", "same"]
RowResult = Literal["enrolled", "changed", "same", "refused"]
ImportState = Literal["ready", "running", "done"]


class RowPhoto(Struct, frozen=True, kw_only=True):
    """A photo that a row names: its place as the sheet has it, and its file in the import's folder, by SHA-256.

    ``problem`` is the code of why there is no file; empty when there is one.
    """

    place: str
    file: str = ""
    problem: str = ""


class FieldChange(Struct, frozen=True, kw_only=True):
    """A field of a stored student that a row would change."""

    field: str
    stored: str
    sheet: str


class ImportRow(Struct, frozen=True, kw_only=True):
    """A student of the sheet, or a line that cannot be used.

    Attributes:
        line: of the sheet, the first of several of one student.
        matricula, nombre_del_alumno, clase, fecha_de_registro: as they were understood.
        consent_fecha, consent_texto: the consent; empty when the row has none.
        photos: that the row names.
        change: what running it would do; None for a row that cannot be run.
        changes: fields of a stored student that would change.
        problem: code of why it cannot be run; empty when it can.
        text: the problem in words, with the cell.
        field: the field that the problem is about; empty when it is about none.
        joined: further lines of the sheet that were joined with this one.
        first: the earlier line with which this one disagrees; None when there is none.
        warnings: codes of what a person should look at.
    """

    line: int
    matricula: str = ""
    nombre_del_alumno: str = ""
    clase: str = ""
    fecha_de_registro: str = ""
    consent_fecha: str = ""
    consent_texto: str = ""
    photos: tuple[RowPhoto, ...] = ()
    change: RowChange | None = None
    changes: tuple[FieldChange, ...] = ()
    problem: str = ""
    text: str = ""
    warnings: tuple[str, ...] = ()
    field: str = ""
    joined: tuple[int, ...] = ()
    first: int | None = None


class SheetColumn(Struct, frozen=True, kw_only=True):
    """A field, and the name of the column that it is read from."""

    field: str
    column: str


class ImportPlan(Struct, frozen=True, kw_only=True):
    """What a sheet would do. ``at`` is when it was uploaded, UTC, ISO; ``notes`` say how the sheet was understood."""

    id: str
    at: str
    columns: tuple[SheetColumn, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[ImportRow, ...]


class RefusedRowPhoto(Struct, frozen=True, kw_only=True):
    """A photo of a row that was not enrolled, and why."""

    place: str
    code: str
    text: str


class RowOutcome(Struct, frozen=True, kw_only=True):
    """What came of a row. ``code`` and ``text`` say why it was refused; ``photos`` are those that were not enrolled.

    ``warnings`` are codes of what a person should look at. They name no one else: who that is, the record says.
    """

    line: int
    result: RowResult
    code: str = ""
    text: str = ""
    photos: tuple[RefusedRowPhoto, ...] = ()
    warnings: tuple[str, ...] = ()


class ImportRun(Struct, frozen=True, kw_only=True):
    """That an import was started: which lines, by whom (as a log names the caller), and whether it is over."""

    state: ImportState
    lines: tuple[int, ...]
    caller: str
    role: str


for _kind in (ImportPlan, ImportRun, RowOutcome):
    describe_types(_kind)
