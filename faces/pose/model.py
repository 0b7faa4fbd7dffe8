"""A pose pack's model on a session: crops to keypoints, in the model's own order."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.pose.description import per_colour
from faces.pose.outputs import Output, from_heatmap, from_movenet, from_simcc
from faces.pose.pose_pack import PosePack
from faces.runtime.session import RuntimeOptions, Session, input_type, open_session, plain_session
from presente.errors import PackError

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Most crops in one call of a model that takes any number."""

_ANY = 0


class PoseModel:
    """Finds keypoints in crops. Safe to use from several threads."""

    def __init__(self, pack: PosePack, runtime: RuntimeOptions) -> None:
        """Open a pack's model, and try it.

        Raises:
            PackError: ``damaged_model``; ``unsuitable_model`` when it takes or gives something else than is declared.
            ConfigError: as :func:`faces.runtime.session.open_session`.
        """
        self._pack, self._session = pack, _opened(pack, runtime)
        declared = pack.description.input
        self.height, self.width = declared.height, declared.width
        self._nchw, self._bgr = declared.layout == "nchw", declared.colours == "bgr"
        self._mean, self._scale = (np.array(per_colour(each), np.float32) for each in (declared.mean, declared.scale))
        port = self._session.get_inputs()[0]
        self._input, self._type = port.name, input_type(port)
        self._fixed = port.shape[0] if isinstance(port.shape[0], int) else None
        self._check()

    @property
    def at_once(self) -> int:
        """How many crops one call of the model takes at most."""
        return self._fixed or AT_ONCE

    def find(self, crops: Sequence[RGB]) -> NDArray[np.float32]:
        """Keypoints in 1 to :attr:`at_once` crops, RGB uint8 (height, width, 3).

        Returns:
            float32 (n, k, 3): x and y in pixels of the crop, and the score, from 0 to 1.
        """
        outputs, form = self._outputs(crops), self._pack.description.output
        if form.form == "movenet":
            found = from_movenet(outputs, self.height, self.width)
        elif form.form == "simcc":
            found = from_simcc(outputs, form.split_ratio)
        else:
            found = from_heatmap(outputs, self.height, self.width)
        return found[: len(crops)]

    def _outputs(self, crops: Sequence[RGB]) -> list[Output]:
        """What the model gives for crops; black ones fill a batch of fixed size."""
        missing = (self._fixed or len(crops)) - len(crops)
        black = [np.zeros((self.height, self.width, 3), np.uint8)] * missing
        pixels = np.stack([*crops, *black])[..., :: -1 if self._bgr else 1]
        given = ((pixels - self._mean) / self._scale).astype(self._type)
        given = given.transpose(0, 3, 1, 2) if self._nchw else given
        return self._session.run(None, {self._input: np.ascontiguousarray(given)})

    def _check(self) -> None:
        """Compare the model with its description, and run it on noise.

        Raises:
            PackError: ``unsuitable_model``.
        """
        takes = [size if isinstance(size, int) else _ANY for size in self._session.get_inputs()[0].shape]
        picture = [3, self.height, self.width] if self._nchw else [self.height, self.width, 3]
        if not _agrees(takes, [_ANY, *picture]):
            raise self._unsuitable(f"it takes {takes}, and {[_ANY, *picture]} is declared")
        noise = np.random.default_rng(0).integers(0, 256, (self.height, self.width, 3), dtype=np.uint8)
        try:
            outputs = self._outputs([noise])
        except Exception as exc:  # a runtime's own errors have no common public base
            raise self._unsuitable(f"it cannot be run ({exc})") from exc
        given, declared = [list(output.shape) for output in outputs], self._declared_outputs()
        if len(given) != len(declared) or not all(map(_agrees, given, declared)):
            raise self._unsuitable(f"it gives {given}, and {declared} is declared")
        if not all(np.isfinite(output).all() for output in outputs):
            raise self._unsuitable("it gives numbers that are not finite")

    def _declared_outputs(self) -> list[list[int]]:
        """The shapes of the outputs that the description means; 0: any size."""
        kinds, form, count = len(self._pack.description.order), self._pack.description.output, self._fixed or 1
        if form.form == "movenet":
            return [[count, 1, kinds, 3]]
        if form.form == "simcc":
            return [[count, kinds, round(side * form.split_ratio)] for side in (self.width, self.height)]
        return [[count, kinds, _ANY, _ANY]]

    def _unsuitable(self, why: str) -> PackError:
        return PackError(
            "unsuitable_model",
            f"{self._pack.model} is not what pose pack {self._pack.name!r} describes: {why} (0: any size).",
            "Correct its pose.json, or put the right file there.",
        )


def _agrees(given: Sequence[int], declared: Sequence[int]) -> bool:
    return len(given) == len(declared) and all(
        one == other or _ANY in (one, other) for one, other in zip(given, declared, strict=True)
    )


def _opened(pack: PosePack, runtime: RuntimeOptions) -> Session:
    """The model's session; ONNX Runtime on the CPU where the chosen runtime gives other numbers.

    A model that looks for maxima itself, as MoveNet does, may on noise give quite another place for a slightly other
    number.

    Raises:
        PackError: ``damaged_model``.
        ConfigError: as :func:`faces.runtime.session.open_session`.
    """
    try:
        return open_session(pack.model, runtime)
    except PackError as error:
        if error.code != "runtime_disagrees":
            raise
        log.warning("%s It is run by ONNX Runtime on the CPU.", error.what)
        return plain_session(pack.model, runtime.threads)
