"""Inference sessions. Runtime, precision and threads are decided here, never by insightface.

OpenVINO, CUDA, and a graph that was rewritten for speed, are compared with ONNX Runtime's CPU provider on the unchanged
file when they are opened, and refused when they give other numbers: so templates of one pack can be compared whichever
runtime made them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from faces.runtime.coalescing import CoalescingSession, can_coalesce
from faces.runtime.cuda import check_installed, check_taken, cuda_providers, preload_libraries
from faces.runtime.graph_rewriting import with_free_size, without_prelu
from presente.errors import ConfigError, PackError
from presente.installation import command_line
from presente.parallel import default_workers

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

Runtime = Literal["onnxruntime", "openvino", "cuda"]
Precision = Literal["f32", "bf16", "int8"]

_TOLERANCE: Mapping[Precision, float] = {"f32": 0.014, "bf16": 0.2, "int8": 0.35}
"""Largest relative difference from the plain session: a row within 0.014 of another has a cosine above 0.9999 with it,
one within 0.2 above 0.98, one within 0.35 above 0.93. Runtimes round the numbers of a quantized graph differently, by
0.15 to 0.19 on noise; what that does to faces is what the check of a precision measures."""

GPU_BATCH = 64
"""Most inputs of one inference on a GPU; of crops that are 9.6 MB."""

_INPUT_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
}

_GPU_AT_ONCE = 2
"""Inferences of a model at once on a GPU: one computes while the other's numbers are copied."""


class Session(Protocol):
    """What insightface asks of a session, as ONNX Runtime has it."""

    def get_inputs(self) -> Sequence[Any]:
        """Inputs, each with ``name``, ``shape`` and ``type``; a size that may vary is no int."""

    def get_outputs(self) -> Sequence[Any]:
        """Outputs, likewise."""

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The named outputs (all when None) for inputs by name. Safe to call from several threads."""


class _InTurns:
    """A session of which so many inferences run at once."""

    def __init__(self, session: Session, at_once: int) -> None:
        self.get_inputs = session.get_inputs
        self.get_outputs = session.get_outputs
        self._run = session.run
        self._turns = threading.Semaphore(at_once)

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """As :meth:`Session.run`."""
        with self._turns:
            return self._run(names, feeds)


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How models are run.

    Attributes:
        runtime: ``openvino``, ``onnxruntime`` on the CPU, ``cuda``: ONNX Runtime on an NVIDIA GPU, or ``auto``:
            OpenVINO where it is installed, else ``onnxruntime``.
        precision: of the arithmetic inside a model; ``bf16`` on OpenVINO only, and only where the CPU has it. ``int8``
            is a quantized graph, which a pack has once it has passed the check; the rest of it is f32 or bf16.
        threads: threads of one inference. It is 1 by default because both the server and the indexer get their
            parallelism from running several inferences at once, which wastes less than splitting each.
        at_once: how many inferences of a model run at once, one per core as a rule; more wait their turn. More at once
            would be no quicker, and ONNX Runtime keeps the memory that as many ever took together.
    """

    runtime: Runtime | Literal["auto"] = "auto"
    precision: Precision = "f32"
    threads: int = 1
    at_once: int = field(default_factory=default_workers)
    gpu_memory_mb: int = 0


def chosen_runtime(options: RuntimeOptions) -> Runtime:
    """The runtime that the options come to on this machine.

    Raises:
        ConfigError: ``runtime_not_installed``, ``runtime_conflict``, ``precision_unavailable``.
    """
    if options.runtime == "cuda":
        check_installed()
        if options.precision != "f32":
            raise ConfigError(
                "precision_unavailable",
                f"On a GPU models are computed in f32, not in {options.precision}.",
                "Leave PRESENTE_PRECISION at f32, or set PRESENTE_RUNTIME to auto.",
            )
        return "cuda"
    installed = util.find_spec("openvino") is not None
    if options.runtime == "openvino" and not installed:
        raise ConfigError(
            "runtime_not_installed",
            "OpenVINO was asked for and is not installed.",
            "Install it with `make openvino`, or set PRESENTE_RUNTIME to auto.",
        )
    runtime: Runtime = "openvino" if installed and options.runtime != "onnxruntime" else "onnxruntime"
    if options.precision == "bf16" and runtime == "onnxruntime":
        raise ConfigError(
            "precision_unavailable",
            "ONNX Runtime computes in f32, not in bf16.",
            "Leave PRESENTE_PRECISION at f32, or install OpenVINO with `make openvino`.",
        )
    return runtime


def bf16_is_available() -> bool:
    """Whether OpenVINO is installed, on a CPU that computes in bf16."""
    if util.find_spec("openvino") is None:
        return False
    from faces.runtime.openvino import computes_bf16

    return computes_bf16()


def described_runtime(options: RuntimeOptions) -> str:
    """The chosen runtime for people and reports: ``openvino 2026.4.1 f32``."""
    runtime = chosen_runtime(options)
    distribution = {"cuda": "onnxruntime-gpu"}.get(runtime, runtime)
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:  # the build for CUDA runs on the CPU as well
        version = metadata.version("onnxruntime-gpu")
    return f"{runtime} {version} {options.precision}"


