"""The connection to a MongoDB server: its address checked, its errors translated, waiting for it kept short."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, ReadPreference
from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidURI, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from presente.errors import ConfigError, StoreError
from presente.secrets import ENCODE, error_text, needs_encoding

DEFAULT_DATABASE = "presente"
_AWAY_S = 0.5
"""How long no call is tried after the server could not be reached, so that requests do not queue up to wait for it."""
_DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)


class MongoConnection:
    """A client and the database that an address names. Safe to use from several threads.

    Attributes:
        db: the database. It is read at the primary; a write is acknowledged once it is in the journals of the server,
            or of most servers of a replica set.
    """

    def __init__(self, url: str, timeout_ms: int) -> None:
        """Prepare the client. Nothing is sent yet.

        Args:
            url: ``mongodb://host:27017/database``.
            timeout_ms: how long a call waits for a server that cannot be reached.

        Raises:
            ConfigError: ``unknown_store``.
        """
        self._away_until = 0.0
        if needs_encoding(url):
            raise ConfigError("unknown_store", "The user or password in PRESENTE_STORE cannot be told apart.", ENCODE)
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                url,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                socketTimeoutMS=20 * timeout_ms,
                retryWrites=False,
                appname="presente",
            )
            self.db = self._client.get_default_database(
                DEFAULT_DATABASE, read_preference=ReadPreference.PRIMARY, write_concern=_DURABLE
            )
        except (ConfigurationError, InvalidURI, ValueError) as exc:
            raise ConfigError(
                "unknown_store",
                f"PRESENTE_STORE cannot be used ({error_text(url, exc)}).",
                "It must look like mongodb://host:27017/presente.",
            ) from None  # the driver quotes parts of the address, which may be parts of the password

    @contextmanager
    def calls(self) -> Iterator[None]:
        """Translate the driver's errors inside the block.

        Raises:
            StoreError: ``store_unavailable``; at once if the server could not be reached a moment ago.
        """
        if time.monotonic() < self._away_until:
            raise _unavailable("it did not answer a moment ago")
        try:
            yield
        except PyMongoError as exc:
            if isinstance(exc, ConnectionFailure):
                self._away_until = time.monotonic() + _AWAY_S
            raise _unavailable(_short(exc)) from exc

    def close(self) -> None:
        """Close the client."""
        self._client.close()


def _unavailable(why: str) -> StoreError:
    return StoreError(
        "store_unavailable",
        f"The MongoDB server cannot be used ({why}).",
        "Check that it runs and that PRESENTE_STORE names it.",
    )


def _short(error: PyMongoError) -> str:
    """The driver's message without the topology that it appends.

    Of an error that the server answered, only kind and code: its message may quote a document.
    """
    if isinstance(error, OperationFailure):
        return f"{type(error).__name__}, code {error.code}"
    return str(error).split(", Timeout:")[0].split(", topology description:")[0][:200]
