"""An .npy file that was sent, to rows of numbers. Its header is matched, not evaluated: it is a text of Python's, and
numpy's own reader fails on wrong ones in a dozen ways, and asks as much memory as they say."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from presente.errors import InvalidInput, shown

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 4096
_MOST_NUMBERS = 2**31
"""As an array without any may have in its other dimensions; numpy's reader fails where they are too many to count."""

_HEADER = re.compile(
    r"\{'descr': '(?P<kind>[<>|=][fiu][1248])', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:[0-9]{1,12}, ?){0,4}(?:[0-9]{1,12})?)\),? ?\} *\n?",
    re.ASCII,
)
"""As ``numpy.save`` writes it, of versions 1, 2 and 3, for numbers that are neither complex nor true or false."""


def read_npy(data: bytes) -> NDArray[np.generic]:
    """The array in an .npy file: a view of its bytes, once they are seen to be as many as its header says.

    Raises:
        InvalidInput: ``invalid_npy``.
    """
    version = data[6:7]
    if data[:6] != _MAGIC or version not in (b"\x01", b"\x02", b"\x03"):
        raise _invalid(f"it begins with {shown(data[:8])}")
    start = 10 if version == b"\x01" else 12
    length = int.from_bytes(data[8:start], "little")
    if length > min(_LONGEST_HEADER, len(data) - start):
        raise _invalid(f"its header says that it has {length} bytes")
    header = data[start : start + length].decode("latin-1")
    found = _HEADER.fullmatch(header)
    if found is None:
        raise _invalid(f"its header is {shown(header.rstrip())}")
    try:
        kind = np.dtype(found["kind"])
    except TypeError as exc:  # a float of one byte
        raise _invalid(f"its header says {shown(found['kind'])}") from exc
    shape = tuple(int(part) for part in found["shape"].split(",") if part.strip())
    if math.prod(size or 1 for size in shape) > _MOST_NUMBERS:
        raise _invalid(f"its header says {shape}")
    if math.prod(shape) * kind.itemsize != len(data) - start - length:
        raise _invalid(f"its header says {shape} of {kind}, and {len(data) - start - length} bytes follow")
    flat: NDArray[np.generic] = np.frombuffer(data, kind, offset=start + length)
    return flat.reshape(shape, order="F" if found["fortran"] == "True" else "C")


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(
        "invalid_npy", f"The body is not an .npy array of numbers: {why}.", "Send numpy.save's bytes, or JSON."
    )
