"""What the tests share. Nothing here is a stand-in: the sample pack's models run, stores are on disk."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from faces.embedder import FaceEmbedder
from faces.packs import ModelPack, load_pack
from gallery.documents.model import EnrolledPhoto, Enrolment, Student, Template
from gallery.documents.sqlite import SqliteStore
from gallery.gallery import Gallery, GallerySettings
from gallery.snapshot import SnapshotStore

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data_sample"
SHARED = ROOT.parent / "shared"
DIM = 8
PACK = "test@000000000000"


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


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector, axis=-1, keepdims=True)).astype(np.float32)


def enrolment(matricula: str, vectors: np.ndarray, kind: str = "student", clase: str = "IA-101") -> Enrolment:
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


@pytest.fixture
def open_gallery(tmp_path: Path) -> Iterator[Callable[..., Gallery]]:
    """Opens galleries of small vectors on the same store and snapshots; closes them all."""
    opened: list[Gallery] = []

    def open_one(threshold: float = 0.5, dim: int = DIM, pack: str = PACK) -> Gallery:
        gallery = Gallery(
            SqliteStore(tmp_path / "gallery.db"),
            SnapshotStore(tmp_path / "index"),
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
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a process that keeps everything below the test's own folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENTE_")}
    return kept | {
        "HOME": str(tmp_path / "home"),
        "PRESENTE_STORE": f"sqlite:///{tmp_path}/gallery.db",
        "PRESENTE_INDEX": str(tmp_path / "index"),
        "PRESENTE_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``python -m MODULE ...`` in a folder of its own."""

    def run(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=tmp_path,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
