"""What a request asks of the access log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from gallery.documents.access_log import AccessAction, AccessFilter
from gallery.documents.attendance_rules import check_date
from gallery.gallery import Gallery
from presente.clock import Clock
from presente.face_json import JsonObject
from server.requests.fields import LONGEST_PAGE, OnlyDate, OnlyStudent, PageSize, condition, rules

if TYPE_CHECKING:
    _ActionName = str
else:
    _ActionName = Literal[tuple(str(action) for action in AccessAction)]

_OnlyCaller = condition(
    "Only this caller, as the log names it: key:NAME.", "Name a caller, or leave quien out to ask about all."
)
_CURSOR = "next_cursor of the page before, as it was."


class AccessLogParameters(JsonObject, frozen=True, kw_only=True):
    """The query string of the access log; ``limit`` and ``cursor`` do not go with CSV, which is the whole list."""

    desde: Annotated[OnlyDate | None, Meta(description="From this date at the school on.")] = None
    hasta: Annotated[OnlyDate | None, Meta(description="Until this date, inclusive.")] = None
    quien: Annotated[str, _OnlyCaller] | None = None
    accion: Annotated[_ActionName | None, Meta(description="Only what was done in this way.")] = None
    matricula: OnlyStudent | None = None
    format: Annotated[Literal["json", "csv"] | None, Meta(description="As Accept says when missing.")] = None
    limit: PageSize | None = None
    cursor: (
        Annotated[
            str,
            Meta(
                max_length=200,
                pattern="^[0-9]{1,18}$",
                description=_CURSOR,
                extra=rules(code="invalid_cursor", fix=f"Send {_CURSOR}"),
            ),
        ]
        | None
    ) = None

    @property
    def page_size(self) -> int:
        """Lines per page."""
        return self.limit or LONGEST_PAGE


def access_filter(parameters: AccessLogParameters, gallery: Gallery, clock: Clock) -> AccessFilter:
    """The conditions of a list of lines.

    Raises:
        InvalidInput: ``invalid_fecha``.
        NotFound: ``student_not_found``.
    """
    subject = gallery.student(parameters.matricula).id if parameters.matricula else None
    since = _begin(parameters.desde, clock)
    before = _begin(parameters.hasta, clock, days=1)
    return AccessFilter(since, before, parameters.quien, parameters.accion, subject)


def _begin(fecha: str | None, clock: Clock, days: int = 0) -> str | None:
    """The moment at which a date begins at the school, or the date some days later, as lines have it."""
    if fecha is None:
        return None
    return clock.start_of(check_date(fecha), days).isoformat(timespec="milliseconds")
