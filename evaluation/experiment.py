"""A run of a protocol: the pack, its embedder, templates of photos from the cache, and the files that remain."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from evaluation import pages, protocols
from evaluation.pages.parts import FaceCutter
from evaluation.templates import (
    RoleMakers,
    TemplateCache,
    TemplateMaker,
    TemplateResult,
    as_enrolled,
    as_served,
    embed_photos,
)
from faces.embedder import FaceEmbedder
from faces.liveness.reader import LivenessReader
from faces.thumbnail import face_thumbnail
from gallery.threshold.operating_point import OperatingPoint
from presente import cli, composition
from presente.errors import ConfigError, InvalidInput, PhotoRefused, StoreError
from presente.liveness import LivenessPoint
from presente.settings import Settings

_VERSIONS = ("numpy", "onnxruntime", "insightface", "scikit-learn", "scipy", "matplotlib")
_NOT_DATA = {"run", "json", "out", "faces"}


class Experiment:
    """One run of a protocol, with the settings' pack, its embedder, and the clock that started with the run."""

    def __init__(self, settings: Settings, output: cli.Output, liveness: LivenessReader | None = None) -> None:
        """Open the pack; with ``liveness`` the embedder judges faces, too."""
        self.settings = settings
        self.output = output
        self.started = time.perf_counter()
        self.pack = composition.open_pack(settings)
        self.embedder = composition.open_embedder(settings, self.pack, liveness=liveness)

    def embed(self, paths: Sequence[Path], maker: TemplateMaker | None = None) -> list[TemplateResult]:
        """Templates of photos in order, by default as photos are enrolled; those that the cache has come from it."""
        maker = maker or as_enrolled(self.embedder)
        return self._embed([(path, maker) for path in paths])

    def embed_by_role(
        self, entries: Sequence[protocols.Entry], makers: RoleMakers | None = None
    ) -> list[TemplateResult]:
        """Templates of a protocol's photos in order, by default as the service makes them: :func:`as_served`."""
        makers = makers or as_served(self.embedder)
        return self._embed([(entry.path, makers.of(entry.role)) for entry in entries])

    def _embed(self, photos: Sequence[tuple[Path, TemplateMaker]]) -> list[TemplateResult]:
        # With a master key no template is written to disk in the clear.
        cache = TemplateCache(self.settings.template_cache if self.settings.master_key is None else None)
        try:
            with self.output.bar(len(photos), "photo") as progress:
                return embed_photos(photos, cache, self.settings.workers, progress)
        finally:
            cache.close()

    def deployed(self) -> dict[str, Any]:
        """The threshold that a server with these settings uses now, as ``deployed`` of a result.

        ``source`` is that of the server's replies, ``described`` the two for people.
        """
        point = self.deployed_point()
        return {
            "threshold": point.threshold,
            "source": point.source,
            "described": self.pack.described_threshold(point.threshold, point.source),
        }

    def deployed_point(self) -> OperatingPoint:
        """The operating point of a server with these settings now.

        When the gallery cannot be opened it is the pack's, and the person who runs this is told.
        """
        try:
            return composition.deployed_point(self.settings, self.pack)
        except (StoreError, ConfigError) as error:
            self.output.note(f"warning: the gallery's threshold is not known ({error}); the pack's is taken instead")
            return OperatingPoint(self.pack.threshold, self.pack.threshold_source, 0, None)

    def deployed_liveness(self, reader: LivenessReader) -> dict[str, Any]:
        """The score from which a server with these settings calls a face live now, as :meth:`deployed` gives its own.

        When the gallery cannot be asked it is the liveness pack's, and the person who runs this is told.
        """
        try:
            point = composition.deployed_liveness_point(self.settings, reader)
        except (StoreError, ConfigError) as error:
            self.output.note(f"warning: the gallery's threshold is not known ({error}); the pack's is taken instead")
            point = LivenessPoint(reader.threshold, f"pack {reader.pack.tag}")
        described = f"{point.threshold:.4g} ({point.source})"
        return {"threshold": point.threshold, "source": point.source, "described": described}

    def description(self, protocol: str, arguments: argparse.Namespace, unused: Collection[str] = ()) -> dict[str, Any]:
        """A result's account of its run: protocol, flags but the ``unused`` ones, pack, detection, versions."""
        return {
            "protocol": protocol,
            "arguments": described_arguments(arguments, unused),
            "pack": self.pack.name,
            "pack_tag": self.pack.tag,
            "pack_threshold": self.pack.threshold,
            "detection": str(self.embedder.settings.detection),
            "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in _VERSIONS},
        }

    def finish(self, result: dict[str, Any], out: Path, faces: bool = False) -> dict[str, Any]:
        """Write the result as :func:`write_result` does, and the report, which shows faces only when asked."""
        return finish_result(result, out, self.started, face_cutter(self.embedder) if faces else None)


