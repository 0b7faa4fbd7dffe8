"""Networks with the inputs and outputs of YuNet and SFace, and planted faces: what is blue is the middle of a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
BOX = (0.25, -0.125, 1.25, 1.5)
"""What each cell says of its box: centre in cells from the cell's corner, logarithms of width and height in cells."""

POINTS = (-1.0, -1.25, 1.5, -1.0, 0.25, 0.0, -0.75, 1.25, 1.25, 1.5)
STRONGEST = {8: 0.01, 16: 0.02, 32: 0.03}
"""How much a blue level of one makes of the logarithm of a score's odds: the wider a cell the surer."""


def yunet(path: Path, side: int | None = 640, bound: bool = False) -> Path:
    """A detector of one size, or of any; with ``bound`` it computes with its size, so that it takes no other."""
    nodes, constants, outputs = [], [], []

    def constant(name: str, values: NDArray[np.generic]) -> str:
        constants.append(numpy_helper.from_array(values, name))
        return name

    for stride in STRIDES:
        cells = (side or 640) // stride
        nodes.append(
            helper.make_node(
                "AveragePool", ["input"], [f"pool{stride}"], kernel_shape=[stride, stride], strides=[stride, stride]
            )
        )
        kinds = {"cls": (1, (0.0,)), "obj": (1, (0.0,)), "bbox": (4, BOX), "kps": (10, POINTS)}
        for kind, (channels, bias) in kinds.items():
            weights, start = np.zeros((channels, 3, 1, 1), np.float32), np.array(bias, np.float32)
            if kind in ("cls", "obj"):  # the first channel is blue
                weights[0, :, 0, 0] = np.array([1, -1, -1]) * STRONGEST[stride] * (1 if kind == "cls" else 2)
                start = np.array([-0.5], np.float32)
            name = f"{kind}_{stride}"
            made = [constant(f"{name}/weights", weights), constant(f"{name}/bias", start)]
            nodes.append(helper.make_node("Conv", [f"pool{stride}", *made], [f"{name}/map"]))
            nodes.append(helper.make_node("Transpose", [f"{name}/map"], [f"{name}/last"], perm=[0, 2, 3, 1]))
            shape = constant(f"{name}/shape", np.array([1, cells * cells if bound else -1, channels]))
            flat = f"{name}/flat" if kind in ("cls", "obj") else name
            nodes.append(helper.make_node("Reshape", [f"{name}/last", shape], [flat]))
            if flat != name:
                nodes.append(helper.make_node("Sigmoid", [flat], [name]))
            outputs.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, cells * cells if side else "n", channels])
            )
    sides = [side, side] if side else ["height", "width"]
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *sides])
    order = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
    outputs.sort(key=lambda value: order.index(value.name))
    return _saved(path, nodes, constants, picture, outputs)


def sface(path: Path, seed: int = 1, at_once: int = 1) -> Path:
    """An embedder of so many crops at a time: 128 sums of colours."""
    weights = np.random.default_rng(seed).normal(size=(128, 3 * 14 * 14)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["data"], ["pool"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["fc1"], transB=1),
    ]
    crop = helper.make_tensor_value_info("data", TensorProto.FLOAT, [at_once, 3, 112, 112])
    template = helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [at_once, 128])
    return _saved(path, nodes, [numpy_helper.from_array(weights, "weights")], crop, [template])


def sface_by_hand(crop: NDArray[np.uint8], seed: int = 1) -> NDArray[np.float64]:
    """What :func:`sface` makes of an RGB crop (112, 112, 3): a unit vector."""
    weights = np.random.default_rng(seed).normal(size=(128, 3 * 14 * 14)).astype(np.float32)
    pooled = crop.astype(np.float64).reshape(14, 8, 14, 8, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    made = weights.astype(np.float64) @ pooled.reshape(-1)
    return np.asarray(made / np.linalg.norm(made))


def _saved(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    picture: onnx.ValueInfoProto,
    outputs: list[onnx.ValueInfoProto],
) -> Path:
    graph = helper.make_graph(nodes, path.stem, [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def photo_with(height: int, width: int, *faces: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A grey RGB photo with blue squares: left, top and side of each."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    for left, top, side in faces:
        pixels[top : top + side, left : left + side] = (0, 0, 250)
    return pixels