def open_session(path: Path, options: RuntimeOptions, any_size: bool = False, quantized: bool = False) -> Session:
    """Open an ONNX file for inference.

    Args:
        path: the file.
        options: how it is run.
        any_size: whether the network is given pictures of many sizes: on ONNX Runtime one that says it takes pictures
            of one size takes others then, if it can; on OpenVINO sizes that come often are compiled for.
        quantized: whether the graph is quantized; then ``options.precision`` is that of the rest.

    Raises:
        ConfigError: ``runtime_not_installed``, ``runtime_conflict``, ``gpu_unavailable``, ``precision_unavailable``.
        PackError: ``damaged_model`` when the runtime cannot read the file; ``runtime_disagrees`` when it gives other
            numbers than ONNX Runtime does.
    """
    runtime = chosen_runtime(options)
    plain = plain_session(path, options.threads)
    allowed = _TOLERANCE["int8" if quantized else options.precision]
    if runtime == "onnxruntime":
        return _InTurns(_rewritten(path, plain, options, any_size, allowed), options.at_once)
    session: Session
    if runtime == "cuda":
        session = _on_gpu(path, options)
    else:
        from faces.runtime.openvino import OpenVinoSession  # importable only where OpenVINO is installed

        session = OpenVinoSession(path, options.precision, options.threads, options.at_once, any_size)
    off = difference(session, plain)
    if not off <= allowed:
        raise PackError(
            "runtime_disagrees",
            f"{described_runtime(options)} gives other numbers for {path} than ONNX Runtime: they are off by {off:.2g} "
            f"of their length, {allowed:g} is allowed.",
            "Set PRESENTE_RUNTIME to onnxruntime, and PRESENTE_PRECISION to f32.",
        )
    return session


def _on_gpu(path: Path, options: RuntimeOptions) -> Session:
    """The model on the GPU; inputs of several threads are joined if it takes several."""
    preload_libraries()
    opened = _onnxruntime_session(path, str(path), options.threads, cuda_providers(options.gpu_memory_mb))
    check_taken(opened, path)
    return joined(opened)


def joined(session: Session) -> Session:
    """A session that joins the inputs of several threads if its model takes several, and else runs them in turns."""
    if can_coalesce(session, _TOLERANCE["f32"]):
        return CoalescingSession(session, _GPU_AT_ONCE, GPU_BATCH)
    return _InTurns(session, _GPU_AT_ONCE)


def _rewritten(path: Path, plain: Session, options: RuntimeOptions, any_size: bool, allowed: float) -> Session:
    """The model without PReLU when it has any, or of any size, if it gives the same numbers then; else ``plain``."""
    free = _of_any_size(path, options) if any_size else None
    if free is not None and difference(free, plain) <= allowed:
        return free
    model = without_prelu(path)
    if model is None:
        return plain
    session: Session = _onnxruntime_session(path, model, options.threads)
    off = difference(session, plain)
    if off <= allowed:
        return session
    log.warning("%s gives other numbers when its PReLUs are rewritten (off by %.2g): left as it is", path, off)
    return plain


def _of_any_size(path: Path, options: RuntimeOptions) -> Session | None:
    """A model of one size as one of any size; None when it is that already, or computes with its size."""
    model = with_free_size(path)
    if model is None:
        return None
    try:
        session: Session = _onnxruntime_session(path, model, options.threads)
        _try_sizes(session)
    except PackError as error:
        log.warning("%s takes pictures of its own size only: %s", path, error.what)
        return None
    return session


def _try_sizes(session: Session) -> None:
    """Run a session on two small pictures.

    Raises:
        PackError: ``damaged_model``: it cannot.
    """
    name = session.get_inputs()[0].name
    for height, width in ((64, 96), (160, 32)):
        try:
            session.run(None, {name: np.zeros((1, 3, height, width), np.float32)})
        except Exception as exc:  # as below
            raise PackError("damaged_model", f"It does not take {width} x {height} pixels ({exc}).", "") from exc


def plain_session(path: Path, threads: int = 1) -> Session:
    """ONNX Runtime on the unchanged file, with which all other sessions are compared."""
    session: Session = _onnxruntime_session(path, str(path), threads)
    return session


def _onnxruntime_session(
    path: Path, model: str | bytes, threads: int, providers: Sequence[tuple[str, dict[str, str]]] = ()
) -> onnxruntime.InferenceSession:
    """A session on the CPU; or, with ``providers``, on them, and on the CPU what they cannot do."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Detection runs at many input sizes, for each of which a memory pattern would be kept.
    settings.enable_mem_pattern = False
    settings.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, settings, providers=[*providers, "CPUExecutionProvider"])
    except Exception as exc:  # ONNX Runtime raises a family of pybind exceptions with no common public base
        raise PackError(
            "damaged_model",
            f"ONNX Runtime cannot open {path} ({exc}).",
            f"Check the pack with `{command_line('faces check NAME')}`, or pull it again.",
        ) from exc


def input_type(port: Any) -> type[np.generic]:
    """The numbers that an input takes.

    Raises:
        PackError: ``unsuitable_model`` for any that no picture is given as.
    """
    if port.type not in _INPUT_TYPES:
        raise PackError(
            "unsuitable_model",
            f"The model's input {port.name!r} is a {port.type}.",
            f"Use a model that takes one of {', '.join(_INPUT_TYPES)}.",
        )
    return _INPUT_TYPES[port.type]


def difference(session: Session, plain: Session) -> float:
    """Largest relative difference of two sessions' outputs on fixed noise, as large as scaled pixels and as raw ones.

    NaN when one of them gives NaN.
    """
    port = plain.get_inputs()[0]
    shape = [
        size if isinstance(size, int) else default for size, default in zip(port.shape, (1, 3, 128, 128), strict=True)
    ]
    kind = input_type(port)
    lowest = 0 if kind == np.uint8 else -1
    chance = np.random.default_rng(0)
    off = 0.0
    for low, high in ((-1, 1), (0, 255)):
        feeds = {port.name: chance.uniform(max(low, lowest), high, shape).astype(kind)}
        for ours, theirs in zip(session.run(None, feeds), plain.run(None, feeds), strict=True):
            length = max(float(np.linalg.norm(theirs)), 1e-12)
            off = float(np.maximum(off, np.linalg.norm(ours - theirs) / length))
    return off
