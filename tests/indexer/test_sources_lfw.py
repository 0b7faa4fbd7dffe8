"""LFW is recognised by the names of its photos; its people are cohort, not students."""

import json
import shutil
from pathlib import Path

import pytest

from indexer.sources import read_source
from indexer.sources.options import SourceOptions
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, Command, on_sqlite

PHOTOS = ("Ana_de_la_Cruz/Ana_de_la_Cruz_0001.jpg", "Ana_de_la_Cruz/Ana_de_la_Cruz_0012.jpg", "Luis/Luis_0001.jpg")


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize("nested", ["", "lfw", "lfw_funneled", "lfw-deepfunneled", "lfw-deepfunneled/lfw-deepfunneled"])
def test_every_layout_is_recognised(tmp_path: Path, nested: str) -> None:
    tree(tmp_path / nested, *PHOTOS, "pairs.txt", "Luis/note.txt")
    source = read_source(tmp_path)
    assert [(photo.student.matricula, Path(photo.location).name) for photo in source.photos] == [
        ("lfw-Ana_de_la_Cruz", "Ana_de_la_Cruz_0001.jpg"),
        ("lfw-Ana_de_la_Cruz", "Ana_de_la_Cruz_0012.jpg"),
        ("lfw-Luis", "Luis_0001.jpg"),
    ]
    student = next(iter(source.photos)).student
    assert (student.nombre_del_alumno, student.kind, source.ignored) == ("Ana de la Cruz", "cohort", 2)
    assert "lfw" in source.notes[0] and "--kind folder" in source.notes[0]


@pytest.mark.parametrize("other", ["Luis/1.jpg", "Luis/Ana_0001.jpg", "Luis/Luis_001.jpg", "Eva_0001.jpg"])
def test_one_photo_with_another_name_makes_it_a_folder(tmp_path: Path, other: str) -> None:
    source = read_source(tree(tmp_path, *PHOTOS, other))
    assert len(source.photos) == 4 and not source.notes
    assert {photo.student.kind for photo in source.photos} == {"student"}
    named = read_source(tmp_path, SourceOptions("lfw"))
    assert len(named.photos) == 3 and named.ignored == 1 and not named.notes


def test_the_kind_that_the_caller_gives_decides(tmp_path: Path) -> None:
    source = read_source(tree(tmp_path, *PHOTOS), SourceOptions("folder"))
    assert {photo.student.matricula for photo in source.photos} == {"Ana_de_la_Cruz", "Luis"}
    with pytest.raises(InvalidInput) as caught:
        read_source(tree(tmp_path / "other", "Ana/1.jpg"), SourceOptions("lfw"))
    assert caught.value.code == "not_lfw" and "--kind folder" in caught.value.fix


@on_sqlite
def test_people_of_lfw_are_cohort(command: Command, tmp_path: Path) -> None:
    for person in sorted((SAMPLE / "students").iterdir())[:3]:
        folder = tmp_path / "lfw" / person.name
        folder.mkdir(parents=True)
        for number in (1, 2):
            shutil.copy(person / f"{number}.jpg", folder / f"{person.name}_{number:04d}.jpg")
    done = command("indexer", "add", tmp_path, "--kind", "lfw", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["done"] == 6, done.stderr
    status = json.loads(command("indexer", "status", "--json").stdout)
    assert (status["students"], status["cohort"], status["templates"]) == (0, 3, 6)


def test_the_real_photos(real_faces: Path) -> None:
    source = read_source(real_faces / "lfw")
    people = {photo.student.matricula for photo in source.photos}
    on_disk = list((real_faces / "lfw").glob("*/*.jpg"))
    assert len(source.photos) == len(on_disk) > 8_000 and len(people) == len({path.parent for path in on_disk})
    assert "lfw-Al_Sharpton" in people and all(photo.student.kind == "cohort" for photo in source.photos)
