"""docs/library.md: its code runs as it is printed, and does what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE, Command, on_sqlite

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.DOTALL)


def printed(code: str, environment: dict[str, str]) -> str:
    words = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_no_code_that_is_not_run_here() -> None:
    assert len(BLOCKS) == 3
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) == 10  # as short as the page should be


@on_sqlite
def test_a_photo_is_embedded_and_searched(command: Command, environment: dict[str, str], tmp_path: Path) -> None:
    assert command("indexer", "add", SAMPLE / "students.csv").returncode == 0
    lines = printed(BLOCKS[0], environment).splitlines()
    rank, matricula, score = lines[0].split()
    assert (rank, matricula, len(lines)) == ("1", "A0178", 3) and float(score) == pytest.approx(0.903, abs=0.005)
    verdict, matricula, score = printed(BLOCKS[0] + BLOCKS[1], environment).splitlines()[-1].split()
    assert (verdict, matricula) == ("known", "X0001") and float(score) >= 0.8
    again = command("evaluation", "predict", SAMPLE / "strangers" / "01.jpg")
    assert "Nadia Sol (X0001)" in again.stdout  # what the library enrolled, every program finds


@on_sqlite
def test_every_face_gets_a_template(environment: dict[str, str]) -> None:
    said = printed(BLOCKS[2] + "\nprint(len(templates), {template.shape for template in templates})", environment)
    count, _, shapes = said.strip().partition(" ")
    assert int(count) == 10 and shapes == "{(128,)}"
