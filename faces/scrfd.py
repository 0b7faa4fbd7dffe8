"""insightface's SCRFD, decoding what passes the threshold instead of everything first."""

from __future__ import annotations

from typing import Any

import numpy as np
from insightface.model_zoo.scrfd import SCRFD, distance2bbox, distance2kps
from numpy.typing import NDArray

Found = tuple[list[NDArray[np.float32]], list[NDArray[np.float32]], list[NDArray[np.float32]]]
"""Scores (n, 1), boxes (n, 4) and landmarks (n, 5, 2) in pixels of the input, an array a stride that has any."""


class LeanScrfd(SCRFD):  # type: ignore[misc]  # insightface has no types
    """SCRFD with five landmarks: the same faces, to the last bit, as its parent finds."""

    def forward(self, img: NDArray[np.uint8], threshold: float) -> Found:
        """Anchors at or above the threshold of a BGR uint8 photo (h, w, 3), h and w multiples of 32."""
        height, width = img.shape[:2]
        feeds = {self.input_name: self._prepare_input_blob(img, (width, height))}
        outputs: list[NDArray[Any]] = self.session.run(self.output_names, feeds)
        found: Found = ([], [], [])
        for level, stride in enumerate(self._feat_stride_fpn):
            scores, boxes, points = (output.reshape(-1, output.shape[-1]) for output in outputs[level :: self.fmc])
            passed = np.flatnonzero(scores[:, 0] >= threshold)
            if not len(passed):
                continue
            rows, columns = np.divmod(passed // self._num_anchors, width // stride)
            centres = (np.stack([columns, rows], axis=-1) * stride).astype(np.float32)
            found[0].append(scores[passed])
            found[1].append(distance2bbox(centres, boxes[passed] * stride))
            found[2].append(distance2kps(centres, points[passed] * stride).reshape(-1, 5, 2))
        return found
