"""Pose models with the inputs and outputs of MoveNet, RTMPose and heat maps, which find coloured dots: the nose is red,
the left wrist green, the right wrist blue, and every other keypoint white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from faces.pose.keypoints import COCO, PLACE

COLOURS = {"nose": (255, 0, 0), "left_wrist": (0, 255, 0), "right_wrist": (0, 0, 255)}
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def weights(order: tuple[str, ...] = COCO, bgr: bool = False) -> NDArray[np.float32]:
    """Of a convolution (k, 3, 1, 1) that makes a map of each keypoint's colour, from -510 to 255 or 765."""
    rows = [[1 if level else -1 for level in COLOURS.get(name, (1, 1, 1))] for name in order]
    return np.array(rows, np.float32)[:, :: -1 if bgr else 1, None, None]


def simcc(path: Path, batch: int | str = "batch", order: tuple[str, ...] = COCO) -> Path:
    """RTMPose's shape: float (batch, 3, 256, 192), normalised, to rows of two values per pixel, 1 where a dot is."""
    kinds, scale = len(order), np.array(STD, np.float32).reshape(1, 3, 1, 1)
    mean = np.array(MEAN, np.float32).reshape(1, 3, 1, 1)
    nodes = [
        _node("Mul", ["input", "std"], "levels"),
        _node("Add", ["levels", "mean"], "pixels"),
        _node("Conv", ["pixels", "weights"], "maps"),
        _node("Mul", ["maps", "share"], "shares"),
        _node("ReduceMax", ["shares"], "columns", axes=[2], keepdims=0),
        _node("ReduceMax", ["shares"], "rows", axes=[3], keepdims=0),
        _node("Resize", ["columns", "", "twice"], "simcc_x", mode="linear"),
        _node("Resize", ["rows", "", "twice"], "simcc_y", mode="linear"),
    ]
    constants: dict[str, NDArray[Any]] = {
        "std": scale,
        "mean": mean,
        "weights": weights(order),
        "share": np.array([1 / 255], np.float32),
        "twice": np.array([1, 1, 2], np.float32),
    }
    outputs = {"simcc_x": [batch, kinds, 384], "simcc_y": [batch, kinds, 512]}
    return _saved(path, nodes, constants, (TensorProto.FLOAT, [batch, 3, 256, 192]), outputs)


def heatmap(path: Path, size: int = 128, stride: int = 4, batch: int | str = "batch") -> Path:
    """Heat maps of a picture of raw BGR levels, 1 where a dot is."""
    nodes = [
        _node("Conv", ["input", "weights"], "maps"),
        _node("Mul", ["maps", "share"], "shares"),
        _node("AveragePool", ["shares"], "heatmaps", kernel_shape=[stride, stride], strides=[stride, stride]),
    ]
    constants: dict[str, NDArray[Any]] = {"weights": weights(bgr=True), "share": np.array([1 / 255], np.float32)}
    outputs = {"heatmaps": [batch, 17, size // stride, size // stride]}
    return _saved(path, nodes, constants, (TensorProto.FLOAT, [batch, 3, size, size]), outputs)


def movenet(path: Path, side: int = 192, kind: int = TensorProto.INT32, poison: float | None = None) -> Path:
    """MoveNet's shape: integers (1, side, side, 3) to (1, 1, 17, 3), y, x and score as shares; ``poison`` is added."""
    nodes = [
        _node("Cast", ["input"], "levels", to=TensorProto.FLOAT),
        _node("Transpose", ["levels"], "picture", perm=[0, 3, 1, 2]),
        _node("Conv", ["picture", "weights"], "maps"),
        _node("ReduceMax", ["maps"], "columns", axes=[2], keepdims=0),
        _node("ReduceMax", ["maps"], "rows", axes=[3], keepdims=0),
        _node("ReduceMax", ["rows"], "highest", axes=[2], keepdims=0),
    ]
    for axis in ("rows", "columns"):
        nodes += [
            _node("ArgMax", [axis], f"{axis}_place", axis=2, keepdims=0),
            _node("Cast", [f"{axis}_place"], f"{axis}_number", to=TensorProto.FLOAT),
            _node("Mul", [f"{axis}_number", "pixel"], f"{axis}_share"),
        ]
    parts = {"rows_share": "y", "columns_share": "x", "score": "s"}
    nodes.append(_node("Mul", ["highest", "level"], "score"))
    for part, name in parts.items():
        nodes.append(_node("Unsqueeze", [part, "axes"], name))
    nodes += [_node("Concat", ["y", "x", "s"], "joined", axis=3), _node("Add", ["joined", "poison"], "output_0")]
    constants: dict[str, NDArray[Any]] = {
        "weights": weights(),
        "pixel": np.array([1 / side], np.float32),
        "level": np.array([1 / 255], np.float32),
        "axes": np.array([1, 3], np.int64),
        "poison": np.array([poison or 0], np.float32),
    }
    return _saved(path, nodes, constants, (kind, [1, side, side, 3]), {"output_0": [1, 1, 17, 3]})


def with_dots(height: int, width: int, radius: int = 3, **dots: tuple[int, int]) -> NDArray[np.uint8]:
    """A black picture with square dots at (x, y) by keypoint's name."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for name, (x, y) in dots.items():
        assert name in PLACE
        pixels[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = COLOURS.get(
            name, (255, 255, 255)
        )
    return pixels


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def _saved(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, NDArray[Any]],
    picture: tuple[int, list[int | str]],
    outputs: dict[str, list[int | str]],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "pose",
        [helper.make_tensor_value_info("input", *picture)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
