"""The school's clock: a date is a date of one time zone, whatever zone the machine or the client is in.

Moments (``at``, ``made_at``) are not dates: they are kept in UTC with their offset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time zone, and what the time is.

    Attributes:
        zone: IANA name; empty: the machine's own, which is the C library's (``TZ``, else the system's setting).
        now: gives this moment, with its offset.
    """

    zone: str = ""
    now: Callable[[], datetime] = _now

    def date_of(self, moment: datetime) -> str:
        """The date, ISO, on which a moment (with its offset) falls in the zone."""
        return moment.astimezone(ZoneInfo(self.zone) if self.zone else None).date().isoformat()

    def today(self) -> str:
        """The date of this moment."""
        return self.date_of(self.now())

    def described(self) -> str:
        """The zone, as people read it."""
        local = self.now().astimezone()
        return self.zone or f"the machine's, {local.tzname()} (UTC{local.isoformat(timespec='minutes')[16:]})"


MACHINE = Clock()
"""The machine's own zone: what is used where nobody says otherwise."""
