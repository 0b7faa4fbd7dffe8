"""Builds what the settings name: pack, embedder, store, gallery.

Only entry points call it, and nothing else knows which backends exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faces.packs.model_pack import DEFAULT_THRESHOLD, ModelPack, load_pack
from faces.runtime.session import RuntimeOptions, described_runtime
from gallery.documents.backup_protocol import Opening
from gallery.documents.damage import RESTORE, Damage
from gallery.documents.protocol import DocumentStore
from gallery.documents.seals import Sealing
from gallery.documents.sqlite.check import sqlite_damage
from gallery.documents.sqlite.store import SqliteStore
from gallery.gallery import Gallery
from gallery.index.check import index_damage
from gallery.index.generations import GenerationStore
from gallery.index.recall_gate import IndexSettings
from gallery.index.sealed_files import INDEX_KEY, can_open
from gallery.photo_export import PhotoExport
from gallery.privacy.retention import Policy
from gallery.settings import GallerySettings
from gallery.threshold.liveness_calibration import StoredLivenessCalibration
from gallery.threshold.operating_point import OperatingPoint, ThresholdTarget, operating_point
from presente.clock import MACHINE_CLOCK, Clock
from presente.errors import ConfigError, InvalidInput, PackError, PresenteError, StoreError
from presente.files import erase_folder
from presente.installation import command_line
from presente.key_source import KeySource
from presente.liveness import LivenessPoint, LivenessPolicy
from presente.parallel import default_workers
from presente.sealing import Cipher, MasterKey
from presente.secrets import hidden, hidden_address
from presente.settings import Settings
from presente.settings.values import TargetRate

if TYPE_CHECKING:
    from faces.embedder import FaceEmbedder
    from faces.image.decoder import Decoder
    from faces.liveness.reader import LivenessReader
    from faces.pose.raised_hands import RaiseRule
    from faces.pose.reader import PoseReader

SAMPLE_PACK, SAMPLE_POSE, SAMPLE_LIVENESS, OFF = "sample", "sample_pose", "sample_liveness", "off"

_SQLITE = "sqlite:///"
_MONGO = ("mongodb://", "mongodb+srv://")


def open_pack(settings: Settings) -> ModelPack:
    """The model pack that the settings name, found and checked."""
    return load_pack(settings.pack, settings.pack_places, settings.precision)


def open_embedder(
    settings: Settings,
    pack: ModelPack,
    decoder: Decoder | None = None,
    liveness: LivenessReader | None = None,
    pictures: bool = False,
) -> FaceEmbedder:
    """An embedder for a pack. It imports OpenCV and insightface, which is slow: call it only where photos are read.

    ``pictures``: whether each face is cut out with what is around it, too."""
    from faces.detection.detector import DetectionSettings
    from faces.embedder import EmbedderSettings, FaceEmbedder
    from faces.image.decode import ImageLimits

    return FaceEmbedder(
        pack,
        EmbedderSettings(
            detection=DetectionSettings(max_side=settings.detect_side),
            limits=ImageLimits(max_bytes=settings.max_bytes, max_pixels=int(settings.max_megapixels * 1e6)),
            runtime=runtime_options(settings),
            strict=settings.strict,
        ),
        decoder,
        liveness,
        pictures,
    )


def open_liveness(settings: Settings) -> LivenessReader | None:
    """What scores how live faces look; None when the settings judge no use of a photo.

    Raises:
        ConfigError: as :func:`open_liveness_reader`.
        PackError: likewise.
    """
    return open_liveness_reader(settings) if settings.liveness.is_on else None


def open_liveness_reader(settings: Settings) -> LivenessReader:
    """The liveness pack that the settings name, opened, whether they judge any use with it or not.

    Without a name it is the sample's, which knows drawings, where the sample's face pack is used.

    Raises:
        ConfigError: ``no_liveness_pack``; of the runtime.
        PackError: as :func:`faces.liveness.liveness_pack.load_liveness_pack` and
            :class:`faces.liveness.reader.LivenessReader`.
    """
    name = settings.liveness_pack or (SAMPLE_LIVENESS if settings.pack == SAMPLE_PACK else "")
    if not name:
        raise ConfigError(
            "no_liveness_pack",
            f"Liveness is to be judged, and no pack is named for it; the sample's knows drawings only, and the face "
            f"pack is {settings.pack!r}.",
            f"Set PRESENTE_LIVENESS_PACK (`{command_line('faces list')}` shows which packs there are), or "
            "PRESENTE_LIVENESS=off.",
        )
    from faces.liveness.liveness_pack import load_liveness_pack
    from faces.liveness.reader import LivenessReader

    runtime = replace(runtime_options(settings), precision="f32")  # a precision is checked for a face pack only
    return LivenessReader(load_liveness_pack(name, settings.pack_places), runtime)


def privacy_policy(settings: Settings) -> Policy:
    """What is kept for how long by the settings."""
    unknown_days = settings.unknowns_days if settings.unknowns == "keep" else None
    return Policy(settings.retention, settings.withdrawal_days, unknown_days)


def liveness_policy(
    settings: Settings, reader: LivenessReader | None, store: DocumentStore | None = None
) -> LivenessPolicy:
    """How liveness is judged by the settings, with the pack of ``reader``.

    Args:
        settings: the modes, and the threshold where they give one.
        reader: what :func:`open_liveness` gave.
        store: has what ``evaluation calibrate --bpcer`` stored; None: nothing is.
    """
    if reader is None:
        return LivenessPolicy(settings.liveness)
    return LivenessPolicy(
        settings.liveness,
        reader.pack.tag,
        reader.threshold,
        settings.liveness_threshold,
        settings.came_from.get("liveness_threshold", "default"),
        (lambda: None) if store is None else StoredLivenessCalibration(store, reader.pack.tag),
    )


def deployed_liveness_point(settings: Settings, reader: LivenessReader) -> LivenessPoint:
    """The score from which a server with these settings calls a face live now; makes no SQLite file.

    Raises:
        ConfigError: as :meth:`presente.liveness.LivenessPolicy.point`.
        StoreError: of the store.
    """
    file = store_file(settings)
    if isinstance(settings.liveness_threshold, float) or (file is not None and not file.exists()):
        return liveness_policy(settings, reader).point()
    store = open_own_store(settings)
    try:
        return liveness_policy(settings, reader, store).point()
    finally:
        store.close()


def open_pose(settings: Settings) -> PoseReader | None:
    """What finds keypoints, so that raised hands are seen; None when the settings turn it off.

    Without a setting it is the sample's, which knows drawings, where the sample's face pack is used, and else off.

    Raises:
        PackError: as :func:`faces.pose.pose_pack.load_pose_pack` and :class:`faces.pose.reader.PoseReader`.
        ConfigError: of the runtime.
    """
    if not sees_hands(settings):
        return None
    name = settings.pose or SAMPLE_POSE
    from faces.pose.pose_pack import load_pose_pack
    from faces.pose.reader import PoseReader

    runtime = replace(runtime_options(settings), precision="f32")  # a precision is checked for a face pack only
    return PoseReader(load_pose_pack(name, settings.pack_places), runtime)


def sees_hands(settings: Settings) -> bool:
    """Whether raised hands are looked for."""
    return settings.pose != OFF and (bool(settings.pose) or settings.pack == SAMPLE_PACK)


def raise_rule(settings: Settings) -> RaiseRule:
    """When a hand counts as raised."""
    from faces.pose.raised_hands import RaiseRule

    return RaiseRule(seconds=settings.raise_seconds)


def runtime_options(settings: Settings) -> RuntimeOptions:
    """How models are run: as many inferences at once as there are workers."""
    return RuntimeOptions(
        settings.runtime,
        settings.precision,
        at_once=settings.workers or default_workers(),
        gpu_memory_mb=settings.gpu_memory_mb,
    )


def runtime_in_use(settings: Settings) -> str:
    """What runs the models: runtime, version, precision."""
    return described_runtime(runtime_options(settings))


def open_clock(settings: Settings) -> Clock:
    """The school's clock."""
    return Clock(settings.timezone)


