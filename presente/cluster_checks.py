"""What a machine of a cluster must have in common with the program that asks it to work."""

from __future__ import annotations

from pathlib import Path

from presente import __version__
from presente.errors import ConfigError
from presente.machine import machine_name


def check_version(version: str) -> None:
    """Refuse another version of Presente: ``other_version``."""
    if version != __version__:
        raise ConfigError(
            "other_version",
            f"Presente {__version__} is installed there, and the command is of {version}.",
            "Install the same version on every machine of the cluster.",
        )


def check_store_is_shared(file: Path | None, machine: str) -> None:
    """Refuse a store that is a file, on another machine than its own: ``store_not_shared``; None: it is a server."""
    if file is not None and (machine != machine_name() or not file.exists()):
        raise store_not_shared("it is a file that only processes of one machine can share")


def store_not_shared(why: str) -> ConfigError:
    """The error that a store cannot be reached from a machine."""
    return ConfigError(
        "store_not_shared",
        f"The command's store cannot be reached there: {why}.",
        "Set PRESENTE_STORE to a MongoDB server by an address that every machine of the cluster reaches.",
    )
