"""The one exception tree. Foreign errors are translated into it where they enter, with ``from exc``.

Each error carries a stable machine-readable ``code``, one sentence that says *what* was wrong, and one that says
what to do about it (``fix``). Which HTTP status or exit code an error becomes is decided by the server and the
command line, never here.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable

from presente.secrets import hidden

_LONGEST = 100
"""Characters that a message quotes of a value that was sent."""

_QUOTED = reprlib.Repr()
_QUOTED.maxstring = _QUOTED.maxother = _QUOTED.maxlong = _LONGEST
_QUOTED.maxlevel, _QUOTED.maxlist, _QUOTED.maxtuple, _QUOTED.maxdict = 2, 4, 4, 4


def shown(value: object) -> str:
    """A value that was sent, as a message quotes it: its ``repr``, of which the middle is left out when it is long.

    Every message that quotes what a request, a row or a file said goes through here: a reply never repeats a body, and
    characters that cannot be shown, or encoded, are escaped.
    """
    text = _QUOTED.repr(value)
    return text if len(text) <= 3 * _LONGEST else f"{text[: 3 * _LONGEST]}..."


_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?/(?:[^/\n;:,()'\"]+/)+")


def without_folders(text: str) -> str:
    """A message in which each absolute path is only its last part: which folders a machine has is nobody else's
    business. The log and the command line say the whole path."""
    return _FOLDERS.sub("", text)


def listed(names: Iterable[str]) -> str:
    """Names that were sent, in order, as a message lists them: a few, each cut short."""
    ordered = sorted(names)
    few = ", ".join(
        name if name and name.isprintable() and len(name) <= _LONGEST else shown(name) for name in ordered[:5]
    )
    return f"{few} and {len(ordered) - 5} more" if len(ordered) > 5 else few


class PresenteError(Exception):
    """Base of everything Presente raises on purpose.

    Args:
        code: stable snake_case identifier, part of the public interface.
        what: one sentence, what was wrong, with the offending value in it.
        fix: one sentence, what to do; may be empty when ``what`` already says it.
    """

    def __init__(self, code: str, what: str, fix: str = "") -> None:
        what, fix = hidden(what), hidden(fix)  # it will be shown, logged and sent
        super().__init__(f"{what} {fix}".strip())
        self.code = code
        self.what = what
        self.fix = fix


class InvalidInput(PresenteError):
    """A parameter, a row or a document that cannot mean anything; nothing was done."""


class PhotoRefused(PresenteError):
    """A photo that was looked at and refused on purpose (not an image, too large, no face, ...)."""


class NotFound(PresenteError):
    """The thing that was named does not exist."""


class Unauthorized(PresenteError):
    """A request that does not say who sends it, or that nobody known sent."""


class Forbidden(PresenteError):
    """A request that is not allowed from where it comes, or to whom it comes from."""


class Conflict(PresenteError):
    """The request contradicts what is already stored."""


class Busy(PresenteError):
    """A request that there is no room or no time for now; nothing was done, and it can be sent again later."""


class PackError(PresenteError):
    """A model pack that is unknown, missing, damaged, or not the one the gallery was made with."""


class ConfigError(PresenteError):
    """A setting that cannot be used."""


class StoreError(PresenteError):
    """The document store cannot be read or written."""


class IndexDamaged(PresenteError):
    """A published index generation whose files do not match its manifest."""
