"""Texts for cells of a CSV file: no spreadsheet takes one for a formula, whatever it separates cells by."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = frozenset("=+-@")
_ENDS = r";,|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
_PLACES = re.compile(rf"(^|[{_ENDS}])([^\w{_ENDS}]*)")
"""Where a cell may begin, and everything up to its first letter or digit. Excel separates at ``;`` in Spanish and at
``,`` in English, whatever the file was written with. A quotation mark inside a cell then protects nothing."""


def plain_cell(value: object) -> object:
    """A cell's value. A text gets an apostrophe before whatever a spreadsheet could take for the start of a formula.

    These are ``= + - @`` and their full-width, small and raised forms, at the start of the text and after anything that
    separates cells or lines; blanks, quotation marks and invisible characters may stand before them.
    """
    return _PLACES.sub(_defused, value) if isinstance(value, str) else value


def _defused(found: re.Match[str]) -> str:
    return f"{found[1]}'{found[2]}" if any(map(_is_sign, found[2])) else found[0]


def _is_sign(letter: str) -> bool:
    return letter == "\u2212" or not _SIGNS.isdisjoint(unicodedata.normalize("NFKC", letter))
