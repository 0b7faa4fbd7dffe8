"""What benchmarks share: flags, settings, timing, and what each prints about its machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from presente import cli
from presente.settings import SETTINGS, Settings, load_settings


def parser(prog: str, about: str, example: str, settings: bool = True) -> argparse.ArgumentParser:
    """A command line with the flags that all benchmarks have; ``settings``: those of the settings, too."""
    made = cli.program(prog, about, example)
    made.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    made.add_argument("--seed", type=int, default=1, help="the same seed makes the same data")
    if settings:
        made.add_settings()
    return made


def settings_in(given: argparse.Namespace, folder: Path) -> Settings:
    """The settings as every program reads them, but with a gallery of the benchmark's own in a folder."""
    return own_gallery(load_settings(given), folder)


def own_gallery(settings: Settings, folder: Path) -> Settings:
    """Settings whose store and files lie in a folder."""
    return replace(
        settings,
        store=f"sqlite:///{folder}/gallery.db",
        index=folder / "index",
        export=folder / "export",
        cache=folder / "cache",
    )


def environment_in(given: argparse.Namespace, folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a program with the same settings as :func:`settings_in`; ``settings``: further variables."""
    flags = {item.variable: getattr(given, f"setting_{item.name}", None) for item in SETTINGS}
    own = {
        "PRESENTE_STORE": f"sqlite:///{folder}/gallery.db",
        "PRESENTE_INDEX": f"{folder}/index",
        "PRESENTE_EXPORT": f"{folder}/export",
        "PRESENTE_CACHE": f"{folder}/cache",
    }
    return {**os.environ, **{name: text for name, text in flags.items() if text is not None}, **own, **settings}


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
