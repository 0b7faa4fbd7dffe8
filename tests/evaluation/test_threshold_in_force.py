"""The threshold in force: where it comes from, what results say of it, and the words for people."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from evaluation import metrics, results, verification
from evaluation.pages.parts import deployed_in
from evaluation.scores import read_scores
from evaluation.verification import Comparison
from faces.packs.model_pack import DEFAULT_THRESHOLD, ModelPack, load_pack
from gallery.threshold.calibration import CalibrationCurve
from gallery.threshold.operating_point import operating_point
from presente.composition import deployed_point, open_for_upkeep, open_store
from presente.errors import ConfigError
from presente.recognition import empty_search_hint
from presente.settings import Settings, load_settings
from tests.conftest import SAMPLE, Command, OpenGallery, enrolment, on_sqlite, unit
from tests.evaluation.searches import SEARCHES

DEPLOYED = {"threshold": 0.45, "source": "test", "described": "0.45 (test)"}


@pytest.fixture
def silent_pack(tmp_path: Path) -> ModelPack:
    """The sample pack without its ``pack.json``: it declares no threshold."""
    shutil.copytree(SAMPLE / "models" / "sample", tmp_path / "models" / "silent")
    (tmp_path / "models" / "silent" / "pack.json").unlink()
    return load_pack("silent", [tmp_path / "models"])


def curve(pack: ModelPack) -> CalibrationCurve:
    return CalibrationCurve(
        pack.tag, 100, 5000, 500, 2.0, 40.0, (1e-6, 0.0, 1e-6), 0.001, "2026-01-01T00:00:00+00:00", {"left out": 5000}
    )


def test_rates_at_the_threshold_by_hand() -> None:
    found = results.identification_result(SEARCHES, [0.25], deployed=DEPLOYED)["deployed"]
    assert (found["fnir"], found["fpir"], found["source"]) == (3 / 5, 1 / 4, "test")
    assert found["fpir_interval"][0] < 1 / 4 < found["fpir_interval"][1]
    alone = results.identification_result(SEARCHES[:5], [0.25], deployed=DEPLOYED)["deployed"]
    assert alone["fpir"] is None and alone["fnir"] == 3 / 5
    scores = [(True, 0.9), (True, 0.4), (True, -math.inf), (False, 0.5), (False, 0.2)]
    pairs = [Comparison(i % 2, same, "a", "b", "ok", "ok", score) for i, (same, score) in enumerate(scores)]
    found = results.verification_result(pairs, [0.5], deployed=DEPLOYED)["deployed"]
    assert (found["tar"], found["far"]) == (1 / 3, 1 / 2)
    far, tar = verification.accepted(verification.columns_of(pairs), -1)
    assert (far.share, tar.share) == (1, 2 / 3)  # without a score no pair is accepted


def test_a_result_of_before_is_reported_at_the_packs_threshold() -> None:
    assert deployed_in({"pack_threshold": 0.42})["threshold"] == 0.42
    assert deployed_in({"pack_threshold": 0.42, "deployed": DEPLOYED}) == DEPLOYED


def test_the_words_for_a_threshold(sample_pack: ModelPack, silent_pack: ModelPack) -> None:
    assert (sample_pack.threshold_source, silent_pack.threshold_source) == ("pack sample", "default")
    assert silent_pack.threshold == DEFAULT_THRESHOLD == 0.42
    assert sample_pack.described_threshold(0.8, "pack sample") == "0.8 (the threshold that pack sample declares)"
    said = silent_pack.described_threshold(0.42, "default")
    assert said == "0.42 (the general default, because pack silent declares no threshold)"
    assert silent_pack.described_threshold(0.5, "--threshold") == "0.5 (--threshold)"


def test_a_rate_that_was_asked_for_is_shown_as_it_was_asked(sample_pack: ModelPack) -> None:
    for rate in (0.001, 0.003, 0.01, 0.0001):
        for people in (1, 24, 100, 199):
            point = operating_point(rate, 0.1, "pack", curve(sample_pack), people)
            assert point.fpir(point.threshold) == rate


def test_where_the_threshold_in_force_comes_from(sample_pack: ModelPack, store_url: str, tmp_path: Path) -> None:
    def settings(**variables: str) -> Settings:
        own = {"PRESENTE_STORE": store_url, "PRESENTE_INDEX": str(tmp_path / "index")}
        return load_settings(environment=own | variables, folder=tmp_path)

    def found(pack: ModelPack = sample_pack, **variables: str) -> tuple[float, str]:
        point = deployed_point(settings(**variables), pack)
        return round(point.threshold, 4), point.source

    assert found() == (0.8, "pack sample")
    if store_url.startswith("sqlite"):
        assert not (tmp_path / "gallery.db").exists()
    assert found(PRESENTE_THRESHOLD="0.5") == (0.5, "PRESENTE_THRESHOLD")
    with pytest.raises(ConfigError, match="no calibration"):
        found(PRESENTE_THRESHOLD="fpir=0.01")
    store = open_store(store_url)
    store.claim_pack(sample_pack.tag, sample_pack.dim)
    store.store_calibration(curve(sample_pack).to_json())
    store.close()
    # No one is enrolled, so no rate is supported: the threshold is not below the pack's.
    assert found() == (0.8, "calibrated fpir=0.001")
    assert found(PRESENTE_THRESHOLD="fpir=0.01") == (0.8, "calibrated fpir=0.01")
    assert found(PRESENTE_THRESHOLD="0.5") == (0.5, "PRESENTE_THRESHOLD")


def test_a_gallery_of_another_pack_says_nothing(
    silent_pack: ModelPack, sample_pack: ModelPack, store_url: str, tmp_path: Path
) -> None:
    store = open_store(store_url)
    store.claim_pack(sample_pack.tag, sample_pack.dim)
    store.store_calibration(curve(sample_pack).to_json())
    store.close()
    own = {"PRESENTE_STORE": store_url, "PRESENTE_INDEX": str(tmp_path / "index")}
    other = load_pack(str(tmp_path / "models" / "silent"), [])
    point = deployed_point(load_settings(environment=own, folder=tmp_path), other)
    assert (point.threshold, point.source) == (0.42, "default")


def test_upkeep_erases_by_the_threshold_of_a_server(sample_pack: ModelPack, store_url: str, tmp_path: Path) -> None:
    """An erasure takes what resembles the student: by the same threshold, and it is never refused."""

    def threshold(tag: str = sample_pack.tag, **variables: str) -> float:
        own = {"PRESENTE_STORE": store_url, "PRESENTE_INDEX": str(tmp_path / "index")}
        gallery = open_for_upkeep(load_settings(environment=own | variables, folder=tmp_path))
        try:
            if gallery.store.pack() is None:
                gallery.store.claim_pack(tag, sample_pack.dim)
            return gallery.operating_point().threshold
        finally:
            gallery.close()

    assert threshold() == 0.42  # an empty gallery has no pack yet
    assert threshold() == 0.8
    assert threshold(PRESENTE_THRESHOLD="0.5") == 0.5
    assert threshold(PRESENTE_THRESHOLD="fpir=0.01") == 0.8
    assert threshold(PRESENTE_PACK="not_here") == 0.42


@on_sqlite
def test_results_and_reports_have_it(command: Command, tmp_path: Path) -> None:
    words = ("evaluation", "identification", "--list", SAMPLE / "identify.tsv", "--fpir", "0.05", "--out", "out")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert "at the threshold in force, 0.8 (the threshold that pack sample declares): FNIR 0.0" in done.stdout
    assert done.stdout.splitlines()[-1] == "report in out/report.html" and (tmp_path / "out/report.html").exists()
    assert not (tmp_path / "gallery.db").exists()  # to measure makes no gallery
    asked = json.loads(command(*words, "--threshold", "0.3", "--json").stdout)["deployed"]
    rates = metrics.rates_at(read_scores(tmp_path / "out" / "scores.tsv"), 0.3)
    assert (asked["source"], asked["fpir"], asked["fnir"]) == ("--threshold", rates.fpir, rates.fnir)
    assert asked["fpir"] > 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The threshold in force is 0.3 (--threshold)." in page and "FPIR at the threshold in force" in page
    (tmp_path / "gallery.db").write_text("no database")
    warned = command(*words, "--json")
    assert warned.returncode == 0 and "the gallery's threshold is not known" in warned.stderr
    assert json.loads(warned.stdout)["deployed"]["source"] == "pack sample"


@on_sqlite
def test_kfold_compare_and_verification_honour_it(command: Command, tmp_path: Path) -> None:
    strict = ("--threshold", "0.99", "--json")
    folds = json.loads(command("evaluation", "kfold", "--folder", SAMPLE / "students", "--folds", "2", *strict).stdout)
    assert {fold["figures"]["threshold"] for fold in folds["folds"]} == {0.99}
    assert folds["threshold_described"] == "0.99 (--threshold)"
    pairs = ("--list", SAMPLE / "identify.tsv", "--folds", "2", "--each", "10")
    found = json.loads(command("evaluation", "verification", *pairs, *strict).stdout)
    assert found["deployed"]["threshold"] == 0.99 and found["deployed"]["tar"] < 0.5
    rows = [("gallery", path) for path in sorted((SAMPLE / "students").glob("*/1.jpg"))[:3]]
    rows += [("probe", path) for path in sorted((SAMPLE / "probes").glob("*/1.jpg"))[:3]]
    lines = [f"{role}\t{path.parent.name}\t{path}" for role, path in rows]
    (tmp_path / "list.tsv").write_text("\n".join(["role\tperson\tpath", *lines]) + "\n")
    table = json.loads(command("evaluation", "compare", "--list", "list.tsv", *strict).stdout)
    thresholds = {row["pipeline"]: row["threshold"] for row in table["rows"]}
    assert thresholds["present pipeline"] == thresholds["threshold in force"] == 0.99
    assert thresholds["notebook, as it was"] == 0.5


@on_sqlite
def test_calibration_says_what_its_interval_is_of(command: Command, silent_pack: ModelPack, tmp_path: Path) -> None:
    pack = {"PRESENTE_PACK": "silent", "PRESENTE_MODELS": str(tmp_path / "models")}
    command("indexer", "add", SAMPLE / "students.csv", **pack)
    done = command("evaluation", "calibrate", "--fpir", "0.01", **pack)
    assert done.returncode == 0, done.stderr
    assert "FPIR 0.01: threshold 0." in done.stdout and "the true FPIR there is from" in done.stdout
    assert "not below 0.42 (the general default, because pack silent declares no threshold)." in done.stdout
    rates = json.loads(command("evaluation", "calibrate", "--json", **pack).stdout)["rates"]
    for rate in rates:
        low, high = rate["fpir_interval"]
        assert low < rate["fpir"] < high
    told = json.loads(
        command("evaluation", "identification", "--list", SAMPLE / "identify.tsv", "--json", **pack).stdout
    )
    assert told["deployed"]["source"] == "calibrated fpir=0.001"
    checked = json.loads(command("faces", "check", "silent", "--json", **pack).stdout)
    assert (checked["threshold"], checked["threshold_source"]) == (0.42, "default")


@on_sqlite
def test_people_of_the_cohort_are_searched_when_asked(command: Command, tmp_path: Path) -> None:
    faces = sorted((SAMPLE / "students").iterdir())[:2]
    for person in (path for path in faces if path.is_dir()):
        (tmp_path / "lfw" / person.name).mkdir(parents=True)
        for number, photo in enumerate(sorted(person.glob("*.jpg"))[:2], start=1):
            shutil.copy(photo, tmp_path / "lfw" / person.name / f"{person.name}_{number:04d}.jpg")
    command("indexer", "add", "lfw", "--kind", "lfw")
    photo = SAMPLE / "probes" / faces[0].name / "1.jpg"
    without = command("evaluation", "predict", photo, "--json")
    (result,) = json.loads(without.stdout)["photos"]
    assert result["faces"][0]["reason"] == "empty_gallery" and "the cohort (2)" in result["hint"]
    assert f"hint: {result['hint']}" in without.stderr and "--cohort" in result["hint"]
    told = json.loads(command("evaluation", "predict", photo, "--cohort", "--json").stdout)
    face = told["photos"][0]["faces"][0]
    assert face["candidates"][0]["matricula"] == f"lfw-{faces[0].name}" and "hint" not in told["photos"][0]
    assert told["threshold_source"] == "pack sample"


def test_the_hint_names_what_was_left_out(open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    assert empty_search_hint(gallery, None, False).startswith("No one is enrolled")
    rows = unit(np.random.default_rng(1).normal(size=(2, 8)))
    gallery.enrol([enrolment("celeba-1", rows[:1], kind="cohort")])
    assert "the cohort (1)" in empty_search_hint(gallery, None, False)
    gallery.enrol([enrolment("A1", rows[1:])])
    assert "No one is in class 'IA-9'" in empty_search_hint(gallery, "IA-9", False)
