"""One part of a source: the people whom a hash of their matriculas puts into it, with all of their photos."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gallery.documents.values import Student
from indexer.sources.values import PhotoCollection, Source, SourcePhoto
from presente.errors import InvalidInput, shown

_SPELLED = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` of ``count`` parts, counted from 1.

    The parts have no person in common and leave no one out. Who is in which does not depend on the source, on its
    order or on the machine.
    """

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """A part as it is written on a command line: ``3/16``.

        Raises:
            InvalidInput: ``invalid_shard``.
        """
        spelled = _SPELLED.fullmatch(text)
        number, count = map(int, spelled.groups()) if spelled else (0, 0)
        if not 1 <= number <= count:
            raise InvalidInput(
                "invalid_shard",
                f"--shard {shown(text)} names no part.",
                "Write NUMBER/COUNT, as 3/16; the first part is 1/16, the last 16/16.",
            )
        return cls(number, count)

    def __contains__(self, matricula: str) -> bool:
        """Whether a person is in this part."""
        digest = hashlib.sha256(matricula.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def of(self, source: Source) -> Source:
        """The part of a source.

        What is about no photo (refused rows, ignored files, absent photos, warnings) is in the first part alone, so
        that the reports of all parts add up to that of the whole source.
        """
        part = replace(
            source,
            name=f"{source.name}, part {self.number} of {self.count}",
            photos=_PhotosOfPart(self, source.photos),
            past_attendance=tuple(entry for entry in source.past_attendance if entry.matricula in self),
        )
        return part if self.number == 1 else replace(part, ignored=0, absent=0, warnings=(), refused=())


class _PhotosOfPart:
    """Some of the photos of a source; each is made only when it is asked for."""

    def __init__(self, shard: Shard, photos: PhotoCollection) -> None:
        self._shard = shard
        self._photos = photos
        self._count = sum(1 for _ in self)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[SourcePhoto]:
        student: Student | None = None
        is_in = False
        for photo in self._photos:
            if photo.student is not student:
                student, is_in = photo.student, photo.student.matricula in self._shard
            if is_in:
                yield photo
