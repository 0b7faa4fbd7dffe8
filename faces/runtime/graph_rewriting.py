"""Graphs rewritten for ONNX Runtime: the same function, in operators that it runs faster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx


def without_prelu(path: Path) -> bytes | None:
    """The model in ``path`` with every PReLU that has one slope per channel as convolutions; None when it has none.

    With a slope a per channel, PReLU(x) = x + s * ReLU(-|1 - a| * x) where s is the sign of 1 - a: two depthwise 1x1
    convolutions, which ONNX Runtime fuses with the ReLU and the sum and keeps in the layout of the convolutions
    around them. Its own PReLU works value by value, in another layout (docs/adr/0012-runtime.md has the figures).
    """
    import onnx

    model = onnx.load(str(path))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    replaced = 0
    for node in model.graph.node:
        slopes = weights.get(node.input[1]) if node.op_type == "PRelu" else None
        if slopes is None or list(slopes.dims[1:]) != [1, 1] or slopes.dims[0] < 2:
            nodes.append(node)
            continue
        new, constants = _as_convolutions(node, onnx.numpy_helper.to_array(slopes).reshape(-1))
        nodes += new
        model.graph.initializer.extend(constants)
        replaced += 1
    if not replaced:
        return None
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def with_free_size(path: Path) -> bytes | None:
    """The model in ``path`` with height and width of its input left open; None when they are open already.

    YuNet says that it takes 640 x 640 pixels, though nothing in it depends on that; OpenCV does not mind what it says.
    """
    import onnx

    model = onnx.load(str(path))
    weights = {tensor.name for tensor in model.graph.initializer}
    (picture, *_) = (value for value in model.graph.input if value.name not in weights)
    dims = picture.type.tensor_type.shape.dim
    if len(dims) != 4 or not (dims[2].dim_value and dims[3].dim_value):
        return None
    for dim, name in ((dims[2], "height"), (dims[3], "width")):
        dim.dim_param = name
    del model.graph.value_info[:]
    for value in model.graph.output:
        for number, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"{value.name}_{number}"
    return bytes(model.SerializeToString())


def _as_convolutions(
    node: onnx.NodeProto, slopes: NDArray[np.floating]
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """One PReLU node as (nodes, their weights); slopes float (channels,)."""
    from onnx import helper, numpy_helper

    source, target = node.input[0], node.output[0]
    scale, sign = f"{target}/scale", f"{target}/sign"
    constants = [
        numpy_helper.from_array(values.reshape(-1, 1, 1, 1).astype(slopes.dtype), name)
        for name, values in ((scale, -np.abs(1 - slopes)), (sign, np.sign(1 - slopes)))
    ]
    depthwise = {"group": len(slopes), "kernel_shape": [1, 1]}
    return [
        helper.make_node("Conv", [source, scale], [f"{target}/scaled"], **depthwise),
        helper.make_node("Relu", [f"{target}/scaled"], [f"{target}/negative"]),
        helper.make_node("Conv", [f"{target}/negative", sign], [f"{target}/signed"], **depthwise),
        helper.make_node("Add", [f"{target}/signed", source], [target]),
    ], constants
