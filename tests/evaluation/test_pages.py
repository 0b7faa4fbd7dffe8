"""Reports: their figures, that they load nothing from the network, and that names of people stay text."""

from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evaluation import error_curves, metrics, pages, plots, verification
from evaluation.pages.parts import percent
from evaluation.scores import write_scores
from evaluation.verification import Comparison, write_comparisons
from faces.embedder import FaceEmbedder
from faces.thumbnail import face_thumbnail
from presente.errors import InvalidInput
from tests.conftest import ROOT, SAMPLE, Command, on_sqlite
from tests.evaluation.report_page import check_self_contained, faces_in, parsed
from tests.evaluation.searches import SEARCHES

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

SCRIPT = "<script>alert(1)</script>"
QUOTED = 'a"><img src=x onerror=alert(2)>'


@pytest.fixture
def class_list(tmp_path: Path) -> Path:
    """The sample class's list with a name, a class and a photo's folder that are markup."""
    (tmp_path / QUOTED).mkdir()
    shutil.copy(SAMPLE / "strangers" / "02.jpg", tmp_path / QUOTED / "1.jpg")
    text = (SAMPLE / "identify.tsv").read_text().replace("stranger 02\t", f"{SCRIPT}\t").replace("IA-102", "<b>IA")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    rows += [["unknown", QUOTED.replace('"', ""), str(tmp_path / QUOTED / "1.jpg"), "none"]]
    lines = ["\t".join([role, who, str(SAMPLE / path), clase]) for role, who, path, clase in rows]
    (tmp_path / "list.tsv").write_text("\n".join(["role\tperson\tpath\tclase", *lines]) + "\n")
    return tmp_path / "list.tsv"


@on_sqlite
def test_a_run_leaves_a_report(command: Command, class_list: Path, tmp_path: Path) -> None:
    words = ("--list", class_list, "--group", "clase", "--fpir", "0.05", "0.2", "--out", "out", "--json")
    done = command("evaluation", "identification", *words, "--consolidation", "best", "centroid")
    assert done.returncode == 0, done.stderr
    result, out = json.loads(done.stdout), tmp_path / "out"
    report = out / "report.html"
    assert result["report"] == "out/report.html" and result["arguments"]["fpir"] == [0.05, 0.2]
    assert "seed" not in result["arguments"]  # a list is not split
    page, first = parsed(report), report.read_bytes()
    check_self_contained(page)
    assert faces_in(page) == []
    assert {path.name for path in out.glob("*.png")} == {
        f"{name}.png" for name in ("scores", "roc", "det", "cmc", "groups")
    }
    for path in out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    # names are text, wherever they come from
    for name in (SCRIPT, "<b>IA", "a><img src=x onerror=alert(2)>", f"{QUOTED}/1.jpg"):
        assert name in page.text, name
    assert page.all("b") == []
    # the figures are those of result.json
    value, interval, cases, _ = page.rows["Rank-1 identification rate"]
    assert value == percent(result["rank1"]) and cases == "48 of 48"
    assert interval == " to ".join(percent(bound) for bound in result["rank1_interval"])
    for point, asked in zip(result["open_set"], ("5\u00a0%", "20\u00a0%"), strict=True):
        for name, row in (("fnir", f"FNIR at FPIR {asked}"), ("fpir", f"FPIR reached, {asked} asked")):
            bounds = " to ".join(percent(bound) for bound in point[f"{name}_interval"])
            assert page.rows[row][:2] == [percent(point[name]), bounds]
            assert page.rows[row][3] == f"{point['threshold']:.3f}"
    assert page.rows["Failures to enrol (FTE)"][2] == "0 of 24 photos"
    group = next(one for one in result["open_set"][0]["groups"] if one["group"] == "IA-101")
    assert page.rows["IA-101"][4].startswith(percent(group["fpir"]) + " (")
    assert page.rows["centroid"][1] == percent(result["variants"][1]["rank1"])
    for text in (result["pack_tag"], f"numpy {np.__version__}", str(class_list), result["detection"]):
        assert text in page.text
    # written anew from the files alone it is the same; it shows faces only when asked
    report.unlink()
    assert command("evaluation", "report", "out").returncode == 0
    assert report.read_bytes() == first
    assert command("evaluation", "report", "out", "--faces").returncode == 0
    page = parsed(report)
    check_self_contained(page)
    assert len(faces_in(page)) >= 1 and "This file shows people’s faces" in page.text
    moved = command("evaluation", "report", "nowhere")
    assert moved.returncode == 2 and "unreadable_result" in moved.stderr


