"""What is wrong with a face or a photo of one, in sentences that a person can act on, in Spanish and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from faces.quality import FaceFault

Advice = FaceFault | Literal["no_face", "several_faces", "too_close", "ok"]
"""What to tell about a face or a photo of one, as codes."""


@dataclass(frozen=True, slots=True)
class Words:
    """One or several sentences, in Spanish and in English."""

    es: str
    en: str


ADVICE_WORDS: Mapping[Advice, Words] = {
    "no_face": Words("No se ve ninguna cara.", "No face is seen."),
    "several_faces": Words(
        "Hay varias caras. Debe estar una persona sola.", "There are several faces. One person alone, please."
    ),
    "too_small": Words("Acérquese más.", "Come nearer."),
    "too_close": Words("Aléjese un poco.", "Move back a little."),
    "too_dark": Words("Está muy oscuro. Busque más luz.", "It is too dark. Find more light."),
    "too_bright": Words("Hay demasiada luz en la cara.", "There is too much light on the face."),
    "turned": Words("Mire de frente a la cámara.", "Face the camera."),
    "tilted": Words("Enderece la cabeza o la cámara.", "Hold the head or the camera upright."),
    "not_sharp": Words(
        "No está nítida. No se mueva, o limpie la cámara.", "It is not sharp. Hold still, or clean the camera."
    ),
    "ok": Words("Así está bien. No se mueva.", "This is good. Hold still."),
}
"""What matters most comes first: there is no use in more light on a face that is not there. The console says the same
(``advice.`` in its catalogues)."""


def in_words(advice: Iterable[str]) -> Words | None:
    """What some codes of advice or faults say, the most important first; None where nothing is wrong."""
    given = set(advice) - {"ok"}
    said = [words for code, words in ADVICE_WORDS.items() if code in given]
    return Words(" ".join(each.es for each in said), " ".join(each.en for each in said)) if said else None
