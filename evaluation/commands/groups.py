"""``groups``: recognition by group, and whether the groups differ; kept with the gallery for the console."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation.group_rates import attribute_groups, corrected, searches_of
from gallery.documents.access_log import AccessAction
from gallery.documents.note_store import GROUP_REPORT
from gallery.gallery import Gallery
from gallery.threshold.group_report import GroupRate, GroupReport
from gallery.threshold.impostor_scores import enrolled_people
from presente import cli, composition
from presente.command_log import CommandLog
from presente.errors import InvalidInput, shown
from presente.settings import Settings
from presente.student_sheets.table import read_tables

LEAST_PEOPLE = 10
_FEWEST_PEOPLE = 5
_MOST_VALUES = 40
_CLASS, _MATRICULA = "clase", "matricula"

Attributes = Mapping[str, Mapping[str, str]]
"""By attribute and matricula, the value."""

_WORDS = {
    "missed_more": "not recognised more often than the others: look at its photos, and take better ones",
    "add_photos": "it has fewer photos per person than the others: add some",
    "named_more": "its people are taken for others more often: raise the threshold for all, never for one group",
    "too_little": "too few people or photos to say",
    "no_difference": "no difference that chance would not show",
}


def add(commands: Any) -> None:
    """The command and its flags."""
    parser = cli.subcommand(
        commands,
        "groups",
        run,
        "Compare how well groups of students are recognised, and keep the report for the console.",
        "evaluation groups attributes.csv",
    )
    parser.add_argument(
        "sheet",
        type=Path,
        nargs="?",
        help="a .csv or .xlsx sheet with the column matricula; each further column is an attribute. It is read and not "
        "kept. Without it groups are classes",
    )
    parser.add_argument(
        "--column", action="append", default=[], metavar="NAME", help="take this column alone; may be repeated"
    )
    parser.add_argument(
        "--least-people",
        type=int,
        default=LEAST_PEOPLE,
        metavar="N",
        help=f"smaller groups are not shown, so that no one is found in them; at least {_FEWEST_PEOPLE} "
        f"[default {LEAST_PEOPLE}]",
    )


def run(arguments: argparse.Namespace, settings: Settings, output: cli.Output) -> int:
    """Search every photo as if it were not enrolled, count by group, and store the report."""
    if arguments.least_people < _FEWEST_PEOPLE:
        raise InvalidInput("invalid_least_people", f"--least-people is {arguments.least_people}.", "Use 5 or more.")
    pack = composition.open_pack(settings)
    gallery = composition.open_gallery(settings, pack)
    try:
        report, unknown = _report(arguments, gallery)
        gallery.store.notes.write(GROUP_REPORT, report.to_json())
        log = CommandLog(gallery.store.access_log, composition.open_clock(settings), settings.access_log)
        log.write(AccessAction.READ, detail=f"groups={len(report.attributes)}")
    finally:
        gallery.close()
    if unknown:
        output.note(f"{unknown} students of the sheet are not enrolled")
    output.result(asdict(report), lines(report))
    return cli.DONE


def _report(arguments: argparse.Namespace, gallery: Gallery) -> tuple[GroupReport, int]:
    """The report, and how many students of the sheet are unknown."""
    enrolled = enrolled_people(gallery.store, gallery.dim, cohort=False)
    if len(enrolled.people) < 2:
        raise InvalidInput("too_few_people", f"{len(enrolled.people)} people are enrolled.", "Enrol at least two.")
    students = gallery.store.subjects([int(person) for person in enrolled.people])
    matriculas = [students[int(person)].matricula if int(person) in students else "" for person in enrolled.people]
    if arguments.sheet is None:
        classes = {student.matricula: student.clase for student in students.values() if student.clase}
        attributes: Attributes = {_CLASS: classes}
    else:
        attributes = read_attributes(arguments.sheet, arguments.column)
    threshold = gallery.operating_point().threshold
    searches = searches_of(enrolled, threshold)
    found = [
        attribute_groups(name, [values.get(each) for each in matriculas], searches, arguments.least_people)
        for name, values in attributes.items()
    ]
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    report = GroupReport(made_at, gallery.pack, threshold, len(matriculas), arguments.least_people, corrected(found))
    named = {matricula for values in attributes.values() for matricula in values}
    return report, len(named - set(matriculas)) if arguments.sheet is not None else 0


def read_attributes(path: Path, columns: list[str]) -> Attributes:
    """The attributes of a sheet.

    Raises:
        InvalidInput: ``unreadable_sheet``, ``sheet_too_large``, ``empty_source``, ``missing_column``,
            ``not_an_attribute``, ``ambiguous_student``.
    """
    table = next(read_tables(path), None)
    if table is None or not table.lines:
        raise InvalidInput("empty_source", f"{path} has no lines.", "Write matricula and attributes in its first line.")
    names = table.lines[0].cells
    plain = [name.casefold() for name in names]
    missing = [name for name in (_MATRICULA, *columns) if name.casefold() not in plain]
    if missing:
        raise InvalidInput("missing_column", f"{path} has no column {shown(missing[0])}.", "Correct its first line.")
    key = plain.index(_MATRICULA)
    wanted = [plain.index(name.casefold()) for name in columns] or [i for i in range(len(names)) if i != key]
    found: dict[str, dict[str, str]] = {names[i]: {} for i in wanted if names[i]}
    if not found:
        raise InvalidInput("missing_column", f"{path} has no attribute.", "Add a column beside matricula.")
    seen: set[str] = set()
    for line in table.lines[1:]:
        cells = [*line.cells, *[""] * (len(names) - len(line.cells))]
        if not cells[key]:
            continue
        if cells[key] in seen:
            raise InvalidInput(
                "ambiguous_student", f"{path} has {shown(cells[key])} in two lines.", "Give each student one line."
            )
        seen.add(cells[key])
        for i in wanted:
            if names[i] and cells[i]:
                found[names[i]][cells[key]] = cells[i]
    for name, values in found.items():
        if len(set(values.values())) > _MOST_VALUES:
            raise InvalidInput(
                "not_an_attribute",
                f"The column {shown(name)} of {path} has {len(set(values.values()))} different values.",
                f"An attribute has at most {_MOST_VALUES}. Name those columns that are with --column.",
            )
    return found


def lines(report: GroupReport) -> Iterator[str]:
    """The report for people."""
    yield f"{report.people} people, threshold {report.threshold:.4f}; groups of {report.least_people} people or more"
    for attribute in report.attributes:
        yield f"{attribute.attribute}:"
        for group in attribute.groups:
            yield f"  {group.value}: {group.people} people, {group.photos:g} photos each"
            yield f"    not recognised (FNIR)   {_rate(group.missed)}"
            yield f"    taken for others (FPIR) {_rate(group.named)}"
            yield from (f"    {_WORDS[advice]}" for advice in group.advice)
        if attribute.too_small:
            yield f"  {attribute.too_small} smaller groups are not shown"


def _rate(rate: GroupRate | None) -> str:
    if rate is None:
        return "not measured: too few people have two photos"
    chance = "" if rate.p is None else f", against the others p = {rate.p:.2g}"
    return f"{rate.share:.2%} ({rate.events} of {rate.trials}; {rate.low:.2%} to {rate.high:.2%}){chance}"
