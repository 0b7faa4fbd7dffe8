"""``python -m indexer`` as people run it: on the sample class, killed, interrupted, run again."""

import json
import os
import re
import shlex
import shutil
import signal
import time
from pathlib import Path

import pytest
from PIL import Image

from indexer.pipeline.stages import BATCH
from presente.composition import open_store
from tests import programs
from tests.conftest import ROOT, SAMPLE, Command, on_sqlite, student_in
from tests.indexer.sample import SHEET, added

LONG = 10
"""Copies of each student that make a run long enough to be interrupted."""


def test_the_sample_class_is_indexed_once(command: Command) -> None:
    first = added(command, SHEET)
    assert (first["done"], first["already"], first["refused"]) == (96, 0, 0)
    again = added(command, SHEET)
    assert (again["done"], again["already"]) == (0, 96)
    status = json.loads(command("indexer", "status", "--json").stdout)
    assert (status["students"], status["images"], status["templates"], status["indexed"]) == (24, 96, 96, 96)
    assert {
        "name": "PRESENTE_PORT",
        "value": "8000",
        "from": "default",
        "meaning": "port that the server binds; 0: any free one",
    } in status["settings"]
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]


def test_changed_fields_and_new_photos_are_stored(command: Command, tmp_path: Path, store_url: str) -> None:
    photo = shutil.copy(SAMPLE / "strangers" / "01.jpg", tmp_path)
    sheet = tmp_path / "one.csv"
    sheet.write_text(f"matricula,nombre_del_alumno,clase,fotos\nA1,Ana,IA-101,{photo}\n")
    added(command, sheet)
    sheet.write_text(f"matricula,nombre_del_alumno,clase,fotos\nA1,Ana Ruiz,IA-102,{photo};{photo}\n")
    report = added(command, sheet)
    assert (report["done"], report["already"], report["students_updated"]) == (0, 2, 1)
    store = open_store(store_url)
    assert student_in(store, "A1").student.nombre_del_alumno == "Ana Ruiz"
    store.close()


@pytest.mark.usefixtures("sample_gallery")
def test_a_source_changes_only_the_fields_that_it_has(command: Command, tmp_path: Path, store_url: str) -> None:
    folder = tmp_path / "more" / "A0178"
    folder.mkdir(parents=True)
    shutil.copy(SAMPLE / "probes" / "A0178" / "1.jpg", folder)
    assert added(command, folder.parent)["done"] == 1
    sheet = tmp_path / "names.csv"
    sheet.write_text(f"matricula,nombre_del_alumno,fotos\nA0178,Abril,{folder}/1.jpg\nA0184,Nadie,{sheet}\n")
    report = added(command, sheet, code=1)
    assert (report["already"], report["refused"], report["students_updated"]) == (1, 1, 1)
    store = open_store(store_url)
    changed, untouched = store.student("A0178"), store.student("A0184")
    store.close()
    assert changed is not None and (changed.images, changed.student.nombre_del_alumno) == (5, "Abril")
    assert changed.student.clase == "IA-101" and changed.student.fecha_de_registro
    assert untouched is not None and untouched.student.nombre_del_alumno == "Camila Zúñiga Peralta"


@on_sqlite
def test_names_that_are_not_text_do_not_stop_a_run(command: Command, tmp_path: Path) -> None:
    photo = (SAMPLE / "strangers" / "01.jpg").read_bytes()
    for name in (b"Ana/jos\xe9.jpg", b"Ana/cut\xe9.jpg", b"Bea/1.jpg"):
        path = os.fsencode(tmp_path / "class") + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(photo[:100] if b"cut" in name else photo)
    report = added(command, tmp_path / "class", code=1)
    assert (report["done"], report["refused"]) == (2, 1)


