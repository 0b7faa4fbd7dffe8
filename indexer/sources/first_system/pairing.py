"""Which document of ``images`` is the second copy of which document of ``estudiantes``, and how sure that is.

Four things tell, the surest first: what the two have in common besides the photo; the same bytes, or the hash that a
document says; bytes or pixels that are still the same in a damaged photo; and the order, for the first system inserted
both at every upload. A copy is given once. Where two are as likely, none is given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

import numpy as np

from faces.image.copies import Thumbnail, agreement
from faces.image.jpeg_damage import scan_start

_PIECE = 256
_PIECES_HELD = 1_000_000
"""In memory at once; where there are more, photos are told apart by a part of them."""

_COMMON = 16
"""A piece that so many copies have is no photo's own."""

_PIECES_NEEDED, _PIECES_AHEAD = 4, 2
_PIXELS_NEEDED, _PIXELS_AHEAD = 0.8, 0.15
_PIXELS_SURE = 0.3
"""How far ahead of the next a copy must be to be the nearest without doubt."""

_PIXELS_OF_ANOTHER = 0.5
"""What agrees less than this is another photo."""

_COMPARED = 40_000
"""Pairs of photos of one gap that are compared; where whole collections are damaged, their order must do."""

_IN_ORDER = 0.9
"""How many neighbours must follow each other in both collections for their order to mean anything."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The copy of a student's image: its place, how it was found, whether that is sure, and whether the two are known
    to be one photo whose bytes differ, so that comparing them tells which is whole."""

    copy: int
    how: str
    sure: bool
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of a collection's documents, in their order, without opening a photo: names by which others may
    call them (the last of a copy's is its own id, which the others may not be), hashes of their bytes, hashes that they
    say."""

    names: Sequence[tuple[tuple[str, str], ...]]
    digests: Sequence[frozenset[str]]
    said: Sequence[frozenset[str]]


@dataclass(slots=True)
class Pairing:
    """By place among the students' documents, its copy, or the copies of which each may be the one; and the copies that
    are somebody's."""

    found: dict[int, Paired] = field(default_factory=dict)
    undecided: dict[int, tuple[int, ...]] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def give(self, own: int, paired: Paired) -> None:
        """Settle one pair."""
        self.found[own] = paired
        self.undecided.pop(own, None)
        self.taken.add(paired.copy)


Pieces = tuple[set[bytes], set[bytes]]
"""Hashes of a photo's pieces, counted from its beginning, and from its end: a byte too many shifts only one."""

Reads = Callable[[str, int], bytes]
"""Gets the bytes of the photo at a place of ``own`` or ``copy``, as far as there are any."""

Looks = Callable[[str, int], Thumbnail | None]
"""Likewise, what can be seen of it."""


def pair(own: Marks, copies: Marks, reads: Reads, looks: Looks) -> Pairing:
    """Find every copy; photos are read only where hashes do not settle it, and looked at where bytes do not."""
    pairing = Pairing()
    named, unnamed = _by_name(own, copies)
    for owners, theirs in named.items():
        left = [each for each in owners if each not in pairing.found]
        if len(owners) == len(theirs) == 1 and left:
            same = bool(own.digests[left[0]] & copies.digests[theirs[0]])
            pairing.give(left[0], Paired(theirs[0], "by its link", True, differs=not same))
        elif left:
            _settle(pairing, left, theirs, own, copies, reads, looks)
    rest = [each for each in range(len(own.names)) if each not in pairing.found]
    _settle(pairing, rest, unnamed, own, copies, reads, looks)
    return pairing


def _by_name(own: Marks, copies: Marks) -> tuple[dict[tuple[int, ...], list[int]], list[int]]:
    """Copies that name a student's document, by whom they may mean, the surest names first; those that name none.

    A copy that names somebody who is not there belongs to nobody here: it is in neither.
    """
    owners: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, names in enumerate(own.names):
        for name in names:
            owners[name].append(place)
    groups: dict[tuple[int, ...], list[int]] = {}
    unnamed = []
    for place, names in enumerate(copies.names):
        meant = next((owners[name] for name in names if name in owners), None)
        if meant is not None:
            groups.setdefault(tuple(meant), []).append(place)
        elif len(names) == 1:
            unnamed.append(place)
    return dict(sorted(groups.items(), key=lambda group: len(group[0]))), unnamed


def _settle(
    pairing: Pairing, owners: list[int], theirs: list[int], own: Marks, copies: Marks, reads: Reads, looks: Looks
) -> None:
    """Pair documents with copies that may be any one's of them; both in their order."""

    def left() -> tuple[list[int], list[int]]:
        return (
            [each for each in owners if each not in pairing.found],
            [each for each in theirs if each not in pairing.taken],
        )

    _by_digest(pairing, *left(), own.digests, copies.digests, "by its bytes, which are the same")
    _by_digest(pairing, *left(), own.said, copies.digests, "by its hash, which is what the student's document says")
    if all(left()):
        _by_pieces(pairing, *left(), reads)
    if all(left()):
        sides = zip(("own", "copy"), left(), strict=True)
        seen = {(side, place): looks(side, place) for side, places in sides for place in places}
        _by_pixels(pairing, *left(), seen)
        _by_order(pairing, owners, theirs, seen)


def _by_digest(
    pairing: Pairing,
    owners: list[int],
    theirs: list[int],
    wanted: Sequence[frozenset[str]],
    digests: Sequence[frozenset[str]],
    how: str,
) -> None:
    """The same bytes twice are given in their order."""
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for copy in reversed(theirs):
        for digest in digests[copy]:
            waiting[digest].append(copy)
    for each in owners:
        for digest in wanted[each]:
            free = [copy for copy in waiting[digest] if copy not in pairing.taken]
            if free:
                pairing.give(each, Paired(free[-1], how, True))
                waiting[digest] = free[:-1]
                break


# -- by content ----------------------------------------------------------------------------------------------------


def _pieces(content: bytes) -> Pieces:
    start = scan_start(content)
    first = -(-start // _PIECE) * _PIECE
    forward = range(first, len(content) - _PIECE + 1, _PIECE)
    backward = range(len(content) - _PIECE, start - 1, -_PIECE)
    one, two = (
        {blake2b(content[at : at + _PIECE], digest_size=8).digest() for at in grid} for grid in (forward, backward)
    )
    return one, two


def _by_pieces(pairing: Pairing, owners: list[int], theirs: list[int], reads: Reads) -> None:
    """Give each damaged photo the copy that has most of its pieces, when no other copy has nearly as many."""
    pieces, every = _all_pieces(theirs, reads)
    holders: tuple[defaultdict[bytes, list[int]], ...] = (defaultdict(list), defaultdict(list))
    for copy, grids in pieces.items():
        for holding, grid in zip(holders, grids, strict=True):
            for piece in grid:
                holding[piece].append(copy)
    likely: list[tuple[int, int, int]] = []
    for each in owners:
        votes: Counter[int] = Counter()
        for holding, grid in zip(holders, _thinned(_pieces(reads("own", each)), every), strict=True):
            having = (holding[piece] for piece in grid if piece in holding)
            votes |= Counter(copy for copies in having if len(copies) <= _COMMON for copy in copies)
        ranked = votes.most_common(2)
        if ranked and ranked[0][1] >= _PIECES_NEEDED:
            ahead = ranked[0][1] - (ranked[1][1] if len(ranked) > 1 else 0)
            if ahead >= _PIECES_AHEAD or _one_photo(pieces, ranked[0][0], ranked[1][0]):
                likely.append((ranked[0][1], each, ranked[0][0]))
    for count, each, copy in sorted(likely, key=lambda found: (-found[0], found[1])):
        if copy not in pairing.taken:
            share = count / max(1, *(len(grid) for grid in pieces[copy]))
            how = f"by content: {share:.0%} of its picture data are in the damaged image, byte for byte"
            pairing.give(each, Paired(copy, how, True, differs=True))


def _all_pieces(copies: list[int], reads: Reads) -> tuple[dict[int, Pieces], int]:
    """The pieces of many photos, as many as memory has room for: one of so many, by their hashes."""
    pieces: dict[int, Pieces] = {}
    every, held = 1, 0
    for copy in copies:
        pieces[copy] = _thinned(_pieces(reads("copy", copy)), every)
        held += sum(len(grid) for grid in pieces[copy])
        while held > _PIECES_HELD and every < 256:
            every *= 2
            pieces = {each: _thinned(grids, every) for each, grids in pieces.items()}
            held = sum(len(grid) for grids in pieces.values() for grid in grids)
    return pieces, every


def _thinned(grids: Pieces, every: int) -> Pieces:
    one, two = ({piece for piece in grid if piece[0] % every == 0} for grid in grids) if every > 1 else grids
    return one, two


def _one_photo(pieces: dict[int, Pieces], one: int, two: int) -> bool:
    """Whether two copies are of one photo: then it does not matter which is taken."""
    return any(2 * len(a & b) >= max(len(a), len(b), 1) for a, b in zip(pieces[one], pieces[two], strict=True))


def _by_pixels(
    pairing: Pairing, owners: list[int], theirs: list[int], seen: dict[tuple[str, int], Thumbnail | None]
) -> None:
    """Give each photo the copy that looks like what is left of it, when no other does nearly as much."""
    thumbnails = [(copy, found) for copy in theirs if (found := seen["copy", copy]) is not None]
    if not thumbnails:
        return
    cells = np.array([found.cells for _, found in thumbnails])
    wanted: defaultdict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for each in owners:
        left = seen["own", each]
        if left is None:
            continue
        shares = agreement(left, cells)
        best = int(shares.argmax())
        ahead = float(shares[best] - np.delete(shares, best).max(initial=0.0))
        if shares[best] >= _PIXELS_NEEDED and ahead >= _PIXELS_AHEAD:
            wanted[thumbnails[best][0]].append((float(shares[best]), ahead, each))
    for copy, suitors in wanted.items():
        suitors.sort(reverse=True)
        share, ahead, each = suitors[0]
        if len(suitors) > 1 and share - suitors[1][0] < _PIXELS_AHEAD:
            continue
        how = (
            f"by content: {share:.0%} of what is left of the image looks the same, of the next copy {share - ahead:.0%}"
        )
        pairing.give(each, Paired(copy, how, ahead >= _PIXELS_SURE))


# -- by order ------------------------------------------------------------------------------------------------------


_Gap = tuple[list[int], list[int], bool]
"""Students' documents that have no copy, the copies that lie where theirs should, and whether known pairs lie on both
sides."""


def _by_order(
    pairing: Pairing, owners: list[int], theirs: list[int], seen: dict[tuple[str, int], Thumbnail | None]
) -> None:
    """Give photos between two whose copies are known the copies that lie between those two."""
    places = {copy: place for place, copy in enumerate(theirs)}
    known = [places[pairing.found[each].copy] for each in owners if each in pairing.found]
    following = [one < two for one, two in pairwise(known)]
    ordered = sum(following) >= _IN_ORDER * len(following)
    for run, window, between in _gaps(pairing, owners, theirs, places) if ordered else ():
        _fill(pairing, run, window, seen, "by order of insertion", between)
    rest = [each for each in owners if each not in pairing.found and each not in pairing.undecided]
    left = [copy for copy in theirs if copy not in pairing.taken]
    if left and (not ordered or len(rest) == len(left) == 1):
        _fill(pairing, rest, left, seen, "as the only one left", None)


def _gaps(pairing: Pairing, owners: list[int], theirs: list[int], places: dict[int, int]) -> list[_Gap]:
    gaps: list[_Gap] = []
    run: list[int] = []
    last = -1
    for each in (*owners, None):
        if each is not None and each not in pairing.found:
            run.append(each)
            continue
        place = len(theirs) if each is None else places[pairing.found[each].copy]
        window = theirs[last + 1 : place]
        if run and not pairing.taken.intersection(window):
            gaps.append((run, window, last >= 0 and each is not None))
        run, last = [], place
    return gaps


def _fill(
    pairing: Pairing,
    run: list[int],
    window: list[int],
    seen: dict[tuple[str, int], Thumbnail | None],
    how: str,
    between: bool | None,
) -> None:
    """Give as many copies to as many photos, in their order; if they are not as many, none: which is whose?

    Args:
        pairing: what was found.
        run: places of the photos.
        window: places of the copies.
        seen: what can be seen of each.
        how: how such a copy was found.
        between: whether known pairs lie on both sides; None when there is no order to go by.
    """
    if len(run) * len(window) <= _COMPARED:
        possible = {each: _not_another(seen["own", each], window, seen) for each in run}
    else:
        possible = dict.fromkeys(run, window)
    run = [each for each in run if possible[each]]
    window = [copy for copy in window if any(copy in possible[each] for each in run)]
    if len(run) != len(window) or (between is None and len(run) > 1):
        for each in run:
            pairing.undecided[each] = tuple(possible[each])
        return
    for each, copy in zip(run, window, strict=True):
        if copy in possible[each]:
            sure = bool(between) and len(run) == 1
            pairing.give(each, Paired(copy, f"{how}, between two photos whose copies are known" if sure else how, sure))


def _not_another(
    left: Thumbnail | None, window: Sequence[int], seen: dict[tuple[str, int], Thumbnail | None]
) -> list[int]:
    """The copies that do not show another photo than what is left of this one, as far as that can be seen."""
    looked = [(copy, seen["copy", copy]) for copy in window]
    return [
        copy
        for copy, found in looked
        if left is None or found is None or agreement(left, found.cells[None])[0] >= _PIXELS_OF_ANOTHER
    ]
