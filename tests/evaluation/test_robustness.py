"""``evaluation robustness``: what its transforms do to photos, on the sample class, and on real faces."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import metrics
from evaluation.composites import share_of_union
from evaluation.robustness import ChangedProbes, curve
from evaluation.scores import read_scores
from evaluation.templates import as_probe
from evaluation.transforms import TRANSFORMS, chosen
from faces.detection.detected_face import DetectedFace
from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, SHARED, Command, on_sqlite
from tests.evaluation.report_page import check_self_contained, parsed

PROBE = SAMPLE / "probes" / "A0178" / "1.jpg"


@pytest.fixture(scope="module")
def pixels(embedder: FaceEmbedder) -> np.ndarray:
    return embedder.decode(PROBE.read_bytes()).pixels


@pytest.fixture(scope="module")
def face(embedder: FaceEmbedder) -> DetectedFace:
    prominent = embedder.read_faces(PROBE.read_bytes()).prominent
    assert prominent is not None
    return prominent.face


def changed(pixels: np.ndarray, face: DetectedFace, name: str, level: str) -> np.ndarray:
    content = TRANSFORMS[name].apply(pixels, face, level).content
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.float64)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_face_is_where_a_transform_says(
    embedder: FaceEmbedder, pixels: np.ndarray, face: DetectedFace, name: str
) -> None:
    """At the weakest level the detector finds the face in the changed photo, at the place that was computed."""
    before = pixels.copy()
    transform = TRANSFORMS[name]
    for level in {"turned": ("15", "90", "180", "270"), "covered": ("mask_below_nose",)}.get(
        name, transform.levels[:1]
    ):
        made = transform.apply(pixels, face, level)
        assert made == transform.apply(pixels, face, level)
        best = max(
            share_of_union(tuple(map(float, each.face.box)), made.face)  # type: ignore[arg-type]
            for each in embedder.read_faces(made.content).faces
        )
        assert best > 0.5, level
    assert np.array_equal(pixels, before)


def test_what_each_transform_does(pixels: np.ndarray, face: DetectedFace) -> None:
    height, width = pixels.shape[:2]
    turned = changed(pixels, face, "turned", "90")
    assert turned.shape == (width, height, 3)
    assert np.abs(turned - np.rot90(pixels, -1)).mean() < 3  # clockwise
    assert changed(pixels, face, "turned", "45").shape[0] > max(height, width)
    near = TRANSFORMS["close_up"].apply(pixels, face, "1200")
    assert max(Image.open(io.BytesIO(near.content)).size) == 1200
    assert near.face[2] - near.face[0] > 0.7 * min(Image.open(io.BytesIO(near.content)).size)
    sizes = [len(TRANSFORMS["jpeg"].apply(pixels, face, level).content) for level in ("90", "50", "10")]
    assert sizes == sorted(sizes, reverse=True)

    def detail(photo: np.ndarray) -> float:
        return float(np.abs(np.diff(photo.mean(axis=2), axis=0)).mean())

    assert detail(changed(pixels, face, "blur", "4")) < detail(changed(pixels, face, "blur", "1")) < detail(pixels)
    dark = changed(pixels, face, "dark", "2")
    linear = (float(np.mean((photo / 255) ** 2.2)) for photo in (dark, pixels.astype(np.float64)))
    assert next(linear) / next(linear) == pytest.approx(1 / 4, rel=0.1)  # two stops
    small = TRANSFORMS["small"].apply(pixels, face, "40")
    assert Image.open(io.BytesIO(small.content)).size == tuple(round(side * 40 / face.side) for side in (width, height))
    assert changed(pixels, face, "small", "900").shape == pixels.shape  # never in more pixels
    enlarged = changed(pixels, face, "enlarged", "20")
    assert enlarged.shape == pixels.shape and detail(enlarged) < detail(pixels)


@pytest.mark.parametrize("kind", TRANSFORMS["covered"].levels)
def test_what_is_worn_covers_what_it_should(pixels: np.ndarray, face: DetectedFace, kind: str) -> None:
    difference = np.abs(changed(pixels, face, "covered", kind) - pixels).max(axis=2)

    def covered(point: np.ndarray) -> bool:
        x, y = (round(float(value)) for value in point)
        return bool(np.median(difference[y - 1 : y + 2, x - 1 : x + 2]) > 20)

    left, right, nose, *mouth = face.landmarks
    assert all(covered(corner) for corner in mouth) == kind.startswith("mask")
    assert covered(nose) == (kind == "mask")
    assert (covered(left) and covered(right)) == (kind == "sunglasses")
    outside = face.box[:2] - 0.5 * (face.box[2:] - face.box[:2])
    assert not covered(np.maximum(outside, 2))
    assert 0.02 < (difference > 20).sum() / face.area < 0.9


def test_transforms_and_levels_are_asked_for() -> None:
    assert [transform.name for transform, _ in chosen([])] == list(TRANSFORMS)
    ((transform, levels),) = chosen(["turned=90,180"])
    assert (transform.name, levels) == ("turned", ["90", "180"])
    assert [levels for _, levels in chosen(["blur=1,1", "blur=2,1"])] == [["1", "2"]]
    for text, code in (
        ("tilted", "unknown_transform"),
        ("jpeg=0", "invalid_level"),
        ("jpeg=much", "invalid_level"),
        ("blur=nan", "invalid_level"),
        ("covered=scarf", "invalid_level"),
    ):
        with pytest.raises(InvalidInput) as raised:
            chosen([text])
        assert raised.value.code == code


def test_templates_of_changed_probes_have_keys_of_their_own(embedder: FaceEmbedder) -> None:
    probes = ChangedProbes(embedder)
    makers = [probes.maker(transform, level) for transform, levels in chosen([]) for level in levels]
    assert len({maker.key for maker in makers} | {as_probe(embedder).key}) == len(makers) + 1
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), (90, 90, 90)).save(blank, "PNG")
    assert makers[0].make(blank.getvalue()).code == "no_face" and makers[0].make(b"text").code == "not_an_image"


@on_sqlite
def test_the_sample_class(command: Command, tmp_path: Path) -> None:
    words = ("evaluation", "robustness", "--list", SAMPLE / "identify.tsv", "--probes", "6", "--out", "out")
    asked = ("--transform", "turned=90,180,270", "blur=1,12", "small=60,8", "--json")
    done = command(*words, *asked)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["probes"] == 6 and result["threshold"] == result["deployed"]["threshold"] == 0.8
    curves = {one["transform"]: {level["level"]: level for level in one["levels"]} for one in result["curves"]}
    for levels in curves.values():
        assert levels["as it is"]["found"] == 6 and levels["as it is"]["fnir"] == 0
    assert all(curves["turned"][turn]["found"] == 6 for turn in ("90", "180", "270"))
    assert all(curves["turned"][turn]["rank1"] >= 0.8 for turn in ("90", "180", "270"))
    assert curves["blur"]["1"]["rank1"] == 1 and curves["blur"]["12"]["fnir"] == 1
    assert curves["small"]["60"]["fnir"] == 0 and curves["small"]["8"]["found"] == 0
    searches = read_scores(tmp_path / "out" / "scores.tsv")
    assert len(searches) == 6 * (1 + 3 + 2 + 2)
    (_, worst) = [one.as_json() for one in curve(searches, "blur", ["12"], 0.8)]
    assert worst == curves["blur"]["12"]
    page = parsed(tmp_path / "out" / "report.html")
    check_self_contained(page)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {
        f"robustness-{name}.png" for name in ("turned", "blur", "small")
    }
    assert page.rows["270"][0].startswith("6 of 6 (") and page.rows["as it is"][0].startswith("6 of 6 (")

    again = json.loads(command(*words, *asked).stdout)  # from the cache of templates
    assert again["curves"] == result["curves"]
    rate = json.loads(command(*words, "--transform", "blur=1", "--fpir", "0.05", "--json").stdout)
    searches = read_scores(tmp_path / "out" / "scores.tsv")
    assert sum(not search.mated for search in searches) == 78
    assert rate["threshold"] == metrics.threshold_at_fpir(searches, 0.05) != 0.8


@on_sqlite
def test_wrong_usage(command: Command) -> None:
    words = ("evaluation", "robustness", "--list", SAMPLE / "identify.tsv")
    for arguments, code in (
        (("--transform", "tilted"), "unknown_transform"),
        (("--transform", "turned=400"), "invalid_level"),
        (("--probes", "0"), "invalid_number"),
        (("--fpir", "1"), "invalid_fpir"),
    ):
        done = command(*words, *arguments)
        assert done.returncode == 2 and code in done.stderr, done.stderr
    done = command("evaluation", "robustness")
    assert done.returncode == 2 and "missing_protocol" in done.stderr


@on_sqlite
def test_a_rate_without_strangers_is_refused_before_any_photo_is_read(command: Command, tmp_path: Path) -> None:
    (tmp_path / "list.tsv").write_text("role\tperson\tpath\ngallery\tA\tgone.jpg\nprobe\tA\tgone.jpg\n")
    words = ("evaluation", "robustness", "--list", tmp_path / "list.tsv", "--out", tmp_path / "out")
    done = command(*words, "--fpir", "0.05")
    assert done.returncode == 2 and "no_strangers" in done.stderr and not (tmp_path / "out").exists()
    without = command(*words, "--transform", "blur=1")
    assert without.returncode and "no_strangers" not in without.stderr


@pytest.mark.untraced
@pytest.mark.real
@on_sqlite
def test_real_faces(command: Command, real_pack: ModelPack, real_faces: Path) -> None:
    """150 probes of LFW turned, and close-ups of them."""
    done = command(
        "evaluation",
        "robustness",
        "--list",
        real_faces / "lfw" / "identify.tsv",
        "--pack",
        SHARED / "models" / "research_mbf",
        "--transform",
        "turned=90,180,270",
        "close_up=640,2400",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    turned, near = json.loads(done.stdout)["curves"]
    assert [one["level"] for one in turned["levels"]] == ["as it is", "90", "180", "270"]
    for one in turned["levels"]:
        assert one["probes"] == 150 and round((1 - one["fnir"]) * 150) >= 145, one
    for one in near["levels"]:
        assert one["found"] == 150 and round((1 - one["fnir"]) * 150) >= 147, one
