"""Settings: a flag, else an environment variable, else ``presente.toml``, else the default.

The only module that reads the environment. Every value remembers where it came from, so that ``python -m indexer
status`` can say so.
"""

from __future__ import annotations

import argparse
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from presente.api_keys import ApiKey, described_keys, read_keys
from presente.errors import ConfigError
from presente.installation import SAMPLE
from presente.secrets import hidden_address

ROOT = Path(__file__).resolve().parent.parent
"""The folder that was cloned."""


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name (``store`` is ``PRESENTE_STORE``, ``--store`` and ``store`` in presente.toml), its default,
    how its text is read, what it means, and how its value is shown. The text of a ``secret`` one is never shown."""

    name: str
    default: str
    read: Callable[[str], Any]
    meaning: str
    show: Callable[[Any], str] = _shown
    secret: bool = False

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return f"PRESENTE_{self.name.upper()}"


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _path_or_none(text: str) -> Path | None:
    return _path(text) if text else None


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(_path(part) for part in text.split(os.pathsep) if part)


def _shown_paths(paths: tuple[Path, ...]) -> str:
    return os.pathsep.join(str(path) for path in paths)


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_origin(part.strip()) for part in text.split(",")) if text.strip() else ()


def _origin(text: str) -> str:
    """An origin, written as browsers send it; anything else would never match."""
    if text == "*":
        raise ValueError("* would let every page of the web use this server from a visitor's browser; list the origins")
    parts = urlsplit(text)
    port = "" if parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if parts.scheme not in ("http", "https") or not host or not text.isascii():
        raise ValueError(f"{text!r} is not an origin like http://localhost:3000")
    written = f"{parts.scheme}://{host}{port}"
    if text != written:
        raise ValueError(f"{text!r} is not how a browser sends it; write {written}")
    return text


def _bounded(kind: Callable[[str], Any], low: float, high: float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = kind(text)
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"it must be between {low:g} and {high:g}")
        return value

    return read


def _flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("it must be true or false")
    return words[text.lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")
        return text

    return read


@dataclass(frozen=True, slots=True)
class TargetRate:
    """A threshold given as the share of strangers who may be named; the gallery's calibration makes it a cosine."""

    fpir: float

    def __str__(self) -> str:
        """As it is written in a setting."""
        return f"fpir={self.fpir:g}"


def _threshold(text: str) -> float | TargetRate | None:
    """A cosine, or ``fpir=RATE``; empty means what calibration stored, else the pack's own."""
    if not text:
        return None
    if text.startswith("fpir="):
        rate: float = _bounded(float, 0.0, 0.5)(text.removeprefix("fpir="))
        if rate in (0.0, 0.5):
            raise ValueError("a rate must be above 0 and below 0.5")
        return TargetRate(rate)
    cosine: float = _bounded(float, -1.0, 1.0)(text)
    return cosine


def _consent(text: str) -> str:
    if text not in ("optional", "required"):
        raise ValueError("it must be optional or required")
    return text


def _timezone(text: str) -> str:
    """An IANA name; empty: the machine's own zone."""
    try:
        return ZoneInfo(text).key if text else ""
    except (KeyError, ValueError, OSError) as exc:  # a folder of zones is an OSError
        raise ValueError(
            "it must be a name of the IANA database like America/Mexico_City, America/Tijuana or Europe/Madrid"
        ) from exc


def _index_kind(text: str) -> str:
    if text not in ("auto", "flat", "rabitq", "hnsw", "ivf"):
        raise ValueError("it must be auto, flat, rabitq, hnsw or ivf")
    return text


