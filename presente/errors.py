"""The one exception tree. Foreign errors are translated into it where they enter, with ``from exc``.

Each error carries a stable machine-readable ``code``, one sentence that says *what* was wrong, and one that says
what to do about it (``fix``). Which HTTP status or exit code an error becomes is decided by the server and the
command line, never here.
"""

from __future__ import annotations

from presente.secrets import hidden


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


class PackError(PresenteError):
    """A model pack that is unknown, missing, damaged, or not the one the gallery was made with."""


class ConfigError(PresenteError):
    """A setting that cannot be used."""


class StoreError(PresenteError):
    """The document store cannot be read or written."""


class IndexDamaged(PresenteError):
    """A published index generation whose files do not match its manifest."""
