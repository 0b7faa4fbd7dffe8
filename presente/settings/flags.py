"""Settings as flags of a command line."""

from __future__ import annotations

import argparse

from presente.settings.declaration import Setting
from presente.settings.settings import SETTINGS


def add_settings_flags(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add one flag per setting, but for secret ones, in a group of their own; the group."""
    secret = ", ".join(each.variable for each in SETTINGS if each.secret)
    group = parser.add_argument_group(
        "settings",
        "A flag, else an environment variable, else a line in presente.toml, else the default.\n"
        f"Without a flag, because others on this machine could read it: {secret}.",
    )
    for each in SETTINGS:
        if each.flag is not None:
            group.add_argument(
                each.flag,
                dest=each.destination,
                metavar="VALUE",
                help=f"{each.meaning} [{each.variable}; {_default(each)}]".replace("%", "%%"),
            )
    return group


def _default(each: Setting) -> str:
    described = ": ".join(part for part in (each.default, each.default_means) if part)
    return f"default {described or 'none'}"


def secret_flags() -> dict[str, str]:
    """What a caller might take for the flag of a secret setting, and a sentence that says where the value goes."""
    return {
        each.spelled_as_flag: f"{each.spelled_as_flag} is not a flag, because others on this machine could read it. "
        f"Set {each.variable}, or {each.name} in presente.toml."
        for each in SETTINGS
        if each.secret
    }
