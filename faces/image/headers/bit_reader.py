"""Numbers of any count of bits, as the headers of video codecs have them."""

from __future__ import annotations

_MOST_ZEROS = 32


class BitReader:
    """Reads bits from the highest of the first byte on. IndexError: there are no more."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def bits(self, count: int) -> int:
        """The next ``count`` bits as a number."""
        if count > self._left:
            raise IndexError("no more bits")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """A number in Exp-Golomb's code: ``ue(v)`` of H.265, ``uvlc()`` of AV1.

        Raises:
            ValueError: it has more than 32 bits.
        """
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _MOST_ZEROS:
                raise ValueError("a number that is too large")
        return (1 << zeros) - 1 + self.bits(zeros)
