"""An embedder's graph quantized to int8 by ONNX Runtime's tools, calibrated on what the network is given for faces.

Quantized are the convolutions that are not grouped, and matrix products: almost all of the work. Grouped (depthwise)
convolutions stay as they are, because they have few values per channel to even out rounding: with them quantized,
templates of a MobileFaceNet have a cosine of 0.87 to those in f32, without 0.998 (docs/adr/0045-precision.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.image.decode import RGB
from faces.packs.model_pack import ModelPack
from faces.recognition import Recogniser
from faces.runtime.session import Session, plain_session
from presente.errors import PackError

_AT_ONCE = 16
_QUANTIZED = ("Conv", "Gemm", "MatMul")
_OPSET = 13
"""The first in which a weight may have a scale per channel."""


def quantized(pack: ModelPack, crops: Sequence[RGB]) -> bytes:
    """The pack's embedder in int8, an ONNX file; ``crops`` as for :meth:`Recogniser.embed`.

    Weights have 7 bits, symmetric, one scale per channel: with 8, sums saturate on CPUs without VNNI, and templates
    would depend on the CPU. Activations are uint8, one scale per tensor, from the least to the largest value that the
    crops give (QDQ format).

    Raises:
        PackError: ``not_quantizable``.
    """
    feeds = network_inputs(pack, crops)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _quantized(pack.recognition, feeds, Path(folder))
    except PackError:
        raise
    except Exception as exc:  # the tools raise whatever their steps raise
        raise PackError(
            "not_quantizable",
            f"{pack.recognition} cannot be quantized ({type(exc).__name__}: {exc}).",
            "Leave PRESENTE_PRECISION at f32.",
        ) from exc


def network_inputs(pack: ModelPack, crops: Sequence[RGB]) -> list[dict[str, NDArray[Any]]]:
    """What the network is given for the crops, batch by batch: scaled, and in the layout of its input."""
    recording = _Recording(plain_session(pack.recognition))
    recogniser = Recogniser(recording, pack.recognition, pack.flip, pack.preprocessing)
    for start in range(0, len(crops), _AT_ONCE):
        recogniser.features(crops[start : start + _AT_ONCE])
    return recording.feeds


class _Recording:
    """A session that keeps what it is given."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.feeds: list[dict[str, NDArray[Any]]] = []

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.feeds.append({name: np.array(value) for name, value in feeds.items()})
        return self._session.run(names, feeds)


def _quantized(model_file: Path, feeds: Sequence[dict[str, NDArray[Any]]], folder: Path) -> bytes:
    nodes = fold(model_file, folder / "folded.onnx")
    chosen = [name for name, is_grouped in nodes.items() if not is_grouped]
    if not chosen:
        raise PackError(
            "not_quantizable",
            f"{model_file} has no convolution or matrix product that could be quantized.",
            "Leave PRESENTE_PRECISION at f32.",
        )
    quantize(folder / "folded.onnx", folder / "int8.onnx", feeds, chosen)
    return (folder / "int8.onnx").read_bytes()


def fold(model_file: Path, target: Path) -> dict[str, bool]:
    """Write a model without batch normalizations, which go into the convolutions before them, so that what is quantized
    is what is computed; the names of what can be quantized, and whether each is a grouped convolution."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load(str(model_file))
    if next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx")) < _OPSET:
        model = onnx.version_converter.convert_version(model, _OPSET)
    onnx.save(model, str(target))
    quant_pre_process(str(target), str(target), skip_symbolic_shape=True)
    folded = onnx.load(str(target))
    nodes = {}
    for number, node in enumerate(folded.graph.node):
        if node.op_type in _QUANTIZED:
            node.name = node.name or f"{node.op_type}_{number}"
            nodes[node.name] = any(each.name == "group" and each.i > 1 for each in node.attribute)
    onnx.save(folded, str(target))
    return nodes


def quantize(
    folded: Path, target: Path, feeds: Sequence[dict[str, NDArray[Any]]], nodes: Sequence[str], **others: Any
) -> None:
    """Quantize the named nodes of a model that :func:`fold` wrote.

    Args:
        folded: the model.
        target: where the quantized one goes.
        feeds: inputs that calibrate it.
        nodes: names of the nodes.
        others: options of ``quantize_static`` that shall differ from those that are used here.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Feeds(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._rest = iter(feeds)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return next(self._rest, None)

    options = {
        "op_types_to_quantize": list(_QUANTIZED),
        "per_channel": True,
        "reduce_range": True,
        "activation_type": QuantType.QUInt8,
        "weight_type": QuantType.QInt8,
        # A result is not rounded before its activation function, only where the next convolution takes it.
        "extra_options": {"OpTypesToExcludeOutputQuantization": list(_QUANTIZED)},
    }
    quantize_static(
        str(folded),
        str(target),
        Feeds(),
        quant_format=QuantFormat.QDQ,
        nodes_to_quantize=list(nodes),
        **(options | others),
    )
