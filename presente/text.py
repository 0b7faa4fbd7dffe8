"""Names and matriculas in one form, wherever they come from: what looks the same is spelled the same.

Keyboards, spreadsheets, file names and other databases each write text in their own way: macOS separates letters and
accents, Excel and WhatsApp leave no-break spaces and invisible marks. :func:`tidy` makes one form of them. It is
applied where text enters (a request, a sheet, a folder, another database) and where something is looked up by text.

It leaves alone letters that only look alike, and the compatibility characters (full-width digits, ``ª``, ``²``). NFKC
would fold these, and so would make one matricula of ``A²`` and ``A2``. Two students must never become one.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping
from functools import cache

LONGEST = 4096
"""Longer texts are left as they are: no field may be that long, and sorting a text's marks takes quadratic time."""

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_JOINERS = frozenset({_ZWNJ, _ZWJ})
_VIRAMA = 9
"""The combining class of the characters that join two consonants, as in Devanagari and Sinhala."""

_CURSIVE = ("ARABIC ", "SYRIAC ", "MONGOLIAN ", "NKO ", "MANDAIC ", "MANICHAEAN ", "HANIFI ROHINGYA ", "ADLAM ")

_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's property Default_Ignorable_Code_Point: invisible characters, marks of writing direction included."""


def alphabetical(text: str) -> str:
    """What a text is sorted by, as a Spanish dictionary has it: case and accents aside, and ñ after every other n."""
    return _without_marks(text.casefold().replace("ñ", "n\U0010ffff"))


def searchable(text: str) -> str:
    """What a text is searched by: case and accents aside, ñ is n. Who searches has no Spanish keyboard, or no time."""
    if text.isascii():
        return text.lower()
    return _without_marks(text.casefold())


def spelled(word: str) -> str:
    """A regular expression of the texts in which :func:`searchable` finds a word that it has made."""
    return "".join(f"[{letters}]" if (letters := _spellings().get(letter)) else re.escape(letter) for letter in word)


@cache
def _spellings() -> Mapping[str, str]:
    """The Latin, Greek and Cyrillic letters, in both cases and with accents, that a searchable letter stands for."""
    found: dict[str, str] = {}
    for letter in map(chr, (*range(0x41, 0x530), *range(0x1E00, 0x2000))):
        plain = searchable(letter)
        if letter.isalpha() and len(plain) == 1:
            found[plain] = found.get(plain, "") + letter
    return found


def _without_marks(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def tidy(text: str) -> str:
    """A text in its one form.

    - Unicode's form NFC.
    - Every space, tab and line break is an ordinary space; several are one; none at the ends.
    - No invisible characters. The two joiners stay inside the words of scripts that are misspelled without them
      (RFC 5892, appendix A): after a virama, and the non-joiner between letters of a cursive script.

    Control characters are not removed. Callers refuse them (:func:`is_printable`).
    """
    if len(text) > LONGEST:
        return text
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    if _IGNORABLE.search(composed):
        seen = _IGNORABLE.sub(lambda found: found[0] if _joins(composed, found.start()) else "", composed)
        composed = unicodedata.normalize("NFC", " ".join(seen.split()))
    return composed


def is_printable(text: str) -> bool:
    """Whether every character of a tidy text can be shown: no control character, no half of a surrogate pair."""
    return all(letter.isprintable() or letter in _JOINERS for letter in text)


def _joins(text: str, place: int) -> bool:
    """Whether the character at ``place`` is a joiner that the word around it needs."""
    if text[place] not in _JOINERS or place == 0 or place + 1 == len(text):
        return False
    before, after = text[place - 1], text[place + 1]
    if unicodedata.combining(before) == _VIRAMA:
        return unicodedata.category(after)[0] in "LM"
    return text[place] == _ZWNJ and _is_cursive(before) and _is_cursive(after)


def _is_cursive(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LM" and unicodedata.name(letter, "").startswith(_CURSIVE)


def from_base64(text: str) -> bytes:
    """The bytes that base64 stands for; white space in it is ignored. The text is never split: its pieces could take
    twenty times as much memory.

    Raises:
        ValueError: it is not base64.
    """
    return base64.b64decode(text.encode("ascii").translate(None, b" \t\r\n\v\f"), validate=True)
