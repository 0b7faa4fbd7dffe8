"""The school's clock: every date is a date of one time zone, whatever zone the machine or the client is in.

Moments (``at``, ``made_at``) are not dates. They are kept in UTC, with their offset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time zone and a source of the present moment.

    Attributes:
        zone: IANA name; empty for the machine's own, as the C library knows it (``TZ``, else the system's setting).
        now: returns the present moment, with its offset.
    """

    zone: str = ""
    now: Callable[[], datetime] = _now

    def date_of(self, moment: datetime) -> str:
        """The date (ISO 8601) on which a moment, given with its offset, falls in the zone."""
        return self.local(moment).date().isoformat()

    def local(self, moment: datetime) -> datetime:
        """A moment, given with its offset, as the zone's clock shows it."""
        return moment.astimezone(ZoneInfo(self.zone) if self.zone else None)

    def start_of(self, fecha: str, days: int = 0) -> datetime:
        """The moment, UTC, at which a date (ISO 8601) begins in the zone, or the date that is some days later."""
        try:
            day = date.fromisoformat(fecha) + timedelta(days=days)
            midnight = datetime.combine(day, time.min, ZoneInfo(self.zone) if self.zone else None)
            return midnight.astimezone(UTC)
        except OverflowError:  # the first and the last day of all
            return datetime.max.replace(tzinfo=UTC) if fecha.startswith("9") else datetime.min.replace(tzinfo=UTC)

    def moment(self, fecha: str, local: time) -> datetime:
        """The moment, UTC, at which the zone's clock shows a time of a date (ISO 8601)."""
        shown = datetime.combine(date.fromisoformat(fecha), local, ZoneInfo(self.zone) if self.zone else None)
        return shown.astimezone(UTC)

    def today(self) -> str:
        """Today's date in the zone (ISO 8601)."""
        return self.date_of(self.now())

    def described(self) -> str:
        """The zone's name, for people."""
        local = self.now().astimezone()
        return self.zone or f"the machine's, {local.tzname()} (UTC{local.isoformat(timespec='minutes')[16:]})"


MACHINE_CLOCK = Clock()
"""The clock of the machine's own zone: the default."""
