"""``python -m tools.compile_imports``: import whatever the programs import, so that Python keeps it compiled.

``make setup`` installs without compiling, and then runs this: the libraries are compiled as far as they are used, a
quarter of them. It writes also where ``PYTHONDONTWRITEBYTECODE`` is set, as it often is in containers: there every
start would compile anew.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("presente", "faces", "gallery", "indexer", "server", "evaluation", "client")


def imported_names(source: str) -> Iterator[str]:
    """Dotted names that a module imports anywhere in it, inside its functions, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def main() -> None:
    """Import it all; what is optional and not here is passed over."""
    sys.dont_write_bytecode = False
    sources = [path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    for name in sorted({name for source in sources for name in imported_names(source)}):
        with suppress(ModuleNotFoundError):
            import_module(name)


if __name__ == "__main__":
    main()
