"""The quality of a face, and the least that enrolment asks for: size, sharpness, pose, detection score."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from faces.detection.detected_face import DetectedFace
from faces.image.decode import RGB
from faces.opencv import cv2


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured on one face.

    Attributes:
        size: shorter side of the box in pixels of the photo.
        sharpness: variance of the Laplacian of the aligned grey crop; a flat or blurred face is near 0.
        yaw: distance of the nose from the middle of the eyes, in units of half the eye distance: 0 for a frontal face,
            about 1 or -1 for a profile. Positive when the nose is to the right in the image.
        detection_score: the detector's, 0 to 1.
    """

    size: float
    sharpness: float
    yaw: float
    detection_score: float

    def as_dict(self) -> dict[str, float]:
        """As a plain dict with three decimals, for JSON and for the store."""
        return {name: round(float(value), 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class QualityRules:
    """The least quality of a face that is enrolled. Faces that are identified are measured alike, but never refused."""

    min_size: float = 20.0
    min_sharpness: float = 1.0
    max_yaw: float = 3.0

    def failures(self, quality: Quality) -> list[str]:
        """The rules that a face breaks, in words; none when it is good enough."""
        checks = (
            (
                quality.size >= self.min_size,
                f"the face is {quality.size:.0f} pixels wide, at least {self.min_size:.0f} are needed",
            ),
            (
                quality.sharpness >= self.min_sharpness,
                f"the face has no detail (sharpness {quality.sharpness:.1f}, at least {self.min_sharpness:.1f})",
            ),
            (abs(quality.yaw) <= self.max_yaw, "the face is turned away from the camera"),
        )
        return [message for passed, message in checks if not passed]


def measure(face: DetectedFace, crop: RGB) -> Quality:
    """Quality of a detected face and its aligned RGB uint8 (112, 112, 3) crop."""
    x1, y1, x2, y2 = (float(value) for value in face.box)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    left, right, nose = face.landmarks[0], face.landmarks[1], face.landmarks[2]
    across = right - left
    half = float(across @ across) / 2
    yaw = float((nose - (left + right) / 2) @ across) / half if half > 0 else np.inf
    return Quality(
        size=min(x2 - x1, y2 - y1),
        sharpness=cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_64F))[1].item() ** 2,
        yaw=yaw,
        detection_score=face.score,
    )