SETTINGS: tuple[Setting, ...] = (
    Setting("store", "sqlite:///var/gallery.db", str, "where students, photos and templates live", hidden_address),
    Setting("index", "var/index", _path, "where published index generations live"),
    Setting("index_kind", "auto", _index_kind, "kind of index: auto (by size), flat, rabitq, hnsw or ivf"),
    Setting(
        "recall_floor",
        "0.999",
        _bounded(float, 0.0, 1.0),
        "share of the 10 nearest that an index must find, or a more careful one is published",
    ),
    Setting("pack", "sample", str, "model pack: a name, or a folder"),
    Setting("models", "", _paths, f"extra places to look for packs, separated by {os.pathsep!r}", _shown_paths),
    Setting(
        "threshold",
        "",
        _threshold,
        "cosine from which a face is known, or fpir=RATE of strangers named; empty: calibrated, else the pack's own",
    ),
    Setting(
        "margin", "0.02", _bounded(float, 0.0, 2.0), "two people above the threshold and closer than this are ambiguous"
    ),
    Setting("strict", "false", _flag, "refuse enrolment photos that show several faces"),
    Setting(
        "consent", "optional", _consent, "optional, or required: enrolling a student without consentimiento is refused"
    ),
    Setting("timezone", "", _timezone, "the school's time zone, which every date is of; empty: the machine's"),
    Setting(
        "duplicates",
        "warn",
        _one_of("refuse", "warn", "allow"),
        "what becomes of a student who clearly is another already: refuse, warn (and set aviso), or allow",
    ),
    Setting("detect_side", "640", _bounded(int, 64, 4096), "longest side of a photo as the detector sees it, pixels"),
    Setting("max_megapixels", "40", _bounded(float, 0.01, 1000.0), "larger photos are refused"),
    Setting("max_bytes", "16000000", _bounded(int, 1000, 16_000_000), "larger image files are refused"),
    Setting("export", "var/export", _path, "where POST /save_all_images writes the stored photos"),
    Setting("cache", "var/cache", _path, "where evaluation keeps templates, and the indexer photos that it downloaded"),
    Setting(
        "sheet_root",
        "",
        _path_or_none,
        "folder in which the photos that a sheet names may lie, beside the sheet's own folder; empty: only in that",
    ),
    Setting("private_links", "false", _flag, "allow links of sheets that lead to private addresses"),
    Setting(
        "runtime",
        "auto",
        _one_of("auto", "onnxruntime", "openvino"),
        "what runs the models; auto: OpenVINO where it is installed, else ONNX Runtime",
    ),
    Setting(
        "precision",
        "f32",
        _one_of("f32", "bf16"),
        "of the models' arithmetic; bf16: OpenVINO only, on CPUs that have it",
    ),
    Setting("workers", "0", _bounded(int, 0, 256), "photos worked on at once by the indexer; 0: one a core"),
    Setting("host", "127.0.0.1", str, "address that the server binds"),
    Setting("port", "8000", _bounded(int, 0, 65535), "port that the server binds; 0: any free one"),
    Setting(
        "memory_mb",
        "0",
        _bounded(int, 0, 1_000_000),
        "megabytes for photos that the server is reading, from decoding until their faces are cut out; "
        "0: 1,024 and 192 per core, at most half of the machine's memory",
    ),
    Setting("server_threads", "8", _bounded(int, 1, 256), "requests that the server answers at once"),
    Setting(
        "api_keys",
        "",
        read_keys,
        "who may use the server: ROLE:KEY,..., roles attendance and admin; empty: all, on this machine only",
        described_keys,
        secret=True,
    ),
    Setting(
        "cors_origins",
        "",
        _origins,
        "origins of other sites' pages that may use the server, separated by ','",
        ",".join,
    ),
)


