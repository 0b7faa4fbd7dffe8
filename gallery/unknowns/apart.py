"""Groups of which a person said that they are not one: they are not joined again, unless a person does it."""

from __future__ import annotations

import json

from gallery.documents.note_store import UNKNOWNS_APART
from gallery.documents.protocol import DocumentStore

Pair = tuple[int, int]
"""Two groups by id, the smaller first."""
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


def join_groups(store: DocumentStore, keep: int, other: int) -> bool:
    """Move the faces of ``other`` to ``keep``; False when one of them is gone. What was apart from ``other`` is apart
    from ``keep`` then, also when the process is killed between the two."""
    before = apart_pairs(store)
    moved = {pair_of(keep, one if two == other else two) for one, two in before if other in (one, two)}
    if moved := {pair for pair in moved if pair[0] != pair[1]}:
        _write(store, before | moved)
    return store.unknowns.join(keep, other)


def _write(store: DocumentStore, pairs: frozenset[Pair]) -> None:
    """Keep the pairs whose groups exist."""
    exist = {group for group in {each for pair in pairs for each in pair} if store.unknowns.group(group) is not None}
    kept = sorted((pair for pair in pairs if exist.issuperset(pair)), key=lambda pair: -pair[1])[:_MOST]
    store.notes.write(UNKNOWNS_APART, json.dumps(sorted(kept)))
