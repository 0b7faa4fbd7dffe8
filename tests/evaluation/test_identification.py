"""``python -m evaluation`` on the sample class, and on real faces where real weights and faces are here."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from evaluation.scores import read_scores
from faces.packs.model_pack import ModelPack
from tests.client.fault_proxy import fault_proxy
from tests.conftest import SAMPLE, SHARED, Command, on_sqlite
from tests.server.conftest import start_server
from tests.server.sample import ADMIN, ATTENDANCE, KEYS


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


@pytest.mark.untraced
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


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Address of a server with an empty gallery and a key."""
    running = start_server(environment | {"PRESENTE_API_KEYS": KEYS}, tmp_path)
    yield running.address
    running.kill()


RATES = ("rank1", "cmc", "fta", "fte", "subjects", "gallery_photos", "probes", "strangers", "without_template")


@on_sqlite
def test_a_server_is_measured_as_the_same_code_here_is(
    command: Command, sample_list: Path, server: str, tmp_path: Path
) -> None:
    words = ("evaluation", "identification", "--list", sample_list, "--root", SAMPLE, "--fpir", "0.01", "0.2", "--json")
    local = json.loads(command(*words, "--out", tmp_path / "local").stdout)
    done = command(*words, "--out", tmp_path / "served", "--server", server, PRESENTE_API_KEY=ADMIN)
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout)
    assert served.keys() == local.keys()
    assert {name: served[name] for name in RATES} == {name: local[name] for name in RATES}
    for ours, theirs in zip(local["open_set"], served["open_set"], strict=True):
        assert theirs["threshold"] == pytest.approx(ours["threshold"], abs=1e-4)
        assert (theirs["fpir"], theirs["fnir"]) == (ours["fpir"], ours["fnir"])
    for name in ("threshold", "source", "fpir", "fnir"):
        assert served["deployed"][name] == local["deployed"][name]
    here, there = (read_scores(tmp_path / name / "scores.tsv") for name in ("local", "served"))
    for one, other in zip(here, there, strict=True):
        assert (other.best_person, other.mate_rank, other.outcome) == (one.best_person, one.mate_rank, one.outcome)
        assert other.best_score == pytest.approx(one.best_score, abs=1e-4)
        assert other.mate_score == pytest.approx(one.mate_score, abs=1e-4)
    assert served["arguments"]["server"] == server and "consolidation" not in served["arguments"]
    assert ADMIN not in done.stdout and "report" in (tmp_path / "served" / "report.html").read_text()

    # The list's people are enrolled now: as they are, or not at all.
    again = command(*words, "--out", tmp_path / "again", "--server", server, PRESENTE_API_KEY=ADMIN)
    assert again.returncode != 0 and "gallery_not_empty" in again.stderr and "24 people" in again.stderr
    used = command(
        *words, "--out", tmp_path / "again", "--server", server, "--use-enrolled", PRESENTE_API_KEY=ATTENDANCE
    )
    assert {name: json.loads(used.stdout)[name] for name in RATES} == {name: local[name] for name in RATES}


@on_sqlite
def test_a_server_that_cannot_be_measured(command: Command, sample_list: Path, server: str, tmp_path: Path) -> None:
    words = ["evaluation", "identification", "--list", sample_list, "--root", SAMPLE, "--out", tmp_path / "out"]
    for more, code in (
        (["--server", server], "missing_key"),
        (["--server", "http://127.0.0.1:1"], "server_refused"),
        (["--server", "127.0.0.1:8000"], "invalid_address"),
        (["--server", server, "--use-enrolled"], "not_enrolled"),
        (["--server", server, "--faces"], "unsuitable_flags"),
        (["--server", server, "--enrolled", "1"], "unsuitable_flags"),
        (["--server", server, "--consolidation", "best"], "unsuitable_flags"),
    ):
        key = {} if code == "missing_key" else {"PRESENTE_API_KEY": ADMIN}
        done = command(*words, *more, **key)
        assert done.returncode != 0 and code in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


@on_sqlite
def test_photos_that_a_server_refuses_are_failures(command: Command, server: str, tmp_path: Path) -> None:
    """A photo without a face, one of several faces, and a file that is no photo."""
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 300), (120, 130, 140)).save(blank)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    people = sorted((SAMPLE / "students").iterdir())[:2]
    rows = [("gallery", person.name, person / "1.jpg") for person in people]
    rows += [("gallery", people[0].name, blank), ("probe", people[0].name, people[0] / "2.jpg")]
    rows += [("probe", people[1].name, blank), ("unknown", "x", tmp_path / "broken.jpg")]
    rows += [("unknown", "group", SAMPLE / "groups" / "group_01.jpg")]
    table = tmp_path / "list.tsv"
    table.write_text("role\tperson\tpath\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    words = ("evaluation", "identification", "--list", table, "--json", "--rank", "1")
    local = json.loads(command(*words, "--out", tmp_path / "local").stdout)
    done = command(*words, "--out", tmp_path / "served", "--server", server, PRESENTE_API_KEY=ADMIN)
    served = json.loads(done.stdout)
    assert {name: served[name] for name in RATES} == {name: local[name] for name in RATES}
    assert (served["fte"], served["fta"]) == (1, 2)
    here, there = (read_scores(tmp_path / name / "scores.tsv")[-1] for name in ("local", "served"))
    assert here.best_score == pytest.approx(there.best_score, abs=1e-4)  # of the most prominent face of many


@on_sqlite
def test_a_server_without_time_is_not_a_photo_that_was_refused(command: Command, server: str, tmp_path: Path) -> None:
    """Its error is no outcome of a probe: rates over what was answered would be reported as those of the list."""
    person = min((SAMPLE / "students").iterdir())
    table = tmp_path / "list.tsv"
    rows = [("gallery", person.name, person / "1.jpg"), *[("probe", person.name, person / "2.jpg")] * 2]
    table.write_text("role\tperson\tpath\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    with fault_proxy(server) as proxy:
        proxy.retry_after = "3600"
        proxy.faults = ["pass"] * 5  # two looks at the status, one enrolment, one more look, the first probe
        proxy.faults += ["busy"] * 9
        words = ("evaluation", "identification", "--list", table, "--out", tmp_path / "out", "--server", proxy.address)
        done = command(*words, PRESENTE_API_KEY=ADMIN)
        assert ("POST", "/v1/identify", None) in proxy.sent
    assert done.returncode != 0 and "server_refused" in done.stderr and "busy" in done.stderr, done.stderr
