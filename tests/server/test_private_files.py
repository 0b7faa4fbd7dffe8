"""What programs leave on the disk is for their own user alone, whatever the umask; and memory is not for others."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve

OPEN_TO_ALL = """
import os, runpy, sys
os.umask(0)
sys.argv[:1] = []
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def open_to_others(folder: Path) -> list[str]:
    """What another user could read or change below a folder."""
    return [
        f"{path} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in folder.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]


@on_sqlite
def test_what_programs_write_is_for_their_user_alone(environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("A0178", "A0184"):
        shutil.copytree(SAMPLE / "students" / name, tmp_path / "photos" / name)
    words = ("indexer", "add", tmp_path / "photos", "--report", "report.json")
    done = programs.run(["-c", OPEN_TO_ALL, *words], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / name).exists() for name in ("gallery.db", "index/gen-0000000001", "report.json"))
    shutil.rmtree(tmp_path / "photos")
    assert open_to_others(tmp_path) == []


@on_sqlite
@pytest.mark.usefixtures("sample_gallery")
def test_what_a_server_writes_is_for_its_user_alone(serve: Serve, tmp_path: Path) -> None:
    running: Running = serve(
        **{f"PRESENTE_{name.upper()}": str(tmp_path / "own" / name) for name in ("index", "export")}
    )
    running.ask("/save_all_images", b"{}", "application/json")
    assert running.stop() == 0
    assert len(list((tmp_path / "own").rglob("*.jpg"))) > 30
    assert open_to_others(tmp_path / "own") == []


def test_a_crash_leaves_no_picture_of_the_memory_and_keys_are_not_read_by_others() -> None:
    code = (
        "import resource, ctypes, presente.machine as m; m.keep_private(keys={}); "
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    for keys, dumpable in ((True, 0), (False, 1)):
        done = subprocess.run([sys.executable, "-c", code.format(keys)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == f"(0, 0) {dumpable}" if sys.platform == "linux" else done.stdout


@on_sqlite
def test_a_server_leaves_no_core(serve: Serve) -> None:
    plain = serve()
    limits = Path(f"/proc/{plain.process.pid}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]
