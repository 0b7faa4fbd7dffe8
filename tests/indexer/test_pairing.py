"""Which copy is whose: by hash, by bytes, by pixels, by order; and where nothing tells, nobody's."""

import hashlib
import io
import random
from collections.abc import Sequence

import pytest
from PIL import Image

from faces.image.copies import thumbnail
from indexer.sources.first_system import pairing
from indexer.sources.first_system.pairing import Marks, Pairing, pair
from tests.conftest import SAMPLE

Name = tuple[str, str]


def content(number: int, size: int = 20_000) -> bytes:
    """Picture data that no other photo has, after tables that all have."""
    tables = b"\xff\xd8\xff\xfe\x10\x02" + random.Random(0).randbytes(4096)
    return tables + b"\xff\xda\x00\x02" + random.Random(number).randbytes(size)


def paired(
    own: Sequence[bytes],
    copies: Sequence[bytes],
    *,
    names: Sequence[Sequence[Name]] | None = None,
    links: Sequence[Sequence[Name]] | None = None,
    said: Sequence[str] | None = None,
    looks: bool = False,
) -> Pairing:
    """Pair documents that hold these photos; empty bytes for a document without one."""
    sides = {"own": own, "copy": copies}

    def marks(side: str, called: Sequence[Sequence[Name]] | None, says: Sequence[str] | None) -> Marks:
        contents = sides[side]
        return Marks(
            [(*(called[place] if called else ()), ("id", f"{side} {place}")) for place in range(len(contents))],
            [frozenset([hashlib.sha256(each).hexdigest()] if each else []) for each in contents],
            [frozenset([says[place]] if says else []) for place in range(len(contents))],
        )

    return pair(
        marks("own", names, said),
        marks("copy", links, None),
        lambda side, place: sides[side][place],
        lambda side, place: thumbnail(sides[side][place]) if looks else None,
    )


def given(pairing: Pairing) -> dict[int, int]:
    return {own: found.copy for own, found in pairing.found.items()}


def how(pairing: Pairing, own: int) -> tuple[str, bool]:
    return pairing.found[own].how.split(":")[0].split(",")[0], pairing.found[own].sure


GONE = b"\xff\xd8" + bytes(5000)
"""A photo of which nothing is left."""

PHOTOS = [content(number) for number in range(12)]
IDENTITY = {place: place for place in range(12)}


def flipped(photo: bytes, place: int) -> bytes:
    return photo[:place] + bytes([photo[place] ^ 0xFF]) + photo[place + 1 :]


