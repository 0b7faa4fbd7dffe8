"""The client's own wheel: installed with what it requires and nothing else, it does what README and its page print."""

import ast
import csv
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from client import __version__
from tests.conftest import ROOT, on_sqlite
from tests.server.conftest import Serve
from tests.server.sample import ADMIN, ATTENDANCE, KEYS

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
README = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
PAGE = BLOCK.findall((ROOT / "docs" / "client.md").read_text(encoding="utf-8"))
OWN = BLOCK.findall((ROOT / "client" / "README.md").read_text(encoding="utf-8"))
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client-wheel")
    source = shutil.copytree(ROOT / "client", folder / "client", ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, source)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, and what its metadata requires, and what that requires."""
    folder = tmp_path_factory.mktemp("client-installed")
    venv.create(folder, with_pip=False, symlinks=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (described,) = site.glob("presente_client-*.dist-info")
    for name in required(metadata.Distribution.at(described)):
        for file in metadata.files(name) or ():
            target = site / str(file)
            if file.parts[0] != ".." and "__pycache__" not in file.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(str(file.locate()))
    return folder / "bin" / "python"


def required(distribution: metadata.Distribution) -> set[str]:
    """Names of all that a distribution requires here, without extras."""
    wanted = [Requirement(text) for text in distribution.requires or ()]
    names = {each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})}
    return names.union(*(required(metadata.distribution(name)) for name in names))


def pip(*words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, words), "--quiet"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def printed(python: Path, code: str, address: str, **settings: str) -> list[str]:
    """The lines that a program prints where there is no clone to import from."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PRESENTE_", "PYTHON"))}
    done = subprocess.run(
        [str(python), "-I", "-W", "error", "-c", code.replace(ADDRESS, address)],
        cwd=ROOT,
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def address(sample_gallery: None, serve: Serve) -> Iterator[str]:
    yield serve().address


def test_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        found = next(name for name in names if name.endswith("METADATA"))
        assert f"\nVersion: {__version__}\n" in archive.read(found).decode()
        paths = [row[0] for row in csv.reader(archive.read(found.replace("METADATA", "RECORD")).decode().splitlines())]
        inside = {path for path in paths if not path.startswith("presente_client-")}
        assert inside == {f"presente_client/{path.name}" for path in (ROOT / "client").glob("*.py")} | {
            "presente_client/py.typed"
        }
        for name in inside:  # byte for byte: its imports are relative
            assert archive.read(name) == (ROOT / "client" / Path(name).name).read_bytes()


def test_only_relative_imports_and_what_is_required() -> None:
    allowed = sys.stdlib_module_names | {"httpx", "msgspec", "numpy"}
    for path in (ROOT / "client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            assert {name.split(".")[0] for name in names} <= allowed, path.name


@on_sqlite
def test_the_readmes_example_runs_as_printed(python: Path, address: str) -> None:
    (code,) = README
    lines = [line.rpartition(" ") for line in printed(python, code, address)]
    named = [name for name, _, last in lines if last.startswith("0.") and name != "Desconocido"]
    statuses = [last for _, _, last in lines if last.isalpha()]
    assert len(named) > 3 and statuses.count("present") > 3 and "absent" in statuses


@on_sqlite
def test_the_pages_examples_run_as_printed(python: Path, address: str) -> None:
    one, many, awaited, again, errors, strangers = (printed(python, code, address) for code in PAGE)
    assert one[0].startswith("Abril Montemayor Ríos A0178 0.") and one[0].count("'A") == 3
    assert [line.partition(" ")[0] for line in many] == [str(number) for number in range(24)]
    assert awaited[0] == "24 ['Desconocido']" and len(awaited) > 3 and awaited[1].startswith("A0")
    assert strangers == []  # this server keeps no one
    assert again == ["pregunta"]
    assert errors[0].startswith("student_not_found 404 ")
    (code,) = OWN
    code = code.replace('"photo.jpg"', '"data_sample/probes/A0178/1.jpg"')
    assert printed(python, code, address)[0].startswith("Abril Montemayor Ríos 0.")


@on_sqlite
def test_an_installed_client_with_a_key_and_without_numpy(python: Path, serve: Serve) -> None:
    code = f"""
import sys
from presente_client import Client, NotAllowed, __version__
try:
    import numpy
except ImportError:
    print("no numpy")
with Client("{ADDRESS}") as presente:
    print(presente.status().students, len(presente.search([[1.0] * 128]).results))
    try:
        presente.erase("A1")
    except NotAllowed as error:
        print(error.code)
"""
    running = serve(PRESENTE_API_KEYS=KEYS)
    assert printed(python, code, running.address, PRESENTE_API_KEY=ATTENDANCE) == ["no numpy", "0 1", "role_not_enough"]
    assert ADMIN not in code
