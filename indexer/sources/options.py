"""What the caller may say about a source: its kind, and options of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from presente.errors import InvalidInput

SourceKind = Literal["folder", "celeba", "lfw", "sheet", "database"]
Partition = Literal["train", "val", "test", "all"]
ImageSet = Literal["aligned", "wild"]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Options of ``add``; an option that was not given is None or False.

    Attributes:
        kind: what the source is, instead of recognising it.
        partition: CelebA: which part of ``list_eval_partition``; None means all.
        images: CelebA: which of the two sets of photos; None means the aligned ones, if there are any.
        landmarks: CelebA, aligned: use the five landmarks that come with the photos; nothing is detected.
        columns: sheet: which column holds which field, ``field=Column,field=Column``.
    """

    kind: SourceKind | None = None
    partition: Partition | None = None
    images: ImageSet | None = None
    landmarks: bool = False
    columns: str | None = None

    def check_suits(self, kind: SourceKind, name: str) -> None:
        """Refuse options that this kind of source does not have.

        Raises:
            InvalidInput: ``unsuitable_option``.
        """
        for option, suits in (
            ("partition", "celeba"),
            ("images", "celeba"),
            ("landmarks", "celeba"),
            ("columns", "sheet"),
        ):
            if getattr(self, option) not in (None, False) and kind != suits:
                raise InvalidInput(
                    "unsuitable_option",
                    f"--{option} is for --kind {suits}, and {name} is taken for --kind {kind}.",
                    f"Leave it out, or say --kind {suits}.",
                )
