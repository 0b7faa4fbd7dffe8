"""What every benchmark prints about itself, and how it times."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from presente import cli


def parser(prog: str, about: str, example: str) -> argparse.ArgumentParser:
    """A command line with the flags that all benchmarks have."""
    made = cli.program(prog, about, example)
    made.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    made.add_argument("--seed", type=int, default=1, help="the same seed makes the same data")
    return made


def about_this_run(seed: int) -> dict[str, Any]:
    """Machine, versions, seed."""
    packages = ["faiss-cpu", "insightface", "numpy", "onnxruntime", "opencv-python-headless", "pillow"]
    if find_spec("openvino") is not None:
        packages.append("openvino")
    return {
        "machine": {
            "cpu": _cpu(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in packages},
        "seed": seed,
    }


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as stream:
            return next(line.split(":", 1)[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def seconds(work: Callable[[], object], repeats: int) -> list[float]:
    """Wall-clock seconds of each of several calls, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def percentile(values: Iterable[float], share: float) -> float:
    """The value that a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def publish(result: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    """Print the result."""
    if as_json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        for line in lines:
            print(line)
