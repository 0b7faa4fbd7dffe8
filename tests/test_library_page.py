"""docs/library.md: its code runs as it is printed, and does what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, on_sqlite

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.DOTALL)


def printed(code: str, environment: dict[str, str]) -> str:
    words = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@on_sqlite
def test_a_photo_is_embedded_and_searched(environment: dict[str, str], tmp_path: Path) -> None:
    verdict, matricula, score = printed(BLOCKS[0], environment).split()
    assert (verdict, matricula) == ("known", "A0178") and float(score) == pytest.approx(0.875, abs=0.01)
    assert (tmp_path / "gallery.db").exists() and list((tmp_path / "index").glob("gen-*"))


@on_sqlite
def test_every_face_gets_a_template(environment: dict[str, str]) -> None:
    said = printed(BLOCKS[1] + "\nprint(len(templates), {template.shape for template in templates})", environment)
    count, _, shapes = said.strip().partition(" ")
    assert int(count) > 1 and shapes == "{(128,)}"
    assert len(BLOCKS) == 2  # what is on the page is run here
