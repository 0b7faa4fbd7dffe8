"""HEVC (ITU-T H.265) in HEIF items: the size and kind of the coded pictures, and how many there are.

What the container says of the size is not what the decoder goes by: it makes room for what the bitstream says.
"""

from __future__ import annotations

from faces.image.headers.bit_reader import BitReader
from faces.image.headers.coded_picture import CodedPicture, UnitCount

_SPS = 33
_LONGEST_SPS = 128
"""Bytes at the beginning of a sequence parameter set in which its size lies."""


def coded_picture(config: bytes, data: bytes, units: UnitCount) -> CodedPicture:
    """The picture that an item codes: ``config`` its ``hvcC``, ``data`` its NAL units, each with its length.

    ``units`` counts them. Of several sizes that the bitstream gives, the largest.

    Raises:
        PhotoRefused: ``too_costly``.
        ValueError, IndexError: it is damaged.
    """
    said = [_picture(unit) for unit in _units_of_config(config, units) if _kind(unit) == _SPS]
    length, place, pictures = (config[21] & 3) + 1, 0, 0
    while place < len(data):
        units.add()
        size = int.from_bytes(data[place : place + length])
        start, place = place + length, place + length + size
        if size < 3 or place > len(data):
            raise ValueError("a unit that is cut short")
        if (kind := _kind(data[start : start + 2])) == _SPS:
            said.append(_picture(data[start : min(place, start + _LONGEST_SPS)]))
        elif kind < 32:
            pictures += data[start + 2] >> 7  # whether it is the first slice of a picture
    return CodedPicture.largest(said, pictures)


def _kind(unit: bytes) -> int:
    """The kind of a NAL unit; 63 for one of a further layer, which is not decoded."""
    further = (unit[0] & 1) << 5 | unit[1] >> 3
    return 63 if further else unit[0] >> 1 & 63


def _units_of_config(config: bytes, units: UnitCount) -> list[bytes]:
    """The NAL units in an ``hvcC`` (ISO/IEC 14496-15)."""
    found, place = [], 23
    for _ in range(config[22]):
        count = int.from_bytes(config[place + 1 : place + 3])
        place += 3
        for _ in range(count):
            units.add()
            size = int.from_bytes(config[place : place + 2])
            if size < 2 or place + 2 + size > len(config):
                raise ValueError("a unit that is cut short")
            found.append(config[place + 2 : place + 2 + size])
            place += 2 + size
    return found


def _picture(unit: bytes) -> CodedPicture:
    """What a sequence parameter set (7.3.2.2) says of its pictures."""
    bits = BitReader(unit[2:_LONGEST_SPS].replace(b"\0\0\3", b"\0\0"))
    bits.bits(4)
    layers = bits.bits(3)
    bits.bits(1 + 96)  # nesting, profile, tier and level
    present = [bits.bits(2) for _ in range(8 if layers else 0)][:layers]
    for each in present:
        bits.bits((88 if each & 2 else 0) + (8 if each & 1 else 0))
    bits.exp_golomb()
    chroma = bits.exp_golomb()
    if chroma == 3:
        bits.bits(1)
    width, height = bits.exp_golomb(), bits.exp_golomb()
    if bits.bits(1):  # of which a part is shown
        for _ in range(4):
            bits.exp_golomb()
    deep = max(bits.exp_golomb(), bits.exp_golomb()) > 0
    if chroma > 3:
        raise ValueError("colours of no kind")
    return CodedPicture(width, height, (0.0, 0.5, 1.0, 2.0)[chroma], deep)
