"""OpenVINO behind the three methods of an ONNX Runtime session that insightface calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino
from numpy.typing import NDArray

from presente.errors import ConfigError, PackError
from presente.installation import command_line

_DEVICE = "CPU"


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: its name, and its shape with None for a size that may vary."""

    name: str
    shape: list[int | None]


class OpenVinoSession:
    """A compiled model. Each thread that calls it gets an inference request of its own."""

    def __init__(self, path: Path, precision: str, threads: int, at_once: int) -> None:
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
            self._compiled = core.compile_model(core.read_model(str(path)), _DEVICE, settings)
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

    def get_inputs(self) -> Sequence[Port]:
        """Inputs, in the model's order."""
        return self._inputs

    def get_outputs(self) -> Sequence[Port]:
        """Outputs, in the model's order."""
        return self._outputs

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The named outputs (all when None) for inputs by name."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        found = self._own.request.infer([feeds[port.name] for port in self._inputs], share_inputs=True)
        arrays: list[NDArray[Any]] = list(found.values())  # in the order of the outputs; looked up one by one is slow
        return arrays if names is None else [arrays[self._places[name]] for name in names]


def computes_bf16() -> bool:
    """Whether this machine's CPU does."""
    return "BF16" in openvino.Core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")


def _port(port: openvino.ConstOutput) -> Port:
    return Port(port.any_name, [size.get_length() if size.is_static else None for size in port.partial_shape])
