"""The parser of every command line: what ``--help`` shows in which order, and what it says about wrong flags."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from presente.secrets import hidden
from presente.settings.flags import add_settings_flags, secret_flags
from presente.suggestions import nearest


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviated flags and quotes no secrets.

    ``--help`` shows what the command does, an example, the usage, the command's own arguments, and the settings last.
    """

    def __init__(self, *, about: str = "", example: str = "", **given: Any) -> None:
        super().__init__(
            description=about, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **given
        )
        self._example = example
        self._settings: argparse._ArgumentGroup | None = None

    def add_settings(self) -> None:
        """Add one flag per setting."""
        self._settings = add_settings_flags(self)

    def parse_known_args(  # type: ignore[override]  # argparse's overloads, of which each passes through here
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """As argparse's, but an unknown flag ends the program here, where the command's own flags are known.

        argparse calls this for a command's words, too, and leaves what is unknown to the program's parser, which does
        not know the command's flags.
        """
        words = list(sys.argv[1:] if args is None else args)
        self._refuse_unknown_flags(words)
        return super().parse_known_args(words, namespace)

    def format_usage(self) -> str:
        """The usage, in which the settings' flags are left out."""
        formatter = self._get_formatter()
        self._add_usage(formatter)
        return formatter.format_help()

    def format_help(self) -> str:
        """The whole help."""
        formatter = self._get_formatter()
        formatter.add_text(self.description)
        if self._example:
            formatter.add_text(f"example:\n  {self._example}")
        self._add_usage(formatter)
        groups = [group for group in self._action_groups if group is not self._settings]
        for group in [*groups, self._settings] if self._settings else groups:
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2."""
        super().error(hidden(message))

    def _add_usage(self, formatter: argparse.HelpFormatter) -> None:
        settings = self._settings._group_actions if self._settings else []
        formatter.add_usage(
            self.usage,
            [action for action in self._actions if action not in settings],
            self._mutually_exclusive_groups,
        )

    def _refuse_unknown_flags(self, words: Sequence[str]) -> None:
        """Look at the flags before argparse does, which would first name an argument that is missing."""
        has_commands = any(isinstance(action, argparse._SubParsersAction) for action in self._actions)
        for word in words:
            if word == "--" or (has_commands and not word.startswith("-")):
                return  # no flags follow, or those of a command, whose own parser looks at them
            flag = word.partition("=")[0]
            if flag.startswith("--") and " " not in flag and flag not in self._option_string_actions:
                self.error(self._about_unknown(flag))

    def _about_unknown(self, flag: str) -> str:
        secret = secret_flags()
        near = nearest(flag, {*self._option_string_actions, *secret})
        if near is None:
            return f"there is no flag {flag}"
        if near in secret:
            return secret[near] if near == flag else f"there is no flag {flag}. {secret[near]}"
        return f"there is no flag {flag}; did you mean {near}?"
