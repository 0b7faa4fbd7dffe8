"""Binary PNM (netpbm's P4, P5, P6): size and greatest value."""

from __future__ import annotations

import re

from faces.image.headers.header import Header

_BLANK = rb"(?:[ \t\n\v\f\r]|#[^\r\n]*[\r\n])+"
_HEAD = re.compile(rb"P([456])%b(\d{1,9})%b(\d{1,9})" % (_BLANK, _BLANK))
_GREATEST = re.compile(_BLANK + rb"(\d{1,5})\s")
_LONGEST = 1024
"""Bytes of a header: Pillow reads comments one byte at a time."""


def read_pnm(data: bytes) -> Header:
    """The header of a binary PNM file.

    Raises:
        ValueError: it is damaged.
    """
    head = data[:_LONGEST]
    found = _HEAD.match(head)
    if found is None:
        raise ValueError("no size")
    kind, width, height = (int(group) for group in found.groups())
    if kind == 4:
        return Header("PPM", width, height, held=1, pixel_ns=12, byte_ns=1)
    greatest = _GREATEST.match(head, found.end())
    if greatest is None:
        raise ValueError("no greatest value")
    samples = 1 if kind == 5 else 3
    plain = int(greatest[1]) == 255 or (int(greatest[1]) == 65535 and kind == 5)
    rescaling = 0 if plain else 1300 * samples  # Pillow rescales other ranges in Python
    return Header("PPM", width, height, held=4, pixel_ns=15 + rescaling, byte_ns=1)
