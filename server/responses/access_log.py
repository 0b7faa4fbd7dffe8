"""Replies about the access log: a page as JSON, the whole list as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from gallery.documents.access_log import AccessLine
from presente.face_json import JsonObject
from presente.spreadsheet_cells import plain_cell
from server.operations.access_log import AccessLogPage
from server.responses.attendance import At

_BYTES_AT_ONCE = 64 * 1024


class ConcernedJson(JsonObject, frozen=True, kw_only=True):
    """A student whom a line is about."""

    matricula: Annotated[str | None, Meta(description="Null once the student was erased, or when there was none such.")]
    commitment: Annotated[str, Meta(description="What the line's hash covers instead of the matricula.")]


class AccessLineJson(JsonObject, frozen=True, kw_only=True):
    """A line of the access log."""

    number: Annotated[int, Meta(description="1 for the first line.")]
    at: At
    quien: Annotated[str, Meta(description="The caller's name, never a person's real name.")]
    role: Annotated[str, Meta(description="The caller's role.")]
    address: Annotated[str, Meta(description="Where the request came from.")]
    accion: Annotated[str, Meta(description="What was done.")]
    outcome: Annotated[str, Meta(description='"done", or the code of the error.')]
    request_id: str
    detail: Annotated[str, Meta(description="More about it.")]
    about: Annotated[list[ConcernedJson], Meta(description="The students concerned.")]
    previous: Annotated[str, Meta(description="The hash of the line before; empty for the first.")]
    hash: Annotated[str, Meta(description="SHA-256 of the line and the hash before it.")]


class AccessLogReply(JsonObject, frozen=True, kw_only=True):
    """A page of the access log, oldest lines first."""

    lines: list[AccessLineJson]
    head: Annotated[str, Meta(description="NUMBER:HASH of the log's last line, to be kept elsewhere.")]
    next_cursor: Annotated[str | None, Meta(description="Goes into cursor as it is; null on the last page.")]


def access_log_reply(page: AccessLogPage) -> AccessLogReply:
    """A page of the access log."""
    return AccessLogReply(
        lines=[access_line_json(line) for line in page.lines],
        head=str(page.head),
        next_cursor=None if page.next is None else str(page.next),
    )


def access_line_json(line: AccessLine) -> AccessLineJson:
    """A line of the access log."""
    event = line.event
    return AccessLineJson(
        number=line.number,
        at=event.at,
        quien=event.caller,
        role=event.role,
        address=event.address,
        accion=event.action,
        outcome=event.outcome,
        request_id=event.request,
        detail=event.detail,
        about=[ConcernedJson(matricula=each.matricula, commitment=each.commitment) for each in line.concerned],
        previous=line.previous,
        hash=line.hash,
    )


def access_log_csv(lines: Iterable[AccessLine]) -> Iterator[str]:
    """The access log as a spreadsheet opens it, some lines at a time: with a byte order mark, and no cell that is a
    formula. ``about`` has matriculas separated by blanks, and ``-`` for each student who is gone."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\r\n")
    columns = AccessLineJson.__struct_fields__
    writer.writerow(columns)
    for line in lines:
        values = {name: getattr(access_line_json(line), name) for name in columns}
        values["about"] = " ".join(each.matricula or "-" for each in line.concerned)
        writer.writerow(plain_cell(value) for value in values.values())
        if out.tell() > _BYTES_AT_ONCE:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
