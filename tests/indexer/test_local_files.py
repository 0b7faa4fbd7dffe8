"""A sheet may name regular files below its own folder; any other file is refused, row by row."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from indexer.sources import read_source
from presente.errors import PhotoRefused
from presente.local_files import FileRules, read_file, read_file_below
from tests.conftest import SAMPLE, Command, on_sqlite

PHOTO = SAMPLE / "strangers" / "01.jpg"
OUTSIDE, NO_FILE = "outside_sheet_folder", "not_a_file"


@pytest.fixture
def school(tmp_path: Path) -> Path:
    """A folder for a sheet, with files, links, a pipe and a socket that the sheet may name."""
    folder = tmp_path / "school"
    (folder / "fotos").mkdir(parents=True)
    shutil.copy(PHOTO, folder / "fotos" / "a.jpg")
    shutil.copy(PHOTO, tmp_path / "secret.jpg")
    (folder / "within.jpg").symlink_to("fotos/a.jpg")
    (folder / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "out").symlink_to(tmp_path)
    (folder / "round.jpg").symlink_to("round.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "gone.jpg").symlink_to("nothing")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.jpg"))
    with (folder / "huge.jpg").open("wb") as stream:
        stream.truncate(50 * 2**30)  # sparse: the size without the bytes
    return folder


PLACES = {
    "fotos/a.jpg": None,
    "within.jpg": None,
    "./fotos/../fotos/a.jpg": None,
    "out/school/fotos/a.jpg": None,
    "../secret.jpg": OUTSIDE,
    "fotos/../../secret.jpg": OUTSIDE,
    "{above}/secret.jpg": OUTSIDE,
    "{above}/school-too/a.jpg": OUTSIDE,
    "out.jpg": OUTSIDE,
    "out/secret.jpg": OUTSIDE,
    "/etc/passwd": OUTSIDE,
    "/dev/zero": OUTSIDE,
    "/dev/stdin": OUTSIDE,
    "/proc/self/environ": OUTSIDE,
    "/nowhere/at/all.jpg": OUTSIDE,
    "zero.jpg": OUTSIDE,
    "..": OUTSIDE,
    ".": NO_FILE,
    "fotos": NO_FILE,
    "pipe.jpg": NO_FILE,
    "socket.jpg": NO_FILE,
    "huge.jpg": "too_many_bytes",
    "gone.jpg": "file_not_found",
    "fotos/none.jpg": "file_not_found",
    "fotos/a.jpg/": None,
    "~/a.jpg": "file_not_found",
    "~root/a.jpg": "file_not_found",
    "\\\\server\\share\\a.jpg": "file_not_found",
    "..\\secret.jpg": OUTSIDE,
    "fotos\\A.JPG": None,
    "C:\\Windows\\win.ini": "file_not_found",
    "round.jpg": NO_FILE,
    "fotos/a.jpg/b.jpg": "unreadable_file",
    "a" * 300: "unreadable_file",
    "a/" * 3000: "file_not_found",
    "file:///etc/passwd": "link_refused",
    "FILE://localhost/etc/passwd": "link_refused",
    "ftp://localhost/a.jpg": "link_refused",
}


@on_sqlite
def test_each_bad_row_is_refused_with_its_reason_and_the_others_are_enrolled(command: Command, school: Path) -> None:
    (school.parent / "school-too").mkdir()
    shutil.copy(PHOTO, school.parent / "school-too" / "a.jpg")
    lines = ["matricula,nombre_del_alumno,fotos"]
    named = [place.format(above=school.parent) for place in PLACES]
    lines += [f"A{number},Nombre {number},{place}" for number, place in enumerate(named)]
    sheet = school / "class.csv"
    sheet.write_text("\n".join(lines), encoding="utf-8")
    done = command("indexer", "add", sheet, "--force", "--json", PRESENTE_DUPLICATES="allow")
    report = json.loads(done.stdout)
    codes = {item["location"]: item["code"] for item in report["refusals"]}
    places = [place if "://" in place else str(school / place) for place in named]
    wanted = {place: code for place, code in zip(places, PLACES.values(), strict=True) if code}
    assert codes == wanted
    assert report["done"] == len(PLACES) - len(wanted) and "Traceback" not in done.stderr
    allowed = command("indexer", "add", sheet, "--force", "--json", "--sheet-root", school.parent)
    reasons = json.loads(allowed.stdout)["reasons"]
    assert reasons[OUTSIDE] == sum(place.startswith(("/etc", "/dev", "/proc", "/nowhere", "zero")) for place in PLACES)


SPELLINGS = {
    "fotos/n\u0303u.jpg": "ñu.jpg",  # NFD in the sheet, NFC on the disk
    "fotos/\u00f1a.jpg": "n\u0303a.jpg",  # the other way round
    "FOTOS\\Ana Uno.JPG": "ana uno.jpg",
    "fotos/foto\u00a01.jpg": "foto 1.jpg",
    "fotos/pantalla 10.00 AM.jpg": "pantalla 10.00\u202fAM.jpg",
    "fotos\\as\\is.jpg": "../fotos\\as\\is.jpg",  # a name that really has the sign is taken as it is
}


def test_a_file_is_found_however_its_name_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "fotos").mkdir()
    for number, name in enumerate(SPELLINGS.values()):
        (tmp_path / "fotos" / name).write_bytes(bytes([number]))
    for number, place in enumerate(SPELLINGS):
        assert read_file_below(tmp_path, tmp_path / place, FileRules()) == bytes([number]), place
    (tmp_path / "fotos" / "ANA UNO.jpg").touch()
    with pytest.raises(FileNotFoundError):  # two files could be meant
        read_file_below(tmp_path, tmp_path / "fotos" / "Ana Uno.JPG", FileRules())
    (tmp_path / "fotos" / "outside.jpg").symlink_to(PHOTO)
    with pytest.raises(PhotoRefused) as caught:
        read_file_below(tmp_path, tmp_path / "Fotos" / "Outside.jpg", FileRules())
    assert caught.value.code == OUTSIDE


def test_a_nul_in_a_path(school: Path) -> None:
    with pytest.raises(OSError, match="is not a path"):
        read_file_below(school, school / "a\0.jpg", FileRules())
    with pytest.raises(OSError, match="is not a path"):
        read_file(school / "a\0.jpg", 10)


def test_a_link_that_replaces_a_folder_after_the_check_is_not_followed(
    school: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check of the links and the opening, the folder is replaced by a link that leads out."""
    look = os.path.realpath

    def looked_at(path: object) -> str:
        found = look(path)  # type: ignore[call-overload]
        if str(path).endswith("a.jpg"):
            (school / "fotos").rename(school / "before")
            (school / "fotos").symlink_to(school.parent)
            shutil.copy(PHOTO, school.parent / "a.jpg")
        return str(found)

    monkeypatch.setattr(os.path, "realpath", looked_at)
    with pytest.raises(OSError) as caught:
        read_file_below(school, school / "fotos" / "a.jpg", FileRules())
    assert not isinstance(caught.value, FileNotFoundError)


