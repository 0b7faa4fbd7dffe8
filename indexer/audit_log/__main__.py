"""``python -m indexer.audit_log``: shows the access log, and checks that it is as it was written."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

from gallery.access_log.verification import Verified, verify
from gallery.documents.access_log import AccessAction, AccessFilter, AccessLine, ChainHead
from gallery.documents.attendance_rules import check_date
from gallery.documents.protocol import DocumentStore
from gallery.documents.student_rules import student_not_found
from presente import cli, composition, logs
from presente.errors import InvalidInput
from presente.settings import Settings

_PAGE = 1000


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program(
        "audit_log",
        "Show the access log, and check that no line of it was changed.",
        "audit_log verify",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_show(commands)
    _add_verify(commands)
    cli.subcommand(
        commands,
        "head",
        run_head,
        "Print number and hash of the last line, to be kept elsewhere.",
        "audit_log head",
    )
    return parser


def _add_show(commands: Any) -> None:
    parser = cli.subcommand(
        commands, "show", run_show, "Print lines of the access log.", "audit_log show --matricula A0178"
    )
    parser.add_argument("--desde", metavar="DATE", help="from this date at the school on")
    parser.add_argument("--hasta", metavar="DATE", help="until this date, inclusive")
    parser.add_argument("--quien", metavar="CALLER", help="only this caller, as the log names it")
    parser.add_argument("--accion", choices=[str(action) for action in AccessAction], help="only this action")
    parser.add_argument("--matricula", help="only about this student")
    parser.add_argument("--last", type=int, metavar="N", help="only the last N of them")


def _add_verify(commands: Any) -> None:
    parser = cli.subcommand(
        commands,
        "verify",
        run_verify,
        "Find lines that were changed, removed, moved or put in. Exit code 1 when there are any.",
        "audit_log verify",
    )
    parser.add_argument("--head", metavar="NUMBER:HASH", help="a head that was kept elsewhere, to compare with")


def run_show(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print lines, oldest first."""
    with closing(_open(settings)) as store:
        which = _which(arguments, store, settings)
        found: list[AccessLine] = []
        after = 0
        while page := store.access_log.lines(which, after, _PAGE):
            found += page
            after = page[-1].number
            if arguments.last:
                del found[: -arguments.last]
    output.result({"lines": [_as_json(line) for line in found]}, map(_as_text, found))
    return cli.DONE


def run_verify(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Check the chain."""
    kept = None if arguments.head is None else _head_of(arguments.head)
    with closing(_open(settings)) as store, output.bar(None, "line") as progress:
        found = verify(store, kept, progress)
    output.result(
        {
            "lines": found.lines,
            "start": str(found.start),
            "head": str(found.head),
            "findings": [asdict(each) for each in found.findings],
        },
        _verdict(found),
    )
    return cli.PARTLY_FAILED if found.findings else cli.DONE


def run_head(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print the head."""
    with closing(_open(settings)) as store:
        head = store.access_log.head()
    output.result({"head": str(head)}, [str(head)])
    return cli.DONE


def _open(settings: Settings) -> DocumentStore:
    return composition.open_own_store(settings)


def _which(arguments: argparse.Namespace, store: DocumentStore, settings: Settings) -> AccessFilter:
    subject = None
    if arguments.matricula is not None:
        student = store.student(arguments.matricula)
        if student is None:
            raise student_not_found(arguments.matricula)
        subject = student.id
    since, before = _begin(arguments.desde, settings), _begin(arguments.hasta, settings, days=1)
    return AccessFilter(since, before, arguments.quien, arguments.accion, subject)


def _begin(fecha: str | None, settings: Settings, days: int = 0) -> str | None:
    if fecha is None:
        return None
    begin = composition.open_clock(settings).start_of(check_date(fecha), days)
    return begin.isoformat(timespec="milliseconds")


def _head_of(text: str) -> ChainHead:
    try:
        return ChainHead.of(text)
    except ValueError as exc:
        raise InvalidInput("invalid_head", f"{exc}.", "Give a line that `head` printed.") from exc


def _as_json(line: AccessLine) -> dict[str, Any]:
    described = asdict(line.event) | {"action": str(line.event.action)}
    described["about"] = [each.matricula for each in line.concerned]
    return {"number": line.number, **described, "hash": line.hash}


def _as_text(line: AccessLine) -> str:
    event = line.event
    about = " ".join(each.matricula or "-" for each in line.concerned)
    outcome = event.outcome if event.outcome != "done" else ""
    parts = (str(line.number), event.at, event.caller, event.role, event.address, str(event.action), outcome)
    rest = (f"[{about}]" if about else "", event.detail)
    return " ".join(part for part in (*parts, *rest) if part)


def _verdict(found: Verified) -> list[str]:
    lines = [f"{each.code}: {each.what}" for each in found.findings]
    what = f"{len(lines)} findings" if lines else "every line is as it was written"
    since = f", after {found.start}, before which it was shortened" if found.start.number else ""
    return [*lines, f"{found.lines} lines{since}: {what}; head {found.head}"]


def main(argv: list[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
