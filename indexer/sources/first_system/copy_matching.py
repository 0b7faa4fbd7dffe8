"""Finds the document of ``images`` that is the second copy of each document of ``estudiantes``, and how sure that is.

Four things tell, the surest first: names that the two documents share; the same bytes, or the hash that a document
declares; bytes or pixels that are still the same in a damaged photo; and the order, because the first system inserted
both at every upload. A copy belongs to one document. Where two copies are equally likely, neither is assigned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from indexer.sources.first_system.content_matching import match_by_pieces, match_by_pixels, possible_copies
from indexer.sources.first_system.copy_matches import (
    CollectionIdentifiers,
    CopyMatches,
    MatchedCopy,
    PhotoReader,
    ThumbnailReader,
    Thumbnails,
)

_COMPARED = 40_000
"""Pairs of photos of one gap that are compared by pixels. In a larger gap, only the order tells."""

_IN_ORDER = 0.9
"""The share of neighbours that must follow each other in both collections for the order to tell anything."""


def match_copies(
    own: CollectionIdentifiers,
    copies: CollectionIdentifiers,
    read_photo: PhotoReader,
    read_thumbnail: ThumbnailReader,
) -> CopyMatches:
    """Match every copy. Photos are read only where hashes do not tell, thumbnails only where bytes do not."""
    matches = CopyMatches()
    named, unnamed = _by_name(own, copies)
    for documents, named_copies in named.items():
        left = matches.without_copy(documents)
        if len(documents) == len(named_copies) == 1 and left:
            same = bool(own.digests[left[0]] & copies.digests[named_copies[0]])
            matches.assign(left[0], MatchedCopy(named_copies[0], "by its link", True, differs=not same))
        elif left:
            _match_group(matches, left, named_copies, own, copies, read_photo, read_thumbnail)
    rest = matches.without_copy(range(len(own.names)))
    _match_group(matches, rest, unnamed, own, copies, read_photo, read_thumbnail)
    return matches


def _by_name(
    own: CollectionIdentifiers, copies: CollectionIdentifiers
) -> tuple[dict[tuple[int, ...], list[int]], list[int]]:
    """Copies by the students' documents that their names may mean, fewest documents first; and copies without names.

    A copy that names a student who is not there is in neither: it belongs to no document here.
    """
    documents_named: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, names in enumerate(own.names):
        for name in names:
            documents_named[name].append(place)
    groups: dict[tuple[int, ...], list[int]] = {}
    unnamed = []
    for place, names in enumerate(copies.names):
        meant = next((documents_named[name] for name in names if name in documents_named), None)
        if meant is not None:
            groups.setdefault(tuple(meant), []).append(place)
        elif len(names) == 1:
            unnamed.append(place)
    return dict(sorted(groups.items(), key=lambda group: len(group[0]))), unnamed


def _match_group(
    matches: CopyMatches,
    documents: Sequence[int],
    group: Sequence[int],
    own: CollectionIdentifiers,
    copies: CollectionIdentifiers,
    read_photo: PhotoReader,
    read_thumbnail: ThumbnailReader,
) -> None:
    """Match documents with a group of copies of which each may belong to any of them; both are in their order."""

    def left() -> tuple[list[int], list[int]]:
        return matches.without_copy(documents), matches.unassigned(group)

    _match_by_digest(matches, *left(), own.digests, copies.digests, "by its bytes, which are the same")
    declared = "by its hash, which is what the student's document says"
    _match_by_digest(matches, *left(), own.declared_digests, copies.digests, declared)
    if all(left()):
        match_by_pieces(matches, *left(), read_photo)
    if all(left()):
        sides = zip(("own", "copy"), left(), strict=True)
        thumbnails = {(side, place): read_thumbnail(side, place) for side, places in sides for place in places}
        match_by_pixels(matches, *left(), thumbnails)
        _match_by_order(matches, documents, group, thumbnails)


def _match_by_digest(
    matches: CopyMatches,
    documents: Sequence[int],
    group: Sequence[int],
    wanted: Sequence[frozenset[str]],
    digests: Sequence[frozenset[str]],
    how: str,
) -> None:
    """Assign copies with the digest of a document. Several copies with one digest are assigned in their order."""
    copies_with: defaultdict[str, list[int]] = defaultdict(list)
    for copy in reversed(group):
        for digest in digests[copy]:
            copies_with[digest].append(copy)
    for own in documents:
        for digest in wanted[own]:
            free = matches.unassigned(copies_with[digest])
            if free:
                matches.assign(own, MatchedCopy(free[-1], how, True))
                copies_with[digest] = free[:-1]
                break


# -- by order ------------------------------------------------------------------------------------------------------


_Gap = tuple[list[int], Sequence[int], bool]
"""Documents that have no copy, the copies that lie where theirs should, and whether matches lie on both sides."""


def _match_by_order(
    matches: CopyMatches, documents: Sequence[int], group: Sequence[int], thumbnails: Thumbnails
) -> None:
    """Assign to documents between two matched ones the copies that lie between the copies of those two."""
    places = {copy: place for place, copy in enumerate(group)}
    matched = [places[matches.found[own].copy] for own in documents if own in matches.found]
    following = [one < two for one, two in pairwise(matched)]
    ordered = sum(following) >= _IN_ORDER * len(following)
    for gap_documents, gap_copies, enclosed in _gaps(matches, documents, group, places) if ordered else ():
        _match_gap(matches, gap_documents, gap_copies, thumbnails, "by order of insertion", enclosed)
    rest = [own for own in matches.without_copy(documents) if own not in matches.undecided]
    left = matches.unassigned(group)
    if left and (not ordered or len(rest) == len(left) == 1):
        _match_gap(matches, rest, left, thumbnails, "as the only one left", None)


def _gaps(matches: CopyMatches, documents: Sequence[int], group: Sequence[int], places: dict[int, int]) -> list[_Gap]:
    gaps: list[_Gap] = []
    run: list[int] = []
    last = -1
    for own in (*documents, None):
        if own is not None and own not in matches.found:
            run.append(own)
            continue
        place = len(group) if own is None else places[matches.found[own].copy]
        between = group[last + 1 : place]
        if run and not matches.assigned.intersection(between):
            gaps.append((run, between, last >= 0 and own is not None))
        run, last = [], place
    return gaps


def _match_gap(
    matches: CopyMatches,
    documents: Sequence[int],
    copies: Sequence[int],
    thumbnails: Thumbnails,
    how: str,
    enclosed: bool | None,
) -> None:
    """Assign copies to as many documents, in their order; none when the numbers differ, because any may be missing.

    Args:
        matches: what was found so far.
        documents: places of the documents.
        copies: places of the copies.
        thumbnails: of both.
        how: how such a copy was found, for the report.
        enclosed: whether matches lie on both sides; None when there is no order to go by.
    """
    if len(documents) * len(copies) <= _COMPARED:
        possible = {own: possible_copies(thumbnails["own", own], copies, thumbnails) for own in documents}
    else:
        possible = {own: list(copies) for own in documents}
    documents = [own for own in documents if possible[own]]
    copies = [copy for copy in copies if any(copy in possible[own] for own in documents)]
    if len(documents) != len(copies) or (enclosed is None and len(documents) > 1):
        for own in documents:
            matches.undecided[own] = tuple(possible[own])
        return
    for own, copy in zip(documents, copies, strict=True):
        if copy in possible[own]:
            sure = bool(enclosed) and len(documents) == 1
            words = f"{how}, between two photos whose copies are known" if sure else how
            matches.assign(own, MatchedCopy(copy, words, sure))