def open_store(
    url: str, clock: Clock = MACHINE_CLOCK, sealing: Sealing | None = None, opening: Opening = "use"
) -> DocumentStore:
    """The document store at an address: ``sqlite:///PATH`` or ``mongodb://HOST:PORT/DATABASE``.

    ``clock`` makes dates of the moments that other programs wrote into a MongoDB store; with ``sealing`` new records
    are sealed.

    Raises:
        ConfigError: ``unknown_store``.
        StoreError: ``store_unavailable``, ``store_too_new``; ``master_key_missing``, ``master_key_wrong``;
            ``restore_unfinished``.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return SqliteStore(Path(url[len(_SQLITE) :]).expanduser(), sealing, opening)
    if url.startswith(_MONGO):
        from gallery.documents.mongo.store import MongoStore  # pymongo is imported only where it is used

        return MongoStore(url, clock=clock, sealing=sealing, opening=opening)
    raise ConfigError(
        "unknown_store",
        f"PRESENTE_STORE is {hidden_address(url)!r}.",
        "It must look like sqlite:///var/gallery.db or mongodb://host:27017/presente.",
    )


def open_sealing(settings: Settings) -> Sealing | None:
    """What the store is sealed with; None without a master key.

    Raises:
        ConfigError: ``master_key_unreadable``.
    """
    master = master_key(settings)
    return None if master is None else Sealing(master, settings.seal_names)


def master_key(settings: Settings) -> MasterKey | None:
    """The master key; None without one.

    Raises:
        ConfigError: ``master_key_unreadable``.
    """
    return None if settings.master_key is None else _read_key(settings.master_key)


@cache
def _read_key(source: KeySource) -> MasterKey:
    """The key behind a source: read once per process, because a key service counts, and logs, who asks it."""
    return source.read()


def open_own_store(settings: Settings, opening: Opening = "use") -> DocumentStore:
    """The document store that the settings name, with its clock and its master key.

    Raises:
        ConfigError: ``unknown_store``, ``master_key_unreadable``.
        StoreError: as :func:`open_store`.
    """
    return open_store(settings.store, open_clock(settings), open_sealing(settings), opening)


def find_damage(settings: Settings, progress: Callable[[int], None]) -> Iterator[Damage]:
    """What is damaged in the document store and in the index's files. A store that cannot be opened is examined, too.

    ``progress`` is called with the number of things that were examined since the last call.

    Raises:
        ConfigError: ``unknown_store``, ``foreign_database``.
    """
    told: str | None = None
    sealing = open_sealing(settings)
    try:
        store = open_store(settings.store, open_clock(settings), sealing)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged documents may raise anything
        finding = as_damage(error, "the document store")
        told = finding.code
        yield finding
        found = _unopened_damage(settings.store, progress, sealing)
        cipher = None
    else:
        found, cipher = store.damage(progress), index_cipher(store)
    try:
        yield from (finding for finding in found if finding.code != told)
    except Exception as error:  # noqa: BLE001 - likewise
        yield as_damage(error, "the document store")
    finally:
        if told is None:
            store.close()
    yield from index_damage(GenerationStore(settings.index, index_settings(settings), cipher=cipher))


def as_damage(error: Exception, where: str) -> Damage:
    """An error as a finding of damage. ``where`` says what was being read."""
    if isinstance(error, PresenteError):
        return Damage(error.code, error.what, where, error.fix)
    return Damage("unreadable", hidden(f"It cannot be read ({type(error).__name__}: {error})."), where, RESTORE)


def _unopened_damage(url: str, progress: Callable[[int], None], sealing: Sealing | None) -> Iterator[Damage]:
    if url.startswith(_SQLITE):
        return sqlite_damage(Path(url[len(_SQLITE) :]).expanduser(), progress, sealing)
    from gallery.documents.mongo.check import unopened_damage
    from gallery.documents.mongo.connection import DEFAULT_DATABASE

    return unopened_damage(url, DEFAULT_DATABASE, progress, sealing)


def open_generations(settings: Settings, cipher: Cipher | None, reads: bool = False) -> GenerationStore:
    """The folder of published index generations, with the kind of index that new ones get.

    ``cipher`` is what generations are sealed with (:func:`index_cipher`); None for a store in the clear.

    Raises:
        ConfigError: ``index_in_the_clear``.
    """
    if settings.index_sealed == "on" and not (cipher is not None and can_open()):
        raise ConfigError(
            "index_in_the_clear",
            "PRESENTE_INDEX_SEALED is on, and "
            + ("this system has no files in memory." if cipher is not None else "the store has no key to seal with."),
            "Set PRESENTE_MASTER_KEY, on Linux; or PRESENTE_INDEX_SEALED=off, with the index on an encrypted volume.",
        )
    return GenerationStore(settings.index, index_settings(settings), reads, cipher)


def index_settings(settings: Settings) -> IndexSettings:
    """Which kind of index new generations get, and whether they are sealed."""
    return IndexSettings(settings.index_kind, settings.recall_floor, settings.index_sealed != "off")


def index_cipher(store: DocumentStore) -> Cipher | None:
    """What generations of a store's index are sealed with; None for a store in the clear."""
    return store.seals.derived(INDEX_KEY)


