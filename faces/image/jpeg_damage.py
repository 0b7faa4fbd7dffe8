"""Damage in the picture data of a JPEG, which most decoders pass over in silence.

A baseline JPEG (ITU T.81) carries no checksum, but its Huffman codes must give exactly as many blocks as the frame has,
with no coefficient past the 64th and no mean outside the pixels' range, and end in less than a byte of padding. Four in
five of the single bytes whose change shows in more than 2 % of the pixels break one of these; the others shift a shade,
which :func:`faces.image.copies.fault_beside` finds where there is another copy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""One byte FF only, although any number may come before a marker: each of a million would be tried as a start."""

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers that no length follows."""

_STOP = 0
"""The entry of a code table for the code that ends a block."""

_INVALID = 1 << 16


@dataclass(slots=True)
class _Component:
    """A colour of the frame: blocks per unit of the scan, quantum of the mean, code tables, and the mean so far."""

    blocks: int
    quantum: int
    dc: list[int]
    ac: list[int]
    mean: int = 0


class _Damage(Exception):
    """The reason, in words."""


class _Unknown(Exception):
    """A kind of file that this module cannot judge."""


def scan_damage(data: bytes) -> str | None:
    """Why the picture data of a baseline JPEG cannot be whole.

    Returns:
        the reason; None when nothing speaks against it, and for files of another kind (progressive, PNG).
    """
    try:
        _check(data)
    except _Damage as damage:
        return str(damage)
    except (_Unknown, IndexError):  # a header that is cut short or damaged: decoding says so
        return None
    return None


def scan_start(data: bytes) -> int:
    """Where the picture data of a JPEG begin, after tables that photos of one camera share; 0 when that is unknown."""
    place = 2
    while data[:2] == b"\xff\xd8" and data[place : place + 1] == b"\xff":
        length = int.from_bytes(data[place + 2 : place + 4])
        if data[place + 1] == 0xDA:
            start = place + 2 + length
            return start if start <= len(data) else 0
        place += 2 + length
    return 0


def _check(data: bytes) -> None:
    if data[:2] != b"\xff\xd8":
        raise _Unknown
    place, interval = 2, 0
    quanta: dict[int, int] = {}
    codes: dict[int, list[int]] = {}
    frame = b""
    while True:
        marker, start = data[place + 1], place + 2
        if data[place] != 0xFF:
            raise _Unknown
        if marker in _ALONE or marker == 0xFF:
            place += 1 if marker == 0xFF else 2
            continue
        end = start + int.from_bytes(data[start : start + 2])
        body = data[start + 2 : end]
        if marker == 0xDB:
            quanta |= _quanta(body)
        elif marker == 0xC4:
            codes |= _codes(body)
        elif marker in (0xC0, 0xC1):
            frame = body
        elif marker == 0xDD:
            interval = int.from_bytes(body[:2])
        elif marker == 0xDA:
            _check_scan(data, end, *_scan(frame, body, quanta, codes), interval)
            return
        elif 0xC2 <= marker <= 0xCF or marker == 0xD9 or end <= start:
            raise _Unknown
        place = end


def _quanta(body: bytes) -> dict[int, int]:
    """The quantum of the mean, by table."""
    found, place = {}, 0
    while place < len(body):
        wide = 2 if body[place] >> 4 else 1
        found[body[place] & 15] = int.from_bytes(body[place + 1 : place + 1 + wide])
        place += 1 + 64 * wide
    return found


def _codes(body: bytes) -> dict[int, list[int]]:
    """By table, for each sixteen bits: how many bits the code and its value take, and 256 times how far it leads."""
    found, place = {}, 0
    while place < len(body):
        number, counts = body[place], body[place + 1 : place + 17]
        symbols = body[place + 17 : place + 17 + sum(counts)]
        table: list[int] = []
        taken = 0
        for length, count in enumerate(counts, start=1):
            for symbol in symbols[taken : taken + count]:
                table += [_step(number >> 4, symbol, length)] * (1 << 16 - length)
            taken += count
        if len(table) > 1 << 16 or len(symbols) != taken:
            raise _Unknown
        found[number] = table + [_INVALID] * ((1 << 16) - len(table))
        place += 17 + taken
    return found


def _step(kind: int, symbol: int, length: int) -> int:
    run, size = symbol >> 4, symbol & 15
    if kind == 0:
        return length | symbol << 8 if symbol <= 11 else _INVALID
    if size == 0:
        return {0: length | _STOP << 8, 15: length | 16 << 8}.get(run, _INVALID)
    return length + size | run + 1 << 8 if size <= 10 else _INVALID


def _scan(
    frame: bytes, scan: bytes, quanta: dict[int, int], codes: dict[int, list[int]]
) -> tuple[list[_Component], int]:
    """The components of a scan, and how many units it must have."""
    count = scan[0]
    if not frame or frame[0] != 8 or count != frame[5]:
        raise _Unknown
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    colours = [frame[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    described = {name: (sampling >> 4, sampling & 15, table) for name, sampling, table in colours}
    if count == 1:
        described = {name: (1, 1, table) for name, (_, _, table) in described.items()}
    across, down = (max(each[axis] for each in described.values()) for axis in (0, 1))
    components = []
    for i in range(count):
        name, tables = scan[1 + 2 * i], scan[2 + 2 * i]
        try:
            wide, high, quantum = described[name]
            parts = quanta[quantum], codes[tables >> 4], codes[16 | tables & 15]
        except KeyError as exc:
            raise _Unknown from exc
        components.append(_Component(wide * high, *parts))
    if not (height and width and across and down):
        raise _Unknown
    return components, -(-width // (8 * across)) * -(-height // (8 * down))


def _check_scan(data: bytes, start: int, components: list[_Component], units: int, interval: int) -> None:
    found = _END.search(data, start)
    end = len(data[: found.start()].rstrip(b"\xff")) if found else len(data)
    if found and found.group()[-1] != 0xD9:
        raise _Damage(f"its picture data are interrupted at byte {end:,}")
    parts = _RESTART.split(data[start:end])
    if interval == 0 and len(parts) > 1:
        raise _Damage("its picture data hold marks that its header does not announce")
    for number, part in enumerate(parts):
        wanted = min(interval or units, units - number * (interval or units))
        if wanted <= 0:
            raise _Damage("its picture data go on after the last block")
        _check_part(part.replace(b"\xff\x00", b"\xff"), components, wanted)
    if interval and len(parts) != -(-units // interval):
        raise _Damage("its picture data end early")


def _check_part(data: bytes, components: list[_Component], units: int) -> None:
    """Go through the codes of so many units; they must be there and use the data up."""
    total, padded = 8 * len(data), data + b"\xff" * 16
    bits, held, place = 0, 0, 0
    for component in components:
        component.mean = 0
    for unit in range(units):
        for component in components:
            dc, ac = component.dc, component.ac
            for _ in range(component.blocks):
                if held < 64:
                    bits = (bits & (1 << held) - 1) << 64 | int.from_bytes(padded[place : place + 8])
                    place, held = place + 8, held + 64
                step = dc[bits >> held - 16 & 0xFFFF]
                if step == _INVALID:
                    raise _Damage(_place("hold no code", 8 * place - held, total, unit, units))
                size = step >> 8
                held -= (step & 255) + size
                value = bits >> held & (1 << size) - 1
                component.mean += value if not size or value >> size - 1 else value - (1 << size) + 1
                if abs(component.mean * component.quantum) > 1024 + 2 * component.quantum:
                    raise _Damage(_place("leave the range", 8 * place - held, total, unit, units))
                at = 1
                while at < 64:
                    if held < 32:
                        bits = (bits & (1 << held) - 1) << 64 | int.from_bytes(padded[place : place + 8])
                        place, held = place + 8, held + 64
                    step = ac[bits >> held - 16 & 0xFFFF]
                    if step == _INVALID:
                        raise _Damage(_place("hold no code", 8 * place - held, total, unit, units))
                    held -= step & 255
                    lead = step >> 8
                    if lead == _STOP:
                        break
                    at += lead
                    if at > 64:
                        raise _Damage(_place("overflow a block", 8 * place - held, total, unit, units))
                if 8 * place - held > total:
                    raise _Damage(_place("end", 8 * place - held, total, unit, units))
    left = total - (8 * place - held)
    if left >= 8:
        raise _Damage(f"{left // 8:,} bytes of picture data are left over")


def _place(what: str, used: int, total: int, unit: int, units: int) -> str:
    """What the data do, and where; past their end, what was read was not theirs."""
    return f"its picture data {what if used + 16 <= total else 'end'} in unit {unit:,} of {units:,}"
