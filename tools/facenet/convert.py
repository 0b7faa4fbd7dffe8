"""FaceNet (Schroff, Kalenichenko, Philbin, CVPR 2015) as a pack: InceptionResnetV1 as an ONNX graph.

The layers and their names are those of facenet-pytorch's ``InceptionResnetV1`` (after Szegedy et al., Inception-v4,
AAAI 2017, and David Sandberg's training of it), without the classifier; every batch normalisation is folded into the
layer before it. What the graph gives is not of length 1.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.packs.model_pack import ModelPack, Preprocessing, load_pack
from presente.errors import PackError
from presente.files import sha256_file
from tools.facenet.torch_file import read_tensors

WEIGHTS_URL = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
WEIGHTS_SHA256 = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
LICENCE = "facenet-pytorch, MIT; its weights were trained on VGGFace2, whose terms hold for them"
PREPROCESSING = Preprocessing(size=160, mean=127.5, scale=128.0, colours="rgb", crop="box", margin=0.0)
"""As facenet-pytorch's MTCNN hands a face on: its box as it is, and a fixed standardisation."""
DIM = 512

Floats = NDArray[np.floating]
Tensor = Callable[[str, tuple[int, ...]], Floats]
"""A weight by name and shape."""
_Branch = Sequence[tuple[int, tuple[int, int]]]
"""Convolutions one after the other: channels and kernel."""
_EPS = 1e-3


