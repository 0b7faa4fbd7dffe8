"""Records on their way from a store into a backup: read quickly into a file, and written into the backup afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager

import msgspec

from gallery.documents.backup_protocol import Record
from presente.sealing import Cipher, new_key

_BLOCK_BYTES = 2**20


class RecordSpool(AbstractContextManager["RecordSpool"]):
    """A file without a name, sealed with a key that is nowhere else: whatever becomes of it, no one can read it."""

    def __init__(self) -> None:
        self._cipher = Cipher(new_key())
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(list[Record])
        self._block: list[bytes] = []
        self._bytes = 0

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def add(self, record: Record) -> None:
        """Append a record."""
        encoded = self._encoder.encode(record)
        self._block.append(encoded)
        self._bytes += len(encoded)
        if self._bytes >= _BLOCK_BYTES:
            self._flush()

    def _flush(self) -> None:
        plain = b"".join((b"\xdd", len(self._block).to_bytes(4, "big"), *self._block))  # an array of MessagePack
        sealed = self._cipher.seal(plain, "spool")
        self._file.write(len(sealed).to_bytes(8, "big") + sealed)
        self._block, self._bytes = [], 0

    def __iter__(self) -> Iterator[Record]:
        """The records in the order in which they were added. Nothing may be added meanwhile."""
        self._flush()
        self._file.seek(0)
        while size := self._file.read(8):
            sealed = self._file.read(int.from_bytes(size, "big"))
            yield from self._decoder.decode(self._cipher.unseal(sealed, "spool"))
