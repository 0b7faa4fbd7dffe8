"""Negative examples: faces of which a person said that they are not a student; and the protocol of the part of a store
that keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gallery.documents.erasure_list import NOT_ASKED, Cause
from gallery.documents.values import TemplateBatch

NegativeSource = Literal["attendance", "identify"]
"""``attendance``: a face that was recorded as the student's. ``identify``: a photo that a person sent for this."""

MOST_OF_ONE = 50
"""Negative examples that are kept per student: of more, the oldest go."""


@dataclass(frozen=True, slots=True)
class Negative:
    """A face that is not a student's, as it is to be stored.

    Attributes:
        subject: the student's subject id.
        about: which face it is: :func:`of_entry` or :func:`of_photo`. A student has one example per face.
        vector: the face's template, float32 (d,), length 1.
        pack: tag of the model pack that made it.
        at: when it was said, UTC, ISO with seconds.
        source: where it was said.
        session: id of the session in which it was said; 0 for none.
    """

    subject: int
    about: str
    vector: NDArray[np.float32]
    pack: str
    at: str
    source: NegativeSource
    session: int = 0


@dataclass(frozen=True, slots=True)
class StoredNegative:
    """A stored negative example. Later ones have greater ids, and no id is used twice."""

    id: int
    negative: Negative


def of_entry(entry: int) -> str:
    """The face behind an attendance entry, by the entry's id."""
    return f"entry {int(entry)}"


def of_photo(sha256: str, face: int) -> str:
    """A face of a photo, by the photo's SHA-256 and the face's number in it, from 1."""
    return f"photo {sha256} face {int(face)}"


def batch_of(found: Sequence[StoredNegative]) -> TemplateBatch:
    """Examples, at least one and all by one pack, as followers read them."""
    return TemplateBatch(
        np.array([each.id for each in found], dtype=np.int64),
        np.array([each.negative.subject for each in found], dtype=np.int64),
        np.stack([each.negative.vector for each in found]),
    )


class NegativeStore(Protocol):
    """The negative examples of all students. Those of a student go with the student, and move in a merge; those of
    another pack than the gallery's go when that pack is adopted."""

    def add(self, negative: Negative) -> StoredNegative | None:
        """Keep an example; the one that is stored for its student and face. None when the student is gone.

        Of more than :data:`MOST_OF_ONE` examples of a student the oldest are erased."""

    def of(self, subject: int) -> list[StoredNegative]:
        """The examples of a student, in order of id."""

    def templates(self, pack: str) -> Iterator[TemplateBatch]:
        """All examples by a pack, in batches, in order of id; ``subjects`` are the students whom they do not show."""

    def epoch(self) -> str:
        """A word that is another one after each change. Cheap: followers ask once per second."""

    def count(self) -> int:
        """How many examples there are."""

    def erase(self, ids: Sequence[int], cause: Cause = NOT_ASKED) -> int:
        """Erase examples, so that no page of the store contains them, and list them as erased; how many existed."""
