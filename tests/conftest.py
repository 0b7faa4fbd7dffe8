"""What the tests share. Nothing here is a stand-in: the sample pack's models run, stores are on disk."""

import base64
import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
from pymongo import MongoClient

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack, load_pack
from gallery.documents.mongo.store import MongoStore
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from gallery.documents.sqlite.store import SqliteStore
from gallery.documents.values import EnrolledPhoto, Enrolment, StoredStudent, Student, SubjectKind, Template
from gallery.gallery import Gallery
from gallery.index.generations import GenerationStore
from gallery.settings import GallerySettings
from presente.composition import open_store
from presente.sealing import MasterKey
from presente.settings import without_settings
from tests import programs
from tests.mongo_server import MongoServer, binary

if TYPE_CHECKING:
    from playwright.sync_api import Page

Command = Callable[..., subprocess.CompletedProcess[str]]
OpenGallery = Callable[..., Gallery]
OpenStore = Callable[[], DocumentStore]
"""What the fixtures `command`, `open_gallery` and `open_store` are."""

hypothesis.settings.register_profile("without_deadlines", deadline=None)  # a busy machine must not fail a test
hypothesis.settings.load_profile("without_deadlines")

SEALED = os.environ.get("PRESENTE_TEST_SEALED") == "1"
"""Whether the stores that tests open are sealed, names too, unless a test says otherwise."""
TEST_KEY = MasterKey(b"a key that only the tests use...")

IN_THE_CLEAR = {
    "test_mongo_commands.py",
    "test_no_text_is_left.py",
    "test_a_removed_student_leaves_no_byte_behind",
    "test_verify.py",
}
"""Test modules and tests that look at what is stored, or count how often it is asked for."""

SEALED_BY: dict[str, str] = {}
if SEALED:  # as if every caller had said so: the stores are opened in a hundred places
    for opens, before in ((open_store, 1), (SqliteStore.__init__, 0), (MongoStore.__init__, 3)):
        given = opens.__defaults__ or ()
        opens.__defaults__ = (*given[:before], Sealing(TEST_KEY, names=True), *given[before + 1 :])
    SEALED_BY = {
        "PRESENTE_MASTER_KEY": base64.b64encode(TEST_KEY._secret).decode(),
        "PRESENTE_SEAL_NAMES": "true",
        "PRESENTE_INDEX_SEALED": "off",  # the tests' own indexes are in the clear
    }
    os.environ |= SEALED_BY

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data_sample"
SHARED = ROOT.parent / "shared"
LIBRARIES = ("client", "faces", "gallery")
TRACED = os.environ.get("PRESENTE_TEST_TRACED", "libraries")
DIM = 8
PACK = "test@000000000000"
MEMORY_DISK, ROOMY = Path("/dev/shm"), 4_000_000_000
"""Where the tests' files are unless pytest is told another place: the stores flush every write, and tests kill
processes but no machines."""

if os.access(MEMORY_DISK, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY_DISK).free > ROOMY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY_DISK))


@pytest.fixture(scope="session")
def sample_pack() -> ModelPack:
    return load_pack("sample", [SAMPLE / "models"])


@pytest.fixture(scope="session")
def embedder(sample_pack: ModelPack) -> FaceEmbedder:
    return FaceEmbedder(sample_pack)


@pytest.fixture(scope="session")
def real_pack() -> ModelPack:
    folder = SHARED / "models" / "research_mbf"
    if not folder.is_dir():
        pytest.skip("the real weights are not here (../shared/models/research_mbf)")
    return load_pack(str(folder), [])


@pytest.fixture(scope="session")
def real_faces() -> Path:
    folder = SHARED / "faces"
    if not folder.is_dir():
        pytest.skip("the real faces are not here (../shared/faces)")
    return folder


