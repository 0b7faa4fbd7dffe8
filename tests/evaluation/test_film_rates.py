"""The rates of a film by hand, and its truth as it is read."""

import json
from dataclasses import replace
from pathlib import Path

import hypothesis
import hypothesis.strategies as some
import pytest

from evaluation.film_events import FilmEvent, noted, read_events, rules_of, spans_of, truth_events, write_events
from evaluation.film_rates import attendance, judge_raises, lateness, raises, rates
from evaluation.film_truth import FilmPerson, FilmTruth, TrueFace, read_truth
from evaluation.films import person_at
from evaluation.intervals import shown, wilson
from presente.errors import InvalidInput
from tests.conftest import SAMPLE

NONE = FilmPerson("", None, (), False, (), (), (), (), ())
ANA = replace(
    NONE, name="Ana", matricula="A1", seen=((0.0, 100.0),), raises=((10.0, 14.0), (50.0, 53.0)), hidden=(0.0, 0.9)
)
BEA = replace(NONE, name="Bea", matricula="A2", seen=((40.0, 100.0),), late=True, raises=((51.0, 55.0),), hidden=(0.5,))
CAI = replace(NONE, name="Cai", matricula="A3", seen=((2.0, 60.0), (70.0, 100.0)))
STRANGER = replace(NONE, name="stranger 1", seen=((20.0, 25.0),))
TRUTH = FilmTruth(100.0, "IA-101", ("A1", "A2", "A3", "A4"), 30.0, Path("people"), (ANA, BEA, CAI, STRANGER))


def found(kind: str, name: str, matricula: str, from_s: float, to_s: float) -> FilmEvent:
    return FilmEvent("presente", kind, name, matricula, from_s, to_s, 0.9)


def events(*said: FilmEvent) -> list[FilmEvent]:
    return [*truth_events(TRUTH), *said]


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    table = events(found("present", "Ana", "A1", 0.5, 99.0), FilmEvent("first match", "unknown", "", "", 1.0, 2.0))
    write_events(tmp_path / "events.tsv", table)
    assert read_events(tmp_path / "events.tsv") == table
    assert rules_of(table) == ["presente", "first match"]
    (tmp_path / "events.tsv").write_text("nothing\n1\n")
    with pytest.raises(InvalidInput, match="not a table"):
        read_events(tmp_path / "events.tsv")


def test_spans_are_noted_and_read_back() -> None:
    event = replace(found("present", "Ana", "A1", 0.5, 99.0), note=noted([(0.5, 20.25), (31.0, 99.0)]))
    assert spans_of(event) == [(0.5, 20.25), (31.0, 99.0)]
    assert spans_of(replace(event, note="")) == [(0.5, 99.0)]


def test_attendance_by_hand() -> None:
    result = attendance(
        events(
            found("present", "Ana", "A1", 0.5, 60.0),
            found("duplicate", "Ana", "", 61.0, 99.0),
            found("ambiguous", "Bea", "A2", 41.0, 99.0),
            found("ambiguous", "Bea", "A3", 41.0, 99.0),
            found("present", "stranger 1", "A4", 20.0, 24.0),
            found("present", "", "A3", 5.0, 6.0),
            found("unknown", "", "", 7.0, 7.0),
        ),
        "presente",
    )
    assert (result["students"], result["present"], result["ambiguous"], result["missed"]) == (3, 1, 2, 0)
    assert result["present_interval"] == shown(wilson(1, 3))
    assert (result["absent"], result["absent_recorded"], result["named_wrongly"]) == (1, 1, 2)
    assert (result["strangers"], result["strangers_recorded"], result["strangers_recorded_rate"]) == (1, 1, 1.0)
    assert (result["appearances"], result["people_found"]) == (7, 3)


def test_who_is_recorded_by_anothers_face_only_is_missed() -> None:
    result = attendance(events(found("present", "Cai", "A1", 3.0, 9.0)), "presente")
    assert (result["present"], result["missed"], result["named_wrongly"]) == (0, 3, 1)


def test_lateness_by_hand() -> None:
    said = [
        found("present", "Ana", "A1", 31.5, 99.0),
        found("present", "Bea", "A2", 42.0, 99.0),
        found("present", "Cai", "A3", 2.5, 50.0),
        found("present", "Cai", "A3", 72.0, 99.0),
        found("present", "stranger 1", "A4", 20.0, 24.0),
    ]
    result = lateness(events(*said), "presente")
    assert (result["error_s_median"], result["error_s_greatest"]) == (2.0, 31.5)
    assert (result["late"], result["late_found"], result["late_missed"], result["late_false"]) == (1, 1, 0, 1)
    nothing = lateness(events(), "presente")
    assert (nothing["error_s_median"], nothing["late_missed"], nothing["late_false"]) == (None, 1, 0)


