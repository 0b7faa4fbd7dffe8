"""Replies about imports: how a sheet was understood, row by row, and what came of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from presente.face_json import JsonObject
from server.imports.desk import ImportStatus
from server.imports.values import (
    FieldChange,
    ImportRow,
    ImportState,
    RefusedRowPhoto,
    RowOutcome,
    RowPhoto,
    SheetColumn,
)
from server.requests.cursors import cursor_of, import_place, number_place
from server.requests.imports import ImportListParameters, ImportPageParameters


class ColumnJson(JsonObject, frozen=True, kw_only=True):
    """A field, and the name of the column that it is read from."""

    field: str
    column: str


class RowPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A photo that a row names."""

    place: Annotated[str, Meta(description="As the sheet has it.")]
    problem: Annotated[str, Meta(description="Code of why it is not there; empty when it is.")]


class FieldChangeJson(JsonObject, frozen=True, kw_only=True):
    """A field of a stored student that the row changes."""

    field: str
    stored: str
    sheet: str


class RefusedRowPhotoJson(JsonObject, frozen=True, kw_only=True):
    """A photo that was not enrolled, and why."""

    place: str
    code: str
    text: str


class OutcomeJson(JsonObject, frozen=True, kw_only=True):
    """What came of a row."""

    result: Literal["enrolled", "changed", "same", "refused"]
    code: Annotated[str, Meta(description="Of the error; empty unless refused.")]
    text: str
    photos: Annotated[list[RefusedRowPhotoJson], Meta(description="Photos that were not enrolled.")]
    warnings: Annotated[list[str], Meta(description="Codes of what a person should look at on the record.")]


class ImportRowJson(JsonObject, frozen=True, kw_only=True):
    """A row of the sheet as it was understood; one that cannot be used as it stands there, as far as it is readable."""

    line: int
    matricula: str
    nombre_del_alumno: str
    clase: str
    fecha_de_registro: str
    consentimiento: Annotated[str, Meta(description="Date and text; empty without one.")]
    photos: list[RowPhotoJson]
    change: Annotated[Literal["new", "changed", "same"] | None, Meta(description="Null: the row cannot be run.")]
    changes: list[FieldChangeJson]
    problem: Annotated[str, Meta(description="Code of why it cannot be run; empty when it can.")]
    text: Annotated[str, Meta(description="The problem in words, with the cell.")]
    field: Annotated[str, Meta(description="The field that the problem is about; empty when it is about none.")]
    first: Annotated[int | None, Meta(description="The earlier line with which this one disagrees.")]
    joined: Annotated[list[int], Meta(description="Further lines of the student, which were joined with this one.")]
    warnings: Annotated[list[str], Meta(description="Codes of what a person should look at.")]
    outcome: Annotated[OutcomeJson | None, Meta(description="Null while the row was not run.")]


class ImportCountsJson(JsonObject, frozen=True, kw_only=True):
    """How many rows there are of each sort."""

    new: int
    changed: int
    same: int
    problems: int
    chosen: Annotated[int, Meta(description="Rows that were started.")]
    done: Annotated[int, Meta(description="Of these, rows that have an outcome.")]
    refused: Annotated[int, Meta(description="Of these, rows that were refused.")]


class ImportSummaryJson(JsonObject, frozen=True, kw_only=True):
    """An import without its rows."""

    id: str
    state: Literal["ready", "running", "done"]
    at: Annotated[str, Meta(description="When it was uploaded, UTC; a day later it is deleted.")]
    counts: ImportCountsJson


