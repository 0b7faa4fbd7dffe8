"""PoseReader: the keypoints of the bodies below faces, by the model of a pose pack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faces.image.decode import RGB
from faces.pose.keypoints import COCO, PLACE, Box, Keypoints
from faces.pose.model import PoseModel
from faces.pose.neighbourhood import cut
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
        boxes: list[Box] = [(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in faces]
        if not all(x1 < x2 and y1 < y2 for x1, y1, x2, y2 in boxes):
            raise ValueError("a face's box has no area")
        found, at_once = [], self._model.at_once
        for start in range(0, len(boxes), at_once):
            some = boxes[start : start + at_once]
            crops = [cut(pixels, box, self._model.height, self._model.width) for box in some]
            for row, crop, box in zip(self._model.find([each.pixels for each in crops]), crops, some, strict=True):
                points, scores = np.zeros((len(COCO), 2), np.float32), np.zeros(len(COCO), np.float32)
                points[self._to] = crop.to_picture(row[self._from, :2])
                scores[self._to] = row[self._from, 2]
                found.append(Keypoints(points, scores, box))
        return found
