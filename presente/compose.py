"""Settings to concrete parts. Called by the entry points only: nothing else knows which backends exist."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from faces.packs import ModelPack, load_pack
from gallery.documents.model import DocumentStore
from gallery.documents.sqlite import SqliteStore
from gallery.export import PhotoExport
from gallery.gallery import Gallery, GallerySettings
from gallery.limit import Target
from gallery.snapshot import SnapshotStore
from presente.config import Settings, TargetRate
from presente.errors import ConfigError

if TYPE_CHECKING:
    from faces.embedder import FaceEmbedder

_SQLITE = "sqlite:///"
_MONGO = ("mongodb://", "mongodb+srv://")


def open_pack(settings: Settings) -> ModelPack:
    """The model pack that the settings name, found and checked."""
    return load_pack(settings.pack, settings.pack_places)


def open_embedder(settings: Settings, pack: ModelPack) -> FaceEmbedder:
    """An embedder for a pack. Imports OpenCV and insightface, which takes a while; only call where photos are read."""
    from faces.detection import DetectionSettings
    from faces.embedder import EmbedderSettings, FaceEmbedder
    from faces.image import ImageLimits

    return FaceEmbedder(
        pack,
        EmbedderSettings(
            detection=DetectionSettings(max_side=settings.detect_side),
            limits=ImageLimits(max_bytes=settings.max_bytes, max_pixels=int(settings.max_megapixels * 1e6)),
            strict=settings.strict,
        ),
    )


def open_store(url: str) -> DocumentStore:
    """The document store at an address: ``sqlite:///PATH`` or ``mongodb://HOST:PORT/DATABASE``.

    Raises:
        ConfigError: ``unknown_store``.
        StoreError: ``store_unavailable``, ``store_too_new``.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return SqliteStore(Path(url[len(_SQLITE) :]).expanduser())
    if url.startswith(_MONGO):
        from gallery.documents.mongo import MongoStore  # pymongo is imported only where it is used

        return MongoStore(url)
    raise ConfigError(
        "unknown_store",
        f"PRESENTE_STORE is {url!r}.",
        "It must look like sqlite:///var/gallery.db or mongodb://host:27017/presente.",
    )


def open_gallery(settings: Settings, pack: ModelPack) -> Gallery:
    """The gallery that the settings name, for templates of one pack."""
    fixed: tuple[float, str, Target] = pack.threshold, f"pack {pack.name}", "stored"
    if isinstance(settings.threshold, TargetRate):
        fixed = *fixed[:2], settings.threshold.fpir
    elif settings.threshold is not None:
        fixed = settings.threshold, settings.origins["threshold"], None
    threshold, source, target = fixed
    decides = GallerySettings(threshold, source, settings.margin, settings.consent == "required", target)
    return Gallery(open_store(settings.store), SnapshotStore(settings.index), pack.tag, pack.dim, decides)


def forget_cached(settings: Settings) -> None:
    """Drop evaluation's templates of photos: one of them may be somebody's who was erased, and they are made again."""
    settings.template_cache.unlink(missing_ok=True)


def open_export(settings: Settings) -> PhotoExport:
    """The folder that stored photos are exported to."""
    return PhotoExport(settings.export)


def forget_copies(settings: Settings, matriculas: Collection[str]) -> None:
    """Drop what is kept of students' photos outside the store, after they were erased from it."""
    forget_cached(settings)
    open_export(settings).forget(matriculas)


def open_for_upkeep(settings: Settings) -> Gallery:
    """The gallery as it is, whichever pack made it: for commands that erase, compare and count but never decide."""
    store = open_store(settings.store)
    tag, dim = store.pack() or ("", 1)
    return Gallery(store, SnapshotStore(settings.index), tag, dim, GallerySettings(1.0, "none"))
