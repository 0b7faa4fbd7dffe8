"""``indexer audit`` finds the faults that were planted in the sample class; the commands that it prints mend them."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from presente.composition import open_store
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.planted_faults import plant


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The sheets of these tests name photos of the sample class."""
    return environment | {"PRESENTE_SHEET_ROOT": str(SAMPLE)}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """The sheet with the faults."""
    return plant(tmp_path)


def audited(command: Command, *arguments: str) -> dict[str, Any]:
    done = command("indexer", "audit", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def described(finding: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    """What a finding is about: kind, matriculas, and which photo is in the wrong place."""
    return (
        finding["kind"],
        tuple(person["matricula"] for person in finding["people"]),
        "/".join(Path(finding["photos"][0]["source"]).parts[-2:]) if finding["kind"] != "same_person" else "",
    )


def test_planted_faults_are_found_and_nothing_else_and_can_be_mended(
    command: Command, planted: Path, store_url: str
) -> None:
    command("indexer", "add", planted, "--force")  # otherwise enrolment refuses the mislabelled photos
    found = audited(command)
    assert (found["people"], found["photos"]) == (25, 100)
    assert sorted(map(described, found["findings"])) == [
        ("duplicate", ("A0283", "A0178"), "A0178/1.jpg"),
        ("duplicate", ("A0295",), f"{planted.parent.name}/again.jpg"),
        ("mislabelled", ("A0241", "A0262"), "A0262/2.jpg"),
        ("mislabelled", ("A0262", "A0241"), "A0241/1.jpg"),
        ("same_person", ("A0217", "B0001"), ""),
    ]
    assert [finding["severity"] for finding in found["findings"]] == ["high"] * 4 + ["low"]
    for finding in found["findings"]:
        words = shlex.split(finding["do"][0]["command"])
        assert words[:3] == ["python", "-m", "indexer"]
        done = command(*words[2:], "--json")
        assert done.returncode == 0 and json.loads(done.stdout), done.stderr
    assert audited(command)["findings"] == []
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    store = open_store(store_url)
    photos = {stored.student.matricula: stored.images for stored in store.students()}
    store.close()
    assert photos.pop("A0217") == 6 and set(photos.values()) == {4} and len(photos) == 23


@on_sqlite
def test_a_class_in_order_has_no_findings(command: Command) -> None:
    assert audited(command)["findings"] == []  # an empty class has none, either
    command("indexer", "add", SAMPLE / "students.csv")
    found = audited(command)
    assert found["findings"] == [] and found["levels"]["threshold"] == 0.8 < found["levels"]["usual"]
    assert command("indexer", "audit").stdout.startswith("24 people, 96 photos")


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_cohort_is_audited_only_with_the_flag(command: Command, tmp_path: Path) -> None:
    for name, number in (("Ana_Ruiz", 1), ("Eva_Sol", 2)):
        person = tmp_path / "lfw" / name
        person.mkdir(parents=True)
        (person / f"{name}_0001.jpg").write_bytes((SAMPLE / "probes" / "A0217" / f"{number}.jpg").read_bytes())
    command("indexer", "add", tmp_path / "lfw")
    assert audited(command)["findings"] == []
    (found,) = audited(command, "--cohort")["findings"]
    assert described(found) == ("same_person", ("A0217", "lfw-Ana_Ruiz", "lfw-Eva_Sol"), "")
    text = command("indexer", "audit", "--cohort").stdout
    assert "python -m indexer merge A0217 lfw-Ana_Ruiz" in text and "[high] One person under two names" in text


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_commands_that_cannot_be_done(command: Command, tmp_path: Path) -> None:
    for words, code, message in (
        (("merge", "A0217", "A0217"), 2, "same_student"),
        (("merge", "A0217", "NOBODY"), 1, "student_not_found"),
        (("move", "A0217", "NOBODY", "--photo", "0"), 1, "student_not_found"),
        (("move", "A0217", "A0223"), 2, "--photo"),
        (("remove", "A0217", "--photo", "xyz"), 1, "photo_not_found"),
        (("remove", "A0217", "A0223", "--photo", "0"), 2, "unsuitable_option"),
    ):
        done = command("indexer", *words)
        assert (done.returncode, message in done.stderr) == (code, True), (words, done.stderr)
    other = command("indexer", "audit", PRESENTE_PACK=str(tmp_path))
    assert other.returncode == 1 and "error [" in other.stderr
    assert json.loads(command("indexer", "status", "--json").stdout)["templates"] == 96