RESULT = {
    "protocol": "verification",
    "arguments": {"far": [0.25, 0.01]},
    "pack": "p",
    "pack_tag": "p@0",
    "pack_threshold": 0.4,
    "detection": "d",
    "versions": {"numpy": "0"},
    "made_at": "2026-01-01T00:00:00+00:00",
    "seconds": 1.0,
    "photos": 12,
    "without_template": [{"path": "x/2.jpg", "code": "no_face"}],
    "scores": "elsewhere/pairs.tsv",
}


def kept(out: Path, **values: object) -> Path:
    (out / "result.json").write_text(json.dumps(RESULT | values))
    return out


def pair(fold: int, same: bool, score: float) -> Comparison:
    lost = math.isinf(score)
    other = "a/2.jpg" if same else f"b{fold}/1.jpg"
    return Comparison(fold, same, "a/1.jpg", other, "ok", "no_face" if lost else "ok", score)


def test_verification_by_hand(tmp_path: Path) -> None:
    mated, others = [0.9, 0.8, 0.6, -math.inf], [0.7, 0.4, 0.2, 0.1]
    rows = [pair(i % 2, same, score) for same, some in ((True, mated), (False, others)) for i, score in enumerate(some)]
    write_comparisons(tmp_path / "pairs.tsv", rows)
    page = parsed(pages.write_report(kept(tmp_path)))
    check_self_contained(page)
    assert page.rows["TAR at FAR 25\u00a0%"][0] == percent(3 / 4)  # 0.9, 0.8, 0.6: just above 0.4
    assert page.rows["TAR at FAR 1\u00a0%"][:3] == ["not shown", "–", "4 pairs are too few"]
    assert "4 pairs of two people do not show FAR 1\u00a0%" in page.text
    assert "1 pair of one person was taken for two" in page.text and "no template: no_face" in page.text
    assert "1 pair of two people was taken for one" in page.text and "a and b0" in page.text


def test_identification_without_strangers(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.tsv", SEARCHES[:5])
    asked = {"fpir": [0.1], "rank": 3, "group": None}
    found = {"scores": "scores.tsv", "subjects": 2, "gallery_photos": 3, "fte": 1, "variants": []}
    page = parsed(pages.write_report(kept(tmp_path, protocol="identification", arguments=asked, **found)))
    assert "how often one would be named is not known" in page.text
    assert not (tmp_path / "roc.png").exists() and (tmp_path / "cmc.png").exists()
    assert page.rows["Rank-1 identification rate"][0] == percent(3 / 5)
    assert page.rows["Failures to acquire (FTA)"][2] == "1 of 5 photos"


def test_cross_validation_by_hand(tmp_path: Path) -> None:
    folds = []
    for number, searches in enumerate((SEARCHES, SEARCHES[:3] + SEARCHES[5:])):
        write_scores(tmp_path / f"scores-fold-{number}.tsv", searches)
        folds.append({"fold": number, "enrolled": 7, "fte": 1, "figures": {"threshold": 0.45}})
        folds[-1]["scores"] = f"elsewhere/scores-fold-{number}.tsv"
    asked = {"split": "holdout", "pipeline": "present", "people": 2, "folds": folds}
    page = parsed(pages.write_report(kept(tmp_path, protocol="kfold", **asked)))
    check_self_contained(page)
    assert page.rows["0"] == ["7", "5", "4", "1 / 2", *map(percent, (6 / 9, (5 * 3 / 4 + 4 * 3 / 5) / 9, 6 / 9))] + [
        percent(rate) for rate in (3 / 5, 3 / 5, 1 / 4)
    ]
    assert page.rows["Mean"][4] == percent((6 / 9 + 5 / 7) / 2)
    assert page.rows["a"][3] == "3"  # the second fold's photos of that person, by person
    assert (tmp_path / "folds.png").exists() and "4 photos of enrolled people were not recognised" in page.text


def test_comparison_by_hand(tmp_path: Path) -> None:
    write_scores(tmp_path / "one.tsv", SEARCHES)
    rows = [
        {"pack": pack, "pipeline": "present", "threshold": 0.45, "without_face": 2, "scores": "one.tsv"}
        for pack in ("p", SCRIPT)
    ]
    page = parsed(pages.write_report(kept(tmp_path, protocol="compare", arguments={"fpir": 0.25}, rows=rows)))
    check_self_contained(page)
    assert page.rows["present, p"] == page.rows[f"present, {SCRIPT}"]
    assert page.rows["present, p"][:6] == [*map(percent, (6 / 9, 3 / 5, 3 / 5, 1 / 4)), "0.450", percent(2 / 5)]


def test_a_face_is_cut_small(embedder: FaceEmbedder) -> None:
    with Image.open(io.BytesIO(face_thumbnail((SAMPLE / "strangers" / "01.jpg").read_bytes(), embedder))) as cut:
        assert (cut.format, cut.size) == ("JPEG", (112, 112))
    stream = io.BytesIO()
    Image.new("RGB", (400, 200)).save(stream, "PNG")  # no face: the whole photo
    with Image.open(io.BytesIO(face_thumbnail(stream.getvalue(), embedder))) as whole:
        assert (whole.format, whole.size) == ("JPEG", (112, 56))


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"protocol": "search"}'):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InvalidInput, match=r"result\.json"):
            pages.write_report(tmp_path)


