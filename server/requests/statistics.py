"""What requests ask of statistics."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Request
from msgspec import Meta

from gallery.documents.attendance_rules import check_date
from gallery.documents.statistics import StatisticsFilter
from presente.errors import InvalidInput
from presente.face_json import JsonObject
from server.requests.fields import Cursor, OnlyDate, PageSize, rules

Format = Annotated[Literal["json", "csv"] | None, Meta(description="As Accept says when missing.")]
From = Annotated[OnlyDate | None, Meta(description="From this date on.")]
Until = Annotated[OnlyDate | None, Meta(description="Until this date.")]
CLASSES_PER_PAGE = 100


class StatisticsParameters(JsonObject, frozen=True, kw_only=True):
    """The dates that count, inclusive, and the form of the reply."""

    desde: From = None
    hasta: Until = None
    format: Format = None


class ClassesStatisticsParameters(StatisticsParameters, frozen=True, kw_only=True):
    """The query string of all classes; ``limit`` and ``cursor`` do not go with CSV, which is the whole list."""

    limit: PageSize | None = None
    cursor: Cursor | None = None


class WeeksStatisticsParameters(ClassesStatisticsParameters, frozen=True, kw_only=True):
    """The query string of all classes week by week, as that of all classes."""


class ClassStatisticsParameters(StatisticsParameters, frozen=True, kw_only=True):
    """The query string of one class."""

    table: Annotated[
        Literal["students", "meetings"],
        Meta(description="Which of the two CSV has; JSON has both.", extra=rules(code="invalid_parameter")),
    ] = "students"


def dates_of(parameters: StatisticsParameters) -> StatisticsFilter:
    """The dates that count.

    Raises:
        InvalidInput: ``invalid_fecha``: the first date is after the last.
    """
    desde, hasta = (None if text is None else check_date(text) for text in (parameters.desde, parameters.hasta))
    if desde is not None and hasta is not None and desde > hasta:
        raise InvalidInput("invalid_fecha", f"desde is {desde}, and hasta is {hasta}.", "Begin before you end.")
    return StatisticsFilter(None, desde, hasta)


def wants_csv(parameters: StatisticsParameters, request: Request) -> bool:
    """Whether CSV is asked for, as the query string says, else as Accept does.

    Raises:
        InvalidInput: ``unknown_parameter``: a page of CSV is asked for.
    """
    accepted = request.accept_mimetypes.best_match(["application/json", "text/csv"])
    chosen = (parameters.format or ("csv" if accepted == "text/csv" else "json")) == "csv"
    paged = isinstance(parameters, ClassesStatisticsParameters) and (parameters.limit or parameters.cursor)
    if chosen and paged:
        raise InvalidInput(
            "unknown_parameter", "limit and cursor do not go with CSV.", "Leave them out: CSV is the whole list."
        )
    return chosen
