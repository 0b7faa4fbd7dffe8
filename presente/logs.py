"""The log on stderr, without secrets: log lines, tracebacks, and errors that end a thread."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType

from presente.secrets import hidden


class HidingFormatter(logging.Formatter):
    """Formats a record as usual, with its traceback, and takes the secrets out."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of a record."""
        return hidden(super().format(record))


def set_up(level: int, form: str) -> None:
    """Log to stderr from ``level`` on, in the format ``form``. Uncaught errors are written there, too."""
    handler = logging.StreamHandler()
    handler.setFormatter(HidingFormatter(form))
    logging.basicConfig(level=level, handlers=[handler])
    sys.excepthook = _write
    threading.excepthook = lambda failed: _write(
        failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback
    )


def _write(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(hidden("".join(traceback.format_exception(kind, error, trace))))