def open_gallery(
    settings: Settings,
    pack: ModelPack,
    observed: Callable[[DocumentStore], DocumentStore] = lambda store: store,
    publishes: bool = True,
) -> Gallery:
    """The gallery that the settings name, for templates of one pack; ``observed`` may wrap its store.

    Without ``publishes`` it publishes no generation of its own accord.
    """
    store = observed(open_own_store(settings))
    return _gallery(settings, store, (pack.tag, pack.dim), gallery_settings(settings, pack), publishes)


def _gallery(
    settings: Settings, store: DocumentStore, pack: tuple[str, int], own: GallerySettings, publishes: bool = True
) -> Gallery:
    """A gallery of a store, whose index is in this process, or in shards where the settings ask for them."""
    if settings.shards:
        if not publishes:
            store.close()
            raise InvalidInput(
                "sharded_index",
                "The index lies in shards (PRESENTE_SHARDS), and workers of a cluster cannot ask them.",
                "Enrol without --engine ray; several `indexer add --shard K/N` may run beside each other.",
            )
        from presente.sharding import open_sharded_index  # Ray is an extra

        file = store_file(settings)
        return Gallery(
            *(store, open_generations(settings, index_cipher(store)), *pack, own),
            open_index=lambda: open_sharded_index(settings, store, pack, open_own_store, file),
        )
    return Gallery(store, open_generations(settings, index_cipher(store), reads=not publishes), *pack, own)


