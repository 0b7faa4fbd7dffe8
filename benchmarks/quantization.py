"""``python -m benchmarks.quantization``: an embedder quantized in several ways: time per face, and cosines to f32."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType

from benchmarks import common
from faces.packs.model_pack import ModelPack
from faces.precision.photos import labelled_photos, read_faces
from faces.precision.quantization import fold, network_inputs, quantize
from faces.recognition import unit_rows
from faces.runtime.session import RuntimeOptions, Session, bf16_is_available, chosen_runtime, open_session
from presente import composition
from presente.errors import PackError
from presente.settings import load_settings

_AT_ONCE = 8

Feeds = Sequence[Mapping[str, NDArray[Any]]]


def variants(nodes: Mapping[str, bool]) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Each way: the nodes that are quantized, and the options that differ from ours."""
    dense = [name for name, grouped in nodes.items() if not grouped]
    grouped = [name for name, grouped in nodes.items() if grouped]
    ours: dict[str, Any] = {"OpTypesToExcludeOutputQuantization": ["Conv", "Gemm", "MatMul"]}
    symmetric = {"activation_type": QuantType.QInt8, "extra_options": ours | {"ActivationSymmetric": True}}
    percentile = {
        "calibrate_method": CalibrationMethod.Percentile,
        "extra_options": ours | {"CalibPercentile": 99.99},
    }
    found: dict[str, tuple[list[str], dict[str, Any]]] = {
        "ours": (dense, {}),
        "weights of 8 bits": (dense, {"reduce_range": False}),
        "activations symmetric": (dense, symmetric),
        "one scale per tensor": (dense, {"per_channel": False}),
        "percentile 99.99": (dense, percentile),
        "first one left out": (dense[1:], {}),
        "everything": (list(nodes), {}),
        "everything, results too": (list(nodes), {"extra_options": {}}),
        "only grouped ones": (grouped, {}),
    }
    return {name: way for name, way in found.items() if way[0]}


def measure(pack: ModelPack, calibration: Feeds, compared: Feeds, runtimes: Sequence[str]) -> dict[str, Any]:
    """Milliseconds per face on each runtime, one thread, and cosines of templates to f32."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        nodes = fold(pack.recognition, Path(folder) / "folded.onnx")
        reference = None
        graphs: dict[str, tuple[Path, bool]] = {"f32": (pack.recognition, False)}
        for name, (chosen, options) in variants(nodes).items():
            graphs[name] = (Path(folder) / f"{len(graphs)}.onnx", True)
            quantize(
                Path(folder) / "folded.onnx", graphs[name][0], [dict(each) for each in calibration], chosen, **options
            )
        for name, (path, quantized) in graphs.items():
            sessions = {}
            for each in runtimes:
                with suppress(PackError):  # it gives other numbers than ONNX Runtime does
                    sessions[each] = _opened(each, path, quantized)
            rows = unit_rows(np.concatenate([_run(sessions[runtimes[0]], each) for each in compared]))
            reference = rows if reference is None else reference
            cosines = (rows * reference).sum(axis=1)
            result[name] = {
                "ms": {each: _ms_per_face(session, compared[0]) for each, session in sessions.items()},
                "cosine_median": round(float(np.median(cosines)), 4),
                "cosine_1_percent": round(float(np.quantile(cosines, 0.01)), 4),
            }
    return result


def _opened(runtime: str, path: Path, quantized: bool) -> Session:
    name, _, rest = runtime.partition(" ")
    options = RuntimeOptions(name, rest or "f32", at_once=1)  # type: ignore[arg-type]
    return open_session(path, options, quantized=quantized)


def _run(session: Session, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    return np.array(session.run(None, feeds)[0], dtype=np.float32)


def _ms_per_face(session: Session, feeds: Mapping[str, NDArray[Any]]) -> float:
    few = {name: values[:_AT_ONCE] for name, values in feeds.items()}
    taken = []
    for _ in range(9):
        start = time.process_time()
        session.run(None, few)
        taken.append((time.process_time() - start) / _AT_ONCE * 1000)
    return round(statistics.median(taken[1:]), 2)


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.quantization", __doc__ or "", "python -m benchmarks.quantization --photos lfw --pack PACK"
    )
    arguments.add_argument("--photos", type=Path, required=True, metavar="FOLDER", help="one folder per person")
    arguments.add_argument("--limit", type=int, default=512, help="photos; half of them calibrate (default: 512)")
    given = arguments.parse_args()
    settings = load_settings(given)
    pack = composition.open_pack(settings)
    photos = labelled_photos(given.photos)
    photos = photos[:: max(1, len(photos) // given.limit)][: given.limit]
    embedder = composition.open_embedder(settings, pack)
    crops = [each.face.crop for each in read_faces(photos, embedder, settings.workers, lambda _: None)]
    runtimes = ["onnxruntime"]
    if chosen_runtime(RuntimeOptions()) == "openvino":
        runtimes += ["openvino", *(["openvino bf16"] if bf16_is_available() else [])]
    found = measure(pack, network_inputs(pack, crops[::2]), network_inputs(pack, crops[1::2]), runtimes)
    result = {**common.about_this_run(given.seed), "pack": pack.name, "faces": len(crops), "graphs": found}
    common.publish(
        result,
        given.json,
        [
            f"{name:24s} "
            + ", ".join(f"{each} {ms:5.2f}" for each, ms in one["ms"].items())
            + f" ms per face; cosine {one['cosine_median']:.4f}, worst 1 % {one['cosine_1_percent']:.4f}"
            for name, one in found.items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
