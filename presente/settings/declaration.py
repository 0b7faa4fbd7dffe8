"""How a setting is declared: once, as a field of a frozen dataclass that carries all that is known about it.

::

    @dataclass(frozen=True)
    class Settings:
        port: int = setting("8000", whole_number(0, 65535), "port that the server binds")

Everything else is derived from the field: the variable ``PRESENTE_PORT``, the flag ``--port``, the key ``port`` of
presente.toml, ``--help``, the table in docs/commands.md and the lines of ``indexer status``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

PREFIX = "PRESENTE_"
"""What the name of every setting's environment variable begins with."""

_Value = TypeVar("_Value")
_METADATA = "setting"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known about one setting.

    Attributes:
        name: the attribute's name, and the key in presente.toml.
        default: its text, as it would be written in presente.toml.
        read: makes the value of a text. Raises ValueError, which says what the text must be.
        meaning: one line for ``--help`` and the documentation.
        default_means: what the default stands for, where the text does not say it.
        details: more for the documentation, in Markdown.
        show: makes a text of the value, for people.
        secret: its text is never shown, and it has no flag: every user of a machine can read the list of processes.
    """

    name: str
    default: str
    read: Callable[[str], Any]
    meaning: str
    default_means: str
    details: str
    show: Callable[[Any], str]
    secret: bool

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str | None:
        """Name of the flag; None of a secret setting."""
        return None if self.secret else self.spelled_as_flag

    @property
    def spelled_as_flag(self) -> str:
        """The flag's name, also of a setting that has none: a caller who tries it is told where to put the value."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def destination(self) -> str:
        """The attribute of argparse's namespace that holds what the flag said."""
        return f"setting_{self.name}"


def shown(value: object) -> str:
    """A value as it would be written in presente.toml, without quotes; empty for None."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def setting(
    default: str,
    read: Callable[[str], _Value],
    meaning: str,
    *,
    default_means: str = "",
    details: str = "",
    show: Callable[[_Value], str] = shown,
    secret: bool = False,
) -> _Value:
    """Declare a setting as a field of a dataclass; see :class:`Setting`. The field's default is what ``read`` makes of
    ``default``."""
    declared = Setting("", default, read, meaning, default_means, details, show, secret)
    # like dataclasses.field, this is typed as the value that an instance will have
    return field(default=read(default), metadata={_METADATA: declared})


def declared_settings(kind: type) -> tuple[Setting, ...]:
    """Every setting of a dataclass, in the order of its fields."""
    return tuple(
        replace(each.metadata[_METADATA], name=each.name) for each in fields(kind) if _METADATA in each.metadata
    )