@on_sqlite
def test_a_student_without_photos_and_a_report_without_a_place(command: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "one.csv"
    sheet.write_text("matricula,nombre_del_alumno,fotos\nA1,Ana,01.jpg\nA2,Eva,\n")
    shutil.copy(SAMPLE / "strangers" / "01.jpg", tmp_path)
    nowhere = command("indexer", "add", sheet, "--report", "/nowhere/report.txt")
    assert nowhere.returncode == 2 and "unwritable_report" in nowhere.stderr
    report = added(command, sheet, code=1)
    assert (report["done"], report["refused"], report["refused_rows"], report["left"]) == (1, 0, 1, 0)
    (row,) = report["refusals"]
    assert (row["location"], row["line"], row["code"]) == (f"{sheet}, line 3", 3, "no_photos")


@on_sqlite
def test_refused_photos_have_their_reasons(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "class"
    source.mkdir()
    whole = (SAMPLE / "strangers" / "01.jpg").read_bytes()
    (source / "good.jpg").write_bytes(whole)
    (source / "text.jpg").write_text("not a photo")
    (source / "empty.png").touch()
    (source / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (source / "whole.heic").write_bytes((ROOT / "tests" / "faces" / "photos" / "iphone.heic").read_bytes())
    (source / "cut.heic").write_bytes((ROOT / "tests" / "faces" / "photos" / "iphone.heic").read_bytes()[:3000])
    (source / "huge.jxl").write_bytes(b"\xff\x0a" + bytes(99))
    Image.new("RGB", (200, 200), (90, 120, 80)).save(source / "nobody.png")
    Image.new("1", (10_000, 5_000)).save(source / "bomb.png")
    (source / "moving.gif").write_bytes(b"GIF89a" + bytes(50))
    (source / "dangling.jpg").symlink_to(source / "missing")
    report = added(command, source, "--report", tmp_path / "report.txt", code=1)
    reasons = {Path(item["location"]).name: item["code"] for item in report["refusals"]}
    assert reasons == {
        "text.jpg": "not_an_image",
        "empty.png": "empty_image",
        "cut.jpg": "damaged_image",
        "cut.heic": "damaged_image",
        "huge.jxl": "unsupported_format",
        "nobody.png": "no_face",
        "bomb.png": "too_many_pixels",
        "moving.gif": "unsupported_format",
        "dangling.jpg": "file_not_found",
    }
    assert report["done"] == 2 and sum(report["reasons"].values()) == 9
    text = (tmp_path / "report.txt").read_text()
    assert "too_many_pixels: 1" in text and str(source / "bomb.png") in text
    status = json.loads(command("indexer", "status", "--json").stdout)
    assert (status["students"], status["images"], status["templates"]) == (2, 2, 2)


@on_sqlite
@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "/nowhere"),
        ("add", "bad.csv"),
        ("add", str(SHEET), "--pack", "nonesuch"),
        ("add", str(SHEET), "--threshold", "nan"),
        ("add", str(SHEET), "--port", "x"),
        ("add", str(SHEET), "--store", "redis://x"),
        ("frobnicate",),
    ],
)
def test_wrong_usage_stores_nothing(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "bad.csv").write_text("matricula,nombre\nA1,Ana\n")
    done = command("indexer", *arguments)
    assert done.returncode == (1 if "nonesuch" in arguments else 2)
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert not (tmp_path / "index").exists()


