"""Where the code runs: in a clone, or installed from a wheel, which holds the rooms below ``presente`` (ADR 22).

Whatever differs between the two is decided here: how a program is started, and where the sample class lies.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

INSTALLED = (_PACKAGE / "indexer").is_dir()
"""Whether this is a wheel's copy. ``pip install -e`` runs the clone itself, and is none."""

IMPORT_ROOT = _PACKAGE.parent
"""The folder that modules are imported from: the clone, or ``site-packages``."""

SAMPLE = (_PACKAGE if INSTALLED else IMPORT_ROOT) / "data_sample"
"""The sample class: its sheet and photos, and in ``models`` the sample pack."""

COMMANDS = {
    "server": "serve",
    "indexer": "index",
    "evaluation": "eval",
    "faces": "packs",
    "audit_log": "audit-log",
    "seal": "seal",
    "privacy": "privacy",
}
"""Each program's room, and the word of the ``presente`` command that starts it."""

ADDED_COMMANDS = ("users", "keys", "backup", "restore", "verify-backup")
"""Words of the ``presente`` command that start no program of a room."""
_ROOM_OF = {"audit_log": "indexer", "seal": "indexer", "privacy": "indexer"}
"""The room of a program that is no room of its own."""


def module_of(program: str) -> str:
    """The module that starts a program of :data:`COMMANDS` in a clone."""
    return f"{_ROOM_OF[program]}.{program}" if program in _ROOM_OF else program


def command_line(words: str) -> str:
    """What to type to run a program of ours, as messages and ``--help`` say it.

    ``indexer sync`` becomes ``python -m indexer sync`` in a clone, and ``presente index sync`` where it is installed.
    Words that begin with no such program are left as they are: benchmarks are only in a clone.
    """
    program, _, rest = words.partition(" ")
    if program in ADDED_COMMANDS:
        return f"{'presente' if INSTALLED else 'python -m presente'} {words}"
    if program not in COMMANDS:
        return words
    start = f"presente {COMMANDS[program]}" if INSTALLED else f"python -m {module_of(program)}"
    return f"{start} {rest}".rstrip()
