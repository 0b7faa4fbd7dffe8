"""Each photo finds its copy by hash, by bytes, by pixels or by order; where nothing tells, it gets none."""

import hashlib
import io
import random
from collections.abc import Callable, Sequence

import pytest
from PIL import Image

from faces.image.copies import thumbnail
from indexer.sources.first_system import content_matching
from indexer.sources.first_system.copy_matches import CollectionIdentifiers, CopyMatches
from indexer.sources.first_system.copy_matching import match_copies
from tests.conftest import SAMPLE

Name = tuple[str, str]


def content(number: int, size: int = 20_000) -> bytes:
    """A photo: picture data of its own, after tables that all photos share."""
    tables = b"\xff\xd8\xff\xfe\x10\x02" + random.Random(0).randbytes(4096)
    return tables + b"\xff\xda\x00\x02" + random.Random(number).randbytes(size)


def matched(
    own: Sequence[bytes],
    copies: Sequence[bytes],
    *,
    names: Sequence[Sequence[Name]] | None = None,
    links: Sequence[Sequence[Name]] | None = None,
    declared: Sequence[str] | None = None,
    by_pixels: bool = False,
) -> CopyMatches:
    """Match documents that hold these photos; empty bytes stand for a document without a photo."""
    sides = {"own": own, "copy": copies}

    def identifiers(
        side: str, names_of: Sequence[Sequence[Name]] | None, declares: Sequence[str] | None
    ) -> CollectionIdentifiers:
        contents = sides[side]
        return CollectionIdentifiers(
            [(*(names_of[place] if names_of else ()), ("id", f"{side} {place}")) for place in range(len(contents))],
            [frozenset([hashlib.sha256(each).hexdigest()] if each else []) for each in contents],
            [frozenset([declares[place]] if declares else []) for place in range(len(contents))],
        )

    return match_copies(
        identifiers("own", names, declared),
        identifiers("copy", links, None),
        lambda side, place: sides[side][place],
        lambda side, place: thumbnail(sides[side][place]) if by_pixels else None,
    )


def copies_of(matches: CopyMatches) -> dict[int, int]:
    return {own: match.copy for own, match in matches.found.items()}


def how(matches: CopyMatches, own: int) -> tuple[str, bool]:
    return matches.found[own].how.split(":")[0].split(",")[0], matches.found[own].sure


GONE = b"\xff\xd8" + bytes(5000)
"""A photo of which nothing is left but its first bytes."""

PHOTOS = [content(number) for number in range(12)]
IDENTITY = {place: place for place in range(12)}


