"""The one exception tree. Errors of libraries are translated into it where they enter, with ``from exc``.

Each error carries a stable machine-readable ``code``, one sentence that says *what* was wrong, and one that says
what to do about it (``fix``). The server and the command line decide which HTTP status or exit code an error becomes.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable

from presente.secrets import hidden

_LONGEST = 100
"""A message quotes at most this many characters of a value that was sent."""

_QUOTED = reprlib.Repr()
_QUOTED.maxstring = _QUOTED.maxother = _QUOTED.maxlong = _LONGEST
_QUOTED.maxlevel, _QUOTED.maxlist, _QUOTED.maxtuple, _QUOTED.maxdict = 2, 4, 4, 4


def shown(value: object) -> str:
    """A value that was sent, as a message quotes it: its ``repr``, without the middle when it is long.

    Every message that quotes a request, a row or a file goes through here. So a reply never repeats a whole body, and
    characters that cannot be shown or encoded are escaped.
    """
    text = _QUOTED.repr(value)
    return text if len(text) <= 3 * _LONGEST else f"{text[: 3 * _LONGEST]}..."


_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?/(?:[^/\n;:,()'\"]+/)+")


def without_folders(text: str) -> str:
    """A message for a client, in which only the last part of each absolute path is left, so that the machine's folders
    stay unknown. The log and the command line say the whole path."""
    return _FOLDERS.sub("", text)


def listed(names: Iterable[str]) -> str:
    """Names that were sent, as a message lists them: the first five in order, each cut short."""
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
        field: the field of a request or a row that it is about; empty when it is about none, or about several.
    """

    def __init__(self, code: str, what: str, fix: str = "", field: str = "") -> None:
        what, fix = hidden(what), hidden(fix)  # it will be shown, logged and sent
        super().__init__(f"{what} {fix}".strip())
        self.code = code
        self.what = what
        self.fix = fix
        self.field = field


class InvalidInput(PresenteError):
    """A parameter, a row or a document that makes no sense; nothing was done."""


class PhotoRefused(PresenteError):
    """A photo that was read and refused on purpose: not an image, too large, no face.

    ``faults``: what is wrong with its face, as codes of :mod:`faces.quality`; empty where that is not the reason.
    """

    def __init__(self, code: str, what: str, fix: str = "", field: str = "", faults: Iterable[str] = ()) -> None:
        super().__init__(code, what, fix, field)
        self.faults = tuple(faults)


class FilmRefused(PresenteError):
    """A film that was read and refused on purpose: not a film, without a picture, too long."""


class NotFound(PresenteError):
    """The thing that was named does not exist."""


class Unauthorized(PresenteError):
    """A request without a key, or with an unknown one."""


class Forbidden(PresenteError):
    """A request that its key, or the page that it comes from, is not allowed to make."""


class Conflict(PresenteError):
    """The request contradicts what is already stored."""


class Busy(PresenteError):
    """A request for which there is no room or no time now. Nothing was done; the client can send it again later.

    ``retry_after_s``: after how many seconds, where that is known.
    """

    def __init__(self, code: str, what: str, fix: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(code, what, fix)
        self.retry_after_s = retry_after_s


class NotSupported(PresenteError):
    """Something that is not built. Nothing was done, and sending it again does not help."""


class PackError(PresenteError):
    """A model pack that is unknown, missing, damaged, or not the one the gallery was made with."""


class ConfigError(PresenteError):
    """A setting that cannot be used."""


class StoreError(PresenteError):
    """The document store cannot be read or written."""


class IndexDamaged(PresenteError):
    """A published index generation whose files do not match its manifest."""
