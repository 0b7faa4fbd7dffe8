"""The dates of what is recorded: the school's, and none that is still to come."""

from __future__ import annotations

from gallery.documents.attendance_rules import check_date
from gallery.documents.request_keys import Claim
from presente.clock import Clock
from presente.errors import InvalidInput, shown


def past_date(text: str | None, clock: Clock) -> str | None:
    """A date up to the school's today; None when none is given.

    Raises:
        InvalidInput: ``invalid_fecha``.
    """
    if not text:
        return None
    fecha, today = check_date(text), clock.today()
    if fecha > today:
        raise InvalidInput(
            "invalid_fecha",
            f"fecha is {shown(text)}, which is still to come: at the school it is {today} ({clock.described()}).",
            "Check the date; PRESENTE_TIMEZONE is the school's time zone.",
        )
    return fecha


def today_of(claim: Claim, clock: Clock) -> str:
    """The school's date when a request was first sent: a retry after midnight is still about that day."""
    return clock.date_of(claim.moment)