@pytest.mark.usefixtures("sample_gallery")
def test_another_pack_is_refused_and_sync_takes_the_gallery_over(command: Command, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(SAMPLE / "models" / "sample", other)
    described = json.loads((other / "pack.json").read_text())
    (other / "pack.json").write_text(json.dumps(described | {"name": "other"}))
    # One more byte, which no model notices: by their digest, these are other weights.
    with (other / "rec.onnx").open("ab") as stream:
        stream.write(b"\x3a\x00")
    assert command("evaluation", "calibrate", "--fpir", "0.02").returncode == 0
    refused = command("indexer", "add", SHEET, "--pack", "other")  # the folder, relative to where the command runs
    assert refused.returncode == 1 and "pack_mismatch" in refused.stderr
    assert "sample@" in refused.stderr and "other@" in refused.stderr
    (advice,) = re.findall(r"`python -m (indexer sync --pack [^`]+)`", refused.stderr)
    synced = command(*shlex.split(advice), "--json")
    assert synced.returncode == 0 and "does not belong" not in synced.stderr, synced.stderr
    report = json.loads(synced.stdout)
    assert report["done"] == 96
    dropped, setting = report["notes"]
    assert "calibration was dropped" in dropped and "sample@" in dropped
    assert dropped.endswith("python -m evaluation calibrate --fpir 0.02")
    assert setting == "set PRESENTE_PACK=other for the programs that use the gallery"
    status = json.loads(command("indexer", "status", "--json", PRESENTE_PACK=str(other)).stdout)
    assert status["pack"].startswith("other@") and status["templates"] == status["indexed"] == 96
    again = json.loads(command("indexer", "sync", "--pack", other, "--json").stdout)
    assert (again["photos"], again["notes"]) == (0, [])


@pytest.mark.usefixtures("sample_gallery")
def test_remove_and_compact(command: Command) -> None:
    first = sorted(path.name for path in (SAMPLE / "students").iterdir())[0]
    removed = command("indexer", "remove", first, "NOBODY", "--json")
    result = json.loads(removed.stdout)
    assert removed.returncode == 1 and (result["removed"], result["not_found"]) == ([first], ["NOBODY"])
    compacted = json.loads(command("indexer", "compact", "--json").stdout)
    assert compacted["templates"] == 92
    assert json.loads(command("indexer", "verify", "--json").stdout) == {
        "agrees": True,
        "deep": False,
        "templates": 92,
        "missing_in_index": [],
        "missing_in_store": [],
        "different": [],
        "miscounted": [],
        "findings": [],
    }


@pytest.fixture
def long_source(tmp_path: Path) -> Path:
    """Many students; no two photos have the same bytes."""
    folder = tmp_path / "long"
    for student in sorted((SAMPLE / "students").iterdir()):
        for copy in range(LONG):
            target = folder / f"{student.name}-{copy:02d}" / "1.jpg"
            target.parent.mkdir(parents=True)
            target.write_bytes((student / "1.jpg").read_bytes() + bytes([copy]))
    return folder


@pytest.mark.untraced
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_is_finished_later(
    command: Command,
    environment: dict[str, str],
    tmp_path: Path,
    long_source: Path,
    store_url: str,
    with_signal: int,
) -> None:
    total = 24 * LONG
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = programs.start(["-m", "indexer", "add", long_source, "--json"], tmp_path, environment, out, err)
    store = open_store(store_url)
    deadline = time.monotonic() + 60
    while store.counts().templates < 64 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(with_signal)
    code = process.wait(60)
    output = (tmp_path / "out").read_text()
    kept = store.counts().templates
    assert 64 <= kept < total, "the run was not interrupted"
    if with_signal == signal.SIGINT:
        report = json.loads(output)
        assert code == 130 and report["stopped"] == "interrupted"
        # The last batch may be committed and not yet reported, but never reported and not committed.
        assert 0 <= kept - report["done"] <= BATCH and report["left"] == total - report["done"]
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]
    report = added(command, long_source)
    assert (report["already"], report["done"]) == (kept, total - kept)
    counts = store.counts()
    assert counts.students == counts.images == counts.templates == total
    store.close()
    assert json.loads(command("indexer", "verify", "--json").stdout)["agrees"]


@on_sqlite  # with a server, the server's disk would be full
def test_a_full_disk_stops_the_run_and_keeps_what_was_done(
    tmp_path: Path,
    environment: dict[str, str],
    long_source: Path,
    store_url: str,
    command: Command,
) -> None:
    limited = (
        "import resource,sys,runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000,) * 2); "
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "sys.argv = ['indexer', 'add', sys.argv[1], '--json']; runpy.run_module('indexer', run_name='__main__')"
    )
    done = programs.run(["-c", limited, long_source], tmp_path, environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    store = open_store(store_url)
    kept = store.counts().templates
    store.close()
    assert 0 < kept < 24 * LONG
    report = added(command, long_source)
    assert (report["already"], report["done"]) == (kept, 24 * LONG - kept)


@on_sqlite
def test_help_has_an_example(command: Command) -> None:
    for words in (
        ["indexer"],
        ["indexer", "add"],
        ["indexer", "sync"],
        ["faces", "pull"],
        ["server"],
        ["evaluation", "identification"],
        ["evaluation", "predict"],
    ):
        shown = command(*words, "--help")
        assert shown.returncode == 0 and "example:" in shown.stdout


def test_consent_comes_with_the_sheet_and_may_be_required(command: Command, tmp_path: Path, store_url: str) -> None:
    photo = shutil.copy(SAMPLE / "strangers" / "01.jpg", tmp_path)
    header = "matricula,nombre_del_alumno,consentimiento_fecha,consentimiento_texto,fotos\n"
    sheet = tmp_path / "consent.csv"
    sheet.write_text(f"{header}A1,Ana,2026-08-01,aviso 3,{photo}\nA2,Eva,,,{photo}\n")
    done = command("indexer", "add", sheet, "--consent", "required", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1 and report["done"] == 1 and report["reasons"] == {"consent_missing": 1}
    sheet.write_text(f"{header}A1,Ana Ruiz,,,{photo}\n")
    assert json.loads(command("indexer", "add", sheet, "--json").stdout)["students_updated"] == 1
    store = open_store(store_url)
    student = student_in(store, "A1").student
    store.close()
    assert student.consentimiento is not None and student.consentimiento.texto == "aviso 3"
    assert student.nombre_del_alumno == "Ana Ruiz"