class ImportListReply(JsonObject, frozen=True, kw_only=True):
    """A page of the imports that are kept, the latest first."""

    imports: list[ImportSummaryJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


class ImportReply(JsonObject, frozen=True, kw_only=True):
    """An import, and a page of its rows in order of line."""

    id: str
    state: Literal["ready", "running", "done"]
    at: Annotated[str, Meta(description="When it was uploaded, UTC; a day later it is deleted.")]
    columns: list[ColumnJson]
    unused: Annotated[list[str], Meta(description="Columns that no field is read from.")]
    notes: Annotated[list[str], Meta(description="How the sheet was understood.")]
    counts: ImportCountsJson
    rows: list[ImportRowJson]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


def import_list_reply(found: Sequence[ImportStatus], parameters: ImportListParameters) -> ImportListReply:
    """The page of imports that a query string asks for, of all of them."""
    after = import_place(parameters)
    rest = [each for each in found if after is None or (each.plan.at, each.plan.id) < after]
    page = rest[: parameters.limit]
    return ImportListReply(
        imports=[_summary_json(each) for each in page],
        next_cursor=cursor_of(parameters, page[-1].plan.at, page[-1].plan.id) if len(rest) > len(page) else None,
    )


def _summary_json(status: ImportStatus) -> ImportSummaryJson:
    return ImportSummaryJson(id=status.plan.id, state=_state(status), at=status.plan.at, counts=_counts(status))


def _state(status: ImportStatus) -> ImportState:
    return "ready" if status.run is None else status.run.state


def import_reply(status: ImportStatus, parameters: ImportPageParameters) -> ImportReply:
    """An import, and the page of its rows that a query string asks for."""
    plan = status.plan
    after = number_place(parameters)
    rows = [row for row in plan.rows if row.line > after]
    page = rows[: parameters.limit]
    return ImportReply(
        id=plan.id,
        state=_state(status),
        at=plan.at,
        columns=[_column_json(each) for each in plan.columns],
        unused=list(plan.unused),
        notes=list(plan.notes),
        counts=_counts(status),
        rows=[_row_json(row, status.outcomes.get(row.line)) for row in page],
        next_cursor=cursor_of(parameters, page[-1].line) if len(rows) > len(page) else None,
    )


def _counts(status: ImportStatus) -> ImportCountsJson:
    changes = [row.change for row in status.plan.rows]
    left = {row.line for row in status.plan.rows}
    return ImportCountsJson(
        new=changes.count("new"),
        changed=changes.count("changed"),
        same=changes.count("same"),
        problems=changes.count(None),
        chosen=0 if status.run is None else len(left.intersection(status.run.lines)),
        done=len(status.outcomes),
        refused=sum(each.result == "refused" for each in status.outcomes.values()),
    )


def _row_json(row: ImportRow, outcome: RowOutcome | None) -> ImportRowJson:
    return ImportRowJson(
        line=row.line,
        matricula=row.matricula,
        nombre_del_alumno=row.nombre_del_alumno,
        clase=row.clase,
        fecha_de_registro=row.fecha_de_registro,
        consentimiento=f"{row.consent_fecha} {row.consent_texto}".strip(),
        photos=[_photo_json(photo) for photo in row.photos],
        change=row.change,
        changes=[_change_json(change) for change in row.changes],
        problem=row.problem,
        text=row.text,
        field=row.field,
        first=row.first,
        joined=list(row.joined),
        warnings=list(row.warnings),
        outcome=None if outcome is None else _outcome_json(outcome),
    )


def _column_json(column: SheetColumn) -> ColumnJson:
    return ColumnJson(field=column.field, column=column.column)


def _photo_json(photo: RowPhoto) -> RowPhotoJson:
    return RowPhotoJson(place=photo.place, problem=photo.problem)


def _change_json(change: FieldChange) -> FieldChangeJson:
    return FieldChangeJson(field=change.field, stored=change.stored, sheet=change.sheet)


def _outcome_json(outcome: RowOutcome) -> OutcomeJson:
    photos = [_refused_json(each) for each in outcome.photos]
    return OutcomeJson(
        result=outcome.result,
        code=outcome.code,
        text=outcome.text,
        photos=photos,
        warnings=list(outcome.warnings),
    )


def _refused_json(photo: RefusedRowPhoto) -> RefusedRowPhotoJson:
    return RefusedRowPhotoJson(place=photo.place, code=photo.code, text=photo.text)