def test_raises_by_hand() -> None:
    said = [
        found("raise", "Ana", "A1", 10.5, 13.0),  # found
        found("raise", "Ana", "A1", 13.5, 13.9),  # the same once more: false
        found("raise", "Bea", "A1", 54.5, 55.5),  # Bea's, said of Ana: of another person, as Ana's own is too long past
        found("raise", "Cai", "A3", 90.0, 91.0),  # false
        found("raise", "stranger 1", "", 21.0, 22.0),  # of no one
    ]
    result = raises(events(*said), "presente")
    assert (result["true"], result["found"], result["missed"], result["missed_hidden"]) == (3, 1, 2, 1)
    assert (result["false"], result["wrong_person"], result["unnamed"]) == (2, 1, 1)
    assert result["start_error_s_median"] == 0.5
    judged = {each.event.from_s: (each.outcome, each.truth) for each in judge_raises(events(*said), "presente")}
    assert judged[54.5][1] is not None and judged[54.5][1].name == "Bea"
    assert judged[90.0] == ("false", None)


def test_a_raise_within_a_second_is_the_same_and_one_farther_away_is_not() -> None:
    near, far = found("raise", "Ana", "A1", 14.9, 16.0), found("raise", "Ana", "A1", 15.1, 16.0)
    assert raises(events(near), "presente")["found"] == 1
    assert raises(events(far), "presente")["found"] == 0


@hypothesis.given(
    some.lists(
        some.tuples(some.sampled_from(["A1", "A2", "A3", ""]), some.floats(0, 90), some.floats(0.1, 9)),
        max_size=8,
    )
)
def test_every_raise_is_counted_once(reported: list[tuple[str, float, float]]) -> None:
    said = [found("raise", "Ana", matricula, start, start + length) for matricula, start, length in reported]
    result = raises(events(*said), "presente")
    outcomes = result["found"] + result["wrong_person"] + result["unnamed"] + result["false"]
    assert outcomes == len(said)
    assert result["found"] + result["missed"] == result["true"] == 3
    assert result["found"] + result["wrong_person"] <= 3


def test_where_hands_are_not_looked_for_nothing_is_said_of_them() -> None:
    assert rates(events(), "first match", hands=False)["raises"] is None


def test_a_face_is_on_the_way_between_two_moments() -> None:
    faces = (TrueFace(1.0, (0, 0, 10, 10)), TrueFace(2.0, (10, 0, 20, 10)), TrueFace(9.0, (50, 0, 60, 10)))
    person = replace(ANA, faces=faces)
    assert person.box_at(1.5) == (5, 0, 15, 10)
    assert person.box_at(2.5) == (10, 0, 20, 10) and person.box_at(8.5) == (50, 0, 60, 10)
    assert person.box_at(5.0) is None and person.box_at(11.0) is None and ANA.box_at(1.0) is None
    truth = replace(TRUTH, people=(person, replace(BEA, faces=(TrueFace(1.0, (100, 0, 110, 10)),))))
    assert person_at(truth, 1.0, [(1, 1, 11, 11), (99, 0, 110, 11), (40, 40, 50, 50)]) == ["Ana", "Bea", None]


def test_the_sample_films_truth_is_read() -> None:
    truth = read_truth(SAMPLE / "film" / "class.json")
    assert truth.enrolled.resolve() == SAMPLE / "students"
    assert len(truth.people) == 9 and len(truth.roster) == 12
    assert sum(person.late for person in truth.people) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"people": [{"name": "Ana"}]},
        {"roster": ["A0178"]},
        {"late_after_s": "soon"},
        {"duration_s": None},
    ],
)
def test_a_truth_that_makes_no_sense_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    told = json.loads((SAMPLE / "film" / "class.json").read_text(encoding="utf-8"))
    (tmp_path / "truth.json").write_text(json.dumps(told | change))
    with pytest.raises(InvalidInput, match="not the truth of a film") as raised:
        read_truth(tmp_path / "truth.json")
    assert raised.value.code == "unreadable_truth"


def test_a_truth_that_is_no_json_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text("[1, 2")
    for path in (tmp_path / "truth.json", tmp_path / "none.json"):
        with pytest.raises(InvalidInput, match="not the truth of a film"):
            read_truth(path)
