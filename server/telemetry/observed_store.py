"""A document store whose calls are timed and whose errors are counted, whichever store it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from gallery.documents import protocol
from gallery.documents.protocol import DocumentStore
from presente.errors import PresenteError, StoreError
from presente.stages import tell

_PARTS = protocol.__name__.rpartition(".")[0] + "."
"""Where the classes of stores and of their parts are."""
UNEXPECTED = "unexpected"
"""The kind of an error that is none of Presente's own."""

Failed = Callable[[str], None]
"""Is told the code of each error of the store's."""


def observed(store: DocumentStore, failed: Failed) -> DocumentStore:
    """The same store: each call tells the stage ``store`` how long it took, and ``failed`` when it failed."""
    return cast("DocumentStore", _Observed(store, failed))


class _Observed:
    """Stands for a store, or for a part of one such as its attendance."""

    def __init__(self, observed: Any, failed: Failed) -> None:
        self._observed = observed
        self._failed = failed

    def __getattr__(self, name: str) -> Any:
        """A method or a part, observed; kept, so that it is made once."""
        found = getattr(self._observed, name)
        if callable(found):
            made: Any = self._method(found)
        elif type(found).__module__.startswith(_PARTS):
            made = _Observed(found, self._failed)
        else:
            return found
        self.__dict__[name] = made
        return made

    def _method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._watched():
                result = method(*args, **kwargs)
            return self._each(result) if isinstance(result, Iterator) else result

        return call

    def _each(self, items: Iterator[Any]) -> Iterator[Any]:
        """Items that are read while they are taken; what the taker does between them does not count."""
        try:
            while True:
                with self._watched():
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                yield item
        finally:
            if hasattr(items, "close"):
                items.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        except StoreError as error:
            self._failed(error.code)
            raise
        except PresenteError:  # refused on purpose: the store is well
            raise
        except Exception:
            self._failed(UNEXPECTED)
            raise
        finally:
            tell("store", begin, time.perf_counter())