def forget_shards(settings: Settings) -> None:
    """Delete what shards left in the index folder of a program that has none: no one would overwrite who is erased."""
    if not settings.shards:
        for folder in settings.index.glob("shard-*-of-*"):
            erase_folder(folder)


def store_file(settings: Settings) -> Path | None:
    """The file of a store that only this machine can use; None when the store is a server."""
    return Path(settings.store[len(_SQLITE) :]).expanduser() if settings.store.startswith(_SQLITE) else None


def gallery_settings(settings: Settings, pack: ModelPack) -> GallerySettings:
    """How a gallery of a pack decides, by the settings."""
    fixed: tuple[float, str, ThresholdTarget] = pack.threshold, pack.threshold_source, "stored"
    if isinstance(settings.threshold, TargetRate):
        fixed = *fixed[:2], settings.threshold.fpir
    elif settings.threshold is not None:
        fixed = settings.threshold, settings.came_from["threshold"], None
    threshold, source, target = fixed
    consent = settings.consent == "required"
    return GallerySettings(
        threshold,
        source,
        settings.margin,
        consent,
        target,
        settings.duplicates,
        pack_name=settings.pack,
        consent_text=settings.consent_text,
        erasure_list=settings.erasure_list,
    )


def deployed_point(settings: Settings, pack: ModelPack) -> OperatingPoint:
    """The threshold that a server with these settings uses now, and where it comes from; makes no SQLite file.

    Without a gallery of this pack it is what the settings or the pack give.

    Raises:
        ConfigError: ``not_calibrated`` when the settings ask for a rate.
        StoreError: of the store.
    """
    own = gallery_settings(settings, pack)
    gallery = None
    file = store_file(settings)
    if own.target is not None and (file is None or file.exists()):
        try:
            gallery = open_gallery(settings, pack)
        except PackError as error:
            if error.code != "pack_mismatch":
                raise
    if gallery is None:
        return operating_point(own.target, own.threshold, own.threshold_source, None, 0)
    try:
        return gallery.operating_point()
    finally:
        gallery.close()


