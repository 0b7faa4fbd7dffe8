"""Liveness models whose answer is known: it depends on the mean of each colour of what they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

DESCRIBED: dict[str, Any] = {
    "models": [
        {
            "file": "live.onnx",
            "crop": {"around": "box", "scale": 2.0, "beyond": "shrink"},
            "input": {"height": 64, "width": 64, "scale": 255},
            "output": {"form": "logits", "classes": 3, "live": 0},
        }
    ],
    "threshold": 0.5,
}


def model(
    path: Path,
    weights: NDArray[np.floating] | None = None,
    side: int = 64,
    batch: int | str = "n",
    flat: bool = False,
    layout: str = "nchw",
) -> Path:
    """Write a network: the means of its input's three channels, times ``weights`` (3, classes), the identity if None.

    ``flat``: a network of one class gives (n,), not (n, 1).
    """
    chosen = np.eye(3, dtype=np.float32) if weights is None else np.asarray(weights, np.float32)
    axes = [2, 3] if layout == "nchw" else [1, 2]
    nodes = [
        helper.make_node("ReduceMean", ["crops"], ["means"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["rows"]),
        helper.make_node("Squeeze", ["rows", "last"], ["scores"]) if flat else _same("rows", "scores"),
    ]
    shape = [batch, 3, side, side] if layout == "nchw" else [batch, side, side, 3]
    graph = helper.make_graph(
        nodes,
        "live",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch] if flat else [batch, chosen.shape[1]])],
        [numpy_helper.from_array(chosen, "weights"), numpy_helper.from_array(np.array([1], np.int64), "last")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.SerializeToString())
    return path


def _same(name: str, output: str) -> onnx.NodeProto:
    return helper.make_node("Identity", [name], [output])


def folder(at: Path, described: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A pack's folder with one network, described as :data:`DESCRIBED` says, with changes of its only model's members
    (``crop``, ``input``, ``output``) or of the description's."""
    whole = json.loads(json.dumps(described or DESCRIBED))
    for name, value in changes.items():
        if name in ("file", "crop", "input", "output", "sha256"):
            whole["models"][0][name] = value
        else:
            whole[name] = value
    model(at / "live.onnx")
    (at / "liveness.json").write_text(json.dumps(whole))
    return at