def described_arguments(arguments: argparse.Namespace, unused: Collection[str] = ()) -> dict[str, Any]:
    """The flags of a run as its result has them, but the ``unused`` ones."""
    return {
        name: _as_json(value)
        for name, value in vars(arguments).items()
        if name not in {*_NOT_DATA, *unused} and not name.startswith("setting_")
    }


def finish_result(
    result: dict[str, Any], out: Path, started: float, cutter: FaceCutter | None = None
) -> dict[str, Any]:
    """Write the result as :func:`write_result` does, and the report, which shows faces only with a ``cutter``."""
    result["made_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    result["report"] = str(out / pages.REPORT)
    write_result(result, out, started)
    pages.write_report(out, cutter)
    return result


def write_result(result: dict[str, Any], out: Path, started: float) -> dict[str, Any]:
    """Add the seconds since ``started`` (``time.perf_counter``), and write the result beside the scores."""
    result["seconds"] = round(time.perf_counter() - started, 2)
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    (out / pages.RESULT).write_text(text + "\n", encoding="utf-8")
    return result


def _as_json(value: Any) -> Any:
    """A flag's value in JSON's types."""
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def face_cutter(embedder: FaceEmbedder) -> FaceCutter:
    """Thumbnails of faces for a report; None for a photo that is gone or cannot be decoded."""

    def cut(path: Path) -> bytes | None:
        try:
            return face_thumbnail(path.read_bytes(), embedder)
        except (OSError, PhotoRefused):
            return None

    return cut


def add_out(parser: argparse.ArgumentParser, name: str) -> None:
    """The flag for where results go."""
    default = Path("var/evaluation") / name
    parser.add_argument(
        "--out", type=Path, default=default, metavar="DIR", help="where scores, result.json and report.html go"
    )


def add_faces(parser: argparse.ArgumentParser) -> None:
    """The flag that makes a report show faces."""
    parser.add_argument("--faces", action="store_true", help="show the faces of the worst cases in the report")


def add_photos(parser: argparse.ArgumentParser) -> None:
    """The flags that name photos and the people in them."""
    parser.add_argument("--list", type=Path, metavar="LIST.tsv", help="columns role, person, path, by tabs")
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="instead of a list: one folder per person, split")
    parser.add_argument("--gallery-photos", type=int, default=3, metavar="N", help="with --folder: enrolled per person")
    parser.add_argument(
        "--strangers",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="with --folder: of people whom the gallery does not know",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of random splits")


def unused_flags(arguments: argparse.Namespace) -> Collection[str]:
    """Those flags of :func:`add_photos` that do not concern a list, when a list is given."""
    return ("gallery_photos", "strangers", "seed") if arguments.list else ()


def read_photos(arguments: argparse.Namespace, group: str | None = None) -> list[protocols.Entry]:
    """The photos that the flags of :func:`add_photos` name.

    Raises:
        InvalidInput: ``missing_protocol``, and what reading a list raises.
    """
    if (arguments.list is None) == (arguments.folder is None):
        raise InvalidInput("missing_protocol", "Neither or both of --list and --folder were given.", "Give one.")
    if arguments.list is not None:
        return protocols.read_list(arguments.list, arguments.root, group)
    return protocols.split_folder(arguments.folder, arguments.gallery_photos, arguments.strangers, arguments.seed)
