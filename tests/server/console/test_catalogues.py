"""The console's files: what they say in both languages, what is served of them, and what they are built from."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.error_codes import STATUS_OF
from tests.conftest import ROOT, SAMPLE

CONSOLE = ROOT / "server" / "console"
OWN = [path for path in sorted(CONSOLE.rglob("*.js")) if not {"libraries", "build"} & set(path.parts)]


def catalogue(language: str) -> dict[str, str]:
    text = (CONSOLE / "catalogues" / f"{language}.js").read_text(encoding="utf-8")
    lines = re.findall(r'^  ("(?:[^"\\]|\\.)*"): ("(?:[^"\\]|\\.)*"),$', text, flags=re.MULTILINE)
    found = {json.loads(key): json.loads(words) for key, words in lines}
    assert len(found) == len(lines) == text.count("\n  ")  # every line was read, and no key is there twice
    return found


def test_both_languages_say_the_same_things() -> None:
    spanish, english = catalogue("es"), catalogue("en")
    assert list(spanish) == list(english)
    for key, words in spanish.items():
        assert words.strip() and english[key].strip(), key
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", english[key])), key


def test_every_error_that_a_client_can_meet_has_words() -> None:
    assert {key.removeprefix("error.") for key in catalogue("es") if key.startswith("error.")} == {
        *STATUS_OF,
        "no_answer",
    }


def test_pages_say_what_the_catalogues_have_and_these_have_nothing_else() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in OWN if path.parent.name != "catalogues")
    known = catalogue("es")
    stems = {re.sub(r"\.(one|other)$", "", key) for key in known}
    said = set(re.findall(r'"([a-z][\w.-]*)"', source))
    beginnings = set(re.findall(r"`([a-z_]+\.(?:[\w.]*\.)?)\$\{", source))
    endings = set(re.findall(r"\bt\(`\$\{\w+\}(\.\w+)`", source))
    assert not set(re.findall(r'\bt\("([\w.]+)"', source)) - stems - set(known)
    for key in known:
        stem = re.sub(r"\.(one|other)$", "", key)
        composed = stem.startswith(tuple(beginnings)) or stem.endswith(tuple(endings) or ("\0",))
        assert stem in said or composed, f"no page says {key}"


def test_the_consoles_files_are_served_and_no_others(client: FlaskClient) -> None:
    with client.get("/") as page:
        assert page.status_code == 200 and b"Presente" in page.data
    for path in [*OWN, *(CONSOLE / "libraries").glob("*.js"), CONSOLE / "style.css", CONSOLE / "icon.svg"]:
        with client.get(f"/console/{path.relative_to(CONSOLE).as_posix()}") as asset:
            assert asset.status_code == 200 and asset.data == path.read_bytes()
    with client.get("/console/sample/phone_class.jpg") as photo:
        assert photo.status_code == 200 and photo.data == (SAMPLE / "groups" / "phone_class.jpg").read_bytes()
    outside = (
        "../app.py",
        "sample/../students.csv",
        "sample/nothing.jpg",
        "build/package.json",
        "build/ui.js",
        "",
        "pages",
    )
    for name in (*outside, "libraries/ui.d.ts"):
        assert client.get(f"/console/{name}").status_code == 404, name


def test_files_are_sent_packed_and_only_once(client: FlaskClient) -> None:
    packed = client.get("/console/libraries/charts.js", headers={"Accept-Encoding": "gzip, br"})
    whole = (CONSOLE / "libraries" / "charts.js").read_bytes()
    assert gzip.decompress(packed.data) == whole and len(packed.data) < len(whole) / 2
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Content-Type"].startswith("text/javascript")
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert client.get("/console/libraries/charts.js", headers=again).status_code == 304
    assert client.get("/console/app.js", headers=again).status_code == 200


def test_no_page_names_another_origin() -> None:
    for path in [*OWN, CONSOLE / "index.html", CONSOLE / "style.css"]:
        found = re.findall(
            r"(?:https?:)?//[a-z]\S*", re.sub(r"^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        )
        assert not found, path


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the console with the libraries' sources installed, as the lock file has them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the libraries are not built from their sources here")
    copy = tmp_path_factory.mktemp("console") / "console"
    shutil.copytree(CONSOLE, copy, ignore=shutil.ignore_patterns("node_modules", "libraries/*.js"))
    words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(words, cwd=copy / "build", capture_output=True, text=True, timeout=180)
    if done.returncode:
        pytest.skip(f"npm could not fetch the libraries: {done.stderr[-300:]}")
    return copy


def test_the_libraries_are_what_their_sources_make(build: Path) -> None:
    for name in ("ui.js", "charts.js"):
        (build / "libraries" / name).unlink()
    done = subprocess.run(["npm", "run", "--silent", "build"], cwd=build / "build", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("ui.js", "charts.js"):
        assert (build / "libraries" / name).read_bytes() == (CONSOLE / "libraries" / name).read_bytes(), name


def test_the_pages_types_hold(build: Path) -> None:
    done = subprocess.run(["npm", "run", "--silent", "types"], cwd=build / "build", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
