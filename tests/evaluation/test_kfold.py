"""Properties of the splits; figures worked by hand; the commands on the sample class."""

import json
from collections import Counter
from pathlib import Path

import pytest

from evaluation import kfold
from evaluation.protocols import Entry
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.evaluation.searches import SEARCHES

ENTRIES = [Entry("probe", f"p{i:02d}", Path(f"{i}/{k}.jpg")) for i in range(20) for k in range(2 + i % 3)]


@pytest.mark.parametrize("how", ["photos", "people"])
def test_every_photo_is_tried_once(how: str) -> None:
    parts = kfold.split(ENTRIES, how, 5, seed=1)  # type: ignore[arg-type]
    assert sorted(place for part in parts for place in part.tried) == list(range(len(ENTRIES)))
    for part in parts:
        assert not set(part.tried) & set(part.enrolled)
        tried, enrolled = ({ENTRIES[i].person for i in places} for places in (part.tried, part.enrolled))
        assert bool(tried & enrolled) == (how == "photos")


def test_the_notebooks_split_takes_thirty_of_a_hundred_of_everybody() -> None:
    even = [Entry("probe", f"p{i}", Path(f"{i}/{k}.jpg")) for i in range(6) for k in range(10)]
    (part,) = kfold.split(even, "holdout", 5, seed=1)
    assert set(Counter(even[i].person for i in part.tried).values()) == {3}


def test_who_is_a_stranger_to_whom() -> None:
    for part in kfold.split(ENTRIES, "people", 5, seed=1):
        compared = list(kfold.roles_of(ENTRIES, part, "people"))
        enrolled = {entry.person for _, entry in compared if entry.role == "gallery"}
        assert all((entry.person in enrolled) == (entry.role != "unknown") for _, entry in compared)
        assert {entry.role for _, entry in compared} == {"gallery", "probe", "unknown"}
        assert len({place for place, _ in compared}) == len(compared) == len(ENTRIES)


def test_figures_by_hand() -> None:
    found = kfold.figures(SEARCHES, 0.45)
    # Truth a a a a a ? ? ? ?, named a a ? a ? a ? ? ?: 3 + 3 of 9 right.
    assert found["accuracy"] == found["recall_weighted"] == pytest.approx(6 / 9)
    assert found["precision_weighted"] == pytest.approx((5 * 3 / 4 + 4 * 3 / 5) / 9)
    assert (found["fnir"], found["fpir"]) == (3 / 5, 1 / 4)  # naming "a" at rank 2 is right in accuracy, a miss in FNIR
    person = kfold.per_person(SEARCHES, 0.45)["a"]
    assert (person["precision"], person["recall"], person["support"]) == (3 / 4, 3 / 5, 5)
    assert kfold.mean_and_spread([{"x": 1.0}, {"x": 3.0}])["x"] == {"mean": 2.0, "std": pytest.approx(2**0.5)}


def test_too_few_photos() -> None:
    with pytest.raises(InvalidInput, match="split"):
        kfold.split(ENTRIES[:2], "photos", 5, seed=1)


@on_sqlite
def test_kfold_and_compare_on_the_sample_class(command: Command, tmp_path: Path) -> None:
    words = ("evaluation", "kfold", "--folder", SAMPLE / "students", "--json")
    result = json.loads(command(*words, "--split", "people").stdout)
    assert len(result["folds"]) == 5 and result["over_folds"]["accuracy"]["mean"] >= 0.95
    assert sum(len(fold["tried"]) for fold in result["folds"]) == 96
    (holdout,) = json.loads(command(*words, "--split", "holdout").stdout)["folds"]
    assert len(holdout["per_person"]) >= 24 and holdout["figures"]["accuracy"] >= 0.95
    rows = [("gallery", path) for path in sorted((SAMPLE / "students").glob("*/[12].jpg"))[:12]]
    rows += [("probe", path) for path in sorted((SAMPLE / "probes").glob("*/1.jpg"))[:6]]
    rows += [("unknown", SAMPLE / "strangers" / "01.jpg")]
    lines = [f"{role}\t{path.parent.name}\t{path}" for role, path in rows]
    (tmp_path / "list.tsv").write_text("\n".join(["role\tperson\tpath", *lines]) + "\n")
    table = json.loads(command("evaluation", "compare", "--list", "list.tsv", "--packs", "sample", "--json").stdout)
    named = {row["pipeline"]: row for row in table["rows"]}
    assert len(table["rows"]) == 9 and named["present pipeline"]["accuracy"] == 1
    assert named["notebook, as it was"]["accuracy"] < 0.5 < named["colours mended"]["accuracy"]
