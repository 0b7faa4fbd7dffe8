"""The report of ``clusters``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.cluster_metrics import ClusterFigures, cluster_figures
from evaluation.clusters import METHODS, GroupedPhoto, read_groups
from evaluation.pages.glossary import terms
from evaluation.pages.parts import Case, Cases, ReportPage, ReportTable, Tile, count, percent

_MOST_CASES = 12


def build(result: dict[str, Any], out: Path) -> ReportPage:
    """The tiles and cases are computed from the table of groups; the rows of methods are those of ``result``."""
    photos = read_groups(out / Path(result["groups"]).name)
    figures = cluster_figures([one.person for one in photos], [one.group for one in photos])
    return ReportPage(
        title="Groups: are photos of unknown people put together by person?",
        lead=[
            f"{count(len(photos), 'photo')} of {count(figures.people, 'person', 'people')} "
            f"{'was' if len(photos) == 1 else 'were'} grouped one after the other, in an order by chance, as the "
            f"service groups faces of unknown people: {count(figures.groups, 'group')}.",
            f"Threshold: {result['threshold_described']}.",
        ],
        tiles=_tiles(figures),
        doubts=[
            "Who is who is what the folders say: where they are wrong, a right group counts as a wrong one.",
            "Of pairs, a person with many photos decides; of B-cubed figures, each photo counts once.",
        ],
        tables=[_methods(result)],
        figures=[],
        cases=[_mixed(photos), _split(photos)],
        result=result,
        terms=terms("Pairs in groups", "B-cubed", "Threshold", "Score"),
    )


def _tiles(figures: ClusterFigures) -> list[Tile]:
    return [
        Tile(
            percent(figures.f1),
            "F1 of pairs",
            f"precision {percent(figures.precision)}, recall {percent(figures.recall)}",
        ),
        Tile(
            percent(figures.bcubed_f1),
            "F1, B-cubed",
            f"precision {percent(figures.bcubed_precision)}, recall {percent(figures.bcubed_recall)}",
        ),
        Tile(f"{figures.groups:,}", "groups", f"of {count(figures.people, 'person', 'people')}"),
        Tile(
            f"{figures.mixed:,}",
            "groups that mix people",
            f"{count(figures.split, 'person', 'people')} in several groups",
        ),
    ]


def _methods(result: dict[str, Any]) -> ReportTable:
    rows = [
        (
            "As the service" if row["method"] == "served" else METHODS[row["method"]],
            f"{row['threshold']:.4g}" + (f" to {row['raised_to']:.4g}" if "raised_to" in row else ""),
            f"{row['groups']:,}",
            *(percent(row[name]) for name in ("precision", "recall", "f1")),
            *(percent(row[name]) for name in ("bcubed_precision", "bcubed_recall", "bcubed_f1")),
            f"{row['grouping_s']:g}",
        )
        for row in result["rows"]
    ]
    head = (
        "Method",
        "Threshold",
        "Groups",
        "Precision of pairs",
        "Recall of pairs",
        "F1 of pairs",
        "B-cubed precision",
        "B-cubed recall",
        "B-cubed F1",
        "Seconds",
    )
    return ReportTable("Methods", head, rows, "The service's rows are means over the orders.")


def _mixed(photos: Sequence[GroupedPhoto]) -> Cases:
    """The groups with the most photos of others than their first person."""
    groups: dict[int, list[GroupedPhoto]] = defaultdict(list)
    for one in photos:
        groups[one.group].append(one)
    mixed = [members for members in groups.values() if len({one.person for one in members}) > 1]
    mixed.sort(key=lambda members: -len({one.person for one in members}))
    cases = [
        Case(
            f"{len(members):,} photos",
            ", ".join(sorted({one.person for one in members})[:5]),
            f"{len({one.person for one in members})} people in one group",
            [one.path for one in _one_each(members, "person")],
        )
        for members in mixed[:_MOST_CASES]
    ]
    return Cases("Groups that mix people", f"{len(mixed):,} groups; those of the most people first.", cases)


def _split(photos: Sequence[GroupedPhoto]) -> Cases:
    """The people in the most groups."""
    people: dict[str, list[GroupedPhoto]] = defaultdict(list)
    for one in photos:
        people[one.person].append(one)
    split = [members for members in people.values() if len({one.group for one in members}) > 1]
    split.sort(key=lambda members: -len({one.group for one in members}))
    cases = [
        Case(
            f"{len(members):,} photos",
            members[0].person,
            f"in {len({one.group for one in members})} groups",
            [one.path for one in _one_each(members, "group")],
        )
        for members in split[:_MOST_CASES]
    ]
    return Cases("People in several groups", f"{len(split):,} people; those in the most groups first.", cases)


def _one_each(photos: Sequence[GroupedPhoto], field: str) -> list[GroupedPhoto]:
    """The first photo of each person, or of each group; four at most."""
    first: dict[object, GroupedPhoto] = {}
    for one in photos:
        first.setdefault(getattr(one, field), one)
    return list(first.values())[:4]
