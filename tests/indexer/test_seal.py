"""``indexer.seal``: a store that was in the clear is sealed, its keys are changed, and it is brought back."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presente import composition
from presente.sealing import new_key
from tests.conftest import SAMPLE, Command, enrolment, on_sqlite, unit


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Two key files, as the setting names them."""
    named = {}
    for name in ("old", "new"):
        path = tmp_path / f"{name}.key"
        path.write_bytes(base64.b64encode(new_key()) + b"\n")
        named[name] = f"file:{path}"
    return named


def seal(command: Command, words: str, **environment: str) -> Any:
    done = command("indexer.seal", *words.split(), "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@on_sqlite
def test_the_sample_class_is_sealed_and_opened_again(
    command: Command, store_url: str, tmp_path: Path, keys: dict[str, str]
) -> None:
    added = command("indexer", "add", SAMPLE / "students.csv", "--json")
    assert added.returncode == 0, added.stderr
    old, new = ({"PRESENTE_MASTER_KEY": keys[name], "PRESENTE_SEAL_NAMES": "true"} for name in ("old", "new"))
    photo = next((SAMPLE / "students").rglob("*.jpg")).read_bytes()[2000:2100]
    on_disk = store_url.startswith("sqlite")
    assert not on_disk or is_shown(tmp_path, photo)

    before = seal(command, "status", **old)
    assert before["sealed"] and before["clear_photos"] == before["clear_templates"] > 20 and before["keys"] == 0
    after = seal(command, "run", **old)
    assert (after["clear_photos"], after["clear_templates"], after["clear_names"]) == (0, 0, 0)
    assert not is_shown(tmp_path, photo) and not list((tmp_path / "index").rglob("vectors.npy"))
    status = json.loads(command("indexer", "status", "--json", **old).stdout)
    assert status["index_files"] in ("sealed", "sealed_unlocked") and status["sealing"]["masters"] == after["masters"]
    assert "sealed with the master key" in command("indexer", "status", **old).stdout
    assert json.loads(command("indexer", "verify", "--json", **old).stdout)["agrees"]

    refused = command("indexer", "status", "--json")
    assert (
        json.loads(refused.stdout)["error"]["code"] == "master_key_missing" and "PRESENTE_MASTER_KEY" in refused.stderr
    )
    two = seal(command, f"rotate-master --new {keys['new']}", **old)
    assert len(two["masters"]) == 2
    one = seal(command, "drop-old-master", **new)
    assert len(one["masters"]) == 1 and one["masters"] != after["masters"]
    assert json.loads(command("indexer", "status", "--json", **old).stdout)["error"]["code"] == "master_key_wrong"
    found = command("indexer", "verify", "--deep", "--json", **new)
    assert json.loads(found.stdout)["findings"] == [], found.stdout


def is_shown(folder: Path, content: bytes) -> bool:
    return any(content in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@on_sqlite
def test_keys_are_changed_and_encryption_is_left(command: Command, tmp_path: Path, keys: dict[str, str]) -> None:
    url = f"sqlite:///{tmp_path}/gallery.db"
    own = {"PRESENTE_MASTER_KEY": keys["old"], "PRESENTE_STORE": url}
    store = composition.open_store(url)
    store.enrol([enrolment("A1", unit(np.ones(8)))])
    store.close()
    assert seal(command, "run", **own)["keys"] == 1
    assert seal(command, "rotate-keys", **own)["retired"] == 0
    known = command("indexer.privacy", "receipt-key", **own).stdout
    undone = seal(command, "undo", **own)
    assert known and command("indexer.privacy", "receipt-key", PRESENTE_STORE=url).stdout == known
    assert not undone["sealed"] and undone["keys"] == 0
    refused = command("indexer.seal", "run", "--json", PRESENTE_STORE=url)
    assert json.loads(refused.stdout)["error"]["code"] == "not_sealed"


@on_sqlite
@pytest.mark.parametrize("new", ["file:/nowhere", "command:false", 43 * "A" + "=", "nonsense"])
def test_a_new_key_that_cannot_be_read_changes_nothing(
    command: Command, tmp_path: Path, keys: dict[str, str], new: str
) -> None:
    own = {"PRESENTE_MASTER_KEY": keys["old"], "PRESENTE_STORE": f"sqlite:///{tmp_path}/gallery.db"}
    done = command("indexer.seal", "rotate-master", "--new", new, "--json", **own)
    assert json.loads(done.stdout)["error"]["code"] in ("master_key_unreadable", "invalid_key")
    assert len(seal(command, "status", **own)["masters"]) == 1
