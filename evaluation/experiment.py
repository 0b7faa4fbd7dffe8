"""What every protocol needs: a pack, its embedder, cached templates of photos, and a place for results."""

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
from evaluation.pages.model import Cutter
from evaluation.templates import Maker, TemplateCache, TemplateResult, embed_photos, portraits
from faces.embedder import FaceEmbedder
from faces.thumbnail import face_thumbnail
from presente import cli, composition
from presente.errors import InvalidInput, PhotoRefused
from presente.settings import Settings

_VERSIONS = ("numpy", "onnxruntime", "insightface", "scikit-learn", "scipy", "matplotlib")
_NOT_DATA = {"run", "json", "out", "faces"}


class Experiment:
    """One run of a protocol: settings, pack, embedder, and the clock that began with it."""

    def __init__(self, settings: Settings, output: cli.Output) -> None:
        self.settings = settings
        self.output = output
        self.started = time.perf_counter()
        self.pack = composition.open_pack(settings)
        self.embedder = composition.open_embedder(settings, self.pack)

    def embed(self, paths: Sequence[Path], maker: Maker | None = None) -> list[TemplateResult]:
        """Outcomes of photos in order, by default as photos are enrolled; those made before come from the cache."""
        cache = TemplateCache(self.settings.template_cache)
        try:
            with self.output.bar(len(paths), "photo") as progress:
                return embed_photos(paths, maker or portraits(self.embedder), cache, self.settings.workers, progress)
        finally:
            cache.close()

    def described(self, protocol: str, arguments: argparse.Namespace, unused: Collection[str] = ()) -> dict[str, Any]:
        """What was asked for, of which pack and with which versions, for a result; without flags that had no say."""
        return {
            "protocol": protocol,
            "arguments": {
                name: _plain(value)
                for name, value in vars(arguments).items()
                if name not in {*_NOT_DATA, *unused} and not name.startswith("setting_")
            },
            "pack": self.pack.name,
            "pack_tag": self.pack.tag,
            "pack_threshold": self.pack.threshold,
            "detection": str(self.embedder.settings.detection),
            "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in _VERSIONS},
        }

    def finish(self, result: dict[str, Any], out: Path, faces: bool = False) -> dict[str, Any]:
        """As :func:`keep`; and the report of result and scores, with faces in it when asked."""
        result["made_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        result["report"] = str(out / pages.REPORT)
        keep(result, out, self.started)
        pages.write_report(out, cutter(self.embedder) if faces else None)
        return result


def keep(result: dict[str, Any], out: Path, started: float) -> dict[str, Any]:
    """Add the time that it took since ``started`` (``time.perf_counter``), and keep the result beside the scores."""
    result["seconds"] = round(time.perf_counter() - started, 2)
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    (out / pages.RESULT).write_text(text + "\n", encoding="utf-8")
    return result


def _plain(value: Any) -> Any:
    """A flag's value as JSON has it."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def cutter(embedder: FaceEmbedder) -> Cutter:
    """Thumbnails of faces for a report; None for a photo that is not there any more, or none."""

    def cut(path: Path) -> bytes | None:
        try:
            return face_thumbnail(path.read_bytes(), embedder)
        except (OSError, PhotoRefused):
            return None

    return cut


def add_out(parser: argparse.ArgumentParser, name: str) -> None:
    """The flag for where results go."""
    default = Path("var/evaluation") / name
    parser.add_argument("--out", type=Path, default=default, metavar="DIR", help="where the scores and result.json go")


def add_faces(parser: argparse.ArgumentParser) -> None:
    """The flag without which a report shows nobody's face."""
    parser.add_argument("--faces", action="store_true", help="show the faces of the worst cases in the report")


def add_photos(parser: argparse.ArgumentParser) -> None:
    """The flags that say which photos of which people."""
    parser.add_argument("--list", type=Path, metavar="LIST.tsv", help="columns role, person, path, by tabs")
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the list's paths are relative to")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="instead of a list: one folder a person, split")
    parser.add_argument("--gallery-photos", type=int, default=3, metavar="N", help="with --folder: enrolled a person")
    parser.add_argument("--strangers", type=float, default=0.2, metavar="SHARE", help="with --folder: unknown people")
    parser.add_argument("--seed", type=int, default=1, help="which split, where there is chance in it")


def unused_flags(arguments: argparse.Namespace) -> Collection[str]:
    """Those of :func:`add_photos` that say nothing about a list."""
    return ("gallery_photos", "strangers", "seed") if arguments.list else ()


def read_photos(arguments: argparse.Namespace, group: str | None = None) -> list[protocols.Entry]:
    """The photos that those flags name.

    Raises:
        InvalidInput: ``missing_protocol``, and what reading a list raises.
    """
    if (arguments.list is None) == (arguments.folder is None):
        raise InvalidInput("missing_protocol", "Neither or both of --list and --folder were given.", "Give one.")
    if arguments.list is not None:
        return protocols.read_list(arguments.list, arguments.root, group)
    return protocols.split_folder(arguments.folder, arguments.gallery_photos, arguments.strangers, arguments.seed)
