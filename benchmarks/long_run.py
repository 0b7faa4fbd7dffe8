"""``python -m benchmarks.long_run``: an ``indexer add`` as long as CelebA's, killed twice: memory, losses, doubles.

The tree is laid out as CelebA is, of photos of the sample class (so detection is real) at 178 x 218, each with an end
of its own, which gives it a hash of its own. Identities are the real list's where that is given.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import common
from benchmarks.processes import tree_memory_mb
from presente import composition
from presente.installation import IMPORT_ROOT as ROOT

_SIZE = (178, 218)
_PEOPLE = 10_177
_EVERY_S = 0.5


@dataclass(slots=True)
class Sampled:
    """Seconds since the start, photos stored, and MiB resident in all processes of the run."""

    seconds: list[float] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    mb: list[float] = field(default_factory=list)


def make_tree(root: Path, count: int, identities: Path | None) -> None:
    """Write the photos and the identity list."""
    drawn = [_portrait(path) for path in sorted((ROOT / "data_sample" / "students").glob("*/*.jpg"))]
    listed = _identities(count, identities)
    folder = root / "img_align_celeba"
    folder.mkdir(parents=True)
    for number, person in enumerate(listed, start=1):
        content = drawn[person % len(drawn)] + number.to_bytes(4, "big")
        (folder / f"{number:06d}.jpg").write_bytes(content)
    lines = (f"{number:06d}.jpg {person}\n" for number, person in enumerate(listed, start=1))
    (root / "identity_CelebA.txt").write_text("".join(lines))


def _portrait(path: Path) -> bytes:
    with Image.open(path) as picture:
        wide, high = picture.size
        part = min(wide / _SIZE[0], high / _SIZE[1])
        cut = (int(part * _SIZE[0]), int(part * _SIZE[1]))
        left, top = (wide - cut[0]) // 2, (high - cut[1]) // 2
        out = io.BytesIO()
        picture.crop((left, top, left + cut[0], top + cut[1])).resize(_SIZE).save(out, "JPEG", quality=90)
    return out.getvalue()


def _identities(count: int, listed: Path | None) -> list[int]:
    if listed is None:
        return [1 + number * 7919 % _PEOPLE for number in range(count)]
    pairs = (line.split() for line in listed.read_text().splitlines())
    return [int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()][:count]


def run(folder: Path, settings: Mapping[str, str], kills: list[int], sampled: Sampled) -> dict[str, Any]:
    """``indexer add`` until it is through; killed when the store holds as many photos as ``kills`` says, each once.

    Returns:
        the report of the run that was not killed.
    """
    words = [sys.executable, "-m", "indexer", "add", str(folder / "celeba"), "--json"]
    began = time.monotonic()
    store = composition.open_store(settings["PRESENTE_STORE"])
    text, ended = "", False
    while not ended:
        with (folder / "out.json").open("w+") as out, (folder / "log").open("a") as log:
            process = subprocess.Popen(words, cwd=ROOT, env=dict(settings), stdout=out, stderr=log)
            while process.poll() is None:
                time.sleep(_EVERY_S)
                stored = store.counts().images
                sampled.seconds.append(round(time.monotonic() - began, 1))
                sampled.stored.append(stored)
                sampled.mb.append(round(tree_memory_mb(process.pid), 1))
                if kills and stored >= kills[0]:
                    kills.pop(0)
                    process.kill()
                    process.wait()
            out.seek(0)
            text = out.read()
        ended = process.returncode >= 0
    store.close()
    report: dict[str, Any] = json.loads(text)
    return report


def growth(sampled: Sampled) -> float:
    """MiB by which memory grew between the run's second and last fifth (medians)."""
    fifth = max(1, len(sampled.mb) // 5)
    early, late = sorted(sampled.mb[fifth : 2 * fifth]), sorted(sampled.mb[-fifth:])
    return round(late[len(late) // 2] - early[len(early) // 2], 1)


def plot(sampled: Sampled, target: Path) -> None:
    """Memory and photos against time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4))
    left = figure.subplots()
    left.plot(sampled.seconds, sampled.mb, color="tab:red")
    left.set(xlabel="seconds", ylabel="MiB in memory", ylim=(0, None))
    right = left.twinx()
    right.plot(sampled.seconds, sampled.stored, color="tab:blue")
    right.set(ylabel="photos stored", ylim=(0, None))
    figure.tight_layout()
    figure.savefig(target, dpi=100)


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the tree, run, be killed twice, compare what is there with what was asked."""
    make_tree(folder / "celeba", given.count, given.identities)
    settings = common.environment_in(given, folder)
    sampled = Sampled()
    report = run(folder, settings, [given.count // 3, 2 * given.count // 3], sampled)
    words = [sys.executable, "-m", "indexer", "verify", "--json"]
    verified = json.loads(subprocess.run(words, cwd=ROOT, env=settings, capture_output=True, check=False).stdout)
    store = composition.open_store(settings["PRESENTE_STORE"])
    counts = store.counts()
    store.close()
    if given.plot:
        plot(sampled, given.plot)
    return {
        **common.about_this_run(given.seed),
        "photos": given.count,
        "kills": 2,
        "seconds": sampled.seconds[-1],
        "images_per_s": round(given.count / sampled.seconds[-1], 1),
        "report": {name: report[name] for name in ("photos", "done", "already", "refused", "left")},
        "lost": given.count - counts.images - report["refused"],
        "doubled": max(0, counts.images - given.count),
        "without_template": counts.images - counts.templates,
        "people": counts.cohort,
        "agrees": verified["agrees"],
        "peak_mb": max(sampled.mb),
        "growth_mb": growth(sampled),
    }


def main() -> None:
    """Parse, run, print."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="presente-long-", dir=given.work) as folder:
        result = measure(given, Path(folder))
    common.publish(result, given.json, [f"{name}: {value}" for name, value in result.items()])


def _parser() -> argparse.ArgumentParser:
    made = common.parser(
        "python -m benchmarks.long_run",
        "A CelebA-sized run of `indexer add`, killed twice and resumed.",
        "python -m benchmarks.long_run --count 20000 --plot memory.png",
    )
    made.add_argument("--count", type=int, default=20_000, help="photos")
    made.add_argument("--identities", type=Path, metavar="FILE", help="identity_CelebA.txt; made up without")
    made.add_argument("--plot", type=Path, metavar="FILE", help="write a plot of memory against time (matplotlib)")
    made.add_argument("--work", type=Path, metavar="DIR", help="where the photos go meanwhile; a temporary folder")
    return made


if __name__ == "__main__":
    main()
