"""Command line: `python -m data_sample.train STEP`, a sub-step or `all`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .paths import LIVENESS, MODELS, POSE, SAMPLE, WORK

EMBEDDER_EPOCHS = 4.5


def main() -> None:
    """Run the sub-steps that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m data_sample.train", description=__doc__)
    steps = ("detector", "embedder", "calibrate", "evaluate", "pose", "evaluate_pose", "liveness")
    parser.add_argument("step", choices=(*steps, "evaluate_liveness", "all"))
    parser.add_argument("--work", type=Path, default=WORK, help="folder for drawn data and checkpoints")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the pack")
    parser.add_argument("--pose", type=Path, default=POSE, help="folder of the pose pack")
    parser.add_argument("--liveness", type=Path, default=LIVENESS, help="folder of the liveness pack")
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
    if chosen.step in ("liveness", "all"):
        train_liveness(chosen.work, chosen.liveness)
    if chosen.step in ("evaluate_liveness", "all"):
        evaluate_liveness(chosen.models, chosen.liveness)


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


def train_liveness(work: Path, folder: Path) -> None:
    """Train and export the liveness net."""
    from . import export, liveness

    run = liveness.train(work)
    export.export_liveness(run.params, run.stats, folder / "live.onnx")


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


def evaluate_liveness(models: Path, folder: Path) -> None:
    """Print the liveness net's figures as JSON."""
    from .evaluate_liveness import evaluate as figures

    print(json.dumps(figures(models, folder), indent=2))


if __name__ == "__main__":
    main()
