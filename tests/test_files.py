"""Deleting what must not be left over."""

import errno
import shutil
from pathlib import Path

import pytest

from presente.files import erase_folder


def test_a_folder_is_erased_with_what_comes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "downloads"
    (folder / "contents").mkdir(parents=True)
    (folder / "contents" / "photo").touch()
    real, calls = shutil.rmtree, 0

    def interrupted(path: Path) -> None:
        nonlocal calls
        calls += 1
        real(path / "contents")
        if calls == 1:
            (folder / "contents").mkdir()
            (folder / "contents" / "another").touch()
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        path.rmdir()

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    erase_folder(folder)
    assert not folder.exists() and calls == 2
    erase_folder(folder)


def test_a_folder_that_cannot_be_erased_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", forbidden)
    with pytest.raises(PermissionError):
        erase_folder(tmp_path)
