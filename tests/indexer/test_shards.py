"""``--shard``: parts of a source, enrolled by processes that run at the same time."""

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gallery.documents.student_rules import POSSIBLE_DUPLICATE
from indexer.pipeline.late_duplicates import note_late_duplicates
from indexer.pipeline.run_report import RunReport
from indexer.sources.parts import Shard
from indexer.sources.sheet import read_sheet
from indexer.sources.values import Source, SourcePhoto
from presente.errors import InvalidInput
from presente.local_files import DEFAULT_RULES
from tests import programs
from tests.conftest import Command, OpenGallery, enrolment, on_sqlite, student_in, unit
from tests.indexer.contents import assert_same_gallery
from tests.indexer.sample import SHEET, added

PARTS = ("1/3", "2/3", "3/3", "2/3")
"""The second part twice, as when it is started anew while the first process still runs."""


@pytest.mark.parametrize(
    "text", ["0/16", "17/16", "3/0", "0/0", "3", "3/", "/3", "-1/3", "1/3/5", "a/b", "", "1.5/3", "٣/٤"]
)
def test_what_names_no_part_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Shard.read(text)
    assert refused.value.code == "invalid_shard" and "3/16" in str(refused.value)


def test_parts_have_every_person_once_whatever_the_order() -> None:
    people = [f"A{number:04d}" for number in range(4000)]
    parts = [{each for each in people if each in Shard(number, 16)} for number in range(1, 17)]
    assert sorted(each for part in parts for each in part) == people
    assert min(map(len, parts)) > 180  # 250 on average
    assert "A0175" in Shard(1, 1)
    # Machines and versions must agree on who is where: these may never change.
    assert [number for number in range(1, 17) if "A0175" in Shard(number, 16)] == [9]


def test_the_reports_of_all_parts_add_up() -> None:
    whole = read_sheet(SHEET, None, lambda link: b"", DEFAULT_RULES)
    parts = [Shard(number, 5).of(whole) for number in range(1, 6)]
    locations = [photo.location for part in parts for photo in part.photos]
    assert sorted(locations) == sorted(photo.location for photo in whole.photos)
    assert [len(part.photos) for part in parts] == [sum(1 for _ in part.photos) for part in parts]
    people = [{photo.student.matricula for photo in part.photos} for part in parts]
    assert sum(map(len, people)) == len(set().union(*people)) == 24
    marked = Shard(2, 5).of(Source("x", (), ignored=3, absent=4, warnings=("w",), notes=("n",)))
    assert (marked.ignored, marked.absent, marked.warnings, marked.notes) == (0, 0, (), ("n",))
    assert Shard(1, 5).of(Source("x", (), ignored=3)).ignored == 3


@pytest.mark.untraced
def test_parts_at_the_same_time_make_the_gallery_of_one_run(
    command: Command, environment: dict[str, str], tmp_path: Path, store_url: str
) -> None:
    with ExitStack() as files:
        outs = [files.enter_context((tmp_path / f"{number}.json").open("w+")) for number in range(len(PARTS))]
        started = []
        for number, (part, out) in enumerate(zip(PARTS, outs, strict=True)):
            own = environment | ({"PRESENTE_INDEX": str(tmp_path / "own index")} if number == 1 else {})
            words: list[str | Path] = ["-m", "indexer", "add", SHEET, "--shard", part, "--json"]
            started.append(programs.start(words, tmp_path, own, out, out))
        assert [process.wait(120) for process in started] == [0] * len(PARTS), [
            (out.seek(0), out.read()) for out in outs
        ]
        reports = [json.loads((tmp_path / f"{number}.json").read_text().splitlines()[-1]) for number in range(4)]
    assert sum(report["photos"] for report in reports[:3]) == 96
    assert all(report["left"] == report["refused"] == 0 and not report["failures"] for report in reports)
    for index in ("index", "own index"):
        verified = json.loads(command("indexer", "verify", "--json", PRESENTE_INDEX=str(tmp_path / index)).stdout)
        assert verified["agrees"] and verified["templates"] == 96
    other = f"sqlite:///{tmp_path}/whole.db"
    added(command, SHEET, "--store", other, "--index", str(tmp_path / "whole"))
    assert_same_gallery(store_url, other)


@on_sqlite
def test_duplicates_that_two_parts_enrolled_at_once_are_reported(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    ana, eva, luz = unit(np.eye(8, dtype=np.float32)[[0, 1, 2]])
    gallery.enrol([enrolment("B1", ana), enrolment("A1", ana), enrolment("C1", eva), enrolment("D1", luz)])
    photos = tuple(SourcePhoto(student_in(gallery.store, each).student, each, bytes) for each in ("B1", "A1", "C1"))
    report = RunReport("parts", 3, enrolled={"B1", "A1", "C1"})
    note_late_duplicates(Source("parts", photos), gallery, 0.5, report)
    assert list(report.duplicates) == [("A1", "B1")]  # the later one of the source
    avisos = {each: student_in(gallery.store, each).student.aviso for each in ("A1", "B1", "C1", "D1")}
    assert avisos == {"A1": POSSIBLE_DUPLICATE, "B1": "", "C1": "", "D1": ""}
    again = RunReport("parts", 3)
    note_late_duplicates(Source("parts", photos), gallery, 0.5, again)
    assert not again.duplicates  # nothing was enrolled


@on_sqlite
def test_nothing_is_enrolled_by_a_part_that_does_not_exist(command: Command) -> None:
    done = command("indexer", "add", SHEET, "--shard", "17/16", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "invalid_shard"
    done = command("indexer", "add", SHEET, "--shard", "1/2", "--all-or-nothing", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "unsuitable_option"
    done = command("indexer", "add", SHEET, "--address", "127.0.0.2:6379", "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "unsuitable_option"
