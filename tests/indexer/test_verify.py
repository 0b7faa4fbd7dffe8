"""``python -m indexer verify --deep`` finds all damage: of pages, photos, templates, references and files.

``PRESENTE_TEST_COPIES=24 python -m pytest tests/indexer/test_verify.py -s -k overwritten`` overwrites more pages.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bson import Binary, Int64
from pymongo import MongoClient

from gallery.documents.damage import Damage
from gallery.documents.values import Enrolment, Student
from gallery.gallery import Gallery
from gallery.index.check import index_damage
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from indexer.upkeep.consistency import ConsistencyReport, verify
from presente import composition
from presente.cli import Output
from presente.errors import ConfigError
from presente.settings import Settings, load_settings
from tests.conftest import DIM, PACK, Command, OpenGallery, enrolment, on_sqlite, unit

PAGE = 4096
COPIES = int(os.environ.get("PRESENTE_TEST_COPIES", "8"))


def filled(store_url: str, index: Path, people: int = 40, size: int = 9000, seed: int = 1) -> None:
    """Publish a gallery whose photos fill pages of their own, and which has free pages."""
    chance = np.random.default_rng(seed)
    gallery = Gallery(
        composition.open_store(store_url), GenerationStore(index), PACK, DIM, GallerySettings(0.5, "test")
    )
    made = []
    for i in range(people):
        one = enrolment(f"A{i:03d}", unit(chance.normal(size=(2, DIM))), clase=f"C{i % 4}")
        contents = [chance.bytes(size) for _ in one.photos]
        photos = [
            replace(photo, content=content, sha256=hashlib.sha256(content).hexdigest())
            for photo, content in zip(one.photos, contents, strict=True)
        ]
        made.append(replace(one, photos=tuple(photos)))
    gallery.enrol(made)
    gallery.remove([f"A{i:03d}" for i in range(0, people, 10)])
    gallery.close(publish=True)


@pytest.fixture
def settings(store_url: str, tmp_path: Path) -> Settings:
    filled(store_url, tmp_path / "index")
    given = {"PRESENTE_STORE": store_url, "PRESENTE_INDEX": str(tmp_path / "index")}
    return load_settings(environment=given, folder=tmp_path)


def verified(settings: Settings, deep: bool = True) -> ConsistencyReport:
    return verify(settings, deep, Output(as_json=True))


def codes(settings: Settings) -> list[str]:
    found = verified(settings)
    assert found.agrees == (not found.findings and found.agreement is not None and found.agreement.agrees)
    for finding in found.findings:
        assert finding.fix and finding.where and finding.what
    return sorted(finding.code for finding in found.findings)


def test_an_undamaged_store_has_no_findings(settings: Settings, command: Any, store_url: str) -> None:
    assert codes(settings) == []
    done = command("indexer", "verify", "--deep", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["agrees"] and found["deep"] and found["findings"] == []
    done = command("indexer", "verify", "--deep")
    assert "nothing is damaged" in done.stdout
    assert "--deep reads everything" in command("indexer", "verify").stdout


# -- SQLite: pages ---------------------------------------------------------------------------------------


def pages_in_use(file: bytes) -> dict[str, list[int]]:
    """Numbers of the pages in use, by kind; page 1 is the header's."""
    free = set()
    trunk = int.from_bytes(file[32:36], "big")
    while trunk:
        page = file[(trunk - 1) * PAGE : trunk * PAGE]
        free |= {
            trunk,
            *(int.from_bytes(page[8 + 4 * i : 12 + 4 * i], "big") for i in range(int.from_bytes(page[4:8], "big"))),
        }
        trunk = int.from_bytes(page[:4], "big")
    kinds: dict[str, list[int]] = {}
    for number in range(2, len(file) // PAGE + 1):
        first = file[(number - 1) * PAGE]
        kind = {2: "index", 10: "index", 5: "table", 13: "table"}.get(first, "photo")
        if number not in free:
            kinds.setdefault(kind, []).append(number)
    assert free and {"index", "table", "photo"} <= kinds.keys()
    return kinds


def database(settings: Settings) -> Path:
    path = Path(settings.store.removeprefix("sqlite:///"))
    assert not path.with_name("gallery.db-wal").exists()
    return path


@on_sqlite
def test_an_overwritten_page_is_found_whatever_it_held(settings: Settings, tmp_path: Path) -> None:
    """Damage as of a bad disk: several copies per kind of page, with one page of each overwritten at random."""
    whole = database(settings).read_bytes()
    chance = np.random.default_rng(11)
    kinds = pages_in_use(whole) | {"header": [1]}
    missed, seen_at_once = [], 0
    for kind, numbers in kinds.items():
        for copy in range(COPIES):
            number = int(chance.choice(numbers))
            folder = tmp_path / f"{kind}{copy}"
            shutil.copytree(tmp_path / "index", folder / "index")
            damaged = bytearray(whole)
            damaged[(number - 1) * PAGE : number * PAGE] = chance.bytes(PAGE)
            (folder / "gallery.db").write_bytes(damaged)
            there = replace(settings, store=f"sqlite:///{folder}/gallery.db", index=folder / "index")
            if not verified(there).findings:
                missed.append(f"{kind} page {number}")
            seen_at_once += not verified(there, deep=False).agrees  # it need not find the damage, but must not crash
            shutil.rmtree(folder)
    sys.stdout.write(
        f"of {len(kinds) * COPIES} copies --deep missed {len(missed)}; without it {seen_at_once} noticed\n"
    )
    assert missed == []


@on_sqlite
def test_the_command_on_a_file_that_no_gallery_opens(settings: Settings, command: Any) -> None:
    path = database(settings)
    whole = path.read_bytes()
    path.write_bytes(np.random.default_rng(1).bytes(PAGE) + whole[PAGE:])
    done = command("indexer", "verify", "--deep", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and not found["agrees"] and found["templates"] is None
    assert any("not a database" in finding["what"] for finding in found["findings"])
    assert all("Restore a backup" in f["fix"] or f["code"] == "store_unavailable" for f in found["findings"])
    assert "Traceback" not in done.stderr
    quick = command("indexer", "verify", "--json")
    assert quick.returncode == 1 and not json.loads(quick.stdout)["agrees"] and "Traceback" not in quick.stderr


@on_sqlite
def test_verify_never_says_agree_when_reading_failed(settings: Settings) -> None:
    """A row that cannot be read, or a vector of another length, is not agreement."""
    path = database(settings)
    whole = path.read_bytes()
    db = sqlite3.connect(path)
    roots = [row[0] for row in db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'templates'")]
    db.close()
    damaged = bytearray(whole)
    damaged[(roots[0] - 1) * PAGE : roots[0] * PAGE] = bytes(PAGE)
    path.write_bytes(damaged)
    quick = verified(settings, deep=False)
    assert not quick.agrees and quick.agreement is None and quick.findings
    path.write_bytes(whole)
    _sql(settings, "UPDATE templates SET vector = substr(vector, 1, 7) WHERE id = (SELECT max(id) FROM templates)")
    quick = verified(settings, deep=False)
    assert not quick.agrees


# -- damage of documents ---------------------------------------------------------------------


def _sql(settings: Settings, *statements: str) -> None:
    db = sqlite3.connect(database(settings))
    db.create_function("flipped", 1, _flipped)
    db.execute("PRAGMA foreign_keys = OFF")
    with db:
        for statement in statements:
            db.execute(statement)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _flipped(content: bytes, place: int = 5000) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.fixture
def mongo(settings: Settings) -> Iterator[Any]:
    client: MongoClient[dict[str, Any]] = MongoClient(settings.store)
    yield client.get_default_database()
    client.close()


on_mongo = pytest.mark.parametrize("store_url", ["mongo"], indirect=True)

DAMAGES: dict[str, tuple[str, list[str]]] = {
    "a bit of a photo": (
        "UPDATE images SET content = flipped(content) WHERE id = 5",
        ["photo_changed"],
    ),
    "a vector that is short": (
        "UPDATE templates SET vector = substr(vector, 1, 28) WHERE id = 7",
        ["template_damaged", "unreadable"],
    ),
    "a vector of another length": (
        "UPDATE templates SET vector = (SELECT CAST(substr(a.vector, 1, 16) || substr(b.vector, 1, 16) AS BLOB) "
        "FROM templates a, templates b WHERE a.id = 8 AND b.id = 9) WHERE id = 7",
        ["template_damaged"],
    ),
    "no number": (
        "UPDATE templates SET vector = CAST(x'0000c07f' || substr(vector, 5) AS BLOB) WHERE id = 7",
        ["template_damaged"],
    ),
    "a photo without its student": (
        "UPDATE images SET student = 9999 WHERE id = 5",
        ["lost_reference", "photo_without_student", "template_without_photo"],
    ),
    "a template without its photo": (
        "DELETE FROM images WHERE id = 5",
        ["lost_reference", "template_without_photo"],
    ),
    "a photo without template": (
        "DELETE FROM templates WHERE id = 7",
        ["photo_without_template"],
    ),
    "a change that is gone": (
        "DELETE FROM changes WHERE template = 7 AND removed = 0",
        ["change_missing", "change_missing"],
    ),
    "a template that is recorded as removed": (
        "INSERT INTO changes (removed, template) VALUES (1, 7)",
        ["change_missing"],
    ),
    "a counter that went back": (
        "UPDATE sqlite_sequence SET seq = 10 WHERE name = 'templates'",
        ["id_counter"],
    ),
    "consent that is no JSON": (
        "UPDATE students SET consentimiento = '{' WHERE id = 5",
        ["text_damaged"],
    ),
    "a name that is no text": (
        "UPDATE students SET nombre_del_alumno = CAST(x'c3280a' AS TEXT) WHERE id = 5",
        ["text_damaged"],
    ),
    "quality that is no JSON": (
        "UPDATE templates SET quality = '[1' WHERE id = 7",
        ["text_damaged"],
    ),
    "a pack that is no JSON": (
        "UPDATE gallery SET value = '{}' WHERE key = 'pack'",
        ["setting_damaged", "unreadable"],
    ),
    "no identity": (
        "DELETE FROM gallery WHERE key = 'identity'",
        ["setting_damaged", "unreadable"],
    ),
    "a calibration that is no JSON": (
        "INSERT OR REPLACE INTO gallery VALUES ('calibration', '{')",
        ["calibration_unreadable"],
    ),
}


@on_sqlite
@pytest.mark.parametrize("what", DAMAGES)
def test_damage_in_a_file_is_found(what: str, settings: Settings) -> None:
    statement, expected = DAMAGES[what]
    _sql(settings, statement)
    assert codes(settings) == expected


@on_sqlite
def test_wrong_counts_are_found(settings: Settings) -> None:
    _sql(settings, "UPDATE students SET asistencias = 3 WHERE id = 5")
    found = verified(settings)
    assert found.miscounted == ("A004",) and not found.agrees


def _damage_photo(db: Any) -> None:
    kept = db.contents.find_one()
    db.contents.update_one({"_id": kept["_id"]}, {"$set": {"content": Binary(_flipped(bytes(kept["content"])))}})


def _damage_vector(db: Any, change: Callable[[bytes], bytes]) -> None:
    kept = db.templates.find_one()
    db.templates.update_one({"_id": kept["_id"]}, {"$set": {"vector": Binary(change(bytes(kept["vector"])))}})


def _no_index(db: Any, collection: str) -> Any:
    for name in list(db[collection].index_information()):
        if name != "_id_":
            db[collection].drop_index(name)
    return db[collection]


def _twice(db: Any) -> None:
    students = _no_index(db, "students")
    document = students.find_one()
    students.insert_one({**document, "_id": "copy", "subject": Int64(int(document["subject"]) + 100_000)})


DAMAGES_OF_MONGO: dict[str, tuple[Callable[[Any], object], set[str]]] = {
    "a bit of a photo": (_damage_photo, {"photo_changed"}),
    "bytes that are gone": (lambda db: db.contents.delete_one({}), {"photo_without_bytes"}),
    "bytes that outlived": (
        lambda db: db.contents.insert_one({"_id": "77:ab", "student": Int64(77), "content": Binary(b"x")}),
        {"bytes_without_photo"},
    ),
    "a photo without its record": (
        lambda db: db.images.delete_one({}),
        {"bytes_without_photo", "template_without_photo"},
    ),
    "a photo without its student": (
        lambda db: db.students.delete_one({}),
        {"photo_without_student"},
    ),
    "a photo without template": (lambda db: db.templates.delete_one({}), {"photo_without_template"}),
    "a vector that is short": (
        lambda db: _damage_vector(db, lambda vector: vector[:28]),
        {"template_damaged", "unreadable"},
    ),
    "no number": (
        lambda db: _damage_vector(db, lambda vector: b"\0\0\xc0\x7f" + vector[4:]),
        {"template_damaged"},
    ),
    "a matricula twice": (_twice, {"student_twice", "store_unavailable", "id_counter"}),
    "a change that is gone": (lambda db: db.changes.delete_one({}), {"change_missing"}),
    "a template that is recorded as removed": (
        lambda db: db.removals.update_one({}, {"$push": {"templates": db.templates.find_one()["_id"]}}),
        {"change_missing"},
    ),
    "consent that is none": (
        lambda db: db.students.update_one({}, {"$set": {"consentimiento": "yes"}}),
        {"text_damaged"},
    ),
    "no identity": (
        lambda db: db.gallery.update_one({"_id": "identity"}, {"$set": {"value": ""}}),
        {"setting_damaged"},
    ),
    "a pack that is none": (
        lambda db: db.gallery.update_one({"_id": "pack"}, {"$unset": {"dim": ""}}),
        {"setting_damaged", "unreadable"},
    ),
    "a calibration that is no JSON": (
        lambda db: db.gallery.update_one({"_id": "calibration"}, {"$set": {"value": "{"}}, upsert=True),
        {"calibration_unreadable"},
    ),
}


@on_mongo
@pytest.mark.parametrize("what", DAMAGES_OF_MONGO)
def test_damage_in_a_database_is_found(
    what: str, settings: Settings, mongo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.documents.mongo.check._SETTLE_S", 0.0)  # no one else is writing
    damage, expected = DAMAGES_OF_MONGO[what]
    damage(mongo)
    assert set(codes(settings)) == expected
    assert not verified(settings).agrees


@on_mongo
def test_wrong_counts_are_found_on_mongo(settings: Settings, mongo: Any) -> None:
    mongo.students.update_one({"matricula": "A004"}, {"$set": {"asistencias": 3}})
    found = verified(settings)
    assert found.miscounted == ("A004",) and not found.agrees


@on_mongo
def test_a_write_that_is_under_way_is_no_damage(
    settings: Settings, mongo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo's bytes are written before its record, and its template after: a check in between waits."""
    image = mongo.images.find_one()
    name = f"{int(image['student'])}:{'cd' * 32}"
    mongo.contents.insert_one({"_id": name, "student": image["student"], "content": Binary(b"x")})

    def settle(seconds: float) -> None:
        mongo.contents.delete_one({"_id": name})

    monkeypatch.setattr("gallery.documents.mongo.check.time.sleep", settle)
    assert codes(settings) == []


def test_the_files_of_all_generations_are_checked(
    settings: Settings, tmp_path: Path, open_gallery: OpenGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.index.generations._AT_ONCE", 100)  # every file of vectors counts as large
    gallery = open_gallery()
    gallery.enrol([enrolment("B1", unit(np.ones(DIM)))])
    gallery.close(publish=True)
    gallery = open_gallery()
    gallery.enrol([enrolment("B2", unit(np.ones(DIM)))])
    gallery.close(publish=True)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "index", whole)
    files = [file.relative_to(whole) for file in sorted(whole.glob("gen-*/*")) if file.name != "struck.npy"]
    assert len(files) >= 6
    for file in files:
        damaged = bytearray((whole / file).read_bytes())
        if damaged:
            damaged[len(damaged) // 2] ^= 0x41
            (tmp_path / "index" / file).write_bytes(damaged)
            found = list(index_damage(GenerationStore(tmp_path / "index")))
            assert [each.where for each in found] == [f"generation {int(file.parent.name[4:])}"], file
            assert found[0].code == "index_damaged" and "compact" in found[0].fix
            (tmp_path / "index" / file).write_bytes((whole / file).read_bytes())
    (tmp_path / "index" / files[-1]).unlink()
    assert "index_damaged" in codes(settings)


@on_sqlite
def test_many_photos_are_read_in_little_memory(tmp_path: Path, store_url: str) -> None:
    filled(store_url, tmp_path / "index", people=100, size=400_000)  # 72 MB of photos
    given = {"PRESENTE_STORE": store_url, "PRESENTE_INDEX": str(tmp_path / "index")}
    settings = load_settings(environment=given, folder=tmp_path)
    tracemalloc.start()
    seen: list[int] = []
    findings: list[Damage] = list(composition.find_damage(settings, seen.append))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert findings == [] and sum(seen) == 180
    assert peak < 20_000_000


def test_an_invalid_address_is_wrong_usage(tmp_path: Path) -> None:
    settings = load_settings(environment={"PRESENTE_STORE": "redis://x"}, folder=tmp_path)
    with pytest.raises(ConfigError):
        verified(settings)


def test_untidy_texts_are_found_and_can_be_mended(command: Command, open_gallery: OpenGallery) -> None:
    gallery = open_gallery()
    rows = unit(np.random.default_rng(7).normal(size=(3, gallery.dim)))
    gallery.store.claim_pack(gallery.pack, gallery.dim)
    for matricula, name, row in zip(("N\u0303-1", "Ñ-1", "A2"), ("Ana", "Ana", "Jose\u0301"), rows, strict=True):
        photos = enrolment(matricula, row).photos
        photos = tuple(replace(photo, sha256=hashlib.sha256(photo.content).hexdigest()) for photo in photos)
        gallery.store.enrol([Enrolment(Student(matricula, name), photos)])
    assert command("indexer", "compact").returncode == 0
    done = command("indexer", "verify", "--json")
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 1 and [each["code"] for each in found] == ["text_not_tidy"] * 2, done.stderr
    assert {each["where"] for each in found} == {"student 'A2'", "student 'N\u0303-1'"}
    assert command("indexer", "merge", "Ñ-1", "N\u0303-1").returncode == 0
    assert command("indexer", "remove", "A\u200b2").returncode == 0
    assert command("indexer", "verify").returncode == 0
