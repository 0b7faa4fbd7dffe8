"""A pose pack's model on a session: crops to keypoints, in the model's own order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faces.declared_network import ANY, Declared, DeclaredNetwork
from faces.image.decode import RGB
from faces.packs.description import POSE_DESCRIPTION
from faces.pose.outputs import from_heatmap, from_movenet, from_simcc
from faces.pose.pose_pack import PosePack
from faces.runtime.session import RuntimeOptions


class PoseModel:
    """Finds keypoints in crops. Safe to use from several threads."""

    def __init__(self, pack: PosePack, runtime: RuntimeOptions) -> None:
        """Open a pack's model, and try it.

        Raises:
            PackError: ``damaged_model``; ``unsuitable_model`` when it takes or gives something else than is declared.
            ConfigError: as :func:`faces.runtime.session.open_session`.
        """
        self._described = pack.description
        declared = Declared(f"pose pack {pack.name!r}", POSE_DESCRIPTION)
        self._network = DeclaredNetwork(pack.model, self._described.input, declared, runtime)
        self.height, self.width = self._network.height, self._network.width
        self._network.check_outputs(self._declared_outputs())

    @property
    def at_once(self) -> int:
        """How many crops one call of the model takes at most."""
        return self._network.at_once

    def find(self, crops: Sequence[RGB]) -> NDArray[np.float32]:
        """Keypoints in 1 to :attr:`at_once` crops, RGB uint8 (height, width, 3).

        Returns:
            float32 (n, k, 3): x and y in pixels of the crop, and the score, from 0 to 1.
        """
        outputs, form = self._network.outputs(crops), self._described.output
        if form.form == "movenet":
            found = from_movenet(outputs, self.height, self.width)
        elif form.form == "simcc":
            found = from_simcc(outputs, form.split_ratio)
        else:
            found = from_heatmap(outputs, self.height, self.width)
        return found[: len(crops)]

    def _declared_outputs(self) -> list[list[int]]:
        """The shapes of the outputs that the description means."""
        kinds, form, count = len(self._described.order), self._described.output, self._network.fixed or 1
        if form.form == "movenet":
            return [[count, 1, kinds, 3]]
        if form.form == "simcc":
            return [[count, kinds, round(side * form.split_ratio)] for side in (self.width, self.height)]
        return [[count, kinds, ANY, ANY]]