def convert(weights: Path, detector: ModelPack, folder: Path, sha256: str = WEIGHTS_SHA256) -> ModelPack:
    """Make a pack of facenet-pytorch's weights and another pack's detector.

    Args:
        weights: a ``state_dict`` of ``InceptionResnetV1`` as torch saved it.
        detector: the pack whose detector finds the faces.
        folder: where the pack goes.
        sha256: what the file of weights must hash to.

    Raises:
        PackError: ``weights_not_found``, ``checksum_mismatch``, ``unreadable_weights``, ``unsuitable_weights``.
    """
    if not weights.is_file():
        raise PackError(
            "weights_not_found", f"There is no {weights}.", f"Get it from {WEIGHTS_URL} (SHA-256 {WEIGHTS_SHA256})."
        )
    digest = sha256_file(weights)
    if digest != sha256:
        raise PackError(
            "checksum_mismatch",
            f"{weights} has SHA-256 {digest}, not {sha256}.",
            f"Get it again from {WEIGHTS_URL}, or name other weights' own with --sha256.",
        )
    model = inception_resnet_v1(taken_from(read_tensors(weights), str(weights)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "facenet.onnx").write_bytes(model)
    shutil.copyfile(detector.detection, folder / "detection.onnx")
    described = {
        "name": "facenet",
        "detection": "detection.onnx",
        "recognition": "facenet.onnx",
        "dim": DIM,
        "licence": LICENCE,
        "input": asdict(PREPROCESSING),
    }
    (folder / "pack.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return load_pack(str(folder), [])


def taken_from(tensors: Mapping[str, NDArray[Any]], source: str) -> Tensor:
    """Weights of a dictionary; what is missing or has another shape is ``unsuitable_weights``."""

    def tensor(name: str, shape: tuple[int, ...]) -> Floats:
        found = tensors.get(name)
        if found is None or found.shape != shape:
            what = "is not there" if found is None else f"is {found.shape}"
            raise PackError(
                "unsuitable_weights",
                f"{source}: {name} {what}; it must be {shape}.",
                "Use those of facenet-pytorch's InceptionResnetV1.",
            )
        return found

    return tensor


def folded(tensor: Tensor, weight: Floats, norm: str) -> tuple[Floats, Floats]:
    """A layer's weight (out, ...) with the batch normalisation called ``norm`` behind it, as weight and bias (out,)."""
    scale, shift, mean, variance = (
        tensor(f"{norm}.{name}", weight.shape[:1]) for name in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + _EPS)
    return weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), shift - mean * factor


class _Graph:
    """Nodes and weights, one after the other; ``channels`` of every value made so far."""

    def __init__(self, tensor: Tensor) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self.tensor = tensor
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.channels = {"faces": 3}

    def node(self, kind: str, inputs: Sequence[str], channels: int, **attributes: object) -> str:
        name = f"x{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        self.channels[name] = channels
        return name

    def weight(self, values: Floats) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(self._numpy.from_array(np.ascontiguousarray(values, dtype=np.float32), name))
        return name

    def convolution(
        self, name: str, x: str, wanted: int, kernel: tuple[int, int] = (3, 3), stride: int = 1, pad: bool = False
    ) -> str:
        """facenet-pytorch's BasicConv2d: convolution, batch normalisation, ReLU."""
        weight = self.tensor(f"{name}.conv.weight", (wanted, self.channels[x], *kernel))
        layer = [self.weight(values) for values in folded(self.tensor, weight, f"{name}.bn")]
        sides = [kernel[0] // 2, kernel[1] // 2] * 2 if pad else [0] * 4
        made = self.node("Conv", [x, *layer], wanted, kernel_shape=kernel, strides=[stride] * 2, pads=sides)
        return self.node("Relu", [made], wanted)

    def pool(self, x: str) -> str:
        return self.node("MaxPool", [x], self.channels[x], kernel_shape=[3, 3], strides=[2, 2])

    def joined(self, parts: Sequence[str]) -> str:
        return self.node("Concat", parts, sum(self.channels[part] for part in parts), axis=1)

    def branch(self, name: str, x: str, layers: _Branch, reduces: bool) -> str:
        """Convolutions that keep the sides, but for the last of a reduction, which halves them."""
        for i, (wanted, kernel) in enumerate(layers):
            last = reduces and i == len(layers) - 1
            own = name if len(layers) == 1 else f"{name}.{i}"
            x = self.convolution(own, x, wanted, kernel, stride=2 if last else 1, pad=not last)
        return x

    def reduction(self, name: str, x: str, branches: Sequence[_Branch]) -> str:
        parts = [self.branch(f"{name}.branch{i}", x, layers, True) for i, layers in enumerate(branches)]
        return self.joined([*parts, self.pool(x)])

    def residual(self, name: str, x: str, branches: Sequence[_Branch], scale: float, relu: bool = True) -> str:
        parts = [self.branch(f"{name}.branch{i}", x, layers, False) for i, layers in enumerate(branches)]
        inner, wanted = self.joined(parts), self.channels[x]
        weight = self.tensor(f"{name}.conv2d.weight", (wanted, self.channels[inner], 1, 1))
        bias = self.tensor(f"{name}.conv2d.bias", (wanted,))
        layer = [self.weight(values * scale) for values in (weight, bias)]
        added = self.node("Add", [self.node("Conv", [inner, *layer], wanted, kernel_shape=[1, 1]), x], wanted)
        return self.node("Relu", [added], wanted) if relu else added


_ONE, _THREE = (1, 1), (3, 3)
_BLOCK35: Sequence[_Branch] = (
    [(32, _ONE)],
    [(32, _ONE), (32, _THREE)],
    [(32, _ONE), (32, _THREE), (32, _THREE)],
)
_BLOCK17: Sequence[_Branch] = ([(128, _ONE)], [(128, _ONE), (128, (1, 7)), (128, (7, 1))])
_BLOCK8: Sequence[_Branch] = ([(192, _ONE)], [(192, _ONE), (192, (1, 3)), (192, (3, 1))])
_MIXED_6A: Sequence[_Branch] = ([(384, _THREE)], [(192, _ONE), (192, _THREE), (256, _THREE)])
_MIXED_7A: Sequence[_Branch] = (
    [(256, _ONE), (384, _THREE)],
    [(256, _ONE), (256, _THREE)],
    [(256, _ONE), (256, _THREE), (256, _THREE)],
)


def inception_resnet_v1(tensor: Tensor) -> bytes:
    """An ONNX file: ``faces`` float32 (n, 3, 160, 160) to ``embedding`` float32 (n, 512)."""
    from onnx import TensorProto, helper

    graph = _Graph(tensor)
    x = graph.convolution("conv2d_1a", "faces", 32, stride=2)
    x = graph.convolution("conv2d_2a", x, 32)
    x = graph.pool(graph.convolution("conv2d_2b", x, 64, pad=True))
    x = graph.convolution("conv2d_3b", x, 80, _ONE)
    x = graph.convolution("conv2d_4a", x, 192)
    x = graph.convolution("conv2d_4b", x, 256, stride=2)
    for i in range(5):
        x = graph.residual(f"repeat_1.{i}", x, _BLOCK35, 0.17)
    x = graph.reduction("mixed_6a", x, _MIXED_6A)
    for i in range(10):
        x = graph.residual(f"repeat_2.{i}", x, _BLOCK17, 0.10)
    x = graph.reduction("mixed_7a", x, _MIXED_7A)
    for i in range(5):
        x = graph.residual(f"repeat_3.{i}", x, _BLOCK8, 0.20)
    x = graph.residual("block8", x, _BLOCK8, 1.0, relu=False)
    wide = graph.channels[x]
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x], wide)], wide)
    weight, bias = folded(tensor, tensor("last_linear.weight", (DIM, wide)), "last_bn")
    graph.node("Gemm", [x, graph.weight(weight), graph.weight(bias)], DIM, transB=1)
    graph.nodes[-1].output[0] = "embedding"
    size = PREPROCESSING.size
    made = helper.make_graph(
        graph.nodes,
        "inception_resnet_v1",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIM])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())