VALUES = st.lists(st.integers(-20, 20).map(lambda n: n / 20) | st.just(-math.inf), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_curves_hold_rates_that_a_threshold_gives(mated: list[float], others: list[float]) -> None:
    found = error_curves.error_curve(error_curves.Trials(np.array(mated), np.array(others)))
    points = {(sum(s >= t for s in others), sum(s < t for s in mated)) for t in [*mated, *others, math.inf] if t > -2}
    for positive, negative in zip(found.false_positive, found.false_negative, strict=True):
        assert (round(positive * len(others)), round(negative * len(mated))) in points
    assert (np.diff(found.false_positive) >= 0).all() and (np.diff(found.false_negative) <= 0).all()
    assert (found.low <= found.false_negative + 1e-12).all() and (found.false_negative <= found.high + 1e-12).all()
    assert (found.false_positive[found.shown] * len(others) >= 1 - 1e-9).all()


def test_a_mate_behind_somebody_else_is_found_at_no_threshold() -> None:
    found = error_curves.error_curve(error_curves.trials_of_searches(SEARCHES))
    assert found.false_negative.min() == metrics.fnir_at(SEARCHES, -1) == 2 / 5
    assert found.trials == (4, 5)


@given(VALUES, VALUES)
def test_the_interval_of_the_eer_holds_it(mated: list[float], others: list[float]) -> None:
    same = np.array([True] * len(mated) + [False] * len(others))
    pairs = verification.ScoredPairs(np.zeros(len(same), np.int64), same, np.array(mated + others))
    low, high = verification.equal_error_interval(pairs)
    assert 0 <= low <= verification.equal_error_rate(pairs) + 1e-12 <= high + 1e-9 <= 1 + 1e-9


@pytest.mark.parametrize(
    ("mated", "others"),
    [([0.5], [0.5]), ([-math.inf], [-math.inf]), ([0.1], [0.9, 0.9]), ([0.9] * 9, [0.001 * i for i in range(2000)])],
    ids=["tied", "no score", "all wrong", "perfect"],
)
def test_anything_can_be_drawn(mated: list[float], others: list[float]) -> None:
    """Warnings are errors here."""
    trials = error_curves.Trials(np.array(mated), np.array(others))
    found = error_curves.error_curve(trials)
    for drawing in (
        plots.roc(found, "x", "y", []),
        plots.det(found, "x", "y", [(1.0, 0.0)]),
        plots.histogram(trials, "a", "b", []),
        plots.dots([("kind", [plots.Dot("$a$ & <b>", 0.5, (0.2, 0.7))])], "rate", "Title"),
    ):
        assert drawing.png.startswith(b"\x89PNG")
        assert "url(http" not in drawing.svg and drawing.svg.startswith("<svg")


def test_plots_are_imported_only_where_one_is_made() -> None:
    asked = "import sys, evaluation.__main__ as m; m.build_parser(); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_browser_shows_all_of_it_and_asks_for_nothing(page: Page, tmp_path: Path) -> None:
    write_comparisons(tmp_path / "pairs.tsv", [pair(i % 2, i < 20, i % 20 / 20 + 0.3 * (i < 20)) for i in range(40)])
    address = pages.write_report(kept(tmp_path, without_template=[])).as_uri()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(address)
        assert page.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 100)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=tmp_path / f"{scheme}.png")
    assert [url for url in asked if not url.startswith("data:")] == [address] * 2
    assert complaints == []
