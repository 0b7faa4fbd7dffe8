"""``presente``, or ``python -m presente``: one command over the server, the indexer, evaluation and model packs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from presente import __version__
from presente.errors import ConfigError

_ABOUT = {
    "serve": "serve a gallery over HTTP",
    "watch": "record attendance by a camera",
    "index": "put photos in, keep the gallery in order",
    "eval": "measure, and try",
    "packs": "model packs on this machine",
    "users": "accounts of people",
    "keys": "keys for machines",
    "audit-log": "show and check who did what",
    "backup": "write everything into a backup folder",
    "restore": "make an empty store from a backup",
    "verify-backup": "read a backup, and say what is damaged",
    "seal": "seal what is in the clear, change keys",
    "privacy": "what is held and why, consents, periods, receipts",
    "privacy-report": "privacy report",
    "retention": "privacy run, plan",
    "check-receipt": "privacy check-receipt",
}
_SHORT = {"privacy-report": ("report",), "check-receipt": ("check-receipt",)}
"""Words that start a command of a program, not the program."""
_EXAMPLES = """example:
  presente index add sample
  presente serve

`presente COMMAND --help` says what a command takes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the programs with the words after its name; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in _ABOUT:
        parser = build_parser()
        parser.parse_args(words)  # help and version end the process here, and so does most wrong usage
        parser.error("the command comes first, its flags after it")
    try:
        program = _program(words[0])
    except ConfigError as error:  # a library that cannot be loaded
        print(f"error [{error.code}]: {error}", file=sys.stderr)
        return 2
    return program([*_SHORT.get(words[0], ()), *words[1:]])


def build_parser() -> argparse.ArgumentParser:
    """The command line before a program's own begins."""
    parser = argparse.ArgumentParser(
        prog="presente",
        description="Who is in this photo? A vector-search service for face identities.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"presente {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, about in _ABOUT.items():
        commands.add_parser(name, help=about, add_help=False)
    return parser


def _program(command: str) -> Callable[[list[str]], int]:
    """What a command starts. Each program is imported only when it is the one that was named."""
    if command == "serve":
        from server.__main__ import main as program
    elif command == "index":
        from indexer.__main__ import main as program
    elif command == "eval":
        from evaluation.__main__ import main as program
    elif command == "watch":
        from server.commands.watch import main as program
    elif command == "users":
        from server.commands.users import main as program
    elif command == "keys":
        from server.commands.keys import main as program
    elif command == "audit-log":
        from indexer.audit_log.__main__ import main as program
    elif command == "backup":
        from indexer.backup.make import main as program
    elif command == "restore":
        from indexer.backup.restore import main as program
    elif command == "verify-backup":
        from indexer.backup.verify import main as program
    elif command == "seal":
        from indexer.seal.__main__ import main as program
    elif command in ("privacy", "privacy-report", "retention", "check-receipt"):
        from indexer.privacy.__main__ import main as program
    else:
        from faces.__main__ import main as program
    return program


if __name__ == "__main__":
    sys.exit(main())