class Settings:
    """Every setting's value, read as attributes, and where each came from (``origins``)."""

    store: str
    index: Path
    index_kind: Literal["auto", "flat", "rabitq", "hnsw", "ivf"]
    recall_floor: float
    pack: str
    models: tuple[Path, ...]
    threshold: float | TargetRate | None
    margin: float
    strict: bool
    consent: str
    timezone: str
    duplicates: Literal["refuse", "warn", "allow"]
    detect_side: int
    max_megapixels: float
    max_bytes: int
    cache: Path
    export: Path
    sheet_root: Path | None
    private_links: bool
    runtime: Literal["auto", "onnxruntime", "openvino"]
    precision: Literal["f32", "bf16"]
    workers: int
    host: str
    port: int
    memory_mb: int
    server_threads: int
    api_keys: tuple[ApiKey, ...]
    cors_origins: tuple[str, ...]

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        self.__dict__.update(values)
        self.origins = dict(origins)

    def having(self, **values: Any) -> Settings:
        """The same settings with some values replaced."""
        given = {item.name: getattr(self, item.name) for item in SETTINGS}
        return Settings(given | values, self.origins)

    @property
    def pack_places(self) -> tuple[Path, ...]:
        """Where packs are looked for, in order: ours, the extra places, insightface's own."""
        return (*self.models, SAMPLE / "models", *([self.pulled_packs] if _has_home() else []))

    @property
    def template_cache(self) -> Path:
        """Where evaluation keeps templates by content of the photo."""
        return self.cache / "templates.db"

    @property
    def download_cache(self) -> Path:
        """Where the indexer keeps photos that it downloaded."""
        return self.cache / "downloads"

    @property
    def pulled_packs(self) -> Path:
        """Where insightface keeps its packs, and where ``faces pull`` puts them."""
        return Path("~/.insightface/models").expanduser()

    def described(self) -> list[dict[str, str]]:
        """Name, value, origin and meaning of every setting, for people and for ``--json``."""
        return [
            {
                "name": item.variable,
                "value": item.show(getattr(self, item.name)),
                "from": self.origins[item.name],
                "meaning": item.meaning,
            }
            for item in SETTINGS
        ]


def _has_home() -> bool:
    """Whether there is a home folder at all: a container's user may have none."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def add_settings_flags(parser: argparse.ArgumentParser) -> None:
    """One flag a setting; their help text is the settings' own."""
    group = parser.add_argument_group("settings (flag, else environment, else presente.toml, else default)")
    for item in SETTINGS:
        group.add_argument(
            f"--{item.name.replace('_', '-')}",
            dest=f"setting_{item.name}",
            metavar="VALUE",
            help=f"{item.meaning} [{item.variable}; default {item.default or 'none'}]".replace("%", "%%"),
        )


def load_settings(
    arguments: argparse.Namespace | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Settle every setting.

    Args:
        arguments: parsed flags, from a parser that went through :func:`add_settings_flags`.
        environment: instead of the process's own.
        folder: where ``presente.toml`` may lie; the working directory when None.

    Raises:
        ConfigError: ``invalid_setting``, naming the setting, where it came from and what it may be.
    """
    environment = os.environ if environment is None else environment
    file = (folder or Path.cwd()) / "presente.toml"
    from_file = _read_toml(file)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for item in SETTINGS:
        flag = getattr(arguments, f"setting_{item.name}", None)
        if flag is not None:
            text, origin = flag, f"--{item.name.replace('_', '-')}"
        elif item.variable in environment:
            text, origin = environment[item.variable], item.variable
        elif item.name in from_file:
            text, origin = from_file[item.name], str(file)
        else:
            text, origin = item.default, "default"
        try:
            values[item.name] = item.read(text)
        except (ValueError, TypeError) as exc:
            safe = hidden_address(text)
            given = "what it holds" if item.secret else repr(safe)
            why = str(exc).replace(repr(text), repr(safe)).replace(text, safe) if text else str(exc)
            raise ConfigError(
                "invalid_setting",
                f"{origin}: {given} cannot be {item.variable} ({why}).",
                f"It means: {item.meaning}.",
            ) from (exc if safe == text else None)  # an error of Python's quotes the text
        origins[item.name] = origin
    return Settings(values, origins)


def _read_toml(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as exc:
        raise ConfigError("invalid_setting", f"{file} cannot be read ({exc}).", "Correct it.") from exc
    known = {item.name for item in SETTINGS}
    unknown = sorted(table.keys() - known)
    if unknown:
        raise ConfigError("unknown_setting", f"{file} has {', '.join(unknown)}.", f"Known: {', '.join(sorted(known))}.")
    return {name: str(value) for name, value in table.items()}
