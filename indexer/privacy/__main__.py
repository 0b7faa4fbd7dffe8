"""``python -m indexer.privacy``: what is held and why, consents that end, periods, and receipts."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from gallery.documents.access_log import AccessAction
from gallery.documents.erasure_file import read_entries
from gallery.erasure_replay import apply_late_erasures
from gallery.gallery import Gallery
from gallery.privacy.receipts import CheckedReceipt, Receipt, check_receipt, kept_receipt, new_code
from gallery.privacy.report import NamedStudent, PrivacyReport, privacy_report
from gallery.privacy.retention import RetentionReport, RetentionRun
from gallery.signing import public_key
from presente import cli, composition, logs
from presente.command_log import CommandLog
from presente.errors import InvalidInput
from presente.settings import Settings
from presente.settings.retention import shown_retention


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.program("privacy", "What is held and why; consents, periods, receipts.", "privacy report")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    report = cli.subcommand(
        commands, "report", run_report, "Say what is held, why, until when, and what is overdue.", "privacy report"
    )
    report.add_argument("--names", action="store_true", help="also who has no consent, whose ends soon, who is overdue")
    cli.subcommand(commands, "plan", run_plan, "Say what `run` would do; nothing is changed.", "privacy plan")
    cli.subcommand(
        commands,
        "run",
        run_retention,
        "End consents that have run out, erase who is due, and carry out the periods. Servers may run.",
        "privacy run",
    )
    withdraw = cli.subcommand(
        commands,
        "withdraw",
        run_withdraw,
        "Withdraw a student's consent: recognition stops at once, everything is erased after some days.",
        "privacy withdraw A0178",
    )
    withdraw.add_argument("matricula", metavar="MATRICULA", help="of the student")
    _add_check(commands)
    receipt = cli.subcommand(
        commands,
        "receipt",
        run_receipt,
        "Print the receipt of an erasure that was carried out, by its code.",
        "privacy receipt 075b976b8fbb68798561c275bf74ca74",
    )
    receipt.add_argument("code", metavar="CODE", help="as the erasure or the withdrawal gave it")
    late = cli.subcommand(
        commands,
        "apply-erasures",
        run_apply,
        "Carry out an erasure list on a store that was restored without it. Stop the servers first.",
        "privacy apply-erasures /mnt/usb/erasures.jsonl",
    )
    late.add_argument("file", type=Path, metavar="FILE", help="a file as the setting for it names one")
    cli.subcommand(
        commands, "receipt-key", run_key, "Print the public key that receipts are checked with.", "privacy receipt-key"
    )
    return parser


def _add_check(commands: Any) -> None:
    parser = cli.subcommand(
        commands,
        "check-receipt",
        run_check,
        "Check a receipt of an erasure, and say what it attests. Exit code 1 when it is not valid.",
        "privacy check-receipt receipt.json --matricula A0178",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the receipt, as it was received")
    parser.add_argument(
        "--key", metavar="PUBLIC", help="the public key, in base64, in place of that of the store in the settings"
    )
    parser.add_argument("--matricula", help="whether it is about this student")


def run_report(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print the report."""
    with closing(composition.open_for_upkeep(settings)) as gallery:
        made = privacy_report(
            gallery, composition.privacy_policy(settings), composition.open_clock(settings), arguments.names
        )
    described = asdict(made) | {
        "retention": shown_retention(settings.retention),
        "withdrawal_days": settings.withdrawal_days,
        "unknown_days": composition.privacy_policy(settings).unknown_days,
    }
    output.result(described, _report_lines(made, settings))
    return cli.DONE


