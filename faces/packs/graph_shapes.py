"""The two models of a folder without ``pack.json``: told apart by the shapes of their graphs."""

from __future__ import annotations

from pathlib import Path

from presente.errors import PackError

_DETECTORS = (9, 12)
"""Outputs of SCRFD with five landmarks, three for each of three strides, and of YuNet, which has four."""


def _graph_shapes(path: Path) -> tuple[list[int | None], list[list[int | None]]]:
    """Shapes of the first input and of all outputs, None where a size is dynamic; weights are not kept."""
    import onnx

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as exc:  # protobuf's DecodeError has no stable import path across versions
        raise PackError("damaged_model", f"{path} is not an ONNX file ({exc}).", "Replace it.") from exc

    def shape(value: onnx.ValueInfoProto) -> list[int | None]:
        return [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]

    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    return shape(inputs[0]) if inputs else [], [shape(value) for value in graph.output]


def tell_apart(folder: Path) -> tuple[Path, Path]:
    """The detector and the embedder among a folder's ONNX files.

    SCRFD has nine outputs (five landmarks at three strides), YuNet twelve; an embedder has one, from a fixed 112x112
    input.

    Raises:
        PackError: ``pack_incomplete`` when there is not exactly one of each, ``damaged_model``.
    """
    detectors, recognisers = [], []
    for path in sorted(folder.glob("*.onnx")):
        inputs, outputs = _graph_shapes(path)
        if len(outputs) in _DETECTORS:
            detectors.append(path)
        elif len(outputs) == 1 and inputs[2:4] == [112, 112] and (outputs[0][-1] or 0) >= 64:
            recognisers.append(path)
    if len(detectors) != 1 or len(recognisers) != 1:
        raise PackError(
            "pack_incomplete",
            f"{folder} must hold one detector with five landmarks (SCRFD or YuNet) and one 112x112 "
            f"embedder; it holds {len(detectors)} and {len(recognisers)}.",
            'Remove the others, or name the two in a pack.json: {"detection": "...", "recognition": "..."}.',
        )
    return detectors[0], recognisers[0]


def output_dim(recognition: Path) -> int:
    """The length of an embedder's output.

    Raises:
        PackError: ``pack_invalid`` when the graph does not say it, ``damaged_model``.
    """
    dim = _graph_shapes(recognition)[1][0][-1]
    if dim is None:
        raise PackError(
            "pack_invalid",
            f"{recognition} does not say how long its embeddings are.",
            'Give "dim" in a pack.json beside it.',
        )
    return dim
