"""What a passed check of bf16 or int8 leaves in a pack's folder: ``int8/check.json``, and the quantized graph.

The folder of a precision lies in the pack's own. A record holds for the two model files that were checked, by their
digest, and for the runtime that ran them. The graph is named after its content, so a record never names another one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from presente.errors import ConfigError, PackError
from presente.files import sha256_file, sync_folder
from presente.installation import command_line

_RECORD = "check.json"


@dataclass(frozen=True, slots=True)
class PrecisionCheck:
    """A check that was passed.

    Attributes:
        precision: ``bf16`` or ``int8``.
        pack_digest: of the pack in f32, as :attr:`faces.packs.model_pack.ModelPack.digest`.
        runtime: that ran the models, as ``openvino``.
        rest: precision of what is not int8: ``bf16`` or ``f32``.
        graph: name of the quantized graph's file; empty for bf16, which runs the pack's own file.
        graph_sha256: of that file, hex; empty likewise.
        figures: what was measured.
    """

    precision: str
    pack_digest: str
    runtime: str
    rest: Literal["f32", "bf16"]
    graph: str = ""
    graph_sha256: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


def precision_folder(pack_folder: Path, precision: str) -> Path:
    """Where the record and the graph of a precision lie."""
    return pack_folder / precision


def store_check(pack_folder: Path, check: PrecisionCheck, graph: bytes) -> None:
    """Put a check's record, and its graph unless that is empty, in the pack's folder; a graph from before is deleted.

    Raises:
        PackError: ``pack_unwritable``.
    """
    folder = precision_folder(pack_folder, check.precision)
    try:
        folder.mkdir(exist_ok=True)
        if graph:
            _write(folder / check.graph, graph)
        _write(folder / _RECORD, json.dumps(asdict(check), indent=1).encode())
        for old in folder.glob("*.onnx"):
            if old.name != check.graph:
                old.unlink(missing_ok=True)
    except OSError as exc:
        raise PackError(
            "pack_unwritable",
            f"{folder} cannot be written ({exc.strerror or exc}).",
            "Copy the pack's folder to a place that can be written, and name that folder.",
        ) from exc


def graph_name(model: Path, graph: bytes) -> tuple[str, str]:
    """Name and SHA-256 (hex) of a quantized graph of a model file."""
    digest = hashlib.sha256(graph).hexdigest()
    return f"{model.stem}-{digest[:12]}.onnx", digest


def passed_check(pack_folder: Path, name: str, precision: str, pack_digest: str) -> PrecisionCheck:
    """The check of a precision that a pack has passed.

    Raises:
        ConfigError: ``precision_unchecked``: it has passed none; ``precision_outdated``: its files changed since.
        PackError: ``checksum_mismatch`` when the quantized graph is missing or changed, ``pack_invalid`` when the
            record cannot be read.
    """
    path = precision_folder(pack_folder, precision) / _RECORD
    again = f"Check it with `{check_command(name, precision)}`, or set PRESENTE_PRECISION to f32."
    try:
        check = PrecisionCheck(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        what = f"Whether pack {name!r} loses by computing in {precision} was not checked."
        raise ConfigError("precision_unchecked", what, again) from None
    except (OSError, ValueError, TypeError) as exc:
        raise PackError("pack_invalid", f"{path} cannot be read ({exc}).", again) from exc
    if check.pack_digest != pack_digest:
        what = f"Pack {name!r} has other model files than those that were checked in {precision}."
        raise ConfigError("precision_outdated", what, again)
    graph = path.parent / check.graph
    if check.graph and not (graph.is_file() and sha256_file(graph) == check.graph_sha256):
        raise PackError("checksum_mismatch", f"{graph} is missing, or not the graph that was checked.", again)
    return check


def check_command(name: str, precision: str) -> str:
    """The command that checks a precision, as messages say it."""
    return command_line(f"faces check {name} --precision {precision} --photos FOLDER")


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    staged = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with staged.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    sync_folder(path.parent)
