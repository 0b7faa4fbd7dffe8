"""``python -m evaluation`` on the sample class, and on real faces where real weights and faces are here."""

import csv
import json
from pathlib import Path

import pytest

from faces.packs.model_pack import ModelPack
from tests.conftest import SAMPLE, SHARED, Command, on_sqlite


@pytest.fixture
def sample_list(tmp_path: Path) -> Path:
    rows = [("gallery", path.parent.name, path) for path in sorted((SAMPLE / "students").glob("*/*.jpg"))]
    rows += [("probe", path.parent.name, path) for path in sorted((SAMPLE / "probes").glob("*/*.jpg"))]
    rows += [("unknown", path.stem, path) for path in sorted((SAMPLE / "strangers").glob("*.jpg"))]
    target = tmp_path / "list.tsv"
    with target.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(("role", "person", "path"))
        writer.writerows((role, person, path.relative_to(SAMPLE)) for role, person, path in rows)
    return target


@on_sqlite
def test_the_sample_class(command: Command, sample_list: Path, tmp_path: Path) -> None:
    arguments = (
        "evaluation",
        "identification",
        "--list",
        sample_list,
        "--root",
        SAMPLE,
        "--fpir",
        "0.01",
        "0.2",
        "--out",
        tmp_path / "out",
        "--json",
    )
    first = command(*arguments)
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)
    assert (result["pack"], result["subjects"], result["probes"], result["strangers"]) == ("sample", 24, 48, 6)
    assert result["fta"] == result["fte"] == 0 and result["rank1"] >= 0.99
    asked = {point["fpir_asked"]: point for point in result["open_set"]}
    assert asked[0.2]["fpir"] <= 0.2 and asked[0.2]["resolved"] and not asked[0.01]["resolved"]
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    assert len((tmp_path / "out" / "scores.tsv").read_text().splitlines()) == 1 + 48 + 6
    again = json.loads(command(*arguments).stdout)  # from the cache of templates
    assert {**again, "seconds": 0, "made_at": ""} == {**result, "seconds": 0, "made_at": ""}


@on_sqlite
def test_a_folder_split(command: Command, tmp_path: Path) -> None:
    done = command(
        "evaluation",
        "identification",
        "--folder",
        SAMPLE / "students",
        "--strangers",
        "0.25",
        "--out",
        tmp_path / "out",
        "--json",
    )
    result = json.loads(done.stdout)
    assert (result["subjects"], result["probes"], result["strangers"]) == (18, 18, 24)
    assert result["rank1"] >= 0.9


@on_sqlite
def test_the_printed_threshold_keeps_the_strangers_out(command: Command, sample_list: Path, tmp_path: Path) -> None:
    done = command("evaluation", "identification", "--list", sample_list, "--root", SAMPLE, "--json", "--out", tmp_path)
    (point,) = json.loads(done.stdout)["open_set"]
    rows = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()[1:]]
    assert max(float(row[5]) for row in rows if row[0] == "unknown") < point["threshold"]


@on_sqlite
def test_other_limits_are_not_answered_from_the_cache(command: Command, sample_list: Path, tmp_path: Path) -> None:
    words = ("evaluation", "identification", "--list", sample_list, "--root", SAMPLE, "--json")
    assert json.loads(command(*words, "--max-megapixels", "0.01").stdout)["reasons"] == {"too_many_pixels": 150}
    assert json.loads(command(*words).stdout)["reasons"] == {}
    assert (tmp_path / "cache" / "templates.db").exists()
    command("indexer", "remove", "NOBODY")  # an erasure deletes all cached templates
    assert not (tmp_path / "cache" / "templates.db").exists()


@on_sqlite
def test_wrong_usage(command: Command, tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_text("role\tperson\tpath\ngallery\ta\tnowhere.jpg\nprobe\ta\tnowhere.jpg\n")
    for arguments, code in (
        ((), "missing_protocol"),
        (("--list", "nowhere.tsv"), "unreadable_list"),
        (("--list", "list.tsv"), "unreadable_photo"),
        (("--folder", "nowhere"), "unreadable_folder"),
        (("--folder", "nowhere", "--fpir", "2"), "invalid_fpir"),
    ):
        done = command("evaluation", "identification", *arguments)
        assert done.returncode == 2 and code in done.stderr, done.stderr


@pytest.mark.usefixtures("sample_gallery")
def test_predict(command: Command, tmp_path: Path) -> None:
    student = sorted(path.name for path in (SAMPLE / "probes").iterdir())[3]
    (tmp_path / "text.jpg").write_text("text")
    photos = [
        SAMPLE / "probes" / student / "1.jpg",
        SAMPLE / "strangers" / "03.jpg",
        tmp_path / "text.jpg",
        tmp_path / "nowhere.jpg",
    ]
    done = command("evaluation", "predict", *photos, "--json")
    assert done.returncode == 1
    known, stranger, text, nowhere = json.loads(done.stdout)["photos"]
    assert known["faces"][0]["matricula"] == student
    assert stranger["faces"][0]["nombre"] == "Desconocido"
    assert (text["error"], nowhere["error"]) == ("not_an_image", "unreadable_file")
    assert command("evaluation", "predict", *photos[:2]).returncode == 0


@pytest.mark.real
@on_sqlite
@pytest.mark.parametrize(("data", "rank1", "fnir"), [("lfw", 0.995, 0.01), ("celeba", 0.995, None)])
def test_real_faces(
    command: Command, real_pack: ModelPack, real_faces: Path, tmp_path: Path, data: str, rank1: float, fnir: float
) -> None:
    done = command(
        "evaluation",
        "identification",
        "--list",
        real_faces / data / "identify.tsv",
        "--pack",
        SHARED / "models" / "research_mbf",
        "--out",
        tmp_path / "out",
        "--json",
    )
    result = json.loads(done.stdout)
    assert result["rank1"] >= rank1 and result["fta"] == result["fte"] == 0
    if fnir is not None:
        (point,) = result["open_set"]
        assert point["fpir"] <= 0.01 and point["fnir"] <= fnir and point["resolved"]
