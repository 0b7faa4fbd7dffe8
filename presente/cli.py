"""What all command lines share: ``--json``, exit codes, errors and progress on stderr.

Exit codes: 0 done, 1 a part failed (and it says which), 2 wrong usage, 130 interrupted with everything so far kept.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tqdm import tqdm

from presente import __version__, logs
from presente.cli_parser import Parser
from presente.errors import ConfigError, InvalidInput, PresenteError
from presente.installation import command_line
from presente.machine import keep_private
from presente.secrets import hidden, hidden_in
from presente.settings import Settings, load_settings, unknown_variables

log = logging.getLogger("presente")

DONE, PARTLY_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class ProgressBar(Protocol):
    """Called as work is done."""

    def __call__(self, count: int, refused: int = 0) -> None:
        """``count`` more items are done. ``refused`` is the number of items that were refused so far."""


class Output:
    """Prints the one result on stdout, as a JSON object with ``--json`` or else as lines for people. The rest goes to
    stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, data: dict[str, Any], lines: Iterable[str]) -> None:
        """Print the result."""
        if self.as_json:
            print(json.dumps(hidden_in(data), ensure_ascii=False, allow_nan=False))
        else:
            for line in lines:
                print(hidden(line))

    def secret(self, data: dict[str, Any], text: str) -> None:
        """Print the result of making a secret: all of it with ``--json``, else only the secret's text."""
        print(json.dumps(data, ensure_ascii=False, allow_nan=False) if self.as_json else text)

    @staticmethod
    def note(text: str) -> None:
        """Print a line on stderr for the person at the terminal."""
        if logs.writes_json():
            log.warning("%s", text)
        else:
            tqdm.write(hidden(text), file=sys.stderr)

    @staticmethod
    def note_outside_log(text: str) -> None:
        """Print a line on stderr that is no record of the log, whatever the log's format: it holds a secret."""
        print(text, file=sys.stderr, flush=True)

    @staticmethod
    @contextmanager
    def bar(total: int | None, unit: str) -> Iterator[ProgressBar]:
        """A progress bar on stderr, with rate, time left and number of refusals. ``total`` may be unknown."""
        with tqdm(total=total, unit=unit, file=sys.stderr, smoothing=0.1, leave=False, disable=None) as drawn:

            def advance(count: int, refused: int = 0) -> None:
                if refused:
                    drawn.set_postfix(refused=refused, refresh=False)
                drawn.update(count)

            yield advance


Command = Callable[[argparse.Namespace, Settings, Output], int]


def program(prog: str, about: str, example: str) -> Parser:
    """A command line with ``--version``, to which commands or flags are added.

    ``prog`` and ``example`` are given as :func:`~presente.installation.command_line` takes them.
    """
    parser = Parser(prog=command_line(prog), about=about, example=command_line(example))
    parser.add_argument("--version", action="version", version=f"presente {__version__}")
    return parser


def command(prog: str, run: Command, about: str, example: str) -> Parser:
    """A program that is one command."""
    return _complete(program(prog, about, example), run)


def subcommand(parsers: Any, name: str, run: Command, about: str, example: str) -> Parser:
    """Add a command to a program's, with the flags that all commands have."""
    return _complete(parsers.add_parser(name, help=about, about=about, example=command_line(example)), run)


def _complete(parser: Parser, run: Command) -> Parser:
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_settings()
    return parser


def main(parser: argparse.ArgumentParser, argv: list[str] | None = None) -> int:
    """Run the command that the words name; its exit code. Unknown ``PRESENTE_*`` variables are pointed out."""
    arguments = parser.parse_args(argv)
    output = Output(arguments.json)

    def run() -> int:
        try:
            settings = load_settings(arguments)
            keep_private(keys=settings.master_key is not None)
            logs.use_format(settings.log_format)
        finally:  # a mistyped variable may be why the settings cannot be used
            for unknown in unknown_variables():
                output.note(f"warning: {unknown}")
        return arguments.run(arguments, settings, output)  # type: ignore[no-any-return]

    return guarded(output, run)


def guarded(output: Output, call: Callable[[], int]) -> int:
    """The exit code of a call. When it raises, print what went wrong, and return the code that the error stands for."""
    try:
        return call()
    except KeyboardInterrupt:
        _complain("interrupted; everything reported as done is kept")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return PARTLY_FAILED
    except OSError as error:
        _complain(hidden(f"error [io_error]: {error}"))
        return PARTLY_FAILED
    except PresenteError as error:
        _complain(f"error [{error.code}]: {error}")
        if output.as_json:
            print(json.dumps({"error": {"code": error.code, "what": error.what, "fix": error.fix}}, ensure_ascii=False))
        return WRONG_USAGE if isinstance(error, InvalidInput | ConfigError) else PARTLY_FAILED


def _complain(text: str) -> None:
    """Say on stderr what went wrong."""
    if logs.writes_json():
        log.error("%s", text)
    else:
        print(text, file=sys.stderr)