def test_no_descriptor_is_left_open(school: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for place in ("fotos/a.jpg", "pipe.jpg", "fotos/none.jpg", "huge.jpg", "../secret.jpg", "fotos/a.jpg/b"):
        for _ in range(3):
            try:
                read_file_below(school, school / place, FileRules(100_000))
            except (OSError, PhotoRefused):
                continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_in_a_folder_links_may_lead_anywhere(school: Path) -> None:
    """A folder belongs to the operator: its links are followed, but only regular files are read."""
    codes: dict[str, str | None] = {}
    for photo in read_source(school, files=FileRules(100_000)).photos:
        try:
            photo.read()
            codes[Path(photo.location).name] = None
        except PhotoRefused as error:
            codes[Path(photo.location).name] = error.code
        except OSError as error:
            codes[Path(photo.location).name] = type(error).__name__
    assert codes == {
        "a.jpg": None,
        "within.jpg": None,
        "out.jpg": None,
        "secret.jpg": None,
        "pipe.jpg": NO_FILE,
        "socket.jpg": NO_FILE,
        "zero.jpg": NO_FILE,
        "huge.jpg": "too_many_bytes",
        "gone.jpg": "FileNotFoundError",
        "round.jpg": "OSError",
    }


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "grows.jpg"
    path.write_bytes(bytes(10))
    with pytest.raises(PhotoRefused):
        read_file(path, 9)
    assert read_file(path, 10) == bytes(10)
    proc = Path("/proc/self/maps")  # the system gives its size as 0
    with pytest.raises(PhotoRefused) as caught:
        read_file(proc, 100)
    assert caught.value.code == "too_many_bytes"
