"""What differs between a clone and a wheel, and how the wheel's copy of a file is made. The wheel itself:
``test_package.py``."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from hatch_build import ROOMS, CannotCarry, carried, lay_out
from presente import __version__
from presente.installation import COMMANDS, INSTALLED, SAMPLE, command_line, module_of
from tests.conftest import ROOT
from tests.conftest import SAMPLE as SAMPLE_CLASS
from tools.compile_imports import imported_names

MODULES = frozenset({"gallery", "gallery.index", "gallery.index.manifest", "faces.image.worker", "evaluation.pages"})
LEFT_OUT = {"tests", "benchmarks"}


def test_a_clone_names_its_programs() -> None:
    assert not INSTALLED
    assert SAMPLE == SAMPLE_CLASS
    assert command_line("indexer verify --deep") == "python -m indexer verify --deep"
    assert command_line("server") == "python -m server"
    assert command_line("python -m benchmarks.search") == "python -m benchmarks.search"


def strings(path: Path) -> Iterator[ast.Constant]:
    """String constants of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and node.body
               and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node


def test_messages_take_their_commands_from_one_place() -> None:
    """Else an installed Presente would advise what only works in a clone."""
    started = re.compile(rf"python -m ({'|'.join(COMMANDS)})\b|presente ({'|'.join(COMMANDS.values())})\b")
    for room in ("presente", *ROOMS):
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "presente" / "__main__.py":
                assert not [node.lineno for node in strings(path) if started.search(str(node.value))], path


@pytest.mark.parametrize("program", [*COMMANDS, "presente"])
def test_the_version_is_said_without_an_install(program: str) -> None:
    words = [sys.executable, "-m", module_of(program), "--version"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout == (
        f"presente {__version__}\n"
    )


@pytest.mark.parametrize("program", COMMANDS)
def test_the_command_of_a_clone_starts_the_same_programs(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    words = [sys.executable, "-m", "presente", COMMANDS[program], "--help"]
    shown = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == import_module(f"{module_of(program)}.__main__").build_parser().format_help()
    assert f"usage: python -m {module_of(program)} " in shown


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from gallery.index import x\n", "from presente.gallery.index import x\n"),
        ("from faces import a, b as c\n", "from presente.faces import a, b as c\n"),
        ("import gallery.index as index\n", "import presente.gallery.index as index\n"),
        ("import os, gallery as g\n", "import os, presente.gallery as g\n"),
        ("if 1:\n    'é'; from tools.x import y\n", "if 1:\n    'é'; from presente.tools.x import y\n"),
        ("from gallery.a import (\n    b,\n    c,\n)\n", "from presente.gallery.a import (\n    b,\n    c,\n)\n"),
        ("from presente.errors import E\n", "from presente.errors import E\n"),
        ("from . import gallery\nfrom .gallery import x\n", "from . import gallery\nfrom .gallery import x\n"),
        ("'''from gallery import x'''\n# import faces\n", "'''from gallery import x'''\n# import faces\n"),
        (
            "x = 'gallery is a word, gallery.index.manifest too'\n",
            "x = 'gallery is a word, gallery.index.manifest too'\n",
        ),
        ("from servers import x\nimport facets\n", "from servers import x\nimport facets\n"),
    ],
)
def test_imports_are_carried(source: str, expected: str) -> None:
    assert carried(source, MODULES, LEFT_OUT) == expected


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("\nimport gallery.index\n", "2: `import gallery.index` would bind another name"),
        ("import gallery\n", "1: `import gallery` would bind another name"),
        ("from benchmarks.x import y\n", "1: benchmarks.x is not in the wheel"),
        ("import tests.conftest\n", "1: tests.conftest is not in the wheel"),
        ("x = ['-m', 'faces.image.worker']\n", "1: 'faces.image.worker' names a module in a string"),
        ("x = f'evaluation.pages.{name}'\n", "1: 'evaluation.pages.' names a module in a string"),
        ("from \\\n    gallery import x\n", "write it in one"),
    ],
)
def test_what_cannot_be_carried_ends_the_build(source: str, why: str) -> None:
    with pytest.raises(CannotCarry, match=re.escape(why)):
        carried(source, MODULES, LEFT_OUT)


def test_a_module_in_the_place_of_a_room_is_refused(tmp_path: Path) -> None:
    (tmp_path / "presente").mkdir()
    (tmp_path / "presente" / "server.py").touch()
    with pytest.raises(CannotCarry, match="presente/server"):
        lay_out(tmp_path, tmp_path / "made")
    assert not (tmp_path / "made" / "server").exists()


def test_what_setup_compiles_is_what_is_imported_anywhere() -> None:
    source = "import a.b, c as d\nfrom e.f import g\nfrom . import h\ndef i():\n    from j import k\n"
    assert set(imported_names(source)) == {"a.b", "c", "e.f", "j"}
    lazily = set(imported_names((ROOT / "evaluation" / "kfold.py").read_text(encoding="utf-8")))
    assert "sklearn.model_selection" in lazily
