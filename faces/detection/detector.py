"""Views of a photo to faces: boxes, five landmarks, scores. The geometry is ours.

insightface resizes every photo to one square. That upscales small photos (one of 178x218 costs fifteen times as much
as necessary) and misses faces that fill the frame. Here the network's input is chosen from the photo: never upscaled,
at most ``max_side`` on its long side, with a border all around; :mod:`faces.detection.finder` decides on closer looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faces.detection.detected_face import DetectedFace, largest_first, most_prominent, prominence
from faces.detection.networks import FaceNetwork
from faces.detection.views import View, inner_edges, paint, plan_canvas, to_photo, whole
from faces.image.decode import RGB
from faces.opencv import cv2

_CUT_PX = 2.0
"""A box that ends so near to a view's inner edge, in pixels of the canvas, belongs to a face that the view cuts."""


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The sizes at which the detector sees a photo, and which detections count.

    Attributes:
        max_side: longest side, in pixels, of the photo as the network sees it in the usual look (border excluded).
        border: width of the black border on every side, as a fraction of the photo's longest side.
        min_score: detections below this score are dropped (SCRFD's sigmoid output, 0 to 1).
        glance_side: ``max_side`` of a look at few pixels, for large faces; 0: no such look.
        glance_face: when a photo is read for one face, a glance suffices if the face that it finds is at least as
            prominent as a centred one of this many pixels per side, as the network sees it.
        closer_pixels: pixels of the whole photo in the closer look, for small faces; 0: no such look.
        closer_face: a closer look is due when a face is smaller than this, in pixels per side of the usual look.
        tile_side: longest side, in pixels, of the tiles in which the closer look is taken.
    """

    max_side: int = 640
    border: float = 0.125
    min_score: float = 0.5
    glance_side: int = 152
    glance_face: int = 48
    closer_pixels: int = 6_000_000
    closer_face: int = 64
    tile_side: int = 864


class Detector:
    """A network that finds faces, and the sizes at which it sees a photo. Safe to use from several threads."""

    def __init__(self, network: FaceNetwork, settings: DetectionSettings | None = None) -> None:
        """Find faces with a network; see :func:`faces.detection.networks.face_network`."""
        self.settings = settings or DetectionSettings()
        self.network = network

    def detect(self, pixels: RGB, turns: int = 0) -> list[DetectedFace]:
        """The faces of an RGB uint8 (h, w, 3) photo that the usual look shows, largest first.

        ``turns``: clockwise quarter turns that the photo is given for it; the faces are in the photo as it is.
        """
        height, width = pixels.shape[:2]
        return self.view(pixels, whole(height, width, self.settings.max_side, self.settings.border, turns))

    def glance(self, pixels: RGB, turns: int = 0) -> list[DetectedFace]:
        """The faces that a look at few pixels shows, largest first: those that are large in the photo."""
        height, width = pixels.shape[:2]
        return self.view(pixels, whole(height, width, self.settings.glance_side, self.settings.border, turns))

    def prominent_at_a_glance(self, pixels: RGB) -> DetectedFace | None:
        """The most prominent face, when a look at few pixels is enough to tell which one it is; else None.

        It is enough when that face is more prominent than a face could be that is too small to be seen at this size.
        When the whole photo is hardly larger, the answer is None.
        """
        height, width = pixels.shape[:2]
        side = self.settings.glance_side
        if side >= min(self.settings.max_side, max(height, width)):
            return None
        faces = self.glance(pixels)
        if not faces:
            return None
        face = faces[most_prominent(faces, height, width)]
        seen = side / max(height, width)
        return face if prominence(face, height, width) * seen**2 >= self.settings.glance_face**2 else None

    def view(self, pixels: RGB, view: View) -> list[DetectedFace]:
        """The faces that a view of a photo shows, largest first, without those that its inner edges cut."""
        height, width = pixels.shape[:2]
        canvas = plan_canvas(view)
        boxes, landmarks = self.network.faces(paint(pixels, view, canvas))
        corners = to_photo(boxes[:, :4].reshape(-1, 2, 2), view, canvas)
        ordered = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        whole_faces = np.ones(len(boxes), dtype=bool)
        for index, edge in inner_edges(view, height, width):
            whole_faces &= np.abs(ordered[:, index] - edge) * view.scale > _CUT_PX
            whole_faces &= (ordered[:, index] > edge) == (index < 2)
        limits = np.array([width, height, width, height], dtype=np.float32)
        faces = [
            DetectedFace(box=box, landmarks=five, score=float(score))
            for box, five, score in zip(
                np.clip(ordered, 0, limits)[whole_faces],
                to_photo(landmarks, view, canvas)[whole_faces],
                boxes[whole_faces, 4],
                strict=True,
            )
        ]
        return largest_first([face for face in faces if face.area > 0])

    def turned_score(self, pixels: RGB, face: DetectedFace, turns: int, side: int) -> float:
        """The score of one face when it is seen turned by clockwise quarter turns; 0: not found then.

        It is seen on a canvas of ``side`` pixels per side, a multiple of 32, of which it takes half.

        SCRFD finds faces that lie or stand on their heads, too, at a lower score, and may take a mouth for eyes.
        """
        scale = side / 2 / float(max(face.box[2:] - face.box[:2]))
        centre = (face.box[:2] + face.box[2:]) / 2
        half = side / 2 / scale
        height, width = pixels.shape[:2]
        left, top = (max(0, int(edge)) for edge in centre - half)
        right, bottom = (int(edge) for edge in np.minimum(np.ceil(centre + half), [width, height]))
        part = pixels[top:bottom, left:right]
        if scale < 1:
            blend = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
            size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
            part = np.asarray(cv2.resize(part, size, interpolation=blend), dtype=np.uint8)
        turned = np.rot90(part, -turns)[:side, :side]
        canvas = np.zeros((side, side, 3), dtype=np.uint8)
        canvas[: turned.shape[0], : turned.shape[1]] = turned
        return max((float(box[4]) for box in self.network.faces(canvas)[0]), default=0.0)
