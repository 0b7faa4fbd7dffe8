"""Text in its one form."""

import random
import re
import unicodedata

import pytest

from presente.text import LONGEST, is_printable, searchable, spelled, tidy


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("N\u0303-1", "Ñ-1"),
        ("Ana\u00a0Uno", "Ana Uno"),
        ("Ana\u202f\u2007Uno", "Ana Uno"),
        (" Uno,\r\nAna\t", "Uno, Ana"),
        ("\u3000A1\u2028", "A1"),
        ("\ufeffA\u200b1\u2060", "A1"),
        ("Gar\u00adcía", "García"),
        ("\u202aA1\u202c\u200e", "A1"),
        ("\u2067A1\u2069", "A1"),
        ("A\u200d1\ufe0f", "A1"),
        ("n\u034f\u0303", "ñ"),
        ("\u3164\u115f", ""),
        ("\u212b\u2126", "ÅΩ"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian: another word without it
        ("ක\u0dca\u200dර", "ක\u0dca\u200dර"),  # Sinhala: the joiner makes one sign of two
        ("Ana\u200c Uno\u200d", "Ana Uno"),
        ("می\u200c\u200cخواهم", "میخواهم"),
        ("A²", "A²"),
        ("\uff11\uff12", "\uff11\uff12"),  # full-width digits: NFC keeps them, and so do we
        ("", ""),
    ],
)
def test_one_form(given: str, kept: str) -> None:
    assert tidy(given) == kept == tidy(kept)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Óscar", "oscar"),
        ("ZÚÑIGA", "zuniga"),
        ("Zúñiga", "zuñiga"),
        ("Łukasz (b.) Ångström", "(b.)"),
        ("Ångström", "ang"),
        ("Νίκος", "νικοσ"),
        ("А. Йосиф", "иос"),
        ("A-01%_\\", "%_\\"),
    ],
)
def test_a_word_is_found_whatever_case_and_accents(text: str, word: str) -> None:
    assert searchable(word) in searchable(text)
    assert re.search(spelled(searchable(word)), text)
    assert not re.search(spelled(searchable(word + "x")), text)


def test_it_is_settled_after_one_pass() -> None:
    chance = random.Random(5)
    pool = [chr(chance.randrange(0x11_0000)) for _ in range(400)]
    odd = "aN \u0303\u0301\u0316\u200b\u200c\u200d\u00a0\u094d\u0915\u0645\u06cc\u034f\u1161\u11a8\uac00\ufeff"
    pool += [*odd] * 20
    for _ in range(3000):
        text = "".join(chance.choices(pool, k=chance.randrange(12)))
        once = tidy(text)
        assert tidy(once) == once and unicodedata.is_normalized("NFC", once), ascii(text)
        assert once == once.strip() and "  " not in once


def test_what_cannot_be_shown_stays_for_the_check_to_refuse() -> None:
    for text in ("A\x001", "A\x1b[31m", "A\ud800", "A\ue000"):
        assert not is_printable(tidy(text)), ascii(text)
    assert is_printable(tidy("می\u200cخواهم Ñ 1"))


def test_long_texts_are_left_alone() -> None:
    """Marks of two classes in turn take Python's normalisation quadratic time: 200,000 of them 10 seconds and more."""
    marks = "a" + "\u0301\u0316" * LONGEST
    assert tidy(marks) is marks
