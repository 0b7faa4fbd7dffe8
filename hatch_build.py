"""Puts the rooms below ``presente`` in the wheel (docs/adr/0022-wheel.md).

In the repository ``faces``, ``gallery``, ``indexer``, ``server``, ``evaluation``, ``client`` and ``tools`` are
top-level packages. In the wheel they are ``presente.faces`` and so on: names like ``server`` belong to no library
alone. Their absolute imports get ``presente.`` in front, at the positions that Python's own parser gives; nothing else
in a file changes, and no line moves, so that a traceback names the lines of the repository. What cannot be carried over
faithfully ends the build.

``pip install -e`` rewrites nothing: it runs the clone as it is.
"""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("faces", "gallery", "indexer", "server", "evaluation", "client", "tools")
SAMPLE = ("students.csv", "identify.tsv", "README.md", "students", "probes", "strangers", "groups", "models")
"""Of ``data_sample``: the class and the pack, not the programs that drew and trained them."""
CLONE_ONLY = (
    "tools/compile_imports.py",
    "tools/openapi_examples.py",
    "tools/sbom.py",
    "tools/schemathesis_hooks.py",
    "client/pyproject.toml",
    "client/README.md",
)
"""Files of the rooms that only a clone needs; the client's own wheel is made there (client/pyproject.toml)."""
CONSOLE_BUILD = "server/console/build"
"""From where the libraries of the console's pages are built. The pages need what was built, not this folder."""


class CannotCarry(Exception):
    """Something in a source file that would mean another thing, or nothing, below ``presente``."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build hook that hatchling calls before and after it makes a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have the wheel made of a copy in which the rooms are in their place."""
        if version == "editable":
            return
        self._copy = tempfile.TemporaryDirectory(prefix="presente-wheel-")
        package = Path(self._copy.name) / "presente"
        lay_out(Path(self.root), package)
        build_data["force_include"][str(package)] = "presente"

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Delete the copy that :meth:`initialize` made."""
        if version != "editable":
            self._copy.cleanup()


def lay_out(root: Path, package: Path) -> None:
    """Write the package as it is in the wheel.

    Args:
        root: the repository, or an unpacked sdist.
        package: the folder ``presente`` to make.

    Raises:
        CannotCarry: naming the file and the line.
    """
    left_out = {found.parent.name for found in root.glob("*/__init__.py")} - {"presente", *ROOMS}
    modules = frozenset(_module_names(root))
    for room in ("presente", *ROOMS):
        if room != "presente" and ((root / "presente" / room).exists() or (root / "presente" / f"{room}.py").exists()):
            raise CannotCarry(f"presente/{room} is in the place where the wheel has {room}/: rename one of them")
        for path in _files(root / room):
            place = path.relative_to(root).as_posix()
            if place in CLONE_ONLY or place.startswith(f"{CONSOLE_BUILD}/"):
                continue
            target = package / (path.relative_to(root / "presente") if room == "presente" else path.relative_to(root))
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix != ".py":
                shutil.copyfile(path, target)
                continue
            try:
                target.write_text(carried(path.read_text(encoding="utf-8"), modules, left_out), encoding="utf-8")
            except CannotCarry as exc:
                raise CannotCarry(f"{path.relative_to(root)}:{exc}") from None
    (package / "data_sample").mkdir()
    for name in SAMPLE:
        source, target = root / "data_sample" / name, package / "data_sample" / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            yield path


def _module_names(root: Path) -> Iterator[str]:
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            yield ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def carried(source: str, modules: frozenset[str], left_out: set[str]) -> str:
    """A file's text with ``presente.`` in front of the rooms it imports.

    Args:
        source: the file's text.
        modules: dotted names of all modules of the rooms.
        left_out: top-level packages of the repository that are not in the wheel.

    Raises:
        CannotCarry: ``LINE: why``.
    """
    tree = ast.parse(source)
    places: list[tuple[int, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                _check_import(name, left_out)
                if _room(name.name):
                    places.append((name.lineno, name.col_offset))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module.split(".")[0] in left_out:
                raise CannotCarry(f"{node.lineno}: {node.module} is not in the wheel")
            if _room(node.module):
                places.append((node.lineno, node.col_offset + len("from ")))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_module(node.value, modules):
            raise CannotCarry(f"{node.lineno}: {node.value!r} names a module in a string: use its __name__")
    return _with_presente(source, places)


def _room(module: str) -> bool:
    return module.split(".")[0] in ROOMS


def _check_import(name: ast.alias, left_out: set[str]) -> None:
    if name.name.split(".")[0] in left_out:
        raise CannotCarry(f"{name.lineno}: {name.name} is not in the wheel")
    if _room(name.name) and name.asname is None:
        raise CannotCarry(
            f"{name.lineno}: `import {name.name}` would bind another name in the wheel; "
            f"write `from ... import ...`, or `import {name.name} as ...`"
        )


def _names_module(text: str, modules: frozenset[str]) -> bool:
    """Whether a string, or the beginning of an f-string, is the dotted name of a module of ours."""
    return "." in text and re.fullmatch(r"[\w.]+", text) is not None and text.rstrip(".") in modules


def _with_presente(source: str, places: list[tuple[int, int]]) -> str:
    """The text with ``presente.`` inserted at (line, byte) places of module names."""
    lines = source.split("\n")
    for line, byte in sorted(places, reverse=True):
        raw = lines[line - 1].encode()
        if raw[byte:].split(b".")[0].split()[0].decode() not in ROOMS:
            raise CannotCarry(f"{line}: the name of the module does not follow `from` on its line: write it in one")
        lines[line - 1] = (raw[:byte] + b"presente." + raw[byte:]).decode()
    return "\n".join(lines)
