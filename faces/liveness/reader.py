"""LivenessReader: how live the faces of a photo look, by the models of a liveness pack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces.declared_network import Declared, DeclaredNetwork
from faces.detection.detected_face import DetectedFace
from faces.image.decode import RGB
from faces.liveness.crops import LivenessCrop, cut_part
from faces.liveness.description import LivenessModel, LivenessOutput
from faces.liveness.liveness_pack import LivenessPack
from faces.liveness.values import LivenessScore
from faces.packs.description import LIVENESS_DESCRIPTION
from faces.runtime.session import RuntimeOptions


class LivenessReader:
    """Scores faces with one liveness pack. Safe to use from several threads."""

    def __init__(self, pack: LivenessPack, runtime: RuntimeOptions | None = None) -> None:
        """Open a pack's models, and try them.

        Raises:
            PackError: ``damaged_model``; ``unsuitable_model`` when a model takes or gives something else than is
                declared.
            ConfigError: as :func:`faces.runtime.session.open_session`.
        """
        self.pack = pack
        self._models = [
            _Model(pack.name, file, described, runtime or RuntimeOptions())
            for file, described in zip(pack.files, pack.description.models, strict=True)
        ]

    @property
    def threshold(self) -> float:
        """The score, from 0 to 1, from which a face counts as live by the pack's own declaration."""
        return self.pack.description.threshold

    def cut(self, pixels: RGB, face: DetectedFace) -> LivenessCrop:
        """What the models are given of a face: to be called while the photo's pixels are there.

        Args:
            pixels: RGB uint8 (h, w, 3), the photo.
            face: a face in it, with a box in its pixels.
        """
        if not face.side >= self.pack.description.least_face:  # a box without area is none, NaN neither
            return LivenessCrop((), "too_small")
        pictures = []
        for model in self._models:
            picture = model.cut(pixels, face)
            if picture is None:
                return LivenessCrop((), "too_tight")
            pictures.append(picture)
        return LivenessCrop(tuple(pictures))

    def scores(self, crops: Sequence[LivenessCrop]) -> list[LivenessScore]:
        """The scores of faces that :meth:`cut` cut out, in their order: the mean of the models' probabilities."""
        found = [LivenessScore(None, self.pack.tag, crop.reason) for crop in crops]
        judged = [place for place, crop in enumerate(crops) if crop.reason is None]
        if judged:
            live = [
                model.probabilities([crops[place].pictures[number] for place in judged])
                for number, model in enumerate(self._models)
            ]
            for place, score in zip(judged, np.mean(live, axis=0), strict=True):
                found[place] = LivenessScore(float(score), self.pack.tag)
        return found


class _Model:
    """One model of a pack: the probability that a face is live."""

    def __init__(self, name: str, file: Path, described: LivenessModel, runtime: RuntimeOptions) -> None:
        declared = Declared(f"liveness pack {name!r}", LIVENESS_DESCRIPTION)
        self._described = described
        self._network = DeclaredNetwork(file, described.input, declared, runtime)
        count, output = self._network.fixed or 1, described.output
        rows = [[count, output.classes]]
        given = (
            self._network.check_outputs(rows, [[count]]) if output.classes == 1 else self._network.check_outputs(rows)
        )
        if output.form == "probabilities" and not ((given[0] >= 0) & (given[0] <= 1)).all():
            raise self._network.unsuitable("it gives numbers beyond 0 and 1, and probabilities are declared")

    def cut(self, pixels: RGB, face: DetectedFace) -> RGB | None:
        """What it sees of a face; None when the photo shows too little around it."""
        return cut_part(pixels, face, self._described.crop, self._network.height, self._network.width)

    def probabilities(self, pictures: Sequence[RGB]) -> NDArray[np.float64]:
        """Float64 (n,), of n pictures."""
        step = self._network.at_once
        rows = [
            self._network.outputs(pictures[start : start + step])[0][: len(pictures) - start]
            for start in range(0, len(pictures), step)
        ]
        return live_probabilities(np.concatenate(rows), self._described.output)


def live_probabilities(rows: NDArray[np.floating], output: LivenessOutput) -> NDArray[np.float64]:
    """The probability of a live face, from 0 to 1: float64 (n,), of what a model gives, (n, classes) or (n,)."""
    values = rows.reshape(len(rows), output.classes).astype(np.float64)
    if output.form == "probabilities":
        return np.clip(values[:, output.live], 0.0, 1.0)
    if output.classes == 1:  # the logistic function is the softmax of a logit and 0
        values = np.hstack([values, np.zeros_like(values)])
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers[:, output.live] / powers.sum(axis=1))
