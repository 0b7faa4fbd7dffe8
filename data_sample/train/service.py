"""Finds and describes faces with the exported networks: through `faces`, exactly as the programs do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.detection.detector import DetectionSettings
from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.image.decode import DecodedPhoto
from faces.packs.model_pack import load_pack


@dataclass(frozen=True)
class Found:
    """One face: box (4,) and landmarks (5, 2) in pixels of the photo, score, and unit vector (DIM,)."""

    box: NDArray[np.float32]
    score: float
    points: NDArray[np.float32]
    vector: NDArray[np.float32]


class Recogniser:
    """The detector and the embedder of a pack, at the settings that the programs use by default."""

    def __init__(self, models: Path) -> None:
        """Load the pack in the folder `models`."""
        self.embedder = FaceEmbedder(load_pack(str(models), []), EmbedderSettings(detection=DetectionSettings()))

    def find(self, pixels: NDArray[np.uint8]) -> list[Found]:
        """Return the faces of a photo (H, W, 3), RGB, largest first."""
        aligned = self.embedder.detect(DecodedPhoto(pixels, "image/png", pixels.shape[:2]))
        return [
            Found(face.face.box, face.face.score, face.face.landmarks, face.template)
            for face in self.embedder.embed(aligned)
        ]


def overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return intersection over union of two boxes (4,)."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:4], second[2:4])
    shared = float(np.prod(np.maximum(0.0, high - low)))
    areas = [float(np.prod(b[2:4] - b[:2])) for b in (first, second)]
    return shared / (sum(areas) - shared)