def run_plan(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print what a run would do."""
    return _run(settings, output, dry=True)


def run_retention(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Carry out consents and periods."""
    return _run(settings, output, dry=False)


def _run(settings: Settings, output: cli.Output, dry: bool) -> int:
    clock = composition.open_clock(settings)
    with closing(composition.open_for_upkeep(settings)) as gallery:
        log = CommandLog(gallery.store.access_log, clock, settings.access_log)
        forget = partial(composition.forget_copies, settings)
        made = RetentionRun(gallery, composition.privacy_policy(settings), clock, forget, log.write, dry).run()
    output.result(asdict(made), _run_lines(made, dry))
    return cli.DONE


def run_withdraw(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """End a consent."""
    clock = composition.open_clock(settings)
    with closing(composition.open_for_upkeep(settings)) as gallery:
        matricula = gallery.student(arguments.matricula).student.matricula
        now = clock.local(clock.now()).isoformat(timespec="seconds")
        composition.forget_copies(settings, [matricula])
        gallery.end_consent(matricula, now, "withdrawn", new_code())
        composition.forget_copies(settings, [matricula])
        CommandLog(gallery.store.access_log, clock, settings.access_log).write(
            AccessAction.CONSENT_ENDED, [matricula], "withdrawn"
        )
        code = _code_of(gallery, matricula)
    days = settings.withdrawal_days
    output.result(
        {"matricula": matricula, "receipt_code": code, "withdrawal_days": days},
        [f"{matricula} is recognised no longer, and is erased after {days} days", f"code of the receipt: {code}"],
    )
    return cli.DONE


def _code_of(gallery: Gallery, matricula: str) -> str:
    consent = gallery.student(matricula).student.consentimiento
    return "" if consent is None else consent.recibo


def run_check(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Check a receipt."""
    try:
        text = arguments.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput("invalid_receipt", f"{arguments.file} cannot be read ({exc}).", "Name the file.") from exc
    if arguments.matricula == "":
        raise InvalidInput("invalid_parameter", "--matricula is empty.", "Name a student, or leave it out.")
    receipt, key = Receipt.of_text(text), arguments.key or _own_key(settings)
    found = check_receipt(receipt, key, arguments.matricula or "")
    output.result({**asdict(found), "receipt": receipt.stated}, _check_lines(receipt, found, arguments.matricula or ""))
    return cli.DONE if found.is_valid and found.names is not False else cli.PARTLY_FAILED


def run_receipt(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print a receipt."""
    with closing(composition.open_own_store(settings)) as store:
        found = kept_receipt(store, arguments.code)
    output.result(json.loads(found.to_json()), [found.to_json().rstrip()])
    return cli.DONE


def run_apply(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Carry out an erasure list."""
    with closing(composition.open_for_upkeep(settings)) as gallery:
        store = gallery.store
        entries = read_entries(arguments.file, store.identity())
        concerned = {number for entry in entries for number in (entry.subject, entry.into)}
        before = {student.matricula for student in store.subjects(sorted(concerned)).values()}
        replayed = apply_late_erasures(store, entries, gallery.forget_among_unknown)
        gallery.remove([])  # the index and the files follow
        gone = sorted(matricula for matricula in before if store.student(matricula) is None)
        composition.forget_copies(settings, gone)
        if gone:
            log = CommandLog(store.access_log, composition.open_clock(settings), settings.access_log)
            log.write(AccessAction.ERASED, gone, "erasure list")
    output.result(
        {**asdict(replayed)},
        [
            f"{replayed.entries} entries were new: {replayed.students} students, {replayed.photos} photos and "
            f"{replayed.unknown_faces} unknown faces erased, {replayed.merged} merged"
        ],
    )
    return cli.DONE


def run_key(_: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Print the public key."""
    key = _own_key(settings)
    output.result({"algorithm": "Ed25519", "key": key}, [key])
    return cli.DONE


def _own_key(settings: Settings) -> str:
    with closing(composition.open_own_store(settings)) as store:
        return public_key(store)


def _report_lines(made: PrivacyReport, settings: Settings) -> Iterator[str]:
    yield f"{made.at}: {made.students} students, {made.photos} photos, {made.templates} templates"
    yield f"{made.attendances} attendances, {made.faces} with a face; {made.participations} participations"
    yield f"{made.negatives} faces that are not a student"
    days = composition.privacy_policy(settings).unknown_days
    kept = "none is kept" if days is None else f"kept for {days} days"
    unknown = (
        f"{made.unknown_faces} faces of {made.unknown_people} unknown people, and of {made.not_ours} not of the school"
    )
    yield f"{unknown}; {kept}"
    yield f"{made.access_lines} lines of the access log; {made.accounts} accounts, {made.keys} keys"
    yield f"consents: {_counted(made.consents)}; given by: {_counted(made.givers)}"
    yield f"classes: {_counted(made.classes)}"
    periods = shown_retention(settings.retention) or "none"
    yield f"periods: {periods}; {settings.withdrawal_days} days after a withdrawal"
    yield f"overdue: {made.overdue}"
    yield f"erased so far: {_counted(made.erasures)}; asked for: {made.asked}"
    for name, students in made.lists.items():
        yield from (f"{name}: {_named(each)}" for each in students)


def _named(each: NamedStudent) -> str:
    clases = ", ".join(each.clases) or "-"
    return f"{each.matricula} {each.nombre_del_alumno} ({clases}){f', until {each.until}' if each.until else ''}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or '-'} {count}" for name, count in counts.items()) or "none"


def _run_lines(made: RetentionReport, dry: bool) -> Iterator[str]:
    for name, count in asdict(made).items():
        if count or not name.startswith("soon"):
            yield f"{'would be ' if dry else ''}{name.replace('_', ' ')}: {count}"


def _check_lines(receipt: Receipt, found: CheckedReceipt, matricula: str) -> Iterator[str]:
    stated = receipt.stated
    if not found.is_valid:
        yield f"NOT VALID: {found.why}"
        return
    yield f"VALID: a {stated['what']} was {stated['why']} at {stated['at']}, by installation {stated['installation']}"
    if matricula:
        yield f"about {matricula}: {'yes' if found.names else 'NO'}"
    yield f"asked for by the person: {'yes' if stated['asked'] else 'no'}; erased: {json.dumps(stated['erased'])}"
    generations = ", ".join(map(str, stated["generations"])) or "none"
    yield f"index generations overwritten: {generations}; data key: {stated['data_key']}"
    yield f"backups that hold it until their next run: {', '.join(stated['backups']) or 'none known'}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program, with the words of the command line when None are given; its exit code."""
    logs.set_up(logging.WARNING, "%(levelname)s %(message)s")
    return cli.main(build_parser(), None if argv is None else list(argv))


if __name__ == "__main__":
    sys.exit(main())
