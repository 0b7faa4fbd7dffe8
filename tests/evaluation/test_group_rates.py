"""Recognition by group: what is counted, how sure it is, who is not shown, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation import group_rates
from evaluation.commands.groups import read_attributes
from evaluation.group_rates import PersonSearches, attribute_groups, corrected, searches_of
from evaluation.intervals import clustered_interval, wilson
from gallery.documents.note_store import GROUP_REPORT
from gallery.threshold.group_report import AttributeGroups, GroupLine, GroupReport, read_report
from gallery.threshold.impostor_scores import EnrolledTemplates
from presente.composition import open_store
from presente.errors import InvalidInput
from tests.conftest import Command, unit
from tests.server.sample import STUDENTS

GALLERIES = 40


def counts(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def simulated(
    seed: int, missed: dict[str, float], people: int, photos: int = 4
) -> tuple[list[str | None], PersonSearches]:
    """Groups whose people are missed with these rates on average; each person has a rate of the own around it."""
    random = np.random.default_rng(seed)
    values: list[str | None] = [name for name in missed for _ in range(people)]
    rates = np.concatenate([random.beta(2 * rate, 2 * (1 - rate), people) for rate in missed.values()])
    searches = np.full(len(values), photos)
    named = random.binomial(photos, 0.02, len(values))
    return values, PersonSearches(searches, random.binomial(photos, rates), searches, named)


def report_of(values: list[str | None], searches: PersonSearches, least: int = 10) -> AttributeGroups:
    return corrected([attribute_groups("turno", values, searches, least)])[0]


def test_what_a_search_counts_as_by_hand() -> None:
    east, north, between = unit(np.array([1.0, 0, 0])), unit(np.array([0, 1.0, 0])), unit(np.array([1.0, 1.0, 0]))
    rows = np.stack([east, east, north, between, unit(np.array([0, 0, 1.0]))]).astype(np.float32)
    enrolled = EnrolledTemplates(("1", "2", "3"), rows, counts(0, 2, 4))
    found = searches_of(enrolled, 0.6)
    # Of 1 both photos find each other. Of 2 the first (0.71 with its mate, 0 with 1) is found; the second scores 0.71
    # with its mate and 0.71 with 1, who is as near: it is missed. 3 has one photo, and nothing to be compared with.
    assert found.mated.tolist() == [2, 2, 0] and found.searches.tolist() == [2, 2, 1]
    assert found.missed.tolist() == [0, 1, 0]
    # Photos of 1 score 0.55 with 2: the mean of the best cosine (0.71) and that with the centroid (0.38).
    assert found.named.tolist() == [0, 1, 0]
    assert searches_of(enrolled, 0.75).missed.tolist() == [0, 2, 0]


def test_an_interval_counts_people_where_their_photos_are_alike() -> None:
    alike = clustered_interval(counts(*[4] * 5, *[0] * 15), counts(*[4] * 20))
    assert alike == pytest.approx(wilson(5, 20), abs=0.01)  # 80 searches say no more than 20
    apart = clustered_interval(counts(*[1] * 20), counts(*[4] * 20))
    assert apart == pytest.approx(wilson(20, 80), abs=1e-9)
    assert clustered_interval(counts(*[0] * 20), counts(*[4] * 20)) == wilson(0, 20)
    assert clustered_interval(counts(0), counts(0)) == (0.0, 1.0)


@pytest.fixture
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_rates, "PERMUTATIONS", 500)


@pytest.mark.usefixtures("few_permutations")
def test_a_difference_is_found_and_chance_is_not() -> None:
    """The figures of docs/evaluation.md: of forty galleries each."""
    found = {}
    for name, rate in (("equal", 0.06), ("worse", 0.3)):
        said = [report_of(*simulated(seed, {"a": 0.06, "b": 0.06, "c": rate}, 40)) for seed in range(GALLERIES)]
        found[name] = [sum("missed_more" in report.groups[place].advice for report in said) for place in range(3)]
    assert sum(found["equal"]) <= 2  # 5 % of 40
    assert found["worse"][2] == GALLERIES and found["worse"][:2] == [0, 0]


@pytest.mark.usefixtures("few_permutations")
def test_what_follows_is_said() -> None:
    values, searches = simulated(1, {"a": 0.05, "b": 0.4}, 40)
    few = PersonSearches(
        *(
            np.where(np.arange(80) < 40, each, each // 2)
            for each in (searches.mated, searches.missed, searches.searches, searches.named)
        )
    )
    found = report_of(values, few)
    assert found.groups[0].advice in (("no_difference",), ("too_little",)) and found.groups[0].photos == 4
    assert found.groups[1].advice == ("missed_more", "add_photos") and found.groups[1].photos == 2
    swapped = PersonSearches(searches.mated, searches.named, searches.searches, searches.missed)
    assert report_of(values, swapped).groups[1].advice == ("named_more",)
    single = PersonSearches(counts(*[0] * 80), counts(*[0] * 80), counts(*[1] * 80), counts(*[0] * 80))
    alone = report_of(values, single)
    assert [group.missed for group in alone.groups] == [None, None]
    assert [group.advice for group in alone.groups] == [("too_little",)] * 2


@pytest.mark.usefixtures("few_permutations")
def test_small_groups_are_in_no_number() -> None:
    values, searches = simulated(2, {"a": 0.1, "b": 0.1, "c": 0.1}, 12)
    without = report_of([*values[:24], *[None] * 12], searches)
    values[24:] = ["c"] * 9 + [None] * 3
    found = report_of(values, searches)
    assert [group.value for group in found.groups] == ["a", "b"] and found.too_small == 1
    assert found.groups == without.groups  # as if there were no one else
    assert report_of(values, searches, 13) == AttributeGroups("turno", (), 3)
    only = report_of([*values[:12], *[None] * 24], searches)
    assert only.groups[0].named.p is None and only.groups[0].advice in (("too_little",), ("no_difference",))


def test_p_is_corrected_for_all_comparisons() -> None:
    """Holm's method by hand: 0.01 of four is 0.04, 0.02 of three that are left 0.06, 0.03 of two 0.06, 0.4 itself."""
    values, searches = simulated(3, {"a": 0.1, "b": 0.1}, 10)
    (raw,) = [attribute_groups("x", values, searches, 10)]
    given = iter([0.01, 0.02, 0.03, 0.4])

    def with_p(line: GroupLine) -> GroupLine:
        assert line.missed is not None
        missed = replace(line.missed, p=next(given))
        return replace(line, missed=missed, named=replace(line.named, p=next(given)))

    found = corrected([replace(raw, groups=tuple(with_p(line) for line in raw.groups))])[0]
    assert [rate.p for line in found.groups for rate in (line.missed, line.named) if rate] == [0.04, 0.06, 0.06, 0.4]


