"""The erasure list: what was erased, as a store keeps it, so that it can be erased from older data as well.

It names no one. A student is a subject id, which is never used twice; a photo is a digest that only a person who has
the photo can compare with.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, get_args

from gallery.documents.values import Consent
from presente.errors import InvalidInput

ErasureKind = Literal[
    "student",
    "photo",
    "merged",
    "withdrawn",
    "brought_back",
    "consent_ended",
    "consent_given",
    "unknown_face",
    "negative",
]
"""``brought_back`` is no erasure: it takes the earlier ones of a student back. From ``consent_ended`` on a student is
not recognised, until ``consent_given`` takes it back."""
NO_ERASURES: tuple[ErasureKind, ...] = ("brought_back", "consent_ended", "consent_given")
"""The kinds of entries by which nothing was erased for good."""
OF_FACES: tuple[ErasureKind, ...] = ("unknown_face", "negative")
"""The kinds of entries whose number is not a student's."""
ErasedBy = Literal["student", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is erased.

    Attributes:
        asked: whether the person asked for it. Such an erasure is never taken back.
        kind: ``withdrawn`` when it is carried out because a consent has ended.
        listed: False where an entry of the list is carried out again, which is not a new erasure.
    """

    asked: bool = False
    kind: ErasedBy = "student"
    listed: bool = True


NOT_ASKED = Cause()
AGAIN = Cause(listed=False)


@dataclass(frozen=True, slots=True)
class Erasure:
    """An entry of the list.

    Attributes:
        mark: random, 32 hexadecimal digits; entries of two lists that have the same mark are one.
        at: the moment, UTC, ISO, to the millisecond.
        kind: what was erased.
        subject: id of the student; of a merge, of the one who is gone; of an unknown face or a negative
            example, its own.
        asked: whether the person asked for it.
        photo: of a photo, HMAC-SHA256 of its SHA-256 with the mark as the key; otherwise empty.
        into: id of the student with whom the student was merged, or who was given the photo; otherwise 0.
        number: its place in the store's list, from 1; 0 outside a store. Lists of two stores number differently.
    """

    mark: str
    at: str
    kind: ErasureKind
    subject: int
    asked: bool = False
    photo: str = ""
    into: int = 0
    number: int = 0

    def is_of_photo(self, sha256: str) -> bool:
        """Whether the photo that was erased has this SHA-256."""
        return self.kind == "photo" and hmac.compare_digest(self.photo, _photo_digest(self.mark, sha256))

    def is_of_student(self, subject: int) -> bool:
        """Whether the entry is about a student: unknown faces and negative examples have numbers of their own."""
        return self.kind not in OF_FACES and self.subject == subject

    def to_json(self) -> str:
        """One line of text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Erasure:
        """What :meth:`to_json` wrote; fields that a later version may add are passed over.

        Raises:
            InvalidInput: ``invalid_erasure_list``.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            made = cls(**{name: found[name] for name in cls.__dataclass_fields__ if name in found})
        except (ValueError, TypeError) as exc:
            raise _invalid(text) from exc
        texts = isinstance(made.mark, str) and isinstance(made.at, str) and isinstance(made.photo, str)
        numbers = isinstance(made.subject, int) and isinstance(made.into, int) and isinstance(made.asked, bool)
        if not (texts and numbers and made.mark and made.kind in get_args(ErasureKind)):
            raise _invalid(text)
        return made


def _invalid(text: str) -> InvalidInput:
    return InvalidInput(
        "invalid_erasure_list", f"{text[:80]!r} is no entry of an erasure list.", "Use the file as it was written."
    )


def _photo_digest(mark: str, sha256: str) -> str:
    return hmac.new(mark.encode(), sha256.encode(), hashlib.sha256).hexdigest()


def erased_student(subject: int, cause: Cause) -> Erasure:
    """The entry of an erasure of a student, now."""
    return Erasure(secrets.token_hex(16), _now(), cause.kind, int(subject), cause.asked)


def merged_student(subject: int, into: int) -> Erasure:
    """The entry of a student who becomes another one, now."""
    return Erasure(secrets.token_hex(16), _now(), "merged", int(subject), into=int(into))


def erased_photos(subject: int, digests: Iterable[str], cause: Cause, into: int = 0) -> list[Erasure]:
    """The entries of photos, by SHA-256, that are taken from a student, now; ``into`` who gets them."""
    made = []
    for sha256 in sorted(digests):
        mark = secrets.token_hex(16)
        photo = _photo_digest(mark, sha256)
        made.append(Erasure(mark, _now(), "photo", int(subject), cause.asked, photo, int(into)))
    return made


def erased_unknown_faces(faces: Iterable[int], cause: Cause) -> list[Erasure]:
    """The entries of faces of unknown people that are erased, now."""
    return [
        Erasure(secrets.token_hex(16), _now(), "unknown_face", int(face), cause.asked)
        for face in sorted(faces)
        if cause.listed
    ]


def erased_negatives(ids: Iterable[int], cause: Cause) -> list[Erasure]:
    """The entries of negative examples that are erased, now."""
    return [
        Erasure(secrets.token_hex(16), _now(), "negative", int(number), cause.asked)
        for number in sorted(ids)
        if cause.listed
    ]


def brought_back(subject: int) -> Erasure:
    """The entry that takes the earlier erasures of a student back, except those that the person asked for, now."""
    return Erasure(secrets.token_hex(16), _now(), "brought_back", int(subject))


def consent_entries(subject: int, before: Consent | None, after: Consent | None) -> list[Erasure]:
    """The entry of a student whose consent ends now, or is given anew; none where neither is so."""
    had_ended, has_ended = (each is not None and each.has_ended for each in (before, after))
    if had_ended == has_ended:
        return []
    kind: ErasureKind = "consent_ended" if has_ended else "consent_given"
    asked = after is not None and after.motivo == "withdrawn"
    return [Erasure(secrets.token_hex(16), _now(), kind, int(subject), asked)]


def united(lists: Iterable[Sequence[Erasure]]) -> list[Erasure]:
    """Every entry of several lists once, in the order in which things were erased."""
    by_mark = {entry.mark: replace(entry, number=0) for entries in lists for entry in entries}
    return sorted(by_mark.values(), key=lambda entry: entry.at)


def standing(entries: Iterable[Erasure]) -> list[Erasure]:
    """The erasures of a list that hold, in the same order: without those that were taken back."""
    found: list[Erasure] = []
    for entry in entries:
        if entry.kind == "brought_back":
            found = [each for each in found if each.asked or not each.is_of_student(entry.subject)]
        elif entry.kind == "consent_given":
            found = [each for each in found if each.kind != "consent_ended" or each.subject != entry.subject]
        else:
            found.append(entry)
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class ErasureList(Protocol):
    """The list of a store. The store adds an entry in the same step in which it erases."""

    def entries(self, after: int = 0) -> list[Erasure]:
        """The entries with a number above ``after``, in order of number."""

    def add(self, entries: Sequence[Erasure]) -> None:
        """Add entries of another list, in order, under new numbers; those whose mark is there already are left out."""
