"""Texts as cells of a table that a spreadsheet may open: none is a formula, wherever the spreadsheet cuts."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = frozenset("=+-@")
_ENDS = r";,|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
_PLACES = re.compile(rf"(^|[{_ENDS}])([^\w{_ENDS}]*)")
"""Where a cell begins, for one separator or another, and all up to its first letter or digit. Excel splits at ``;`` in
Spanish and at ``,`` in English, whatever the file was written with, and a quote inside a cell protects nothing then."""


def plain_cell(value: object) -> object:
    """A cell's value; a text gets an apostrophe before whatever a spreadsheet could take for the begin of a formula.

    Such are ``= + - @``, their full-width, small and raised forms, also behind blanks, quotes and what is not seen, at
    the begin of the text and behind anything that separates cells or lines.
    """
    return _PLACES.sub(_defused, value) if isinstance(value, str) else value


def _defused(found: re.Match[str]) -> str:
    return f"{found[1]}'{found[2]}" if any(map(_is_sign, found[2])) else found[0]


def _is_sign(letter: str) -> bool:
    return letter == "\u2212" or not _SIGNS.isdisjoint(unicodedata.normalize("NFKC", letter))
