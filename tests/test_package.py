"""What the wheel holds, and that it serves the sample class where there is no clone (ADR 22)."""

import csv
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_build import CLONE_ONLY, ROOMS
from presente import __version__
from tests.conftest import ROOT, SAMPLE
from tests.pins import pinned

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``wheels`` and an environment, ``installed``: made once, however many processes test."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "package"
    with (shared / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(build(folder / "wheels"), folder / "installed")
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """The wheel."""
    (made,) = (built / "wheels").glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(built: Path) -> Path:
    """The environment's folder."""
    return built / "installed"


def build(folder: Path) -> Path:
    """The wheel as pip builds it, without a network."""
    pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, ROOT)
    (made,) = folder.glob("*.whl")
    return made


def install(wheel: Path, folder: Path) -> None:
    """Make an environment with the wheel in it; requirements come from this one, which has no Presente."""
    venv.create(folder, with_pip=False, symlinks=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")


def pip(*words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, words), "--quiet"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """Runs a program of the installed environment in a folder without a clone, with no settings of ours."""

    def run_one(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        program, *rest = map(str, words)
        return subprocess.run(
            [str(installed / "bin" / program), *rest],
            cwd=tmp_path,
            env=bare_environment(tmp_path) | settings,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run_one


def bare_environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRESENTE_", "PYTHON"))}
    return kept | {"HOME": str(folder / "home")}


@pytest.fixture
def address(run: Run, installed: Path, tmp_path: Path) -> Iterator[str]:
    """Of an installed server whose gallery is the sample class."""
    added = run("presente", "index", "add", "sample", "--json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["done"] == 96
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [str(installed / "bin" / "presente"), "serve", "--port", "0", "--json"],
            cwd=tmp_path,
            env=bare_environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert server.stdout is not None
        with server.stdout as printed:
            line = printed.readline()
        assert line, (tmp_path / "server.log").read_text()
        yield json.loads(line)["address"]
    finally:
        server.terminate()
        assert server.wait(30) == 0


def test_only_presente_comes_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (bill,) = (name for name in archive.namelist() if name.endswith(".dist-info/sboms/sbom.cdx.json"))
        assert archive.read(bill) == (ROOT / "sbom.cdx.json").read_bytes()
        (record,) = (name for name in archive.namelist() if name.endswith("RECORD"))
        paths = [row[0] for row in csv.reader(archive.read(record).decode().splitlines())]
    tops = {path.split("/")[0] for path in paths}
    assert tops == {"presente", f"presente-{__version__}.dist-info"}
    assert not [path for path in paths if "/tests/" in path or path.endswith((".pyc", ".db"))]
    assert "presente/evaluation/pages/page.html" in paths and "presente/server/console/app.js" in paths
    assert not [path for path in paths if "node_modules" in path or "console/build" in path]
    assert wheel.stat().st_size < 10_000_000  # three sample models are most of it


def test_every_module_is_there_with_its_lines(wheel: Path) -> None:
    """A traceback names the line of the repository: only ``presente.`` is added."""
    with zipfile.ZipFile(wheel) as archive:
        for room in ("presente", *ROOMS):
            for path in (ROOT / room).rglob("*.py"):
                inside = path.relative_to(ROOT).as_posix()
                if inside in CLONE_ONLY:
                    continue
                carried = archive.read(inside if room == "presente" else f"presente/{inside}").decode().split("\n")
                source = path.read_text(encoding="utf-8").split("\n")
                assert len(carried) == len(source)
                for ours, theirs in zip(source, carried, strict=True):
                    assert theirs == ours or theirs.replace("presente.", "") == ours.replace("presente.", ""), inside


def test_its_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = HeaderParser().parsestr(archive.read(f"presente-{__version__}.dist-info/METADATA").decode())
    assert found["Version"] == __version__
    assert found["Requires-Python"] == ">=3.11"


def test_its_requirements_are_ranges_that_hold_what_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = pinned("requirements.txt")
    pins["opencv-python"] = pins["opencv-python-headless"]  # the same module
    for text in project["dependencies"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), text
        assert not [one for one in wanted.specifier if one.operator == "=="], text
    (openvino,) = map(Requirement, project["optional-dependencies"]["openvino"])
    assert openvino.specifier.contains(pinned("requirements-openvino.txt")["openvino"])
    for extra in ("otel", "ray"):
        for wanted in map(Requirement, project["optional-dependencies"][extra]):
            assert wanted.specifier.contains(pinned(f"requirements-{extra}.txt")[canonicalize_name(wanted.name)])
    (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert backend == f"hatchling=={pinned('requirements-test.txt')['hatchling']}"


def test_everything_imported_is_required(wheel: Path) -> None:
    """Whatever a module of the wheel imports is Python's own, ours, or required by name."""
    names = {
        "argon2": "argon2-cffi",
        "cv2": "opencv-python",
        "PIL": "pillow",
        "faiss": "faiss-cpu",
        "sklearn": "scikit-learn",
    }
    names |= {"bson": "pymongo", "opentelemetry": "opentelemetry-sdk"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    required = {canonicalize_name(Requirement(text).name) for text in project["dependencies"] + extras}
    with zipfile.ZipFile(wheel) as archive:
        for path in (name for name in archive.namelist() if name.endswith(".py")):
            text = archive.read(path).decode()
            for found in re.findall(r"^\s*(?:from|import) ([A-Za-z_]\w*)[\w.]*(?: import| as|$)", text, re.MULTILINE):
                if found not in sys.stdlib_module_names | {"presente"}:
                    assert canonicalize_name(names.get(found, found)) in required, f"{path}: {found}"


def test_the_sample_class_is_served(address: str, tmp_path: Path) -> None:
    photo = (SAMPLE / "probes" / "A0178" / "1.jpg").read_bytes()
    request = urllib.request.Request(f"{address}/v1/identify", photo, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        (face,) = json.load(reply)["faces"]
    assert (face["decision"], face["matricula"]) == ("known", "A0178")
    with urllib.request.urlopen(f"{address}/v1/status", timeout=30) as reply:
        status = json.load(reply)
    assert status["version"] == __version__ and status["students"] == 24
    with urllib.request.urlopen(f"{address}/", timeout=30) as reply:
        assert b"Presente" in reply.read()
    assert (tmp_path / "var" / "gallery.db").exists() and not (tmp_path / "data_sample").exists()


def test_modules_have_one_name(run: Run) -> None:
    """Nothing is imported as ``gallery``, and so never twice."""
    asked = (
        "import sys, pkgutil, importlib, presente\n"
        "for found in pkgutil.walk_packages(presente.__path__, 'presente.'):\n"
        "    if found.name != 'presente.faces.runtime.openvino':  # which may not be here\n"
        "        importlib.import_module(found.name)\n"
        "rooms = ('faces', 'gallery', 'indexer', 'server', 'evaluation', 'client', 'tools')\n"
        "print([name for name in sys.modules if name.split('.')[0] in rooms])\n"
        "print(sum(name.startswith('presente.') for name in sys.modules))"
    )
    done = run("python", "-c", asked)
    assert done.returncode == 0, done.stderr
    alone, count = done.stdout.splitlines()
    assert alone == "[]"
    assert int(count) > 150


def test_messages_name_the_installed_command(run: Run) -> None:
    done = run("presente", "index", "status", "--help")
    assert "usage: presente index status" in done.stdout and "presente index status --json" in done.stdout
    done = run("presente", "packs", "check", "buffalo_l", "--models", "")
    assert done.returncode != 0
    assert "`presente packs pull buffalo_l`" in done.stderr


@pytest.mark.parametrize(
    "words", ["index add sample", "serve --port 0", "eval predict photo.jpg", "packs check sample"]
)
def test_an_opencv_that_does_not_load_is_explained(run: Run, tmp_path: Path, words: str) -> None:
    """As on a machine without libGL: the linker refuses the module."""
    (tmp_path / "cv2.abi3.so").write_bytes(b"no library")
    done = run("presente", *words.split(), PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error [opencv_unusable]: ") and "opencv-python-headless" in done.stderr
    assert "Traceback" not in done.stderr


def test_evaluation_runs_where_it_is_installed(run: Run, installed: Path, tmp_path: Path) -> None:
    """Its report is a template and a module that is named by what was measured."""
    (sample,) = installed.glob("lib/*/site-packages/presente/data_sample")
    rows = (sample / "identify.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    few = tmp_path / "few.tsv"
    few.write_text("".join(rows[:31]), encoding="utf-8")
    words = ["eval", "identification", "--list", few, "--root", sample, "--json"]
    done = run("presente", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rank1"] == 1.0
    (report,) = (tmp_path / "var").rglob("report.html")
    assert "<svg" in report.read_text(encoding="utf-8") or "<img" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", ["presente", "presente nosuch", "presente index add", "python -m presente serve x"])
def test_wrong_usage_is_2(run: Run, words: str) -> None:
    done = run(*words.split())
    assert done.returncode == 2 and done.stderr.startswith("usage: presente")


@pytest.mark.parametrize("words", ["", "serve", "index", "eval", "packs"])
def test_the_version_is_said_by_every_program(run: Run, words: str) -> None:
    assert run("presente", *words.split(), "--version").stdout == f"presente {__version__}\n"
