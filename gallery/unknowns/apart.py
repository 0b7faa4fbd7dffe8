"""Joining and splitting groups. What a person said holds: groups that are not one are not joined again, unless a person
does it, and what was said of a group is said of the one that it becomes."""

from __future__ import annotations

import json

from gallery.documents.note_store import UNKNOWNS_APART
from gallery.documents.protocol import DocumentStore
from gallery.documents.unknown_people import UnknownGroup, UnknownState

Pair = tuple[int, int]
"""Two groups by id, the smaller first."""
MOST_NOTE = 500
"""Characters of a note, as requests have it."""
_MOST = 1000
"""Pairs that are kept, those of the newest groups."""


def apart_pairs(store: DocumentStore) -> frozenset[Pair]:
    """The pairs of groups that are to stay apart."""
    text = store.notes.read(UNKNOWNS_APART)
    return frozenset(pair_of(*pair) for pair in json.loads(text)) if text else frozenset()


def pair_of(one: int, other: int) -> Pair:
    """Two groups as a pair."""
    return (one, other) if one < other else (other, one)


def split_group(store: DocumentStore, group: int, faces: list[int]) -> int:
    """Move faces out of a group into a new one, which stays apart from it; the new one's id, 0 when the faces are gone.

    Killed between the two, the group is split, and what resembles both may join them again.
    """
    made = store.unknowns.split(faces)
    if made and store.unknowns.group(group) is not None:
        _write(store, apart_pairs(store) | {pair_of(group, made)})
    return made


def note_of_both(keep: UnknownGroup, other: UnknownGroup) -> str | None:
    """The note of a group that two become; None when their notes are too long together."""
    notes = [keep.note] if other.note == keep.note else [keep.note, other.note]
    note = " / ".join(filter(None, notes))
    return note if len(note) <= MOST_NOTE else None


def join_groups(store: DocumentStore, keep: int, other: int) -> bool:
    """Move the faces of ``other`` to ``keep``; False when one of them is gone, or their notes are too long together.

    Both notes are kept, and if one was not ours, both are. What was apart from ``other`` is apart from ``keep`` then,
    also when the process is killed in between."""
    kept, gone = store.unknowns.group(keep), store.unknowns.group(other)
    if kept is None or gone is None or (note := note_of_both(kept, gone)) is None:
        return False
    before = apart_pairs(store)
    moved = {pair_of(keep, one if two == other else two) for one, two in before if other in (one, two)}
    if moved := {pair for pair in moved if pair[0] != pair[1]}:
        _write(store, before | moved)
    state: UnknownState = "not_ours" if "not_ours" in (kept.state, gone.state) else "open"
    if (state, note) != (kept.state, kept.note):
        store.unknowns.mark(keep, state, note)
    return store.unknowns.join(keep, other)


def _write(store: DocumentStore, pairs: frozenset[Pair]) -> None:
    """Keep the pairs whose groups exist."""
    exist = {group for group in {each for pair in pairs for each in pair} if store.unknowns.group(group) is not None}
    kept = sorted((pair for pair in pairs if exist.issuperset(pair)), key=lambda pair: -pair[1])[:_MOST]
    store.notes.write(UNKNOWNS_APART, json.dumps(sorted(kept)))