def forget_cached(settings: Settings) -> None:
    """Delete evaluation's templates and the downloaded photos: some may be of an erased person. Both are made anew when
    they are needed."""
    settings.template_cache.unlink(missing_ok=True)
    erase_folder(settings.download_cache)


def forget_cached_of_erased(settings: Settings, store: DocumentStore) -> None:
    """Do the same if anyone was erased since this was last called, by whichever process, here or elsewhere.

    A file in the cache's folder says up to which change that is known. Without it the caches are deleted, too.

    Raises:
        StoreError: ``cache_unwritable``; or of the store.
    """
    with suppress(OSError):
        settings.cache.mkdir(parents=True, exist_ok=True)
    if not settings.cache.exists():  # so nothing is kept
        return
    change = store.position().low_water
    seen = {"store": store.identity(), "change": change, "mark": store.change_mark(change)}
    note = settings.cache / "erasures.json"
    try:
        if _is_erased_since(note, seen, store):
            forget_cached(settings)
        staged = note.with_suffix(".part")
        staged.write_text(json.dumps(seen))
        staged.replace(note)
    except OSError as exc:
        raise StoreError(
            "cache_unwritable",
            f"{settings.cache} cannot be changed ({exc.strerror}); it may hold photos and templates of people who were "
            "erased.",
            "Correct PRESENTE_CACHE, or delete the folder.",
        ) from exc


def _is_erased_since(note: Path, now: dict[str, Any], store: DocumentStore) -> bool:
    """Whether anyone may have been erased since a note was written."""
    try:
        noted = json.loads(note.read_text())
        change, mark, identity = int(noted["change"]), str(noted["mark"]), noted["store"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return True
    return identity != now["store"] or mark != store.change_mark(change) or store.removed_since(change)


def open_export(settings: Settings) -> PhotoExport:
    """The folder that stored photos are exported to."""
    return PhotoExport(settings.export)


def forget_copies(settings: Settings, matriculas: Collection[str]) -> None:
    """Delete what is kept of students' photos outside the store, after the students were erased from it."""
    forget_cached(settings)
    open_export(settings).forget(matriculas)


def open_for_upkeep(settings: Settings) -> Gallery:
    """The gallery as it is, whichever pack made it: for commands that erase, compare and count, and never identify."""
    store = open_own_store(settings)
    try:
        tag, dim = store.pack() or ("", 1)
    except BaseException:
        store.close()
        raise
    own = replace(_upkeep_threshold(settings, tag), erasure_list=settings.erasure_list)
    return _gallery(settings, store, (tag, dim), own)


def _upkeep_threshold(settings: Settings, tag: str) -> GallerySettings:
    """By which threshold upkeep says that two faces are one person's, so that an erasure finds what resembles a person:
    that of a server with these settings, or the general default where the gallery's pack is not here."""
    try:
        pack = open_pack(settings)
        if pack.tag == tag:
            own = gallery_settings(settings, pack)
            return GallerySettings(own.threshold, own.threshold_source, target=own.target and "stored")
    except PresenteError:
        pass
    return GallerySettings(DEFAULT_THRESHOLD, "default", target="stored")
