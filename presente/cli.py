"""What every command line shares: `--json`, exit codes, errors on stderr, progress.

Exit codes: 0 done, 1 a part failed (and it says which), 2 wrong usage, 130 interrupted with everything so far kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from tqdm import tqdm

from presente import __version__
from presente.errors import ConfigError, InvalidInput, PresenteError
from presente.installation import command_line
from presente.secrets import hidden, hidden_in
from presente.settings import Settings, add_settings_flags, load_settings

DONE, PARTLY_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class ProgressBar(Protocol):
    """Told how much is settled."""

    def __call__(self, count: int, refused: int = 0) -> None:
        """``count`` more are settled; ``refused`` so far, when there are any."""


class Output:
    """Results go to stdout, once: one JSON object with ``--json``, lines for people without. The rest is stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, data: dict[str, Any], lines: Iterable[str]) -> None:
        """Print the command's one result."""
        if self.as_json:
            print(json.dumps(hidden_in(data), ensure_ascii=False, allow_nan=False))
        else:
            for line in lines:
                print(hidden(line))

    @staticmethod
    def note(text: str) -> None:
        """One line for the person who watches."""
        tqdm.write(hidden(text), file=sys.stderr)

    @staticmethod
    @contextmanager
    def bar(total: int | None, unit: str) -> Iterator[ProgressBar]:
        """A progress bar on stderr with rate, time left and refusals."""
        with tqdm(total=total, unit=unit, file=sys.stderr, smoothing=0.1, leave=False, disable=None) as bar:

            def advance(count: int, refused: int = 0) -> None:
                if refused:
                    bar.set_postfix(refused=refused, refresh=False)
                bar.update(count)

            yield advance


Command = Callable[[argparse.Namespace, Settings, Output], int]


def program(prog: str, about: str, example: str) -> argparse.ArgumentParser:
    """A command line with ``--version``, whose ``--help`` ends with an example. ``prog`` and ``example`` are given as
    :func:`~presente.installation.command_line` takes them."""
    made = _Parser(prog=command_line(prog), **_shown(about, example))
    made.add_argument("--version", action="version", version=f"presente {__version__}")
    return made


class _Parser(argparse.ArgumentParser):
    """A parser whose errors, which quote what was typed, have no secrets in them."""

    def error(self, message: str) -> NoReturn:
        super().error(hidden(message))


def command(prog: str, run: Command, about: str, example: str) -> argparse.ArgumentParser:
    """A program that is one command."""
    return _complete(program(prog, about, example), run)


def subcommand(parsers: Any, name: str, run: Command, about: str, example: str) -> argparse.ArgumentParser:
    """Add a subcommand with the flags that all have."""
    return _complete(parsers.add_parser(name, help=about, **_shown(about, example)), run)


def _shown(about: str, example: str) -> dict[str, Any]:
    """What ``--help`` shows around the flags."""
    return {
        "description": about,
        "epilog": f"example:\n  {command_line(example)}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _complete(parser: argparse.ArgumentParser, run: Command) -> argparse.ArgumentParser:
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    add_settings_flags(parser)
    return parser


def main(parser: argparse.ArgumentParser, argv: list[str] | None = None) -> int:
    """Parse and run the chosen command; its exit code."""
    arguments = parser.parse_args(argv)
    output = Output(arguments.json)
    return guarded(output, lambda: arguments.run(arguments, load_settings(arguments), output))


def guarded(output: Output, call: Callable[[], int]) -> int:
    """The exit code of a call, or the one that its error means, after saying what went wrong."""
    try:
        return call()
    except KeyboardInterrupt:
        print("interrupted; everything reported as done is kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return PARTLY_FAILED
    except OSError as error:
        print(hidden(f"error [io_error]: {error}"), file=sys.stderr)
        return PARTLY_FAILED
    except PresenteError as error:
        print(f"error [{error.code}]: {error}", file=sys.stderr)
        if output.as_json:
            print(json.dumps({"error": {"code": error.code, "what": error.what, "fix": error.fix}}, ensure_ascii=False))
        return WRONG_USAGE if isinstance(error, InvalidInput | ConfigError) else PARTLY_FAILED
