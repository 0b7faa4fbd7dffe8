"""Finds the copy of a damaged photo by what is left of it: by pieces of its bytes, or by its pixels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from faces.image.copies import Thumbnail, agreement
from faces.image.jpeg_damage import scan_start
from indexer.sources.first_system.copy_matches import CopyMatches, MatchedCopy, PhotoReader, Thumbnails

_PIECE = 256
"""Bytes of a piece."""

_MOST_PIECES = 1_000_000
"""Pieces in memory at once. With more, photos are compared by a part of their pieces."""

_COMMON = 16
"""A piece that more copies have than this tells nothing."""

_PIECES_NEEDED, _PIECES_AHEAD = 4, 2
_PIXELS_NEEDED, _PIXELS_AHEAD = 0.8, 0.15
_PIXELS_SURE = 0.3
"""How far ahead of the next copy a copy must be to be the right one without doubt."""

_PIXELS_OF_ANOTHER = 0.5
"""Photos that agree in less than this share of what is left are different photos."""

_Pieces = tuple[set[bytes], set[bytes]]
"""Hashes of a photo's pieces, counted from its beginning and from its end: a lost byte shifts only one of the two."""


def match_by_pieces(
    matches: CopyMatches, documents: Sequence[int], copies: Sequence[int], read_photo: PhotoReader
) -> None:
    """Assign to each damaged photo the copy that has most of its pieces, unless another copy has nearly as many."""
    pieces, part = _pieces_of_all(copies, read_photo)
    copies_with: tuple[defaultdict[bytes, list[int]], ...] = (defaultdict(list), defaultdict(list))
    for copy, grids in pieces.items():
        for having, grid in zip(copies_with, grids, strict=True):
            for piece in grid:
                having[piece].append(copy)
    likely: list[tuple[int, int, int]] = []
    for own in documents:
        votes: Counter[int] = Counter()
        for having, grid in zip(copies_with, _thinned(_pieces(read_photo("own", own)), part), strict=True):
            sharing = (having[piece] for piece in grid if piece in having)
            votes |= Counter(copy for group in sharing if len(group) <= _COMMON for copy in group)
        ranked = votes.most_common(2)
        if ranked and ranked[0][1] >= _PIECES_NEEDED:
            ahead = ranked[0][1] - (ranked[1][1] if len(ranked) > 1 else 0)
            if ahead >= _PIECES_AHEAD or _same_photo(pieces, ranked[0][0], ranked[1][0]):
                likely.append((ranked[0][1], own, ranked[0][0]))
    for count, own, copy in sorted(likely, key=lambda found: (-found[0], found[1])):
        if copy not in matches.assigned:
            share = count / max(1, *(len(grid) for grid in pieces[copy]))
            how = f"by content: {share:.0%} of its picture data are in the damaged image, byte for byte"
            matches.assign(own, MatchedCopy(copy, how, True, differs=True))


def _pieces(content: bytes) -> _Pieces:
    start = scan_start(content)
    first = -(-start // _PIECE) * _PIECE
    forward = range(first, len(content) - _PIECE + 1, _PIECE)
    backward = range(len(content) - _PIECE, start - 1, -_PIECE)
    from_start, from_end = (
        {blake2b(content[at : at + _PIECE], digest_size=8).digest() for at in grid} for grid in (forward, backward)
    )
    return from_start, from_end


def _pieces_of_all(copies: Sequence[int], read_photo: PhotoReader) -> tuple[dict[int, _Pieces], int]:
    """The pieces of all copies that memory has room for, and which part that is: one in so many, by their hashes."""
    pieces: dict[int, _Pieces] = {}
    part, count = 1, 0
    for copy in copies:
        pieces[copy] = _thinned(_pieces(read_photo("copy", copy)), part)
        count += sum(len(grid) for grid in pieces[copy])
        while count > _MOST_PIECES and part < 256:
            part *= 2
            pieces = {each: _thinned(grids, part) for each, grids in pieces.items()}
            count = sum(len(grid) for grids in pieces.values() for grid in grids)
    return pieces, part


def _thinned(grids: _Pieces, part: int) -> _Pieces:
    """One piece in ``part``, the same ones of every photo."""
    from_start, from_end = ({piece for piece in grid if piece[0] % part == 0} for grid in grids) if part > 1 else grids
    return from_start, from_end


def _same_photo(pieces: dict[int, _Pieces], one: int, two: int) -> bool:
    """Whether two copies are of one photo: then either may be taken."""
    return any(2 * len(a & b) >= max(len(a), len(b), 1) for a, b in zip(pieces[one], pieces[two], strict=True))


def match_by_pixels(
    matches: CopyMatches, documents: Sequence[int], copies: Sequence[int], thumbnails: Thumbnails
) -> None:
    """Assign to each photo the copy that looks like what is left of it, unless another copy looks nearly as much so."""
    visible = [(copy, found) for copy in copies if (found := thumbnails["copy", copy]) is not None]
    if not visible:
        return
    cells = np.array([found.cells for _, found in visible])
    wanted: defaultdict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for own in documents:
        left = thumbnails["own", own]
        if left is None:
            continue
        shares = agreement(left, cells)
        best = int(shares.argmax())
        ahead = float(shares[best] - np.delete(shares, best).max(initial=0.0))
        if shares[best] >= _PIXELS_NEEDED and ahead >= _PIXELS_AHEAD:
            wanted[visible[best][0]].append((float(shares[best]), ahead, own))
    for copy, candidates in wanted.items():
        candidates.sort(reverse=True)
        share, ahead, own = candidates[0]
        if len(candidates) > 1 and share - candidates[1][0] < _PIXELS_AHEAD:
            continue
        how = (
            f"by content: {share:.0%} of what is left of the image looks the same, of the next copy {share - ahead:.0%}"
        )
        matches.assign(own, MatchedCopy(copy, how, ahead >= _PIXELS_SURE))


def possible_copies(left: Thumbnail | None, copies: Sequence[int], thumbnails: Thumbnails) -> list[int]:
    """The copies that do not visibly show another photo than what is left of this one."""
    seen = [(copy, thumbnails["copy", copy]) for copy in copies]
    return [
        copy
        for copy, found in seen
        if left is None or found is None or agreement(left, found.cells[None])[0] >= _PIXELS_OF_ANOTHER
    ]
