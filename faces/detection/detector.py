"""RGB photo to faces: boxes, five landmarks, scores. The network is insightface's SCRFD; the geometry is ours.

insightface resizes every photo to one square. That upscales small photos (one of 178x218 costs fifteen times as much
as necessary) and misses faces that fill the frame. Here the network's input is chosen from the photo: never upscaled,
at most ``max_side`` on its long side, with a border all around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.opencv import cv2
from faces.runtime.session import Session
from presente.errors import PhotoRefused

STRIDE = 32
"""SCRFD's coarsest stride: both sides of its input are multiples of this many pixels."""


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The size at which the detector sees a photo, and which detections count.

    Attributes:
        max_side: longest side, in pixels, of the photo as the network sees it (border excluded).
        border: width of the black border on every side, as a fraction of the photo's longest side.
        min_score: detections below this score are dropped (SCRFD's sigmoid output, 0 to 1).
        glance_side: ``max_side`` of a first look for one prominent face; 0: no first look.
        glance_face: a first look suffices when the face that it finds is at least as prominent as a centred one of
            this many pixels per side, as the network sees it.
    """

    max_side: int = 640
    border: float = 0.125
    min_score: float = 0.5
    glance_side: int = 152
    glance_face: int = 48


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face, in pixels of the upright photo.

    Attributes:
        box: float32 (4,), x1, y1, x2, y2, clipped to the photo.
        landmarks: float32 (5, 2), x and y of left eye, right eye, nose, left and right mouth corner (image order).
        score: the detector's score, 0 to 1.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    def enlarged(self, times: float) -> DetectedFace:
        """The same face in the photo enlarged by this factor."""
        if times == 1:
            return self
        factor = np.float32(times)
        return replace(self, box=self.box * factor, landmarks=self.landmarks * factor)


@dataclass(frozen=True, slots=True)
class DetectorCanvas:
    """The network's input for one photo: its size, the photo's scale in it, and where its corner lies (pixels)."""

    width: int
    height: int
    scale: float
    left: int
    top: int


def plan_canvas(height: int, width: int, settings: DetectionSettings) -> DetectorCanvas:
    """The smallest canvas with sides that are multiples of 32 which holds the photo, not upscaled, and its border."""
    scale = min(1.0, settings.max_side / max(height, width))
    inner_h, inner_w = max(1, round(height * scale)), max(1, round(width * scale))
    margin = math.ceil(settings.border * max(inner_h, inner_w))
    full_h = math.ceil((inner_h + 2 * margin) / STRIDE) * STRIDE
    full_w = math.ceil((inner_w + 2 * margin) / STRIDE) * STRIDE
    if settings.border == 0:  # insightface's own letterbox: the photo in the top left corner
        return DetectorCanvas(full_w, full_h, scale, 0, 0)
    return DetectorCanvas(full_w, full_h, scale, (full_w - inner_w) // 2, (full_h - inner_h) // 2)


def paint_canvas(pixels: RGB, canvas: DetectorCanvas) -> RGB:
    """A new uint8 array (canvas.height, canvas.width, 3): the scaled photo on black."""
    height, width = pixels.shape[:2]
    inner = (max(1, round(width * canvas.scale)), max(1, round(height * canvas.scale)))
    # Above a half, a linear blend uses every pixel, too, and takes a tenth of the time.
    blend = cv2.INTER_LINEAR if canvas.scale >= 0.5 else cv2.INTER_AREA
    scaled = pixels if canvas.scale == 1.0 else cv2.resize(pixels, inner, interpolation=blend)
    painted = np.zeros((canvas.height, canvas.width, 3), dtype=np.uint8)
    painted[canvas.top : canvas.top + scaled.shape[0], canvas.left : canvas.left + scaled.shape[1]] = scaled
    return painted


class Detector:
    """SCRFD or YuNet on a session that the caller configured. Safe to use from several threads."""

    def __init__(self, session: Session, settings: DetectionSettings | None = None) -> None:
        from faces.detection.networks import face_network

        self.settings = settings or DetectionSettings()
        self._scrfd = face_network(session, self.settings.min_score)

    def detect(self, pixels: RGB) -> list[DetectedFace]:
        """Every face of an RGB uint8 (h, w, 3) photo, largest first."""
        return self._detect(pixels, self.settings)

    def glance(self, pixels: RGB) -> DetectedFace | None:
        """The most prominent face, when a look at few pixels is enough to tell which one it is; else None.

        It is enough when that face is more prominent than a face could be that is too small to be seen at this size.
        When the whole photo is hardly larger, the answer is None.
        """
        height, width = pixels.shape[:2]
        side = self.settings.glance_side
        if side >= min(self.settings.max_side, max(height, width)):
            return None
        faces = self._detect(pixels, replace(self.settings, max_side=side))
        if not faces:
            return None
        face = faces[most_prominent(faces, height, width)]
        seen = side / max(height, width)
        return face if prominence(face, height, width) * seen**2 >= self.settings.glance_face**2 else None

    def _detect(self, pixels: RGB, settings: DetectionSettings) -> list[DetectedFace]:
        height, width = pixels.shape[:2]
        canvas = plan_canvas(height, width, settings)
        boxes, landmarks = self._scrfd.faces(paint_canvas(pixels, canvas))
        corner = np.array([canvas.left, canvas.top], dtype=np.float32)
        points = ((landmarks - corner) / canvas.scale).astype(np.float32)
        corners = (boxes[:, :4].reshape(-1, 2, 2) - corner) / canvas.scale
        clipped = np.clip(corners, 0, [width, height]).astype(np.float32).reshape(-1, 4)
        faces = [
            DetectedFace(box=box, landmarks=five, score=float(score))
            for box, five, score in zip(clipped, points, boxes[:, 4], strict=True)
        ]
        return sorted((face for face in faces if face.area > 0), key=lambda face: -face.area)


def face_at(landmarks: NDArray[np.float32], height: int, width: int) -> DetectedFace:
    """The face whose five landmarks (5, 2) are known, in a photo of this size: its box spans them, its score is 1.

    Raises:
        PhotoRefused: ``no_face`` when they span nothing of the photo.
    """
    box = np.clip([landmarks.min(axis=0), landmarks.max(axis=0)], 0, [width, height]).astype(np.float32).reshape(4)
    face = DetectedFace(box=box, landmarks=landmarks.astype(np.float32), score=1.0)
    if not face.area > 0:  # not "<=": NaN landmarks have no area either
        raise PhotoRefused(
            "no_face", f"The landmarks given for the photo lie outside its {width} x {height} pixels, or on one line."
        )
    return face


def most_prominent(faces: list[DetectedFace], height: int, width: int) -> int:
    """Index of the most prominent face: large and near the centre."""
    return max(range(len(faces)), key=lambda i: prominence(faces[i], height, width))


def prominence(face: DetectedFace, height: int, width: int) -> float:
    """How large and near the centre a face is, in square pixels; at most its area.

    The measure is insightface's own default: area minus twice the squared distance of the box's centre from the
    photo's centre.
    """
    offset = (face.box[:2] + face.box[2:]) / 2 - np.array([width / 2, height / 2])
    return face.area - 2.0 * float(offset @ offset)
