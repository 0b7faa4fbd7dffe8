"""Tests share fixtures through conftest files and all else through helper modules: no test module is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a module imports; ``from a import b`` may mean the module a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{name.name}" for name in node.names)


def test_no_test_module_is_imported() -> None:
    modules = sorted((ROOT / "tests").rglob("*.py"))
    names = {name for path in modules for name in imported(path)}
    assert "tests.conftest.ROOT" in names  # they are found
    test_modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules if path.match("test_*")}
    wrong = [name for name in names if name in test_modules or name.rpartition(".")[0] in test_modules]
    assert not wrong, f"move what is shared to a conftest file or a helper module: {sorted(wrong)}"


def test_what_only_ci_installs_is_imported_by_no_test_at_its_beginning() -> None:
    """``make test`` has requirements-test.txt only: a test without its tool is skipped, and not an error."""
    tools = {line.split("==")[0] for line in (ROOT / "requirements-ci.txt").read_text().splitlines() if "==" in line}
    assert {"playwright", "mypy"} <= tools
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not tools & {name.split(".")[0] for name in names}, path
