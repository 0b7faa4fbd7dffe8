"""Decoders: the one here decodes in the caller's thread; the server has one that admits photos and uses processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from faces.image.decode import DecodedPhoto, ImageLimits, decode


class Decoder(Protocol):
    """Decodes photos. Safe to use from several threads."""

    def opened(self, data: bytes, limits: ImageLimits, enough: int | None) -> AbstractContextManager[DecodedPhoto]:
        """A decoded photo; see :func:`faces.image.decode.decode`. Its pixels are there until the block ends.

        No block may be entered inside another: both may wait for the same memory.

        Raises:
            PhotoRefused: as :func:`faces.image.decode.decode`, and the decoder's own refusals.
        """


class InlineDecoder:
    """Decodes at once, in the caller's thread."""

    @contextmanager
    def opened(self, data: bytes, limits: ImageLimits, enough: int | None) -> Iterator[DecodedPhoto]:
        """See :meth:`Decoder.opened`."""
        yield decode(data, limits, enough)
