"""``evaluation classroom``: its rates by hand, on the sample class, and on real faces where they are here."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.class_faces import ClassFace, rates, rates_by_size, read_faces, write_faces
from evaluation.classroom import FaceSizes
from evaluation.intervals import shown, wilson
from evaluation.pages.parts import percent
from faces.packs.model_pack import ModelPack
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, SHARED, Command, on_sqlite
from tests.evaluation.report_page import check_self_contained, faces_in, parsed

ANA = ClassFace(1, "80", 80.2, "student", "Ana", "ana.jpg", True, "present", "Ana", 0.8)
FACES = [
    ANA,
    replace(ANA, person="Bea", status="ambiguous", named="", score=0.6),
    replace(ANA, person="Cai", status="present", named="Ana", score=0.5),
    replace(ANA, person="Dea", found=False, status="", named="", score=-np.inf),
    replace(ANA, person="Eva", status="duplicate", named="", score=0.55),
    replace(ANA, role="stranger", person="X", status="off_roster", named="Fay", score=0.5),
    replace(ANA, role="stranger", person="Y", status="unknown", named="", score=0.1),
    replace(ANA, role="none", person="", path="", status="present", named="Ana", score=0.45),
    replace(ANA, photo=2, size="40", side=40.1),
]


def test_rates_by_hand(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces.tsv", FACES)
    assert read_faces(tmp_path / "faces.tsv") == FACES
    near, far = rates_by_size(read_faces(tmp_path / "faces.tsv"))
    assert (near["size"], near["photos"], near["faces"], near["found"], near["false_faces"]) == ("80", 1, 7, 6, 1)
    assert (near["students"], near["present"], near["ambiguous"], near["missed"]) == (5, 1, 1, 3)
    assert (near["named_wrongly"], near["strangers"], near["strangers_named"]) == (2, 2, 1)
    assert near["present_rate"] == 0.2 and near["present_interval"] == shown(wilson(1, 5))
    assert (far["size"], far["present_rate"], far["strangers_named_rate"]) == ("40", 1.0, None)
    assert rates(FACES)["photos"] == 2 and rates(FACES)["present"] == 2


def test_sizes_are_pixels_or_a_range() -> None:
    assert str(FaceSizes.of("80")) == "80" and FaceSizes.of("60-140") == FaceSizes(60, 140)
    for wrong in ("", "7", "-5", "90-60", "large", "60-", "nan", "60-inf"):
        with pytest.raises(InvalidInput, match="--size"):
            FaceSizes.of(wrong)


@on_sqlite
def test_the_sample_class(command: Command, tmp_path: Path) -> None:
    words = ("evaluation", "classroom", "--list", SAMPLE / "identify.tsv", "--students", "6", "--strangers", "2")
    small = ("--width", "1200", "--height", "900", "--size", "110", "60-90", "--out", "out", "--json")
    done = command(*words, *small, "--images", "photos")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [one["size"] for one in result["sizes"]] == ["110", "60-90"]
    for one in result["sizes"]:
        assert (one["faces"], one["students"], one["strangers"]) == (8, 6, 2)
        assert one["found"] >= 7 and one["present"] >= 4 and one["strangers_named"] == one["named_wrongly"] == 0
        assert one["present"] + one["ambiguous"] + one["missed"] == 6
    assert result["subjects"] == 12 and result["fte"] == 0 and result["deployed"]["threshold"] == 0.8
    faces = read_faces(tmp_path / "out" / "faces.tsv")
    assert rates_by_size(faces) == result["sizes"]
    assert all(abs(face.side - 110) < 2 for face in faces if face.size == "110" and face.role != "none")
    assert all(58 < face.side < 92 for face in faces if face.size == "60-90" and face.role != "none")
    photos = sorted((tmp_path / "photos").iterdir())
    first, second = (photo.read_bytes() for photo in photos)
    assert Image.open(io.BytesIO(first)).size == Image.open(io.BytesIO(second)).size == (1200, 900)
    page = parsed(tmp_path / "out" / "report.html")
    check_self_contained(page)
    assert faces_in(page) == []  # nor are the class photos themselves
    assert page.rows["110"][0].startswith(f"{result['sizes'][0]['found']} of 8 (")
    assert percent(result["all_sizes"]["found_rate"]) in page.text
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"sizes.png"}

    again = command(*words, *small, "--images", "photos")  # the same photos and figures, for the same seed
    assert photos[0].read_bytes() == first
    assert json.loads(again.stdout)["sizes"] == result["sizes"]
    other = command(*words, *small, "--seed", "2", "--images", "photos")
    assert other.returncode == 0 and photos[0].read_bytes() != first
    assert not list(tmp_path.glob("*.db"))  # the gallery was one of its own


@on_sqlite
def test_a_photo_of_many_sees_more_when_it_is_looked_at_closely(command: Command, tmp_path: Path) -> None:
    words = ("evaluation", "classroom", "--list", SAMPLE / "identify.tsv", "--students", "6", "--strangers", "0")
    sizes = ("--size", "60", "--width", "3600", "--height", "2700", "--json")
    found = {}
    for detail in ("portrait", "auto"):
        done = command(*words, *sizes, "--detail", detail)
        assert done.returncode == 0, done.stderr
        found[detail] = json.loads(done.stdout)["sizes"][0]
    assert found["auto"]["found"] == 6 > found["portrait"]["found"]
    assert found["auto"]["present"] >= 5 and found["auto"]["strangers_named_rate"] is None


@on_sqlite
def test_wrong_usage(command: Command, tmp_path: Path) -> None:
    words = ("evaluation", "classroom", "--list", SAMPLE / "identify.tsv")
    for arguments, code in (
        (("--size", "large"), "invalid_size"),
        (("--students", "0"), "invalid_number"),
        (("--rows", "0"), "invalid_number"),
        (("--width", "600", "--height", "400", "--size", "120"), "faces_do_not_fit"),
    ):
        done = command(*words, *arguments)
        assert done.returncode == 2 and code in done.stderr, done.stderr
    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "blank.png")
    rows = f"gallery\tA\t{SAMPLE}/students/A0178/1.jpg\nprobe\tA\tblank.png\n"
    (tmp_path / "list.tsv").write_text("role\tperson\tpath\n" + rows)
    done = command("evaluation", "classroom", "--list", "list.tsv")
    assert done.returncode == 2 and "too_few_people" in done.stderr, done.stderr


@pytest.mark.untraced
@pytest.mark.real
@on_sqlite
def test_real_faces(command: Command, real_pack: ModelPack, real_faces: Path) -> None:
    """40 faces of LFW in a photo of 4000 x 3000 pixels, at each size; then a class of 30 with six strangers."""
    words = ("evaluation", "classroom", "--list", real_faces / "lfw" / "identify.tsv", "--json")
    pack = ("--pack", SHARED / "models" / "research_mbf")
    done = command(*words, *pack, "--students", "34", "--size", "120", "80", "60", "40")
    assert done.returncode == 0, done.stderr
    for one, least in zip(json.loads(done.stdout)["sizes"], (40, 40, 40, 34), strict=True):
        assert one["faces"] == 40 and one["found"] >= least and one["false_faces"] == 0, one
    done = command(*words, *pack, "--size", "60-140")
    (one,) = json.loads(done.stdout)["sizes"]
    assert (one["students"], one["strangers"]) == (30, 6)
    assert one["present"] >= 28 and one["strangers_named"] == 0
