"""Whether two names may be one person's: with other accents or capitals, in another order, or incomplete."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

_SIMILAR = 0.8
"""From this ratio of :mod:`difflib` on, two words count as two spellings of one: Wirayuda and Wirajuda (0.875), Jon and
John (0.857), Pérez and Peres (0.8). So do Daniel and Daniela (0.92): names are used only where faces are similar."""

_PARTICLES = frozenset({"de", "del", "la", "las", "los", "y", "da", "das", "do", "dos", "e", "von", "van"})


def words(name: str) -> list[str]:
    """The words of a name, without accents, capitals, punctuation and particles."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    found = re.findall(r"\w+", plain.replace("_", " "))
    return [word for word in found if word not in _PARTICLES] or found


def same_name(one: str, other: str) -> bool:
    """Whether two texts are the same name, apart from capitals and spaces."""
    return one.casefold().split() == other.casefold().split()


def alike(one: str, other: str) -> bool:
    """Whether every word of the shorter name has a word of its own in the longer one, in any order.

    So a second surname may be missing, or a second name added. A single word does not match several, except where both
    names are equal without spaces (Dai-chul, Daichul).
    """
    shorter, longer = sorted((words(one), words(other)), key=len)
    if "".join(shorter) == "".join(longer):
        return bool(shorter)
    if len(shorter) < 2 and len(longer) > 1:
        return False
    left = list(longer)
    for word in sorted(shorter, key=len, reverse=True):
        best = max(left, key=lambda candidate: _word_similarity(word, candidate), default="")
        if not best or _word_similarity(word, best) < _SIMILAR:
            return False
        left.remove(best)
    return bool(shorter)


def _word_similarity(one: str, other: str) -> float:
    """1 for the same word and for its initial; else difflib's ratio."""
    if one == other or (min(len(one), len(other)) == 1 and one[0] == other[0]):
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
