"""Every published generation's files compared with its manifest, the large ones too, and the older ones."""

from __future__ import annotations

from collections.abc import Iterator

from gallery.documents.damage import Damage
from gallery.index.generations import GenerationStore
from presente.errors import IndexDamaged
from presente.installation import command_line

_COMPACT = f"Run `{command_line('indexer compact')}`: it makes the index anew from the documents."


def index_damage(snapshots: GenerationStore) -> Iterator[Damage]:
    """What is wrong in the files of an index. Of a generation in which rows of erased people were overwritten, vectors
    and codes have no checksum any more: comparing them with the documents is all that can be done."""
    for number in snapshots.generations():
        try:
            snapshots.check(snapshots.load(number))
        except IndexDamaged as error:
            if snapshots.path(number).exists():  # else superseded meanwhile
                yield Damage(error.code, error.what, f"generation {number}", _COMPACT)
