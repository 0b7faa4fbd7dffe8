"""PoseReader: the keypoints of the bodies below faces, by the model of a pose pack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faces.image.decode import RGB
from faces.pose.keypoints import COCO, PLACE, Box, Keypoints
from faces.pose.model import PoseModel
from faces.pose.neighbourhood import Crop, cut
from faces.pose.pose_pack import PosePack
from faces.runtime.session import RuntimeOptions


class PoseReader:
    """Finds keypoints with one pose pack. Safe to use from several threads."""

    def __init__(self, pack: PosePack, runtime: RuntimeOptions | None = None) -> None:
        """Open a pack's model, and try it.

        Raises:
            PackError: as :class:`faces.pose.model.PoseModel`.
            ConfigError: likewise.
        """
        self.pack = pack
        self._model = PoseModel(pack, runtime or RuntimeOptions())
        order = pack.description.order
        self._from = [order.index(name) for name in COCO if name in order]
        self._to = [PLACE[name] for name in COCO if name in order]

    def keypoints(self, pixels: RGB, faces: Sequence[Box]) -> list[Keypoints]:
        """The keypoints of the people whose faces these are, in their order.

        Args:
            pixels: RGB uint8 (h, w, 3).
            faces: boxes of faces in it, x1, y1, x2, y2 in pixels; the body is looked for in the neighbourhood of each
                (:mod:`faces.pose.neighbourhood`).

        Raises:
            ValueError: a box has no area.
        """
        return self.find([self.cut(pixels, face) for face in faces])

    def cut(self, pixels: RGB, face: Box) -> Crop:
        """The neighbourhood of a face in a picture, as the model takes it.

        Raises:
            ValueError: the box has no area.
        """
        x1, y1, x2, y2 = (float(edge) for edge in face)
        if not (x1 < x2 and y1 < y2):
            raise ValueError("a face's box has no area")
        return cut(pixels, (x1, y1, x2, y2), self._model.height, self._model.width)

    def find(self, crops: Sequence[Crop]) -> list[Keypoints]:
        """The keypoints in crops that :meth:`cut` gave, in their order."""
        found, at_once = [], self._model.at_once
        for start in range(0, len(crops), at_once):
            some = crops[start : start + at_once]
            for row, crop in zip(self._model.find([each.pixels for each in some]), some, strict=True):
                points, scores = np.zeros((len(COCO), 2), np.float32), np.zeros(len(COCO), np.float32)
                points[self._to] = crop.to_picture(row[self._from, :2])
                scores[self._to] = row[self._from, 2]
                found.append(Keypoints(points, scores, crop.face))
        return found
