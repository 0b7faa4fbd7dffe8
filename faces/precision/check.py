"""The check of a precision: makes the models of it, compares them with f32 on photos, and keeps what does not lose."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faces.embedder import AlignedFace, EmbedderSettings, FaceEmbedder
from faces.packs.model_pack import ModelPack
from faces.packs.precision_check import PrecisionCheck, graph_name, store_check
from faces.precision.gate import Comparison, compare, faults
from faces.precision.photos import LabelledPhoto, ReadFace, divided, read_faces
from faces.precision.quantization import quantized
from faces.runtime.session import RuntimeOptions, bf16_is_available, chosen_runtime
from presente.errors import InvalidInput

_FACES_TIMED, _ROUNDS = 8, 7


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What counts as a loss.

    Attributes:
        fpir: share of the non-mated searches that may reach the threshold at which FNIR is compared.
        loss: the rise of FNIR that is none.
    """

    fpir: float = 0.01
    loss: float = 0.01


@dataclass(frozen=True, slots=True)
class PrecisionResult:
    """A comparison with f32, and what was found in it.

    Attributes:
        comparison: the figures.
        calibrated_with: faces that the graph was calibrated with; 0 for bf16.
        without_face: photos that were left out.
        speed: how many times quicker than f32 the embedder is, one call of eight faces at a time.
        faults: why the precision was refused; empty when it was not.
    """

    comparison: Comparison
    calibrated_with: int
    without_face: int
    speed: float
    faults: tuple[str, ...]


def check_precision(
    pack: ModelPack,
    options: RuntimeOptions,
    photos: Sequence[LabelledPhoto],
    limits: GateLimits,
    progress: Callable[[int], None],
) -> PrecisionResult:
    """Compare a pack in ``options.precision`` with f32; if nothing is lost, keep the record, and for int8 the graph.

    Args:
        pack: the pack in f32.
        options: runtime, precision, and threads.
        photos: of known people; some of whom calibrate the graph, while the others are compared.
        limits: what counts as a loss.
        progress: is told of each photo that is read.

    Raises:
        InvalidInput: ``too_few_photos``.
        ConfigError: as :func:`faces.runtime.session.open_session`.
        PackError: likewise; ``not_quantizable``, ``pack_unwritable``.
    """
    check = PrecisionCheck(options.precision, pack.digest, chosen_runtime(options), _rest(options))
    plain = FaceEmbedder(pack, EmbedderSettings(runtime=replace(options, precision="f32")))
    faces = list(read_faces(photos, plain, options.at_once, progress))
    calibration, compared = divided(faces)
    graph = b""
    if options.precision == "int8":
        _refuse_if_few(len(calibration))
        graph = quantized(pack, [face.face.crop for face in calibration])
        name, digest = graph_name(pack.recognition, graph)
        check = replace(check, graph=name, graph_sha256=digest)
    with TemporaryDirectory() as folder:  # not in the pack's folder before it has passed
        store_check(Path(folder), check, graph)
        candidate = FaceEmbedder(replace(pack, folder=Path(folder), check=check), EmbedderSettings(runtime=options))
        comparison = _comparison(plain, candidate, compared, limits, progress)
        speed = _speed(plain, candidate, [face.face for face in compared])
    reasons = tuple(faults(comparison, limits.loss))
    if not reasons:
        figures = {**asdict(comparison), "limits": asdict(limits), "speed": speed}
        store_check(pack.folder, replace(check, figures=figures), graph)
    return PrecisionResult(comparison, len(calibration) if graph else 0, len(photos) - len(faces), speed, reasons)


def _rest(options: RuntimeOptions) -> Literal["f32", "bf16"]:
    """The precision of what is not int8: bf16 where that can be had, because the detector gains by it."""
    if options.precision == "int8" and not (chosen_runtime(options) == "openvino" and bf16_is_available()):
        return "f32"
    return "bf16"


def _comparison(
    plain: FaceEmbedder,
    candidate: FaceEmbedder,
    compared: Sequence[ReadFace],
    limits: GateLimits,
    progress: Callable[[int], None],
) -> Comparison:
    """Templates of the faces that f32 reads; a photo in which the candidate finds no face is lost to it.

    A detector in bf16 finds other landmarks, so the candidate reads the photos for itself.
    """
    _refuse_if_few(len(compared))
    again = {
        face.photo: face.face
        for face in read_faces([one.photo for one in compared], candidate, plain.settings.runtime.at_once, progress)
    }
    found = [face.photo in again for face in compared]
    f32 = _templates(plain, [face.face for face in compared])
    other = np.zeros_like(f32)
    other[found] = _templates(candidate, [again[face.photo] for face in compared if face.photo in again])
    try:
        return compare(f32, other, [face.photo.person for face in compared], limits.fpir)
    except ValueError as exc:
        raise _too_few(f"{exc}: {len(compared)} photos were left to compare.") from exc


def _templates(embedder: FaceEmbedder, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
    rows = [face.template for face in embedder.embed(faces)]
    return np.stack(rows) if rows else np.empty((0, embedder.pack.dim), np.float32)


def _speed(plain: FaceEmbedder, candidate: FaceEmbedder, faces: Sequence[AlignedFace]) -> float:
    """Time of the one by time of the other, in the median of calls in turns."""
    some = faces[:_FACES_TIMED]
    ratios = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        plain.embed(some)
        middle = time.perf_counter()
        candidate.embed(some)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return round(statistics.median(ratios), 2)


def _refuse_if_few(faces: int) -> None:
    if not faces:
        raise _too_few("No photo with a face is left to calibrate with, or to compare.")


def _too_few(what: str) -> InvalidInput:
    fix = "Name more photos with --photos: a folder with one folder per person, several photos in most of them."
    return InvalidInput("too_few_photos", what, fix)
