"""What is wrong with a face is said in words that a person can act on, in both languages, and the same everywhere."""

import re
from typing import get_args

import pytest

from faces.quality import FaceFault
from faces.quality_words import ADVICE_WORDS, Advice, Words, in_words
from tests.conftest import ROOT

CATALOGUES = ROOT / "server" / "console" / "catalogues"


def test_every_code_has_words_of_its_own() -> None:
    codes = {code for part in get_args(Advice) for code in (get_args(part) or (part,))}
    assert codes == set(ADVICE_WORDS) and set(get_args(FaceFault)) < codes
    for language in ("es", "en"):
        said = [getattr(words, language) for words in ADVICE_WORDS.values()]
        assert len(set(said)) == len(said) and all(text.endswith(".") for text in said)


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_console_says_the_same(language: str) -> None:
    text = (CATALOGUES / f"{language}.js").read_text(encoding="utf-8")
    shown = dict(re.findall(r'^  "advice\.(\w+)": "(.*)",$', text, re.MULTILINE))
    assert shown == {code: getattr(words, language) for code, words in ADVICE_WORDS.items()}


def test_what_matters_most_is_said_first() -> None:
    assert in_words(["not_sharp", "too_small"]) == Words(
        "Acérquese más. No está nítida. No se mueva, o limpie la cámara.",
        "Come nearer. It is not sharp. Hold still, or clean the camera.",
    )
    assert in_words([]) is None and in_words(["ok"]) is None
