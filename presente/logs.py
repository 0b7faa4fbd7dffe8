"""The log on stderr, as text or as JSON, without secrets: log lines, tracebacks, and errors that end a thread.

A server's log is *private*, too: no name, matricula or path of a file comes into it by way of an error that a library
raised. See :func:`described`.
"""

from __future__ import annotations

import copy
import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from presente.secrets import hidden, hidden_in

Fields = Mapping[str, object]

_request: ContextVar[Fields | None] = ContextVar("request", default=None)
_FIELDS = "fields"
_OWN = "presente_handler"
"""Marks the handler that :func:`set_up` made: programs may add others."""
_TALKATIVE = ("httpx", "httpcore", "urllib3")
"""Loggers of libraries that write whole addresses, which may hold tokens."""


def about_request(known: Fields | None) -> None:
    """Say of which request this context's log lines are, from now on; None: of none."""
    _request.set(known)


def fields(**more: object) -> dict[str, Any]:
    """``extra`` of a log line: members that the line has in JSON, and not in text."""
    return {_FIELDS: more}


def described(error: BaseException, private: bool = False) -> str:
    """An error in words; with ``private`` only those that cannot name a person.

    Our own errors that reach a log name no one, SQLite's never quote a value, and the system's are described without
    the file's name. Of every other error only the type is said: a KeyError quotes its key.
    """
    if not private or (getattr(error, "code", None) is not None and hasattr(error, "fix")):
        return str(error)
    if type(error).__module__ == "sqlite3":
        return f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__qualname__


class HidingFormatter(logging.Formatter):
    """Formats a record as usual, with its traceback, and takes the secrets out."""

    def __init__(self, form: str | None = None, private: bool = False) -> None:
        super().__init__(form)
        self.private = private

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of a record."""
        return hidden(super().format(self._described(record)))

    def formatException(self, failed: Any) -> str:  # noqa: N802 - logging's name
        """A traceback."""
        return self.stack(failed[1]) if self.private else super().formatException(failed)

    def stack(self, error: BaseException) -> str:
        """Where an error was raised, and those that caused it before it."""
        if not self.private:
            return "".join(traceback.format_exception(error))
        return "\n".join(
            "Traceback (most recent call last):\n"
            + "".join(traceback.format_tb(each.__traceback__))
            + f"{type(each).__qualname__}: {described(each, True)}"
            for each in reversed(list(_chain(error)))
        )

    def _described(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, in which errors among the arguments are described."""
        if self.private and isinstance(record.args, tuple) and any(isinstance(a, BaseException) for a in record.args):
            record = copy.copy(record)
            record.args = tuple(described(a, True) if isinstance(a, BaseException) else a for a in record.args or ())
        return record


class JsonFormatter(HidingFormatter):
    """Formats a record as one line of JSON: time, level, logger, message, what is known of the request, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line: dict[str, Any] = {
            "time": _utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": self._described(record).getMessage(),
            **(_request.get() or {}),
            **getattr(record, _FIELDS, {}),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["exception"] = {"type": type(error).__qualname__, "stack": self.stack(error)}
        return json.dumps(hidden_in(line), ensure_ascii=False, default=str)


def _utc(seconds: float) -> str:
    """A moment as ISO 8601 has it, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what caused it, what caused that."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def set_up(level: int, form: str, private: bool = False) -> None:
    """Log to stderr from ``level`` on, in the format ``form``. Uncaught errors are written there, too.

    Libraries that write the addresses they ask are silent. ``private``: no error of a library's may say what it was
    about.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    handler = logging.StreamHandler()
    handler.setFormatter(HidingFormatter(form, private))
    setattr(handler, _OWN, True)
    logging.basicConfig(level=level, handlers=[handler])
    sys.excepthook = _write
    threading.excepthook = lambda failed: _write(
        failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback
    )


def use_format(name: Literal["text", "json"]) -> None:
    """Go on in this format."""
    handler = _handler()
    if name == "json" and handler is not None and not writes_json():
        handler.setFormatter(JsonFormatter(private=_formatter(handler).private))


def writes_json() -> bool:
    """Whether the log is JSON: then all that goes to stderr has to be."""
    handler = _handler()
    return handler is not None and isinstance(handler.formatter, JsonFormatter)


def _handler() -> logging.Handler | None:
    return next((each for each in logging.getLogger().handlers if hasattr(each, _OWN)), None)


def _formatter(handler: logging.Handler | None) -> HidingFormatter:
    found = None if handler is None else handler.formatter
    return found if isinstance(found, HidingFormatter) else HidingFormatter()


def _write(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write an error that no one caught."""
    if writes_json():
        logging.getLogger("presente").critical("uncaught", exc_info=(kind, error, trace))
    else:
        sys.stderr.write(hidden(_formatter(_handler()).stack(error.with_traceback(trace)).rstrip("\n") + "\n"))
