"""Writes the trained networks as ONNX files: of the shapes that insightface reads, and a pose pack's heat maps."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .attacks import LEAST_FACE, RULE
from .attacks import SIDE as LIVENESS_SIDE
from .nets import ANCHORS, DIM, KEYPOINTS, POSE_STRIDE, STRIDES, detector, embedder, liveness, pose
from .ops import EPSILON, Params
from .poses import SIDE

OPSET, IR_VERSION = 17, 8
SURE = 0.85
"""The trained probability of a face that becomes the score 0.5, from which insightface accepts a detection. True faces
score above 0.97 nearly always; things that are not faces reach 0.76 at most, as far as was seen."""

SEEN, COUNTS = 0.4, 0.3
"""The trained value of a heat map that becomes the score 0.3, from which a keypoint counts as seen. Places of keypoints
weigh more than others in training, so that its values are too high."""

LIVE = 0.5
"""The score from which a face counts as live."""

Weights = dict[str, NDArray[np.float32]]


class OnnxOps:
    """Writes a network's operations as ONNX nodes; tensors are names, with their channel counts kept.

    Batch normalisation is folded into the convolutions.  Weights are stored as float16 and cast to
    float32 when the model is loaded, which halves the file.
    """

    def __init__(self, params: Params, stats: Params) -> None:
        """Write nodes with the given weights."""
        self._weights: Weights = {k: np.asarray(v, np.float32) for k, v in {**params, **stats}.items()}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._width: dict[str, int] = {}
        self._count = 0

    def conv(
        self,
        name: str,
        x: str,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        relu: bool = True,
        norm: bool = True,
    ) -> str:
        """Convolve with the normalisation folded in, then rectify."""
        weight = self._weights[name + ".w"].transpose(3, 2, 0, 1)
        assert weight.shape[0] == out
        bias = self._weights[name + ".b"]
        if norm:
            scale, bias = self._folded(name)
            weight = weight * scale[:, None, None, None]
        y = self._node(
            "Conv", [x, self._half(name + "_w", weight), self._half(name + "_b", bias)],
            kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[kernel // 2 if kernel % 2 else 0] * 4,
        )  # fmt: skip
        return self._node("Relu", [y]) if relu else y

    def add(self, x: str, y: str) -> str:
        """Add and rectify."""
        return self._node("Relu", [self._node("Add", [x, y])])

    def merge(self, fine: str, coarse: str) -> str:
        """Add `coarse`, enlarged twofold, to `fine`."""
        scales = self._constant("twofold", np.array([1, 1, 2, 2], np.float32))
        grown = self._node("Resize", [coarse, "", scales], mode="nearest", nearest_mode="floor",
                           coordinate_transformation_mode="asymmetric")  # fmt: skip
        return self._node("Add", [fine, grown])

    def dense(self, name: str, x: str, out: int) -> str:
        """Flatten in the order (rows, columns, channels) and multiply by a matrix."""
        scale, bias = self._folded(name)
        weight = self._weights[name + ".w"] * scale[None]
        assert weight.shape[1] == out
        rows = self._node("Flatten", [self._node("Transpose", [x], perm=[0, 2, 3, 1])], axis=1)
        return self._node("Gemm", [rows, self._half(name + "_w", weight), self._half(name + "_b", bias)])

    def rows(self, x: str, width: int, name: str, sigmoid: bool = False) -> None:
        """Lay a map (1, ANCHORS * width, H, W) out as the graph output `name` (H * W * ANCHORS, width)."""
        y = self._node("Transpose", [x], perm=[0, 2, 3, 1])
        shape = self._constant(f"rows_{width}", np.array([-1, width], np.int64))
        last = "Sigmoid" if sigmoid else "Identity"
        self.nodes.append(helper.make_node(last, [self._node("Reshape", [y, shape])], [name], name=f"Out_{name}"))

    def rename(self, x: str, name: str) -> None:
        """Make a tensor the graph output `name`."""
        self.nodes.append(helper.make_node("Identity", [x], [name], name=f"Out_{name}"))

    def _folded(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        w = self._weights
        scale = w[name + ".g"] / np.sqrt(w[name + ".var"] + EPSILON)
        return scale, w[name + ".b"] - w[name + ".mean"] * scale

    def _half(self, name: str, values: NDArray[np.float32]) -> str:
        self._constant(name + "_16", values.astype(np.float16))
        return self._node("Cast", [name + "_16"], to=TensorProto.FLOAT)

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        if all(c.name != name for c in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        self._count += 1
        out = f"t{self._count}"
        self.nodes.append(helper.make_node(kind, inputs, [out], name=f"{kind}_{self._count}", **attributes))
        return out


def export_embedder(params: Params, stats: Params, path: Path) -> None:
    """Write the embedder: input (N, 3, 112, 112), output (N, DIM)."""
    ops = OnnxOps(params, stats)
    ops.rename(embedder(ops, "data"), "embedding")
    graph_in = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, 112, 112])
    graph_out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", DIM])
    _write(ops, [graph_in], [graph_out], path)


def export_detector(params: Params, stats: Params, path: Path) -> None:
    """Write the detector: input (1, 3, H, W); scores, boxes and landmarks of three strides."""
    shift = np.log(SURE / (1 - SURE))
    ops = OnnxOps({k: v - shift if k.endswith("score.b") else v for k, v in params.items()}, stats)
    heads = detector(ops, "input.1")
    outputs = []
    for part, (kind, width) in enumerate((("score", 1), ("bbox", 4), ("kps", 10))):
        for stride, head in zip(STRIDES, heads, strict=True):
            name = f"{kind}_{stride}"
            ops.rows(head[part], width, name, sigmoid=kind == "score")
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"n{stride}", width]))
    graph_in = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, "H", "W"])
    _write(ops, [graph_in], outputs, path)


def export_pose(params: Params, stats: Params, path: Path) -> None:
    """Write the pose net: input (N, 3, SIDE, SIDE), output (N, KEYPOINTS, rows, columns) from 0 to 1."""
    shift = np.log(SEEN / (1 - SEEN)) - np.log(COUNTS / (1 - COUNTS))
    ops = OnnxOps({k: v - shift if k == "heat.b" else v for k, v in params.items()}, stats)
    ops.nodes.append(helper.make_node("Sigmoid", [pose(ops, "crops")], ["heatmaps"], name="Out_heatmaps"))
    cells = SIDE // POSE_STRIDE
    graph_in = helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])
    graph_out = helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["N", KEYPOINTS, cells, cells])
    _write(ops, [graph_in], [graph_out], path)
    described = {
        "name": "sample_pose",
        "model": path.name,
        "input": {"height": SIDE, "width": SIDE, "mean": 127.5, "scale": 128},
        "output": {"form": "heatmap"},
        "licence": "MIT",
        "use": "anyone",
        "about": "Trained on drawn, fictional people only; it finds the arms of drawings, not of real people.",
    }
    (path.parent / "pose.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def export_liveness(params: Params, stats: Params, path: Path) -> None:
    """Write the liveness net: input (N, 3, LIVENESS_SIDE, LIVENESS_SIDE), output (N, 2), and liveness.json."""
    ops = OnnxOps(params, stats)
    ops.rename(liveness(ops, "crops"), "logits")
    side = LIVENESS_SIDE
    graph_in = helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, side, side])
    graph_out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])
    _write(ops, [graph_in], [graph_out], path)
    described = {
        "name": "sample_liveness",
        "models": [
            {
                "file": path.name,
                "crop": msgspec.to_builtins(RULE),
                "input": {"height": side, "width": side, "mean": 127.5, "scale": 128},
                "output": {"form": "logits", "classes": 2, "live": 0},
            }
        ],
        "threshold": LIVE,
        "least_face": LEAST_FACE,
        "licence": "MIT",
        "use": "anyone",
        "about": "Trained on drawn, fictional people only; it tells drawn screens and prints, not real ones.",
    }
    (path.parent / "liveness.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _write(ops: OnnxOps, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], path: Path) -> None:
    graph = helper.make_graph(ops.nodes, path.stem, inputs, outputs, ops.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="presente-sample")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(model.SerializeToString())
    part.rename(path)


def write_pack(models: Path, threshold: float) -> None:
    """Write pack.json with the cosine above which a face is taken to be a person's."""
    pack = {
        "name": "sample",
        "detection": "det.onnx",
        "recognition": "rec.onnx",
        "dim": DIM,
        "threshold": threshold,
        "licence": "MIT",
        "use": "anyone",
        "about": "Trained on drawn, fictional faces only; it recognises drawings, not photos of real people.",
    }
    (models / "pack.json").write_text(json.dumps(pack, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


assert ANCHORS == 2, "insightface reads three-stride detectors as having two anchors per location"
