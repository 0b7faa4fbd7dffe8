"""ONNX Runtime on an NVIDIA GPU: whether it is there, how it is set, and whether it took the model.

ONNX Runtime runs on the CPU, without an error, when its CUDA provider cannot be loaded or fails. That is refused here.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presente.errors import ConfigError

if TYPE_CHECKING:
    import onnxruntime

PROVIDER = "CUDAExecutionProvider"
_INSTALL = "Install it with `make cuda` (docs/install.md), or set PRESENTE_RUNTIME to auto."


def check_installed() -> None:
    """Look for ONNX Runtime's build for CUDA. It and the build for the CPU are one module, and exclude each other.

    Raises:
        ConfigError: ``runtime_conflict``, ``runtime_not_installed``.
    """
    builds = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(builds) == 2:
        raise ConfigError(
            "runtime_conflict",
            "onnxruntime and onnxruntime-gpu are both installed; the files of one have replaced those of the other.",
            "Uninstall both, then install one: `pip uninstall -y onnxruntime onnxruntime-gpu`, then "
            "`pip install --no-deps -r requirements-cuda.txt`.",
        )
    import onnxruntime

    if PROVIDER not in onnxruntime.get_available_providers():
        raise ConfigError(
            "runtime_not_installed",
            f"CUDA was asked for, and {' and '.join(builds) or 'ONNX Runtime'} {onnxruntime.__version__} "
            "is a build without it.",
            _INSTALL,
        )


def cuda_providers(memory_mb: int) -> list[tuple[str, dict[str, str]]]:
    """The provider and its options.

    Args:
        memory_mb: most memory of the GPU that one model takes, MB of 2^20 bytes; 0: no limit.
    """
    options = {
        "device_id": "0",  # of those that CUDA_VISIBLE_DEVICES leaves
        "cudnn_conv_algo_search": "HEURISTIC",  # the default tries every algorithm, for every size of a photo
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles
        "use_tf32": "0",  # it would round factors to 10 bits, and templates would be others than the CPU's
    }
    if memory_mb:
        options["gpu_mem_limit"] = str(memory_mb << 20)
    return [(PROVIDER, options)]


def check_taken(session: onnxruntime.InferenceSession, path: Path) -> None:
    """Make sure that a session runs on the GPU, and will not change to the CPU by itself.

    Raises:
        ConfigError: ``gpu_unavailable``.
    """
    in_use = session.get_providers()
    if in_use[:1] != [PROVIDER]:
        raise ConfigError(
            "gpu_unavailable",
            f"ONNX Runtime has CUDA, and runs {path} on {', '.join(in_use) or 'nothing'} all the same: there is no GPU "
            "here, its driver is too old, or CUDA or cuDNN cannot be loaded.",
            "See what `nvidia-smi` says, and install the libraries with `make cuda`; or set PRESENTE_RUNTIME to auto.",
        )
    session.disable_fallback()


def preload_libraries() -> None:
    """Load CUDA and cuDNN from their Python packages, where they are installed as such."""
    import onnxruntime

    preload: Any = getattr(onnxruntime, "preload_dlls", None)  # a build for the CPU may lack it
    if preload is not None:
        preload()


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
