"""AV1 in AVIF items: the size of the coded pictures, and how many there are (AV1 Bitstream & Decoding Process)."""

from __future__ import annotations

from faces.image.headers.bit_reader import BitReader
from faces.image.headers.coded_picture import CodedPicture, UnitCount

_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6
_LONGEST_SEQUENCE = 512


def coded_picture(config: bytes, data: bytes, units: UnitCount) -> CodedPicture:
    """The picture that an item codes: ``config`` its ``av1C``, ``data`` its open bitstream units.

    ``units`` counts them. Of several sizes that the bitstream gives, the largest.

    Raises:
        PhotoRefused: ``too_costly``.
        ValueError, IndexError: it is damaged.
    """
    high, _, grey, narrow, low = (config[2] >> shift & 1 for shift in (6, 5, 4, 3, 2))
    colour = 0.0 if grey else 2 / (1 << narrow + low)
    said: list[CodedPicture] = []
    place, pictures = 0, 0
    while place < len(data):
        units.add()
        kind, start, end = _unit(data, place)
        if kind == _SEQUENCE:
            width, height = _size(data[start : min(end, start + _LONGEST_SEQUENCE)])
            said.append(CodedPicture(width, height, colour, bool(high)))
        pictures += kind in (_FRAME, _FRAME_HEADER)
        place = end
    return CodedPicture.largest(said, pictures)


def _unit(data: bytes, place: int) -> tuple[int, int, int]:
    """The kind of the unit at a place (5.3), and where its content begins and ends."""
    first = data[place]
    start = place + (2 if first & 4 else 1)
    size = len(data) - start
    if first & 2:
        size, shift = 0, 0
        while shift < 56:
            size |= (data[start] & 127) << shift
            start, shift = start + 1, shift + 7
            if not data[start - 1] & 128:
                break
    if first & 128 or start + size > len(data):
        raise ValueError("a unit that is cut short")
    return first >> 3 & 15, start, start + size


def _size(sequence: bytes) -> tuple[int, int]:
    """Greatest width and height of a frame, as a sequence header (5.5) gives them."""
    bits = BitReader(sequence)
    bits.bits(3 + 1)
    if bits.bits(1):  # the short form, for a still picture
        bits.bits(5)
    else:
        _skip_operating_points(bits)
    across, down = bits.bits(4) + 1, bits.bits(4) + 1
    return bits.bits(across) + 1, bits.bits(down) + 1


def _skip_operating_points(bits: BitReader) -> None:
    """Go past timing, models of decoders and operating points."""
    delay = 0
    if bits.bits(1):  # timing
        bits.bits(64)
        if bits.bits(1):
            bits.exp_golomb()
        if bits.bits(1):  # a model of the decoder
            delay = bits.bits(5) + 1
            bits.bits(32 + 5 + 5)
    display = bits.bits(1)
    for _ in range(bits.bits(5) + 1):
        bits.bits(12)
        if bits.bits(5) > 7:
            bits.bits(1)
        if delay and bits.bits(1):
            bits.bits(2 * delay + 1)
        if display and bits.bits(1):
            bits.bits(4)
