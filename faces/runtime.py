"""Inference sessions. One place decides threads and providers, so that insightface never decides them for us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presente.errors import PackError

if TYPE_CHECKING:
    import onnxruntime


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How an ONNX Runtime session is opened.

    ``threads`` is the number of intra-op threads of one inference. It is 1 by default because both the server and the
    indexer get their parallelism from running several inferences at once, which wastes less than splitting each.
    """

    threads: int = 1
    providers: Sequence[str] = ("CPUExecutionProvider",)


def open_session(path: Path, options: RuntimeOptions) -> onnxruntime.InferenceSession:
    """Open an ONNX file for inference.

    Raises:
        PackError: ``damaged_model`` when ONNX Runtime cannot read the file.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Detection runs at many input sizes, for each of which a memory pattern would be kept.
    settings.enable_mem_pattern = False
    settings.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=list(options.providers))
    except Exception as exc:  # ONNX Runtime raises a family of pybind exceptions with no common public base
        raise PackError(
            "damaged_model",
            f"ONNX Runtime cannot open {path} ({exc}).",
            "Check the pack with `python -m faces check NAME`, or pull it again.",
        ) from exc
