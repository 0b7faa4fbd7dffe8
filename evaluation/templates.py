"""Templates of photos, made once: a cache on disk by content and by how they are made."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.embedder import EMBEDDING_VERSION, FaceEmbedder
from presente.errors import InvalidInput, PhotoRefused, StoreError
from presente.parallel import in_threads
from presente.recognition import digest_of

OK = "ok"
_WRITE_EVERY = 256


@dataclass(frozen=True, slots=True)
class TemplateResult:
    """What became of one photo: a template (float32 (d,)) and ``ok``, or None and why it was refused."""

    template: NDArray[np.float32] | None
    code: str


@dataclass(frozen=True, slots=True)
class Maker:
    """A way from the bytes of a photo to its outcome; whatever has the same ``key`` makes the same."""

    key: str
    make: Callable[[bytes], TemplateResult]


def settings_key(embedder: FaceEmbedder) -> str:
    """Everything of an embedder that decides what becomes of a photo, as text."""
    settings = embedder.settings
    return (
        f"{EMBEDDING_VERSION} {embedder.pack.tag} {settings.detection} {settings.limits} {settings.rules} "
        f"strict={settings.strict} precision={settings.runtime.precision}"
    )


def portraits(embedder: FaceEmbedder, raw: bool = False) -> Maker:
    """As photos are enrolled: the most prominent face, a template of length 1; ``raw``: as the network gave it."""
    embed = embedder.recogniser.features if raw else embedder.recogniser.embed

    def make(content: bytes) -> TemplateResult:
        try:
            face = embedder.read_portrait(content)[1]
        except PhotoRefused as refused:
            return TemplateResult(None, refused.code)
        return TemplateResult(embed([face.crop])[0], OK)

    return Maker(settings_key(embedder) + (" features" if raw else ""), make)


class TemplateCache:
    """Outcomes by photo content and maker."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, check_same_thread=False)
        except (OSError, sqlite3.Error) as exc:
            raise StoreError("cache_unavailable", f"{file} cannot be used ({exc}).", "Check PRESENTE_CACHE.") from exc
        try:
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS outcomes (sha256 TEXT, made_by TEXT, code TEXT NOT NULL, "
                "template BLOB, PRIMARY KEY (sha256, made_by)) WITHOUT ROWID"
            )
        except sqlite3.Error as exc:
            self._db.close()
            raise StoreError("cache_unavailable", f"{file} is not a cache ({exc}).", "Delete it.") from exc

    def get(self, sha256: str, made_by: str) -> TemplateResult | None:
        """What a maker made of a content, by SHA-256 and the maker's key."""
        with self._lock:
            row = self._db.execute(
                "SELECT code, template FROM outcomes WHERE sha256 = ? AND made_by = ?", (sha256, made_by)
            ).fetchone()
        if row is None:
            return None
        return TemplateResult(None if row[1] is None else np.frombuffer(row[1], dtype="<f4"), row[0])

    def put(self, outcomes: Sequence[tuple[str, TemplateResult]], made_by: str) -> None:
        """Remember a maker's outcomes by SHA-256."""
        rows = [
            (digest, made_by, outcome.code, None if outcome.template is None else outcome.template.tobytes())
            for digest, outcome in outcomes
        ]
        with self._lock, self._db:
            self._db.executemany("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def embed_photos(
    paths: Sequence[Path], maker: Maker, cache: TemplateCache, workers: int, progress: Callable[[int], None]
) -> list[TemplateResult]:
    """What a maker makes of every photo, in order; photos seen before come from the cache.

    Raises:
        InvalidInput: ``unreadable_photo`` when a file cannot be read: a list that names it is wrong.
    """

    def outcome_of(path: Path) -> tuple[str, TemplateResult]:
        content = path.read_bytes()
        digest = digest_of(content)
        return digest, cache.get(digest, maker.key) or maker.make(content)

    outcomes: list[tuple[str, TemplateResult]] = []
    for path, made in in_threads(outcome_of, paths, workers):
        error = made.exception()
        if isinstance(error, OSError):
            raise InvalidInput(
                "unreadable_photo", f"{path} cannot be read ({error}).", "Correct the list or --root."
            ) from error
        outcomes.append(made.result())
        if len(outcomes) % _WRITE_EVERY == 0:
            cache.put(outcomes[-_WRITE_EVERY:], maker.key)
        progress(1)
    cache.put(outcomes[len(outcomes) // _WRITE_EVERY * _WRITE_EVERY :], maker.key)
    return [outcome for _, outcome in outcomes]
