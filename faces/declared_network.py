"""A network whose folder declares what it takes: pictures of one size, to whatever it gives."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.runtime.session import RuntimeOptions, Session, input_type, open_session, plain_session
from presente.errors import PackError

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Most pictures in one call of a network that takes any number."""

ANY = 0
"""In a shape: a side of any length."""

Output = NDArray[np.floating[Any]]

_Side = Annotated[int, msgspec.Meta(ge=32, le=1024)]
_PerColour = float | tuple[float, float, float]


class NetworkInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network takes.

    Attributes:
        height, width: in pixels.
        layout: whether the colours are the second axis or the last one.
        colours: their order.
        mean, scale: of a pixel v it is given (v - mean) / scale; one number, or one per colour, in their order.
    """

    height: _Side
    width: _Side
    layout: Literal["nchw", "nhwc"] = "nchw"
    colours: Literal["rgb", "bgr"] = "rgb"
    mean: _PerColour = 0.0
    scale: _PerColour = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing can be computed."""
        if not all(math.isfinite(value) for value in (*per_colour(self.mean), *per_colour(self.scale))):
            raise ValueError("mean and scale must be finite")
        if not all(value > 0 for value in per_colour(self.scale)):
            raise ValueError("scale must be above 0")


def per_colour(value: _PerColour) -> tuple[float, float, float]:
    """A number per colour."""
    return value if isinstance(value, tuple) else (value, value, value)


class Declared(NamedTuple):
    """Where a network is declared, for what is said of one that is something else.

    Attributes:
        pack: kind and name, like ``pose pack 'mine'``.
        file: the description's name.
    """

    pack: str
    file: str


class DeclaredNetwork:
    """Runs a network on pictures. Safe to use from several threads."""

    def __init__(self, model: Path, takes: NetworkInput, declared: Declared, runtime: RuntimeOptions) -> None:
        """Open an ONNX file, and compare its input with what is declared.

        Raises:
            PackError: ``damaged_model``; ``unsuitable_model`` when it takes something else.
            ConfigError: as :func:`faces.runtime.session.open_session`.
        """
        self._model, self._declared = model, declared
        self._session = _opened(model, runtime)
        self.height, self.width = takes.height, takes.width
        self._nchw, self._bgr = takes.layout == "nchw", takes.colours == "bgr"
        self._mean, self._scale = (np.array(per_colour(each), np.float32) for each in (takes.mean, takes.scale))
        port = self._session.get_inputs()[0]
        self._input, self._type = port.name, input_type(port)
        self.fixed: int | None = port.shape[0] if isinstance(port.shape[0], int) else None
        """How many pictures it takes at once, when it takes only so many."""
        given = [size if isinstance(size, int) else ANY for size in port.shape]
        picture = [3, self.height, self.width] if self._nchw else [self.height, self.width, 3]
        if not agrees(given, [ANY, *picture]):
            raise self.unsuitable(f"it takes {given}, and {[ANY, *picture]} is declared")

    @property
    def at_once(self) -> int:
        """How many pictures one call takes at most."""
        return self.fixed or AT_ONCE

    def outputs(self, pictures: Sequence[RGB]) -> list[Output]:
        """What the network gives for 1 to :attr:`at_once` RGB uint8 (height, width, 3) pictures.

        The first axis of what is given may be longer: black pictures fill a batch of fixed size.
        """
        missing = (self.fixed or len(pictures)) - len(pictures)
        black = [np.zeros((self.height, self.width, 3), np.uint8)] * missing
        pixels = np.stack([*pictures, *black])[..., :: -1 if self._bgr else 1]
        given = ((pixels - self._mean) / self._scale).astype(self._type)
        given = given.transpose(0, 3, 1, 2) if self._nchw else given
        return self._session.run(None, {self._input: np.ascontiguousarray(given)})

    def check_outputs(self, *declared: Sequence[Sequence[int]]) -> list[Output]:
        """Run the network on noise, and compare the shapes of what it gives with those that are declared.

        Args:
            declared: a shape per output, :data:`ANY` for any length; one of several is enough.

        Returns:
            What it gives.

        Raises:
            PackError: ``unsuitable_model``.
        """
        noise = np.random.default_rng(0).integers(0, 256, (self.height, self.width, 3), dtype=np.uint8)
        try:
            outputs = self.outputs([noise])
        except Exception as exc:  # a runtime's own errors have no common public base
            raise self.unsuitable(f"it cannot be run ({exc})") from exc
        given = [list(output.shape) for output in outputs]
        if not any(len(given) == len(each) and all(map(agrees, given, each)) for each in declared):
            raise self.unsuitable(f"it gives {given}, and {' or '.join(map(str, declared))} is declared")
        if not all(np.isfinite(output).all() for output in outputs):
            raise self.unsuitable("it gives numbers that are not finite")
        return outputs

    def unsuitable(self, why: str) -> PackError:
        """The error for a network that is not what is declared."""
        return PackError(
            "unsuitable_model",
            f"{self._model} is not what {self._declared.pack} describes: {why} (0: any size).",
            f"Correct its {self._declared.file}, or put the right file there.",
        )


def agrees(given: Sequence[int], declared: Sequence[int]) -> bool:
    """Whether a shape is the declared one."""
    return len(given) == len(declared) and all(
        one == other or ANY in (one, other) for one, other in zip(given, declared, strict=True)
    )


def _opened(model: Path, runtime: RuntimeOptions) -> Session:
    """The network's session; ONNX Runtime on the CPU where the chosen runtime gives other numbers.

    A network that looks for maxima itself, as MoveNet does, may on noise give quite another place for a slightly other
    number.

    Raises:
        PackError: ``damaged_model``.
        ConfigError: as :func:`faces.runtime.session.open_session`.
    """
    try:
        return open_session(model, runtime)
    except PackError as error:
        if error.code != "runtime_disagrees":
            raise
        log.warning("%s It is run by ONNX Runtime on the CPU.", error.what)
        return plain_session(model, runtime.threads)
