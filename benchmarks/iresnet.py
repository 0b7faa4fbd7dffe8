"""An IResNet-50 of the right shape with random weights: good for timing, and for nothing else.

The layers are those of insightface's ``iresnet50`` (Deng et al., ArcFace, CVPR 2019, and Duta et al., Improved Residual
Networks, ICPR 2020), with every batch normalisation that follows a convolution folded into it, as an export has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and blocks of each stage; the first block of each halves the sides."""


class _Graph:
    """Nodes and random weights, one after the other."""

    def __init__(self, seed: int) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._chance = np.random.default_rng(seed)
        self.nodes: list[object] = []
        self.weights: list[object] = []

    def weight(self, values: NDArray[np.floating]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(self._numpy.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"x{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolution(self, source: str, channels: int, wanted: int, side: int, stride: int) -> str:
        spread = (2.0 / (channels * side * side)) ** 0.5
        weights = self.weight(self._chance.normal(0, spread, (wanted, channels, side, side)))
        bias = self.weight(np.zeros(wanted))
        pads = [side // 2] * 4
        return self.node("Conv", source, weights, bias, kernel_shape=[side, side], strides=[stride] * 2, pads=pads)

    def normalisation(self, source: str, channels: int) -> str:
        ones, zeros = np.ones(channels), np.zeros(channels)
        return self.node("BatchNormalization", source, *(self.weight(v) for v in (ones, zeros, zeros, ones)))

    def prelu(self, source: str, channels: int) -> str:
        return self.node("PRelu", source, self.weight(self._chance.uniform(0, 0.5, (channels, 1, 1))))

    def dense(self, source: str, wide: int, wanted: int) -> str:
        flat = self.node("Flatten", source)
        weights = self.weight(self._chance.normal(0, wide**-0.5, (wide, wanted)))
        return self.node("Gemm", flat, weights, self.weight(np.zeros(wanted)))


def iresnet50(seed: int) -> bytes:
    """An ONNX file: ``data`` float32 (n, 3, 112, 112) to ``embedding`` float32 (n, 512)."""
    from onnx import TensorProto, helper

    graph = _Graph(seed)
    x, channels = graph.prelu(graph.convolution("data", 3, 64, 3, 1), 64), 64
    for wanted, blocks in _STAGES:
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            inner = graph.normalisation(x, channels)
            inner = graph.prelu(graph.convolution(inner, channels, wanted, 3, 1), wanted)
            inner = graph.convolution(inner, wanted, wanted, 3, stride)
            beside = graph.convolution(x, channels, wanted, 1, stride) if block == 0 else x
            x, channels = graph.node("Add", inner, beside), wanted
    graph.dense(graph.normalisation(x, channels), 512 * 7 * 7, 512)
    graph.nodes[-1].output[0] = "embedding"  # type: ignore[attr-defined]
    made = helper.make_graph(
        graph.nodes,
        "iresnet50",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 512])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())