def flipped(photo: bytes, place: int) -> bytes:
    return photo[:place] + bytes([photo[place] ^ 0xFF]) + photo[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte changed": lambda photo: flipped(photo, 9_000),
    "cut short": lambda photo: photo[:6_000],
    "its end only": lambda photo: bytes(9_000) + photo[9_000:],
    "a byte lost": lambda photo: photo[:4_000] + photo[4_001:],
    "a byte too many": lambda photo: photo[:2] + b"!" + photo[2:],
    "overwritten in the middle": lambda photo: photo[:5_000] + bytes(12_000) + photo[17_000:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_bytes_that_are_left_find_the_copy(damage: str, shuffled: bool) -> None:
    order = list(range(12))
    if shuffled:
        random.Random(1).shuffle(order)
    own = [DAMAGES[damage](photo) if place % 2 else photo for place, photo in enumerate(PHOTOS)]
    found = matched(own, [PHOTOS[place] for place in order])
    assert copies_of(found) == {place: order.index(place) for place in range(12)} and not found.undecided
    assert how(found, 0) == ("by its bytes", True) and how(found, 1) == ("by content", True)
    assert found.found[1].differs and not found.found[0].differs


def test_many_photos_are_compared_by_a_part_of_their_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_matching, "_MOST_PIECES", 400)
    found = matched([flipped(photo, 3_000) for photo in PHOTOS], PHOTOS[::-1])
    assert copies_of(found) == {place: 11 - place for place in range(12)} and how(found, 3) == ("by content", True)


def test_a_copy_that_is_damaged_elsewhere_is_found_too() -> None:
    found = matched([flipped(photo, 3_000) for photo in PHOTOS], [flipped(photo, 15_000) for photo in PHOTOS[::-1]])
    assert copies_of(found) == {place: 11 - place for place in range(12)}


def test_a_header_that_all_photos_share_tells_nothing() -> None:
    for length in (3_000, 4_200):
        own = [PHOTOS[0], PHOTOS[2][:length]]
        assert how(matched(own, [content(77), PHOTOS[0]]), 1) == ("as the only one left", False)  # not by content
        assert how(matched(own, [content(77), PHOTOS[0], content(78)]), 1) == ("by order of insertion", False)


def test_between_two_matches_one_copy_is_sure_and_several_are_not() -> None:
    own = [GONE if place in (2, 5, 6, 11) else photo for place, photo in enumerate(PHOTOS)]
    found = matched(own, PHOTOS)
    assert copies_of(found) == IDENTITY
    assert how(found, 2) == ("by order of insertion", True)
    assert how(found, 5) == how(found, 6) == how(found, 11) == ("by order of insertion", False)


def test_where_one_copy_is_missing_or_too_many_none_is_assigned() -> None:
    own = [GONE if place in (5, 6) else photo for place, photo in enumerate(PHOTOS)]
    missing = matched(own, PHOTOS[:5] + PHOTOS[6:])
    assert missing.undecided == {5: (5,), 6: (5,)} and copies_of(missing).keys() == IDENTITY.keys() - {5, 6}
    own[6] = PHOTOS[6]
    extra = matched(own, [*PHOTOS[:5], content(99), *PHOTOS[5:]])
    assert extra.undecided == {5: (5, 6)}
    elsewhere = matched(own, [*PHOTOS[:9], content(99), *PHOTOS[9:]])  # in another place it does not matter
    assert copies_of(elsewhere)[5] == 5 and elsewhere.found[5].sure and 9 not in elsewhere.assigned
    nothing = matched(own, PHOTOS[:5] + PHOTOS[6:])
    assert 5 not in nothing.found and not nothing.undecided


def test_a_shuffled_collection_has_no_order_to_go_by() -> None:
    order = list(range(12))
    random.Random(2).shuffle(order)
    own = [GONE if place in (3, 8) else photo for place, photo in enumerate(PHOTOS)]
    found = matched(own, [PHOTOS[place] for place in order])
    left = tuple(sorted(order.index(place) for place in (3, 8)))
    assert found.undecided == {3: left, 8: left}
    own[8] = PHOTOS[8]
    alone = matched(own, [PHOTOS[place] for place in order])
    assert copies_of(alone)[3] == order.index(3) and how(alone, 3) == ("as the only one left", False)


def test_order_alone_when_nothing_else_is_left() -> None:
    found = matched([GONE] * 12, PHOTOS)
    assert copies_of(found) == IDENTITY and not any(each.sure for each in found.found.values())
    uneven = matched([GONE] * 12, PHOTOS[:11])
    assert not uneven.found and set(uneven.undecided) == set(IDENTITY)


def test_a_hash_that_the_student_declares_is_as_good_as_bytes() -> None:
    declared = [hashlib.sha256(photo).hexdigest() for photo in PHOTOS]
    found = matched([GONE] * 12, PHOTOS[::-1], declared=declared)
    assert copies_of(found) == {place: 11 - place for place in range(12)} and how(found, 4) == ("by its hash", True)


def test_copies_with_the_same_bytes_are_assigned_in_order() -> None:
    own = [PHOTOS[0], PHOTOS[1], PHOTOS[0], flipped(PHOTOS[0], 8_000)]
    found = matched(own, [PHOTOS[0], PHOTOS[1], PHOTOS[0], PHOTOS[0]])
    assert copies_of(found) == {0: 0, 1: 1, 2: 2, 3: 3}


def test_links_come_first_and_several_copies_of_one_name_are_told_apart() -> None:
    ana, eva = ("matricula", "A1"), ("matricula", "A2")
    names = [[ana], [eva], [ana]]
    own = [PHOTOS[0], PHOTOS[1], flipped(PHOTOS[2], 7_000)]
    both = matched(own, [PHOTOS[2], PHOTOS[0], content(55)], names=names, links=[[ana], [ana], [eva]])
    assert copies_of(both) == {0: 1, 1: 2, 2: 0}  # not the first of that name
    assert how(both, 1) == ("by its link", True) and how(both, 2) == ("by content", True)
    by_id = matched(own, [content(55), content(56)], names=names, links=[[("id", "own 2"), eva], []])
    assert copies_of(by_id)[2] == 0 and how(by_id, 2) == ("by its link", True)
    unknown = matched([GONE], [content(55)], names=[[ana]], links=[[("matricula", "A9")]])
    assert not unknown.found and not unknown.undecided and not unknown.assigned  # it names its student, who is not here


def test_two_students_of_one_name_do_not_get_each_others_photo() -> None:
    name = ("nombre_del_alumno", "Ana Ruiz")
    names = [[("matricula", "A1"), name], [("matricula", "A2"), name]]
    assert matched([GONE, GONE], [content(55)], names=names, links=[[name]]).undecided == {0: (0,), 1: (0,)}


def recompressed(photo: bytes) -> bytes:
    """The same picture in other bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(out, "JPEG", quality=55)
    return out.getvalue()


def test_the_pixels_that_are_left_find_the_copy_and_rule_others_out() -> None:
    photos = [path.read_bytes() for path in sorted((SAMPLE / "students").glob("*/1.jpg"))[:10]]
    own = [recompressed(photo) for photo in photos]
    found = matched(own, photos[::-1], by_pixels=True)
    assert copies_of(found) == {place: 9 - place for place in range(10)}
    assert {how(found, place)[0] for place in range(10)} == {"by content"}
    # In place of the copy there is another photo: by its place it is the copy, by what it shows it is not.
    wrong = matched([photos[0], own[1], photos[2]], [photos[0], photos[7], photos[2]], by_pixels=True)
    assert copies_of(wrong) == {0: 0, 2: 2} and not wrong.undecided
