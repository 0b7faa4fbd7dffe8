"""``python -m benchmarks.runtimes``: one inference on each runtime, on a pack's models and on an IResNet-50's shape."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.iresnet import iresnet50
from faces.runtime.session import RuntimeOptions, Session, open_session, plain_session
from presente import composition
from presente.errors import ConfigError
from presente.settings import load_settings


def sessions(path: Path) -> dict[str, Session]:
    """The file on every runtime that is here: ONNX Runtime on the graph as it is, on ours, and OpenVINO."""
    opened = {"plain": plain_session(path), "onnxruntime": open_session(path, RuntimeOptions("onnxruntime"))}
    if find_spec("openvino") is not None:
        opened["openvino"] = open_session(path, RuntimeOptions("openvino", at_once=1))
        with suppress(ConfigError):  # not on this CPU
            opened["openvino bf16"] = open_session(path, RuntimeOptions("openvino", "bf16", at_once=1))
    return opened


def measure(path: Path, shape: tuple[int, ...], rounds: int, seed: int) -> dict[str, Any]:
    """CPU milliseconds per image on one thread, in turns, and how many times quicker than ``plain`` in the median."""
    opened = sessions(path)
    image = np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)
    taken: dict[str, list[float]] = {name: [] for name in opened}
    for turn in range(rounds + 1):
        for name, session in opened.items():
            start = time.process_time()
            session.run(None, {session.get_inputs()[0].name: image})
            if turn:  # the first is not counted
                taken[name].append((time.process_time() - start) / shape[0] * 1000)
    return {
        "ms": {name: round(statistics.median(times), 2) for name, times in taken.items()},
        "ratio": {
            name: round(statistics.median(a / b for a, b in zip(taken["plain"], times, strict=True)), 2)
            for name, times in taken.items()
        },
    }


def main() -> int:
    """Measure and print."""
    arguments = common.parser(
        "python -m benchmarks.runtimes", __doc__ or "", "python -m benchmarks.runtimes --pack buffalo_l --json"
    )
    arguments.add_argument("--rounds", type=int, default=15, help="inferences of each; the median is printed")
    given = arguments.parse_args()
    pack = composition.open_pack(load_settings(given))
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder) / "iresnet50.onnx"
        deep.write_bytes(iresnet50(given.seed))
        graphs = {
            "detection, 192x192": measure(pack.detection, (1, 3, 192, 192), given.rounds, given.seed),
            "recognition, 8 faces": measure(pack.recognition, (8, 3, 112, 112), given.rounds, given.seed),
            "IResNet-50's shape, 2 faces": measure(deep, (2, 3, 112, 112), max(3, given.rounds // 3), given.seed),
        }
    result = {**common.about_this_run(given.seed), "pack": pack.name, "graphs": graphs}
    common.publish(
        result,
        given.json,
        [
            f"{graph:28s} {name:14s} {ms:8.2f} ms of CPU per image, {found['ratio'][name]:5.2f} times"
            for graph, found in graphs.items()
            for name, ms in found["ms"].items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
