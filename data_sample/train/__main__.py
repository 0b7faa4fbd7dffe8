"""Command line: `python -m data_sample.train {detector,embedder,calibrate,evaluate,pose,evaluate_pose,all}`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .paths import MODELS, POSE, SAMPLE, WORK

EMBEDDER_EPOCHS = 4.5


def main() -> None:
    """Run the sub-steps that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m data_sample.train", description=__doc__)
    steps = ("detector", "embedder", "calibrate", "evaluate", "pose", "evaluate_pose", "all")
    parser.add_argument("step", choices=steps)
    parser.add_argument("--work", type=Path, default=WORK, help="folder for drawn data and checkpoints")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the pack")
    parser.add_argument("--pose", type=Path, default=POSE, help="folder of the pose pack")
    parser.add_argument("--epochs", type=float, default=EMBEDDER_EPOCHS, help="how often the embedder sees the crops")
    chosen = parser.parse_args()
    if chosen.step in ("detector", "all"):
        train_detector(chosen.work, chosen.models)
    if chosen.step in ("embedder", "all"):
        train_embedder(chosen.work, chosen.models, chosen.epochs)
    if chosen.step in ("calibrate", "all"):
        calibrate(chosen.models)
    if chosen.step in ("evaluate", "all"):
        evaluate(chosen.models)
    if chosen.step in ("pose", "all"):
        train_pose(chosen.work, chosen.pose)
    if chosen.step in ("evaluate_pose", "all"):
        evaluate_pose(chosen.models, chosen.pose)


def train_detector(work: Path, models: Path) -> None:
    """Train and export the detector."""
    from . import detector, export

    run = detector.train(work)
    export.export_detector(run.params, run.stats, models / "det.onnx")


def train_embedder(work: Path, models: Path, epochs: float) -> None:
    """Train and export the embedder."""
    from . import embedder, export

    run = embedder.train(work, epochs)
    export.export_embedder(run.params, run.stats, models / "rec.onnx")


def train_pose(work: Path, folder: Path) -> None:
    """Train and export the pose net."""
    from . import export, pose

    run = pose.train(work)
    export.export_pose(run.params, run.stats, folder / "pose.onnx")


def calibrate(models: Path) -> None:
    """Choose the threshold and write pack.json."""
    from . import evaluate as figures
    from .export import write_pack

    write_pack(models, figures.calibrate(models))


def evaluate(models: Path) -> None:
    """Print the figures as JSON."""
    from . import evaluate as figures

    pack = json.loads((models / "pack.json").read_text(encoding="utf-8"))
    print(json.dumps(figures.evaluate(SAMPLE, float(pack["threshold"])), indent=2))


def evaluate_pose(models: Path, folder: Path) -> None:
    """Print the pose net's figures as JSON."""
    from .evaluate_poses import evaluate as figures

    print(json.dumps(figures(models, folder), indent=2))


if __name__ == "__main__":
    main()
