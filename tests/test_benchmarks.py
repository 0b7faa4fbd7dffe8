"""Benchmarks run, and print the figures that they document: small runs, without assertions on speed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.corrections import Draw as Correction
from benchmarks.corrections import counted
from benchmarks.person_scores import Photos, draw
from benchmarks.quality_weights import weighted
from gallery.person_score import scores_with
from presente.errors import InvalidInput
from tests import programs
from tests.conftest import ROOT, SAMPLE, unit

pytestmark = pytest.mark.untraced


def printed(*words: str, **variables: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENTE_")}
    done = programs.run(["-m", *words, "--json"], ROOT, kept | variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert {"machine", "versions", "seed"} <= set(found)
    return found


def about(figure: float) -> Any:
    """A figure that is worked out again from rounded ones."""
    return pytest.approx(figure, rel=0.1)


def test_bulk(tmp_path: Path) -> None:
    people = sorted(folder for folder in (SAMPLE / "students").iterdir() if folder.is_dir())[:4]
    for person in people:
        (tmp_path / person.name).mkdir()
        for number, photo in enumerate(sorted(person.glob("*.jpg"))[:2], start=1):
            shutil.copy(photo, tmp_path / person.name / f"{person.name}_{number:04d}.jpg")
    one, two, three, four = (person.name for person in people)
    lines = ["2\t1", f"{one}\t1\t2", f"{one}\t1\t{two}\t2", f"{three}\t1\t2", f"{three}\t1\t{four}\t2"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")

    found = printed("benchmarks.bulk", "--source", str(tmp_path), "--slices", "1", "--crop", "178x218", "--landmarks")
    assert found["images"] == 8 and found["crop"] == [178, 218]
    rates = {side: found[side]["images_per_s"] for side in ("baseline", "presente", "presente_landmarks")}
    assert found["ratio"] == about(rates["presente"] / rates["baseline"])
    assert found["ratio_landmarks"] == about(rates["presente_landmarks"] / rates["baseline"])
    for side in rates:
        assert 50 < found[side]["peak_rss_mb"] < 2000 and found[side]["without_face"] == 0
    assert found["presente"]["lfw_accuracy"] == found["presente_landmarks"]["lfw_accuracy"] == 1.0
    assert found["pack"] == "sample" and found["presente"]["runtime"].startswith(("onnxruntime ", "openvino "))


def test_packs_are_named_as_for_every_program(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "models" / "sample", tmp_path / "mine")
    (tmp_path / "mine" / "pack.json").unlink()
    packs = {"PRESENTE_MODELS": str(tmp_path), "PRESENTE_PACK": "mine"}
    bulk = ("benchmarks.bulk", "--source", str(SAMPLE / "students"), "--limit", "4", "--slices", "1", "--per-stage")
    found = printed(*bulk, **packs)
    assert (found["pack"], found["presente"]["without_face"]) == ("mine", 0) and "embed" in found["stages_ms"]
    flag = printed(
        "benchmarks.decoding", "--seconds", "0.1", "--rounds", "1", "--threads", "1", "--pack", "mine", **packs
    )
    assert flag["pack"] == "mine"
    assert printed("benchmarks.server", "--seconds", "0.1", "--clients", "1", **packs)["pack"] == "mine"


def test_search() -> None:
    found = printed(
        "benchmarks.search", "--n", "500", "--dim", "32", "--probes", "20", "--clients", "2", "--data", "spread",
        "--kinds", "faiss_flat_1_threads", "flat", "pq", "auto",
    )  # fmt: skip
    p50 = {name: figures["p50_ms"] for name, figures in found["kinds"].items()}
    assert (found["n"], found["dim"]) == (500, 32)
    assert found["ratio"] == pytest.approx(min(p50["faiss_flat_1_threads"], p50["flat"]) / p50["pq"], rel=0.2)
    assert found["kinds"]["flat"]["recall_at_10"] == 1.0 and found["kinds"]["auto"]["kind"] == "flat"
    assert found["kinds"]["pq"]["gate_tried"] and list(found["kinds"]["pq"]["by_clients"]) == ["2"]
    wanted = {"p50_ms", "p99_ms", "batch_per_s", "build_s", "recall_at_1", "recall_at_10", "memory_bytes_per_vector"}
    assert all(wanted <= set(figures) for figures in found["kinds"].values())


def test_search_large(tmp_path: Path) -> None:
    sizes = ("--n", "4000", "--dim", "64", "--probes", "20", "--kind", "pq")
    found = printed("benchmarks.search_large", *sizes, "--folder", str(tmp_path))
    assert found["build"]["kind"] == "pq" and found["build"]["bytes_per_template"]["vectors.npy"] == 256.03
    assert found["start"]["first_answer_s"] >= found["start"]["open_s"] and found["build"]["build_mb"] > 10
    asked = found["ask"]
    assert asked["times_flat"] == pytest.approx(
        asked["flat_one_core_ms"]["p50"] / asked["templates_one_core_ms"]["p50"], rel=0.2
    )
    assert asked["recall_at_1"] >= 0.95 and asked["right_person"] >= 0.95
    assert 0 < found["fp16"]["largest_difference"] < 1e-3
    assert "build" not in printed("benchmarks.search_large", *sizes, "--folder", str(tmp_path)), "it was kept"


def test_server() -> None:
    found = printed("benchmarks.server", "--seconds", "0.3", "--clients", "1", "2")
    rates = {int(clients): figures["requests_per_s"] for clients, figures in found["clients"].items()}
    assert found["ratio"] == {"1": 1.0, "2": about(rates[2] / rates[1])}
    for clients, figures in found["clients"].items():  # as many as there are clients are under way
        assert int(clients) / 5 < rates[int(clients)] * figures["p50_ms"] / 1000 < int(clients) * 5
        assert figures["p50_ms"] <= figures["p99_ms"]


def test_attacks() -> None:
    attacks = ("200", "50 wrong", "eight of plain WebP")
    found = printed("benchmarks.attacks", "--seconds", "1", "--only", *attacks)["attacks"]
    assert len(found) == len(attacks)
    for each in found.values():
        assert each["during"]["asked"] > 0 and each["during"]["failed"] == 0
        assert each["identify_times"] == about(each["during"]["identify_ms"] / each["quiet"]["identify_ms"])
        assert 50 < each["memory_before_mb"] <= each["memory_most_mb"] < 1500


def test_fuzz() -> None:
    found = printed("benchmarks.fuzz", "--requests", "60", "--files", "2", "--seed", "5")
    assert (found["requests"], found["failed"], found["verify_agrees"]) == (74, 0, True) and found["routes"] > 20


def test_photo_formats() -> None:
    found = printed("benchmarks.photo_formats", "--width", "1500", "--height", "1000")["photos"]
    assert {"JPEG", "AVIF", "TIFF", "flat_444"} <= found.keys()
    for each in found.values():
        assert 0 < each["bytes_per_pixel"] < each["bytes_per_pixel_said"] and each["ns_per_pixel"] > 0
    own = ROOT / "tests" / "faces" / "photos" / "iphone.heic"
    assert list(printed("benchmarks.photo_formats", str(own))["photos"]) == ["iphone.heic"]


def test_attendance_lists() -> None:
    found = printed("benchmarks.attendance_lists", "--entries", "2500")
    assert found["present"] == 2500 and found["first_page"]["lines"] == found["second_page"]["lines"] == 1000
    assert found["page_of_a_date"]["lines"] == 200  # entries of 100, and 100 who were absent
    assert found["csv"]["bytes"] > 2500 * 50 and found["csv_eight_at_once"]["more_mb"] < 200


def test_enrolments(store_url: str) -> None:
    found = printed("benchmarks.enrolments", "--students", "60", "--store", store_url)
    assert found["enrolments_per_s"] > 0 and found["students"] == 60
    on_mongo = store_url.startswith("mongodb")
    assert found["enrolment_commands"] == 8 * on_mongo
    again = found["identify_again"]["commands"]  # the stored calibration is looked up once a second
    assert (1 <= again < 1.2 and again < found["identify"]["commands"] <= 2.2) if on_mongo else again == 0


def test_console() -> None:
    pytest.importorskip("playwright", reason="playwright is not installed (it is in CI)")
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed")
    found = printed("benchmarks.console", "--rounds", "1")
    for each in found["pages"].values():
        assert all(0 < each[turn]["first_paint_ms"] <= each[turn]["shown_ms"] for turn in ("first", "again"))
    photo = found["class_photo"]
    assert photo["present"] == 9
    assert 0 < photo["from_choosing_the_photo_ms"] < photo["from_opening_the_page_ms"]


def test_decoding() -> None:
    found = printed("benchmarks.decoding", "--seconds", "0.3", "--rounds", "1", "--threads", "2")
    rates = found["identifications_per_s"]
    assert found["rounds"] == {name: [rate] for name, rate in rates.items()}
    assert set(found["cpu_ms"]) == set(rates) and found["ratio"] == about(rates["processes"] / rates["own_thread"])


def test_evaluation() -> None:
    found = printed("benchmarks.evaluation", "--gallery", "600", "--probes", "100", "--dim", "32")
    assert (found["gallery"], found["people"], found["probes"]) == (600, 300, 100)
    assert 50 < found["peak_rss_mb"] < 2000 and found["more_than_templates_mb"] < found["peak_rss_mb"]
    assert found["rank1"] > 0.5 and all(point["fnir"] >= 1 - found["rank1"] for point in found["open_set"])


def test_calibration() -> None:
    found = printed("benchmarks.calibration", "--folder", str(SAMPLE / "students"), "--enrolled", "6", "--repeats", "2")
    assert {(row["people"], row["source"]) for row in found["summary"]} == {
        *((6, "left out"), (6, "others")),
        *((12, "left out"), (12, "others")),
    }
    assert all(len(row["fpir"]) == 2 and 0 <= row["mean"] <= 1 for row in found["summary"])


def test_person_scores() -> None:
    found = printed(
        "benchmarks.person_scores", "--folder", str(SAMPLE / "students"), "--people", "12", "--repeats", "2"
    )
    rows = {row["score"]: row for row in found["scores"]}
    assert found["enrol"] == [3] and found["probes"] == 12 and found["strangers"] == 48
    assert rows["best+centroid"]["fnir_at_0.01"] <= rows["best"]["fnir_at_0.01"] + 0.05
    assert rows["best"]["fnir_at_0.01_difference"] == [0.0, 0.0]
    assert all(row["rank1"] == 1.0 for row in rows.values())  # drawn people are told apart well


def test_quality_weights() -> None:
    found = printed(
        "benchmarks.quality_weights", "--folder", str(SAMPLE / "students"), "--people", "12", "--repeats", "2"
    )
    rows = {row["score"]: row for row in found["scores"]}
    assert len(rows) == 7 and rows["equal weights"]["fnir_at_0.01_difference"] == [0.0, 0.0]
    chance = np.random.default_rng(1)
    templates, probes = (unit(chance.normal(size=(count, 16))) for count in (3, 5))
    assert np.allclose(weighted(probes, templates, np.ones(3)), scores_with(probes, templates), atol=1e-6)
    assert np.allclose(weighted(probes, templates, np.array([1.0, 0.0, 0.0])) * 2, [
        max(row) + row[0] for row in (probes @ templates.T).tolist()
    ], atol=1e-6)  # fmt: skip


def test_corrections() -> None:
    found = printed(
        "benchmarks.corrections", "--folder", str(SAMPLE / "students"), "--at", "0.8", "-1", "--repeats", "2",
        "--enrol", "1",
    )  # fmt: skip
    high, low = found["rows"]
    assert high["corrected"] == 0 and high["next"] == low["next"] > 0  # drawn people are told apart well
    assert low["corrected"] > 0 and low["same_mistake"] > low["same_mistake_corrected"]
    assert low["right"] > 0 and low["right_lost"] == low["moved"] == low["moved_others"] == 0


def test_corrections_by_hand() -> None:
    """Two are enrolled; three photos of a stranger are named as the first of them until that is corrected."""
    axes = np.eye(4, dtype=np.float32)
    stranger = unit(0.5 * axes[0] + 0.8 * axes[3])
    own = unit(0.9 * axes[0] + 0.2 * axes[1])
    probes = np.stack([stranger, stranger, unit(stranger + 0.2 * axes[2]), own, own])
    people, first = np.array([7, 7, 7, 1, 1]), np.array([True, False, False, True, False])
    made = Correction(np.array([1, 2]), probes @ axes[:2].T, probes, people, first)
    rows = counted(made, 0.4, 0.1)
    assert (rows["corrected"], rows["same_mistake"], rows["same_mistake_corrected"]) == (1, 2, 0)
    assert (rows["right"], rows["right_lost"], rows["moved"], rows["moved_others"]) == (1, 0, 0, 0)
    assert (rows["mended"], rows["wrongly_corrected"], rows["wrongly_corrected_lost"]) == (2, 1, 1)


def test_looks() -> None:
    found = printed(
        "benchmarks.looks", "--folder", str(SAMPLE / "students"), "--people", "6", "--size", "120", "--megapixels", "0",
        "6", "--reduced", "900",
    )  # fmt: skip
    few, more = found["class_photos"]
    assert few["faces"] == more["faces"] == 6 and more["found"] >= max(5, few["found"])
    assert [row["right"] for row in found["turned"]] == [6, 6, 6, 6]
    assert found["reduced"][0]["cosine"]["median"] > 0.9


def test_person_scores_refuse_photos_that_make_no_gallery() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    unusable = vectors.copy()
    unusable[:5] = np.nan
    people = np.repeat(np.arange(10), 5)
    for enrolled, each, enough, words in (
        (vectors, people, 10, "stranger"),
        (unusable, people, 10, "Person 1,"),
        (vectors, np.arange(50), 5, "No one has 4"),
    ):
        with pytest.raises(InvalidInput, match=words):
            draw(Photos(each, enrolled, vectors), enough, [3], np.random.default_rng(1))


def test_enrolment_checks() -> None:
    found = printed(
        "benchmarks.enrolment_checks", "--folder", str(SAMPLE / "students"), "--people", "6", "12", "--repeats", "2"
    )
    assert [(row["people"], row["photos"], row["curve"]) for row in found["trials"]] == [
        (6, "the first", False),
        (6, "all but one", False),
        (12, "the first", False),  # 12 searches are too few
        (12, "all but one", True),
    ]
    for row in found["trials"]:  # drawn people are told apart well
        assert row["own_refused"] == 0.0 and row["whose_refused"] == [] and row["duplicates_found"] == 1.0
        assert row["other_students_taken"] <= 0.1 and row["strangers_taken"] <= 0.1 and row["new_people_warned"] == 0.0


def test_access_log() -> None:
    found = printed("benchmarks.access_log", "--clients", "2", "--rounds", "1", "--seconds", "0.3")
    assert set(found["requests"]) == {"identify", "one student", "change of a student"}
    for each in found["requests"].values():
        assert each["ratio"] == about(each["requests_per_s"] / each["without_per_s"])
        assert each["cpu_ms"] > 0 and each["without_cpu_ms"] >= 0


def test_replicas() -> None:
    found = printed("benchmarks.replicas", "--count", "2", "--seconds", "0.2", "--rounds", "1")
    follows, kill = found["following"], found["one_killed"]
    assert follows["known_at_the_first_question"] == follows["unknown_at_the_first_question_after_erasing"] == 2
    assert follows["files_held_them_before"] == follows["erased_from_published_files"] == 2
    assert kill["lost"] == kill["doubled"] == 0 and kill["after_the_kill"] >= 20
    assert found["identify"]["ratio"] == about(found["identify"]["all_per_s"] / found["identify"]["one_per_s"])


def test_sealing(tmp_path: Path) -> None:
    shutil.copy(next((SAMPLE / "students" / "A0178").glob("*.jpg")), tmp_path / "A0178.jpg")
    words = ("--templates", "70", "--rounds", "1", "--source", str(tmp_path))
    found = printed("benchmarks.sealing", *words)
    for what, figures in found["figures"].items():
        assert figures.keys() == {"clear", "sealed", "names", "index_in_the_clear"} and min(figures.values()) > 0
        assert found["times_the_clear"][what]["sealed"] == about(figures["sealed"] / figures["clear"])


def test_clusters() -> None:
    found = printed("benchmarks.clusters", "--templates", "1200", "--dbscan", "400", "--dim", "128")
    large, small, dbscan = found["runs"]
    assert [run["method"] for run in found["runs"]] == ["served", "served", "dbscan"]
    assert (large["templates"], large["people"], small["people"], dbscan["people"]) == (1200, 60, 20, 20)
    assert large["kept"] <= 8 * large["groups"] and large["f1"] > 0.95 and small["one_p50_ms"] > 0


def test_unknown_faces() -> None:
    found = printed("benchmarks.unknown_faces", "--times", "2")
    assert found["faces"] == 10 and found["outcomes"] == {"added": 10, "seen_again": 20}
    assert min(found["identify_off_ms"], found["identify_keep_ms"], found["thread_ms_per_face"]) > 0