DAMAGES = {
    "a byte changed": lambda photo: flipped(photo, 9_000),
    "cut short": lambda photo: photo[:6_000],
    "its end only": lambda photo: bytes(9_000) + photo[9_000:],
    "a byte lost": lambda photo: photo[:4_000] + photo[4_001:],
    "a byte too many": lambda photo: photo[:2] + b"!" + photo[2:],
    "overwritten in the middle": lambda photo: photo[:5_000] + bytes(12_000) + photo[17_000:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("shuffled", [False, True])
def test_what_is_left_of_the_bytes_finds_the_copy(damage: str, shuffled: bool) -> None:
    order = list(range(12))
    if shuffled:
        random.Random(1).shuffle(order)
    own = [DAMAGES[damage](photo) if place % 2 else photo for place, photo in enumerate(PHOTOS)]
    found = paired(own, [PHOTOS[place] for place in order])
    assert given(found) == {place: order.index(place) for place in range(12)} and not found.undecided
    assert how(found, 0) == ("by its bytes", True) and how(found, 1) == ("by content", True)
    assert found.found[1].differs and not found.found[0].differs


def test_many_photos_are_told_apart_by_a_part_of_their_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "_PIECES_HELD", 400)
    found = paired([flipped(photo, 3_000) for photo in PHOTOS], PHOTOS[::-1])
    assert given(found) == {place: 11 - place for place in range(12)} and how(found, 3) == ("by content", True)


def test_a_copy_that_is_damaged_elsewhere_is_found_too() -> None:
    found = paired([flipped(photo, 3_000) for photo in PHOTOS], [flipped(photo, 15_000) for photo in PHOTOS[::-1]])
    assert given(found) == {place: 11 - place for place in range(12)}


def test_a_header_that_all_photos_share_says_nothing() -> None:
    for length in (3_000, 4_200):
        own = [PHOTOS[0], PHOTOS[2][:length]]
        assert how(paired(own, [content(77), PHOTOS[0]]), 1) == ("as the only one left", False)  # not by content
        assert how(paired(own, [content(77), PHOTOS[0], content(78)]), 1) == ("by order of insertion", False)


def test_between_two_known_pairs_one_is_sure_and_several_are_not() -> None:
    own = [GONE if place in (2, 5, 6, 11) else photo for place, photo in enumerate(PHOTOS)]
    found = paired(own, PHOTOS)
    assert given(found) == IDENTITY
    assert how(found, 2) == ("by order of insertion", True)
    assert how(found, 5) == how(found, 6) == how(found, 11) == ("by order of insertion", False)


def test_where_one_is_missing_or_too_many_nobody_is_given_one() -> None:
    own = [GONE if place in (5, 6) else photo for place, photo in enumerate(PHOTOS)]
    missing = paired(own, PHOTOS[:5] + PHOTOS[6:])
    assert missing.undecided == {5: (5,), 6: (5,)} and given(missing).keys() == IDENTITY.keys() - {5, 6}
    own[6] = PHOTOS[6]
    extra = paired(own, [*PHOTOS[:5], content(99), *PHOTOS[5:]])
    assert extra.undecided == {5: (5, 6)}
    elsewhere = paired(own, [*PHOTOS[:9], content(99), *PHOTOS[9:]])  # in another place it does not matter
    assert given(elsewhere)[5] == 5 and elsewhere.found[5].sure and 9 not in elsewhere.taken
    nothing = paired(own, PHOTOS[:5] + PHOTOS[6:])
    assert 5 not in nothing.found and not nothing.undecided


def test_a_shuffled_collection_has_no_order_to_go_by() -> None:
    order = list(range(12))
    random.Random(2).shuffle(order)
    own = [GONE if place in (3, 8) else photo for place, photo in enumerate(PHOTOS)]
    found = paired(own, [PHOTOS[place] for place in order])
    left = tuple(sorted(order.index(place) for place in (3, 8)))
    assert found.undecided == {3: left, 8: left}
    own[8] = PHOTOS[8]
    alone = paired(own, [PHOTOS[place] for place in order])
    assert given(alone)[3] == order.index(3) and how(alone, 3) == ("as the only one left", False)


def test_order_alone_when_nothing_else_is_left() -> None:
    found = paired([GONE] * 12, PHOTOS)
    assert given(found) == IDENTITY and not any(each.sure for each in found.found.values())
    uneven = paired([GONE] * 12, PHOTOS[:11])
    assert not uneven.found and set(uneven.undecided) == set(IDENTITY)


def test_a_hash_that_the_student_says_is_as_good_as_bytes() -> None:
    said = [hashlib.sha256(photo).hexdigest() for photo in PHOTOS]
    found = paired([GONE] * 12, PHOTOS[::-1], said=said)
    assert given(found) == {place: 11 - place for place in range(12)} and how(found, 4) == ("by its hash", True)


def test_the_same_photo_twice_is_given_in_order() -> None:
    own = [PHOTOS[0], PHOTOS[1], PHOTOS[0], flipped(PHOTOS[0], 8_000)]
    found = paired(own, [PHOTOS[0], PHOTOS[1], PHOTOS[0], PHOTOS[0]])
    assert given(found) == {0: 0, 1: 1, 2: 2, 3: 3}


def test_links_come_first_and_several_under_one_name_are_told_apart() -> None:
    ana, eva = ("matricula", "A1"), ("matricula", "A2")
    names = [[ana], [eva], [ana]]
    own = [PHOTOS[0], PHOTOS[1], flipped(PHOTOS[2], 7_000)]
    both = paired(own, [PHOTOS[2], PHOTOS[0], content(55)], names=names, links=[[ana], [ana], [eva]])
    assert given(both) == {0: 1, 1: 2, 2: 0}  # not the first of that name
    assert how(both, 1) == ("by its link", True) and how(both, 2) == ("by content", True)
    by_id = paired(own, [content(55), content(56)], names=names, links=[[("id", "own 2"), eva], []])
    assert given(by_id)[2] == 0 and how(by_id, 2) == ("by its link", True)
    nobody = paired([GONE], [content(55)], names=[[ana]], links=[[("matricula", "A9")]])
    assert (
        not nobody.found and not nobody.undecided and not nobody.taken
    )  # it says whose it is, and that is nobody here


def test_two_of_one_name_are_not_given_each_others_photo() -> None:
    name = ("nombre_del_alumno", "Ana Ruiz")
    names = [[("matricula", "A1"), name], [("matricula", "A2"), name]]
    assert paired([GONE, GONE], [content(55)], names=names, links=[[name]]).undecided == {0: (0,), 1: (0,)}


def anew(photo: bytes) -> bytes:
    """The same picture in other bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(out, "JPEG", quality=55)
    return out.getvalue()


def test_what_is_left_of_the_pixels_finds_the_copy_and_rules_others_out() -> None:
    photos = [path.read_bytes() for path in sorted((SAMPLE / "students").glob("*/1.jpg"))[:10]]
    own = [anew(photo) for photo in photos]
    found = paired(own, photos[::-1], looks=True)
    assert given(found) == {place: 9 - place for place in range(10)}
    assert {how(found, place)[0] for place in range(10)} == {"by content"}
    # In place of the copy there is another photo: its place says it is the one, what it shows says it is not.
    wrong = paired([photos[0], own[1], photos[2]], [photos[0], photos[7], photos[2]], looks=True)
    assert given(wrong) == {0: 0, 2: 2} and not wrong.undecided
