"""The quality of a face, and the least that enrolment asks for: size, sharpness, pose, detection score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from faces.detection.detected_face import DetectedFace
from faces.image.decode import RGB
from faces.opencv import cv2

FaceFault = Literal["too_dark", "too_bright", "too_small", "turned", "tilted", "not_sharp"]
"""What can be wrong with a face, as codes that a page puts into words."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured on one face.

    Attributes:
        size: shorter side of the box in pixels of the photo.
        sharpness: variance of the Laplacian of the aligned grey crop; a flat or blurred face is near 0.
        yaw: distance of the nose from the middle of the eyes, in units of half the eye distance: 0 for a frontal face,
            about 1 or -1 for a profile. Positive when the nose is to the right in the image.
        detection_score: the detector's, 0 to 1.
        brightness: mean of the aligned grey crop, 0 to 255.
        roll: degrees, clockwise, by which the line between the eyes is tilted once the photo is turned upright.
    """

    size: float
    sharpness: float
    yaw: float
    detection_score: float
    brightness: float
    roll: float

    def as_dict(self) -> dict[str, float]:
        """As a plain dict with three decimals, for JSON and for the store."""
        return {name: round(float(value), 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class QualityRules:
    """The least quality of a face that is enrolled. Faces that are identified are measured alike, but never refused."""

    min_size: float = 20.0
    min_sharpness: float = 1.0
    max_yaw: float = 3.0

    def broken(self, quality: Quality) -> dict[FaceFault, str]:
        """The rules that a face breaks, by code, each in words; none when it is good enough."""
        checks: tuple[tuple[FaceFault, bool, str], ...] = (
            (
                "too_small",
                quality.size >= self.min_size,
                f"the face is {quality.size:.0f} pixels wide, at least {self.min_size:.0f} are needed",
            ),
            (
                "not_sharp",
                quality.sharpness >= self.min_sharpness,
                f"the face has no detail (sharpness {quality.sharpness:.1f}, at least {self.min_sharpness:.1f})",
            ),
            ("turned", abs(quality.yaw) <= self.max_yaw, "the face is turned away from the camera"),
        )
        return {code: message for code, passed, message in checks if not passed}


@dataclass(frozen=True, slots=True)
class GoodQuality:
    """What a face has that is recognised as well as any. Between this and :class:`QualityRules` a face is enrolled, and
    recognised less often: docs/students.md says how the values were chosen.
    """

    min_size: float = 40.0
    min_sharpness: float = 18.0
    max_yaw: float = 0.8
    max_roll: float = 20.0
    min_brightness: float = 50.0
    max_brightness: float = 205.0

    def faults(self, quality: Mapping[str, float]) -> list[FaceFault]:
        """What is not good about a face, of the measures of :meth:`Quality.as_dict`; one that is missing is passed
        over: faces that were stored by an earlier version have fewer."""
        size, sharpness, brightness = (quality.get(name) for name in ("size", "sharpness", "brightness"))
        checks: tuple[tuple[FaceFault, bool], ...] = (
            ("too_dark", brightness is not None and brightness < self.min_brightness),
            ("too_bright", brightness is not None and brightness > self.max_brightness),
            ("too_small", size is not None and size < self.min_size),
            ("turned", abs(quality.get("yaw", 0.0)) > self.max_yaw),
            ("tilted", abs(quality.get("roll", 0.0)) > self.max_roll),
            ("not_sharp", sharpness is not None and sharpness < self.min_sharpness),
        )
        return [code for code, found in checks if found]


GOOD_QUALITY = GoodQuality()


def measure(face: DetectedFace, crop: RGB, rotated: int = 0) -> Quality:
    """Quality of a detected face and its aligned RGB uint8 (112, 112, 3) crop.

    ``rotated``: degrees, clockwise, by which its photo had to be turned to be upright.
    """
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
        brightness=cv2.mean(grey)[0],
        roll=(face.roll + rotated + 180) % 360 - 180,
    )