CLUSTERS = ("test_shards.py", "test_ray.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is counted in the tests of the libraries, in those of all rooms if PRESENTE_TEST_TRACED is ``all``: it
    doubles the time that Python takes. Not counted are tests in a browser, and the halves on MongoDB above the store.
    """
    for item in items:
        room = item.path.relative_to(ROOT / "tests").parts
        again = room[:2] == ("server", "console") or "mongo" in item.name.partition("[")[2]
        if room[0] not in LIBRARIES and (again or TRACED != "all"):
            item.add_marker(pytest.mark.untraced)
        if SEALED and (item.path.name in IN_THE_CLEAR or getattr(item, "originalname", "") in IN_THE_CLEAR):
            item.add_marker(pytest.mark.skip(reason="it looks at records in the clear"))
    # Tests that start a cluster come first: so one worker has them all, and one cluster is started, not one per worker.
    items.sort(key=lambda item: item.path.name not in CLUSTERS)


def unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True), np.float32)


def enrolment(matricula: str, vectors: np.ndarray, kind: SubjectKind = "student", clase: str = "IA-101") -> Enrolment:
    """A student with one made-up photo a vector."""
    photos = tuple(
        EnrolledPhoto(
            content=b"photo of " + matricula.encode() + vector.tobytes(),
            sha256=f"{matricula}-{vector.tobytes().hex()}",
            media_type="image/jpeg",
            source="test",
            template=Template(vector, PACK, (0.0, 0.0, 10.0, 10.0), {"size": 10.0}),
        )
        for vector in np.atleast_2d(vectors)
    )
    return Enrolment(Student(matricula, f"Nombre {matricula}", clase, "2026-01-01", kind), photos)


def student_in(store: DocumentStore, matricula: str) -> StoredStudent:
    """A student who has to be there."""
    found = store.student(matricula)
    assert found is not None, matricula
    return found


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a MongoDB server, without a database; one for all tests."""
    if os.environ.get("MONGODB_URL"):
        yield os.environ["MONGODB_URL"].rstrip("/")
        return
    if not binary().exists():
        pytest.skip("no MongoDB server: set MONGODB_URL, or build one with `make mongoserver` (needs Go)")
    server = MongoServer(tmp_path_factory.mktemp("mongo"))
    yield server.url
    server.stop()


on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For tests in which the store plays no part."""


@pytest.fixture(params=["sqlite", "mongo"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty store: every test that asks for it runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/gallery.db"
        return
    server, name = request.getfixturevalue("mongo_server"), f"test_{uuid.uuid4().hex}"
    yield f"{server}/{name}"
    with MongoClient[dict[str, Any]](server) as client:
        for each in client.list_database_names():
            if each.startswith(name):  # some tests make several
                client.drop_database(each)


@pytest.fixture
def open_gallery(tmp_path: Path, store_url: str) -> Iterator[OpenGallery]:
    """Opens galleries of small vectors on the same store and snapshots; closes them all."""
    opened: list[Gallery] = []

    def open_one(threshold: float = 0.5, dim: int = DIM, pack: str = PACK) -> Gallery:
        gallery = Gallery(
            open_store(store_url),
            GenerationStore(tmp_path / "index"),
            pack,
            dim,
            GallerySettings(threshold, "test"),
        )
        opened.append(gallery)
        return gallery

    yield open_one
    for gallery in opened:
        gallery.close()


@pytest.fixture
def page() -> Iterator["Page"]:
    """An empty page of a real browser."""
    with browser_page() as made:
        yield made


@contextlib.contextmanager
def browser_page(*arguments: str, **options: Any) -> Iterator["Page"]:
    """An empty page of a real browser that is started with more arguments; ``options`` are those of the page."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (it is in CI)")
    browser_path = shutil.which("chromium")
    if browser_path is None:
        pytest.skip("Chromium is not installed")
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=[*quiet, *arguments])
        yield browser.new_page(**{"locale": "es-MX"} | options)
        browser.close()


@pytest.fixture
def environment(tmp_path: Path, store_url: str) -> dict[str, str]:
    """Of a process that keeps everything below the test's own folder."""
    return environment_in(tmp_path, store_url)


def environment_in(folder: Path, store_url: str) -> dict[str, str]:
    """Of a process that keeps everything below a folder."""
    return (
        without_settings()
        | SEALED_BY
        | {
            "HOME": str(folder / "home"),
            "PRESENTE_STORE": store_url,
            "PRESENTE_INDEX": str(folder / "index"),
            "PRESENTE_CACHE": str(folder / "cache"),
            "PYTHONPATH": str(ROOT),
        }
    )


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Command:
    """Runs ``python -m MODULE ...`` in a folder of its own."""

    def run(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        return programs.run(["-m", *arguments], tmp_path, environment | extra)

    return run


@pytest.fixture(scope="session")
def indexed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an SQLite gallery of the sample class, which is only ever copied."""
    folder = tmp_path_factory.mktemp("sample")
    index_sample(folder, f"sqlite:///{folder}/gallery.db")
    return folder


@pytest.fixture(scope="session")
def indexed_sample_on_mongo(tmp_path_factory: pytest.TempPathFactory, mongo_server: str) -> tuple[Path, str]:
    """Likewise: the folder with its index, and the database's address."""
    folder, url = tmp_path_factory.mktemp("sample"), f"{mongo_server}/sample_{uuid.uuid4().hex}"
    index_sample(folder, url)
    return folder, url


def index_sample(folder: Path, store_url: str) -> None:
    done = programs.run(["-m", "indexer", "add", SAMPLE / "students.csv"], folder, environment_in(folder, store_url))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def sample_gallery(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> None:
    """The sample class is in the test's own gallery, as ``indexer add`` leaves it."""
    if store_url.startswith("sqlite"):
        folder = request.getfixturevalue("indexed_sample")
        shutil.copy(folder / "gallery.db", tmp_path)
    else:
        folder, source = request.getfixturevalue("indexed_sample_on_mongo")
        copy_database(source, store_url)
    shutil.copytree(folder / "index", tmp_path / "index")


def copy_database(source: str, target: str) -> None:
    with MongoClient[dict[str, Any]](source) as client:
        copied = client.get_default_database()
        made = client[target.rsplit("/", 1)[1]]
        for name in copied.list_collection_names():
            if documents := list(copied[name].find()):
                made[name].insert_many(documents)
