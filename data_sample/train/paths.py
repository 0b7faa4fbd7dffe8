"""Where training keeps its files."""

from __future__ import annotations

import tempfile
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[1]
MODELS = SAMPLE / "models" / "sample"
POSE = SAMPLE / "models" / "sample_pose"
LIVENESS = SAMPLE / "models" / "sample_liveness"
WORK = Path(tempfile.gettempdir()) / "presente-sample-train"
"""Drawn training data and checkpoints; may be deleted at any time."""
