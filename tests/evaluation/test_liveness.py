"""``evaluation liveness`` and ``calibrate --bpcer``, with a model whose scores are known: the bluer, the less live."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation import pages
from evaluation.commands.calibrate_liveness import calibration_of
from evaluation.intervals import shown, wilson
from evaluation.liveness_results import groups, liveness_result
from evaluation.liveness_scores import JudgedPresentation, read_judged, write_judged
from gallery.threshold.liveness_calibration import stored_liveness_threshold
from presente.composition import open_store
from presente.errors import InvalidInput
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.evaluation.report_page import check_self_contained, faces_in, parsed
from tests.faces import liveness_models

PEOPLE = 12


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack that compares how red and how blue a face's surroundings are."""
    folder = liveness_models.folder(
        tmp_path / "bluish", crop={"around": "box", "scale": 1.2, "beyond": "shrink"}, output={"form": "logits"}
    )
    liveness_models.model(folder / "live.onnx", np.array([[20, 0], [0, 0], [0, 20]], np.float32))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of twelve people as they are, under blue light as one kind of attack, and under fainter light as another;
    a photo without a face with either."""
    root = tmp_path / "photos"
    for folder in sorted(path for path in (SAMPLE / "students").iterdir() if path.is_dir())[:PEOPLE]:
        source = sorted(folder.glob("*.jpg"))[0]
        pixels = np.asarray(Image.open(source).convert("RGB"), np.float32)
        for name, blue in (("bona_fide", 1.0), ("attacks/lamp", 0.65), ("attacks/veil", 0.95)):
            target = root / name / folder.name / source.name
            target.parent.mkdir(parents=True)
            if blue == 1.0:
                shutil.copy(source, target)
            else:
                Image.fromarray(np.round(pixels * np.array([blue, blue, 1])).astype(np.uint8)).save(target)
    for name in ("bona_fide", "attacks/lamp"):
        Image.new("RGB", (300, 300), "grey").save(root / name / "wall.jpg")
    return root


@on_sqlite
def test_a_run_measures_the_check_and_leaves_a_report(
    command: Command, pack: Path, photos: Path, tmp_path: Path
) -> None:
    setting = {"PRESENTE_LIVENESS_PACK": str(pack)}
    done = command("evaluation", "liveness", "--folder", photos, "--out", "out", "--bpcer", "0.25", "--json", **setting)
    assert done.returncode == 0, done.stderr
    result, out = json.loads(done.stdout), tmp_path / "out"
    judged = read_judged(out / "scores.tsv")
    assert len(judged) == 3 * PEOPLE + 2 and result["liveness_pack"].startswith("bluish@")
    assert result["reasons"] == {"no_face": 2} and result["bpnrr"]["events"] == 1
    assert {kind["kind"]: kind["apnrr"]["events"] for kind in result["kinds"]} == {"lamp": 1, "veil": 0}
    live = sorted(one.score for one in judged if not one.is_attack and one.is_judged)
    assert {one.person for one in judged if one.outcome == "ok"} == {
        path.name for path in (photos / "bona_fide").glob("A*")
    }
    # Under the blue lamp a photo scores far below any photo as it is.
    (point,) = result["at_bpcer"]
    assert point["threshold"] == live[3] and point["bpcer"]["events"] == 3 and point["resolved"]
    assert point["held_up"] == {"share": round(4 / 13, 6), "events": 4, "of": 13, "interval": shown(wilson(4, 13))}
    passing = {each["kind"]: each["events"] for each in point["apcer"]}
    assert passing["lamp"] == 0 < passing["veil"] and point["worst"] == "veil"
    assert result["deployed"]["threshold"] == 0.5 and result["deployed"]["source"].startswith("pack bluish@")
    page = parsed(out / "report.html")
    check_self_contained(page)
    assert faces_in(page) == []
    assert {path.stem for path in out.glob("*.png")} == {"scores", "kinds", "det-1", "det-2"}
    assert f"{passing['veil']} of {PEOPLE}" in page.rows["for BPCER 25\u00a0%"][4]
    assert page.rows["lamp"][1].startswith("7.69\u00a0% (1 of 13")
    before = (out / "report.html").read_bytes()
    again = command("evaluation", "report", "out")
    assert again.returncode == 0 and (out / "report.html").read_bytes() == before
    said = command("evaluation", "liveness", "--folder", photos, "--out", "out", **setting).stdout
    assert f"APCER lamp: 0.0000 (0 of {PEOPLE};" in said and "too few live people to show this rate" in said


@on_sqlite
def test_the_threshold_is_kept_with_the_gallery(
    command: Command, store_url: str, pack: Path, photos: Path, tmp_path: Path
) -> None:
    setting = {"PRESENTE_LIVENESS_PACK": str(pack)}
    words = ("evaluation", "calibrate", "--bona-fide", photos / "bona_fide")
    done = command(*words, "--bpcer", "0.1", "--json", **setting)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["photos"], result["people"], result["not_judged"]) == (PEOPLE, PEOPLE, 1)
    assert result["bpcer"] == pytest.approx(1 / PEOPLE) and result["bpcer_interval"] == shown(wilson(1, PEOPLE))
    store = open_store(store_url)
    try:
        kept = stored_liveness_threshold(store, result["liveness_pack"])
        assert kept is not None and kept.threshold(0.1) == result["threshold"] == kept.lowest[1]
        assert "A0" not in kept.to_json().replace(kept.pack, "")  # nothing about any person
        (line,) = [each.event for each in store.access_log.every_line() if each.event.action == "calibrated"]
        assert line.detail == "liveness" and line.about == ()
    finally:
        store.close()
    # From now on it is the threshold in force, and a rate may be asked for.
    run = ("evaluation", "liveness", "--folder", photos, "--out", tmp_path / "out", "--json")
    deployed = json.loads(command(*run, **setting).stdout)["deployed"]
    assert (deployed["threshold"], deployed["source"]) == (result["threshold"], "calibrated bpcer=0.1")
    asked = json.loads(command(*run, PRESENTE_LIVENESS_THRESHOLD="bpcer=0.2", **setting).stdout)["deployed"]
    assert (asked["threshold"], asked["source"]) == (kept.lowest[2], "calibrated bpcer=0.2")
    rarer = command(*run, PRESENTE_LIVENESS_THRESHOLD="bpcer=0.01", **setting)
    assert "liveness_not_calibrated" not in rarer.stdout and "the pack's is taken instead" in rarer.stderr
    for flags, code in (
        (("--bpcer", "0.05"), "too_few_photos"),
        (("--bpcer", "0.5"), "invalid_bpcer"),
        ((), "missing_protocol"),
        (("--bpcer", "0.1", "--fpir", "0.1"), "missing_protocol"),
    ):
        wrong = command(*words, *flags, **setting)
        assert wrong.returncode == 2 and code in wrong.stderr, flags


def live(score: float, person: str, outcome: str = "ok") -> JudgedPresentation:
    return JudgedPresentation("bona_fide", "", person, f"{person}.jpg", outcome, score)


def test_too_few_photos_say_how_many_are_needed() -> None:
    many = [live(i / 200, f"p{i % 20}") for i in range(100)]
    made = calibration_of(many, 0.01, "pack@1")
    assert (made.photos, made.people, made.threshold(0.01)) == (100, 20, 1 / 200)
    for judged, code, said in (
        (many[:99], "too_few_photos", "BPCER 0.01 needs 100"),
        (
            [*many[:99], live(0, "q", "too_tight")],
            "too_few_photos",
            "99 photos of live people can be judged (too_tight: 1)",
        ),
        ([live(one.score, "p1") for one in many], "too_few_people", "of 1 people, and 10 are needed"),
    ):
        with pytest.raises(InvalidInput) as caught:
            calibration_of(judged, 0.01, "pack@1")
        assert caught.value.code == code and said in str(caught.value)


def test_groups_that_are_refused_more_often_stand_out() -> None:
    judged = [
        JudgedPresentation("bona_fide", "", f"{group}{i}", f"{group}{i}.jpg", "ok", 0.1 if i < refused else 0.9, group)
        for group, refused in (("day", 1), ("night", 14), ("", 20))
        for i in range(20)
    ]
    judged += [JudgedPresentation("attack", "print", f"day{i}", f"{i}.jpg", "ok", i / 20, "day") for i in range(20)]
    day, night = groups(judged, "light", 0.5)
    assert (day["group"], day["people"], night["group"], night["people"]) == ("day", 20, "night", 20)
    assert (day["bpcer"]["events"], night["bpcer"]["events"], night["bpcer"]["of"]) == (1, 14, 20)
    assert day["bpcer"]["p"] == night["bpcer"]["p"] < 0.01
    assert (day["apcer"]["events"], day["apcer"]["of"], night["apcer"]) == (10, 20, None)
    assert groups([live(0.5, "a")], "light", 0.5) == []


@pytest.mark.parametrize(
    "judged",
    [
        [live(-math.inf, "a", "no_face"), JudgedPresentation("attack", "print", "b", "b.jpg", "too_tight", -math.inf)],
        [live(0.5, "a"), JudgedPresentation("attack", "<b>print", "b", "b.jpg", "ok", 0.5)],
    ],
    ids=["nothing judged", "one of each"],
)
def test_a_report_of_hardly_any_photos_says_what_is_not_known(tmp_path: Path, judged: list[JudgedPresentation]) -> None:
    write_judged(tmp_path / "scores.tsv", judged)
    deployed = {"threshold": 0.6, "source": "pack x", "described": "0.6 (pack x)"}
    result = {
        "protocol": "liveness",
        "arguments": {"bpcer": [0.1], "group": None},
        "pack": "p",
        "pack_tag": "p@1",
        "liveness_pack": "x@1",
        "detection": "",
        "versions": {},
        "seconds": 1,
        **liveness_result(judged, [0.1], deployed),
        "scores": "scores.tsv",
        "made_at": "2026-01-01T00:00:00+00:00",
    }
    (tmp_path / "result.json").write_text(json.dumps(result, allow_nan=False))
    page = parsed(pages.write_report(tmp_path))
    check_self_contained(page)
    some = judged[0].is_judged
    assert ("not measured" in page.rows["in force"]) != some and page.all("b") == []
    assert page.rows["in force"][1].startswith("100.00\u00a0% (1 of 1" if some else "not measured")
    assert ("cannot show a BPCER of 10" in page.text) == some
