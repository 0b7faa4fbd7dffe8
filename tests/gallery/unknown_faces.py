"""Made-up faces of unknown people, which several tests share."""

import numpy as np

from gallery.documents.protocol import DocumentStore
from gallery.documents.unknown_people import UnknownFace
from tests.conftest import DIM, PACK, unit

DAY = "2026-03-02T{:02}:{:02}:00+00:00"


def at(hour: int, minute: int = 0) -> str:
    """A moment of one day, UTC."""
    return DAY.format(hour, minute)


def unknown_face(seed: int, hour: int = 9, worth: float = 0.5, clase: str = "", pack: str = PACK) -> UnknownFace:
    """A face whose vector and picture are made of a number."""
    vector = unit(np.random.default_rng(seed).normal(size=DIM))
    picture = b"\xff\xd8 picture of face " + str(seed).encode() * 40 + b"\xff\xd9"
    box, quality = (10.0, 20.0, 110.5, 140.25), {"size": 100.0, "sharpness": 40.5}
    return UnknownFace(
        vector, pack, at(hour), at(hour), "session", picture, box, quality, 1, clase, 7 if clase else 0, worth
    )


def known_faces(store: DocumentStore) -> dict[int, int]:
    """The group of every face, by the ids of faces."""
    return {
        int(face): int(group)
        for batch in store.unknowns.templates(PACK)
        for face, group in zip(batch.ids, batch.groups, strict=True)
    }
