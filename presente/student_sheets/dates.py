"""Dates of sheets in ISO form: as forms write them, and as Spanish writes them, with the day first."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})\b", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:,?\s.*)?", re.ASCII | re.DOTALL)
_NAMED_MONTH = re.compile(r"(\d{1,2})(?:\s+de\s+|[\s./-]+)([a-z]{3,10})\.?(?:\s+del?\s+|[\s./-]+)(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SheetDate:
    """A date as it was understood.

    Attributes:
        iso: the date, ISO 8601; a text that is no date is unchanged.
        is_ambiguous: whether another country would read another date, as in ``03/04/2026``.
        fault: what is wrong with it; empty when nothing is, or when it is not known.
    """

    iso: str
    is_ambiguous: bool = False
    fault: str = ""


def read_date(text: str) -> SheetDate:
    """Understand a date.

    A form's ``2026/8/3 2:33:21 p. m. GMT-6`` is the date that it begins with. ``15/08/2026`` has the day first, and
    ``08/15/2026`` is therefore refused: beside it, ``03/04/2026`` would be read as another day than was meant.
    """
    year_first = _YEAR_FIRST.match(text)
    if year_first:
        return SheetDate(_iso(*year_first.groups()))
    day_first = _DAY_FIRST.fullmatch(text)
    if day_first:
        day, month, year = day_first.groups()
        if int(month) > 12:
            return SheetDate(text, fault=f"has the day first, and there is no month {int(month)}: write 2026-11-21")
        return SheetDate(_iso(year, month, day), int(day) <= 12 and int(day) != int(month))
    named = _NAMED_MONTH.fullmatch(text.strip().lower())
    if named and named[2][:3] in _MONTHS:
        return SheetDate(_iso(named[3], str(_MONTHS.index(named[2][:3]) + 1), named[1]))
    return SheetDate(text)


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{month.zfill(2)}-{day.zfill(2)}"
