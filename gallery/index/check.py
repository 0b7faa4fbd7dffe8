"""Comparing the files of every published generation with its manifest, large files and older generations included."""

from __future__ import annotations

from collections.abc import Iterator

from gallery.documents.damage import Damage
from gallery.index.generations import GenerationStore
from presente.errors import IndexDamaged
from presente.installation import command_line

_COMPACT = f"Run `{command_line('indexer compact')}`: it rebuilds the index from the documents."


def index_damage(generations: GenerationStore) -> Iterator[Damage]:
    """Findings in the files of an index.

    In a generation with overwritten rows of erased people, the checksums of vectors and codes do not match any more:
    these can only be compared with the documents.
    """
    for number in generations.numbers():
        try:
            generations.check(generations.load(number))
        except IndexDamaged as error:
            if generations.path(number).exists():  # otherwise it was replaced and deleted meanwhile
                yield Damage(error.code, error.what, f"generation {number}", _COMPACT)
