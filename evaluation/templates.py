"""Templates of photos as server and indexer make them; each is made once, and kept in a cache on disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.protocols import ListRole
from faces.embedder import EMBEDDING_VERSION, FaceEmbedder
from presente.errors import InvalidInput, PhotoRefused, StoreError
from presente.parallel import in_threads
from presente.recognition import digest_of

OK, NO_FACE = "ok", "no_face"
_WRITE_EVERY = 256


@dataclass(frozen=True, slots=True)
class TemplateResult:
    """The template of one photo, float32 (d,), with the code ``ok``; or None with the code of its refusal."""

    template: NDArray[np.float32] | None
    code: str


@dataclass(frozen=True, slots=True)
class TemplateMaker:
    """Makes a template of a photo's bytes. Two makers with the same ``key`` make the same of every photo."""

    key: str
    make: Callable[[bytes], TemplateResult]


@dataclass(frozen=True, slots=True)
class RoleMakers:
    """How photos of a gallery and how probes are read, which is not alike."""

    gallery: TemplateMaker
    probe: TemplateMaker

    def of(self, role: ListRole) -> TemplateMaker:
        """The maker for a photo of this role; a stranger's photo is a probe."""
        return self.gallery if role == "gallery" else self.probe


def settings_key(embedder: FaceEmbedder) -> str:
    """Everything of an embedder that decides which template a photo gives, as text."""
    settings = embedder.settings
    return (
        f"{EMBEDDING_VERSION} {embedder.pack.tag} {settings.detection} {settings.limits} {settings.rules} "
        f"strict={settings.strict} precision={settings.runtime.precision}"
    )


def as_enrolled(embedder: FaceEmbedder, raw: bool = False) -> TemplateMaker:
    """Templates of photos as server and indexer read them to enrol: :meth:`FaceEmbedder.read_portrait`.

    Templates have length 1; ``raw``: the vector as the network gives it.
    """
    embed = embedder.recogniser.features if raw else embedder.recogniser.embed

    def make(content: bytes) -> TemplateResult:
        return TemplateResult(embed([embedder.read_portrait(content)[1].crop])[0], OK)

    return _refusing(settings_key(embedder) + (" features" if raw else ""), make)


def as_probe(embedder: FaceEmbedder) -> TemplateMaker:
    """Templates of photos as the server reads them to identify: :meth:`FaceEmbedder.read_faces`.

    A list names one person per photo: the most prominent of its faces is taken.
    """

    def make(content: bytes) -> TemplateResult:
        face = embedder.read_faces(content).prominent
        return TemplateResult(None, NO_FACE) if face is None else TemplateResult(embedder.embed([face])[0].template, OK)

    return _refusing(settings_key(embedder) + " probe", make)


def as_served(embedder: FaceEmbedder, raw: bool = False) -> RoleMakers:
    """Photos of a gallery as they are enrolled, probes as they are identified."""
    return RoleMakers(as_enrolled(embedder, raw), as_probe(embedder))


def _refusing(key: str, make: Callable[[bytes], TemplateResult]) -> TemplateMaker:
    """A maker that gives a photo's refusal as its result."""

    def made(content: bytes) -> TemplateResult:
        try:
            return make(content)
        except PhotoRefused as refused:
            return TemplateResult(None, refused.code)

    return TemplateMaker(key, made)


class TemplateCache:
    """Results by photo content and maker, in a SQLite file."""

    def __init__(self, file: Path | None) -> None:
        """Open the cache, or make it; None: one in memory, for this process alone.

        Raises:
            StoreError: ``cache_unavailable``.
        """
        self._lock = threading.Lock()
        try:
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file or ":memory:", check_same_thread=False)
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
        """The result of a content, by SHA-256 and the maker's key; None when the cache has none."""
        with self._lock:
            row = self._db.execute(
                "SELECT code, template FROM outcomes WHERE sha256 = ? AND made_by = ?", (sha256, made_by)
            ).fetchone()
        if row is None:
            return None
        return TemplateResult(None if row[1] is None else np.frombuffer(row[1], dtype="<f4"), row[0])

    def put(self, results: Sequence[tuple[str, str, TemplateResult]]) -> None:
        """Keep results: SHA-256, maker's key, result."""
        rows = [
            (digest, made_by, made.code, None if made.template is None else made.template.tobytes())
            for digest, made_by, made in results
        ]
        with self._lock, self._db:
            self._db.executemany("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def embed_photos(
    photos: Sequence[tuple[Path, TemplateMaker]],
    cache: TemplateCache,
    workers: int,
    progress: Callable[[int], None],
) -> list[TemplateResult]:
    """The result of every photo with its maker, in order; results that the cache has are not made again.

    Raises:
        InvalidInput: ``unreadable_photo`` when a file cannot be read: a list that names it is wrong.
    """

    def result_of(photo: tuple[Path, TemplateMaker]) -> tuple[str, str, TemplateResult]:
        path, maker = photo
        content = path.read_bytes()
        digest = digest_of(content)
        return digest, maker.key, cache.get(digest, maker.key) or maker.make(content)

    results: list[tuple[str, str, TemplateResult]] = []
    for (path, _), made in in_threads(result_of, photos, workers):
        error = made.exception()
        if isinstance(error, OSError):
            raise InvalidInput(
                "unreadable_photo", f"{path} cannot be read ({error}).", "Correct the list or --root."
            ) from error
        results.append(made.result())
        if len(results) % _WRITE_EVERY == 0:
            cache.put(results[-_WRITE_EVERY:])
        progress(1)
    cache.put(results[len(results) // _WRITE_EVERY * _WRITE_EVERY :])
    return [made for *_, made in results]