def test_a_report_is_read_back_and_another_one_is_none() -> None:
    values, searches = simulated(4, {"a": 0.1, "b": 0.1}, 10)
    report = GroupReport(
        "2026-01-01T00:00:00+00:00", "p@1", 0.4, 20, 10, corrected([attribute_groups("x", values, searches, 10)])
    )
    text = report.to_json()
    assert read_report(text) == report
    for other in ("", "[]", "{}", text.replace('"format": 1', '"format": 2'), text.replace("least_people", "least")):
        assert read_report(other) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_source"),
        ("nombre,turno\nAna,a\n", "missing_column"),
        ("matricula\nA1\n", "missing_column"),
        ("matricula,turno\nA1,a\nA1,b\n", "ambiguous_student"),
        ("matricula,nombre\n" + "".join(f"A{i},N{i}\n" for i in range(50)), "not_an_attribute"),
    ],
)
def test_a_sheet_that_cannot_be_used_is_refused(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "sheet.csv").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_attributes(tmp_path / "sheet.csv", [])
    assert caught.value.code == code


def test_columns_are_chosen_and_empty_cells_are_of_no_group(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("Matricula;Turno;Lentes;Nombre\nA1;mañana;;Ana\n\nA2;tarde;sí;Bo\n", "utf-8")
    found = read_attributes(tmp_path / "sheet.csv", ["turno", "lentes"])
    assert found == {"Turno": {"A1": "mañana", "A2": "tarde"}, "Lentes": {"A2": "sí"}}
    with pytest.raises(InvalidInput, match="turnos"):
        read_attributes(tmp_path / "sheet.csv", ["turnos"])


@pytest.mark.usefixtures("sample_gallery")
def test_the_report_is_kept_and_the_sheet_is_not(command: Command, store_url: str, tmp_path: Path) -> None:
    lines = [f"{student['matricula']},{'ab'[place % 2]}" for place, student in enumerate(STUDENTS)]
    (tmp_path / "sheet.csv").write_text("\n".join(["matricula,lentes", *lines, "NADIE,a"]))
    done = command("evaluation", "groups", tmp_path / "sheet.csv", "--least-people", "5", "--json")
    assert done.returncode == 0, done.stderr
    assert "1 students of the sheet are not enrolled" in done.stderr
    found = json.loads(done.stdout)
    (attribute,) = found["attributes"]
    assert attribute["attribute"] == "lentes" and [each["value"] for each in attribute["groups"]] == ["a", "b"]
    assert sum(each["people"] for each in attribute["groups"]) == found["people"] == len(STUDENTS)
    store = open_store(store_url)
    try:
        kept = store.notes.read(GROUP_REPORT)
    finally:
        store.close()
    assert kept is not None and not any(student["matricula"] in kept for student in STUDENTS)
    assert json.loads(kept)["attributes"] == found["attributes"]
    said = command("evaluation", "groups", "--least-people", "5").stdout
    assert "clase:" in said and "taken for others (FPIR)" in said
    refused = command("evaluation", "groups", "--least-people", "2")
    assert refused.returncode == 2 and "invalid_least_people" in refused.stderr
