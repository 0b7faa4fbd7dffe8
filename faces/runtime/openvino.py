"""OpenVINO behind the three methods of an ONNX Runtime session that insightface calls."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino
from numpy.typing import NDArray

from presente.errors import ConfigError, PackError
from presente.installation import command_line

log = logging.getLogger(__name__)

_DEVICE = "CPU"

_ONNX_TYPES = {"f32": "float", "f16": "float16", "i32": "int32", "u8": "uint8"}

_OFTEN, _MOST_SIZES = 64, 4
"""After so many inputs of one size a model is compiled for that size, which takes 0.2 s; for at most so many sizes."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: its name, its shape with None for a size that may vary, and its type in ONNX's words."""

    name: str
    shape: list[int | None]
    type: str


class OpenVinoSession:
    """A compiled model. Each thread that calls it gets an inference request of its own.

    With ``many_sizes``, sizes that come often get a model of their own: compiled for one size, a detector is a fifth
    quicker, and a change of size costs nothing.
    """

    def __init__(self, path: Path, precision: str, threads: int, at_once: int, many_sizes: bool = False) -> None:
        core = openvino.Core()
        if precision == "bf16" and not computes_bf16():
            raise ConfigError(
                "precision_unavailable",
                "This machine's CPU does not compute in bf16.",
                "Leave PRESENTE_PRECISION at f32.",
            )
        settings = {
            "INFERENCE_PRECISION_HINT": precision,  # left alone, OpenVINO takes bf16 wherever the CPU has it
            "NUM_STREAMS": at_once,
            "INFERENCE_NUM_THREADS": at_once * threads,
            "ENABLE_CPU_PINNING": False,  # there may be other processes on these cores
        }
        try:
            model = core.read_model(str(path))
            self._compiled = core.compile_model(model, _DEVICE, settings)
        except RuntimeError as exc:
            raise PackError(
                "damaged_model",
                f"OpenVINO cannot open {path} ({exc}).",
                f"Check the pack with `{command_line('faces check NAME')}`, or set PRESENTE_RUNTIME to onnxruntime.",
            ) from exc
        self._inputs = [_port(port) for port in self._compiled.inputs]
        self._outputs = [_port(port) for port in self._compiled.outputs]
        self._places = {port.name: place for place, port in enumerate(self._outputs)}
        self._own = threading.local()
        self._compile: Callable[[openvino.Model], openvino.CompiledModel] | None = None
        if many_sizes:
            self._model = model
            self._compile = lambda resized: core.compile_model(resized, _DEVICE, settings)
        self._asked: Counter[tuple[int, ...]] = Counter()
        self._of_size: dict[tuple[int, ...], openvino.CompiledModel] = {}
        self._lock = threading.Lock()

    def get_inputs(self) -> Sequence[Port]:
        """Inputs, in the model's order."""
        return self._inputs

    def get_outputs(self) -> Sequence[Port]:
        """Outputs, in the model's order."""
        return self._outputs

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The named outputs (all when None) for inputs by name."""
        given = [feeds[port.name] for port in self._inputs]
        found = self._request(self._compiled_for(given[0].shape)).infer(given, share_inputs=True)
        arrays: list[NDArray[Any]] = list(found.values())  # in the order of the outputs; looked up one by one is slow
        return arrays if names is None else [arrays[self._places[name]] for name in names]

    def _request(self, compiled: openvino.CompiledModel) -> openvino.InferRequest:
        """This thread's inference request of a compiled model."""
        if not hasattr(self._own, "requests"):
            self._own.requests = {}
        requests = self._own.requests
        if id(compiled) not in requests:
            requests[id(compiled)] = compiled.create_infer_request()
        return requests[id(compiled)]

    def _compiled_for(self, shape: tuple[int, ...]) -> openvino.CompiledModel:
        """The model of this size, or that of every size."""
        if self._compile is None or shape in self._of_size:
            return self._of_size.get(shape, self._compiled)
        with self._lock:
            self._asked[shape] += 1
            if self._asked[shape] != _OFTEN or len(self._of_size) == _MOST_SIZES:
                return self._compiled
            resized = self._model.clone()
        try:
            resized.reshape(list(shape))
            self._of_size[shape] = self._compile(resized)
        except RuntimeError as error:  # the model of every size goes on
            log.warning("OpenVINO cannot compile a model for inputs of %s: %s", shape, error)
            self._of_size[shape] = self._compiled
        return self._of_size[shape]


def computes_bf16() -> bool:
    """Whether this machine's CPU does."""
    return "BF16" in openvino.Core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")


def _port(port: openvino.ConstOutput) -> Port:
    shape = [size.get_length() if size.is_static else None for size in port.partial_shape]
    kind = port.element_type.get_type_name()
    return Port(port.any_name, shape, f"tensor({_ONNX_TYPES.get(kind, kind)})")
