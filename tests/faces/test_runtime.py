"""Runtimes give the same templates, also from several threads; what is not available is refused with a remedy."""

import json
import logging
import threading
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from faces.detection.detector import DetectionSettings
from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.packs.model_pack import ModelPack, load_pack
from faces.runtime import session
from faces.runtime.graph_rewriting import without_prelu
from faces.runtime.session import (
    RuntimeOptions,
    chosen_runtime,
    described_runtime,
    difference,
    open_session,
    plain_session,
)
from presente.errors import ConfigError, PackError
from tests import programs
from tests.conftest import ROOT, SAMPLE, Command, on_sqlite

HAS_OPENVINO = util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="OpenVINO is not installed (`make openvino`)")
PHOTOS = sorted((SAMPLE / "strangers").glob("*.jpg"))
ORT = RuntimeOptions("onnxruntime")
OPENVINO = RuntimeOptions("openvino", at_once=2)


def opened(pack: ModelPack, options: RuntimeOptions, **detection: int) -> FaceEmbedder:
    return FaceEmbedder(pack, EmbedderSettings(runtime=options, detection=DetectionSettings(**detection)))


def templates(embedder: FaceEmbedder, photos: list[Path]) -> np.ndarray:
    faces = [embedder.read_portrait(path.read_bytes())[1] for path in photos]
    return np.stack([face.template for face in embedder.embed(faces)])


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(axis=1)


# -- the same numbers --------------------------------------------------------------------------------------------------


def test_onnxruntime_tells_nobody_that_it_is_used() -> None:
    """Its telemetry is off before it is imported, whatever imports it."""
    code = "import faces, os, sys; print('onnxruntime' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'])"
    assert programs.fresh(["-c", code], ROOT, {"ORT_DISABLE_TELEMETRY": ""}).stdout == "False 1\n"


@needs_openvino
def test_openvino_makes_the_same_templates(sample_pack: ModelPack) -> None:
    assert (
        cosines(templates(opened(sample_pack, ORT), PHOTOS), templates(opened(sample_pack, OPENVINO), PHOTOS)).min()
        > 0.9999
    )


@needs_openvino
@pytest.mark.real
def test_openvino_makes_the_same_templates_of_real_faces(real_pack: ModelPack, real_faces: Path) -> None:
    photos = sorted((real_faces / "orl").glob("s*/1.pgm"))
    assert (
        cosines(templates(opened(real_pack, ORT), photos), templates(opened(real_pack, OPENVINO), photos)).min()
        > 0.9999
    )


@needs_openvino
def test_a_session_serves_several_threads(sample_pack: ModelPack) -> None:
    """Each thread has its own request: a call does not overwrite another thread's result."""
    session = open_session(sample_pack.recognition, OPENVINO)
    inputs = np.random.default_rng(1).uniform(-1, 1, (4, 1, 3, 112, 112)).astype(np.float32)
    name = session.get_inputs()[0].name
    alone = [session.run(None, {name: each})[0] for each in inputs]
    wrong: list[int] = []

    def ask(which: int) -> None:
        kept = [session.run(None, {name: inputs[which]})[0] for _ in range(20)]
        wrong.extend(which for made in kept if not np.array_equal(made, alone[which]))

    threads = [threading.Thread(target=ask, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@needs_openvino
def test_sizes_that_come_often_are_compiled_for_and_give_the_same(
    sample_pack: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faces.runtime.openvino

    monkeypatch.setattr(faces.runtime.openvino, "_OFTEN", 3)
    detector = open_session(sample_pack.detection, OPENVINO, any_size=True)
    plain = plain_session(sample_pack.detection)
    name = plain.get_inputs()[0].name
    chance = np.random.default_rng(2)
    for side in (64, 96, 128, 160, 192):  # one more than get a model of their own
        given = {name: chance.uniform(-1, 1, (1, 3, side, 64)).astype(np.float32)}
        wanted = plain.run(None, given)
        for _ in range(5):
            for ours, theirs in zip(detector.run(None, given), wanted, strict=True):
                assert ours.shape == theirs.shape and np.allclose(ours, theirs, atol=1e-3)
    assert len(detector._of_size) == faces.runtime.openvino._MOST_SIZES  # type: ignore[attr-defined]
    embedder = open_session(sample_pack.recognition, OPENVINO)
    for _ in range(5):
        embedder.run(None, {embedder.get_inputs()[0].name: np.zeros((2, 3, 112, 112), np.float32)})
    assert not embedder._of_size  # type: ignore[attr-defined]


@needs_openvino
def test_a_session_looks_like_onnxruntimes(sample_pack: ModelPack) -> None:
    ours, theirs = (open_session(sample_pack.detection, options) for options in (OPENVINO, ORT))
    assert [port.name for port in ours.get_outputs()] == [port.name for port in theirs.get_outputs()]
    for mine, port in zip(ours.get_inputs(), theirs.get_inputs(), strict=True):
        assert mine.name == port.name
        assert mine.shape == [size if isinstance(size, int) else None for size in port.shape]
    feeds = {ours.get_inputs()[0].name: np.zeros((1, 3, 64, 96), np.float32)}
    names = [port.name for port in theirs.get_outputs()][::-1]
    for mine_, theirs_ in zip(ours.run(names, feeds), theirs.run(names, feeds), strict=True):
        assert mine_.shape == theirs_.shape and np.allclose(mine_, theirs_, atol=1e-3)


def prelu_model(path: Path, slopes: np.ndarray) -> Path:
    """A convolution, a PReLU and one more convolution."""
    chance = np.random.default_rng(0)
    channels = len(slopes)
    weights = {
        "first": chance.normal(size=(channels, 3, 3, 3)),
        "slopes": slopes.reshape(channels, 1, 1),
        "last": chance.normal(size=(2, channels, 1, 1)),
    }
    nodes = [
        helper.make_node("Conv", ["data", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("PRelu", ["a", "slopes"], ["b"]),
        helper.make_node("Conv", ["b", "last"], ["c"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, ["N", 2, "H", "W"])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def test_prelus_are_rewritten_and_give_the_same(tmp_path: Path) -> None:
    """Slopes below 0, between 0 and 1, of 1 and above it."""
    path = prelu_model(tmp_path / "net.onnx", np.array([-0.5, 0.0, 0.25, 1.0, 1.5, 0.1, 0.9, 2.0] * 2))
    rewritten = without_prelu(path)
    assert rewritten is not None
    onnx.checker.check_model(rewritten)
    assert "PRelu" not in {node.op_type for node in onnx.load_from_string(rewritten).graph.node}
    plain = plain_session(path)
    assert difference(session._onnxruntime_session(path, rewritten, 1), plain) < 1e-5
    assert difference(open_session(path, ORT), plain) < 1e-5


def test_a_graph_without_prelu_is_left_alone(sample_pack: ModelPack) -> None:
    assert without_prelu(sample_pack.recognition) is None


@pytest.mark.real
def test_the_real_embedders_prelus_are_rewritten(real_pack: ModelPack) -> None:
    assert without_prelu(real_pack.recognition) is not None
    plain = plain_session(real_pack.recognition)
    assert difference(open_session(real_pack.recognition, ORT), plain) < 1e-4


# -- what is refused ---------------------------------------------------------------------------------------------------


class Wrong:
    """A session whose numbers are off by a tenth."""

    def __init__(self, right: session.Session) -> None:
        self.right = right

    def run(self, names: Any, feeds: Any) -> list[Any]:
        return [1.1 * output for output in self.right.run(names, feeds)]


def test_a_rewriting_that_gives_other_numbers_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = prelu_model(tmp_path / "net.onnx", np.full(16, 0.25))
    monkeypatch.setattr(
        session, "without_prelu", lambda _: prelu_model(tmp_path / "x.onnx", np.full(16, 0.5)).read_bytes()
    )
    with caplog.at_level(logging.WARNING):
        opened = open_session(path, ORT)
    assert "net.onnx" in caplog.text
    assert difference(opened, plain_session(path)) == 0


@needs_openvino
def test_a_runtime_that_gives_other_numbers_is_refused(sample_pack: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    import faces.runtime.openvino

    right = open_session(sample_pack.recognition, ORT)
    monkeypatch.setattr(faces.runtime.openvino, "OpenVinoSession", lambda *_: Wrong(right))
    with pytest.raises(PackError) as refused:
        open_session(sample_pack.recognition, OPENVINO)
    assert refused.value.code == "runtime_disagrees"
    assert "rec.onnx" in str(refused.value) and "PRESENTE_RUNTIME" in str(refused.value)


def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)


def test_openvino_that_is_not_installed_is_refused_when_asked_for(
    sample_pack: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_openvino(monkeypatch)
    with pytest.raises(ConfigError) as refused:
        open_session(sample_pack.recognition, OPENVINO)
    assert refused.value.code == "runtime_not_installed" and "make openvino" in str(refused.value)
    assert chosen_runtime(RuntimeOptions("auto")) == "onnxruntime"
    assert described_runtime(RuntimeOptions("auto")).startswith("onnxruntime ")


@pytest.mark.parametrize("options", [RuntimeOptions("onnxruntime", "bf16"), RuntimeOptions("auto", "bf16")])
def test_bf16_is_openvinos(options: RuntimeOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    without_openvino(monkeypatch)
    with pytest.raises(ConfigError) as refused:
        chosen_runtime(options)
    assert refused.value.code == "precision_unavailable" and "PRESENTE_PRECISION" in str(refused.value)


@needs_openvino
def test_bf16_is_near_or_refused(sample_pack: ModelPack) -> None:
    import openvino

    options = RuntimeOptions("openvino", "bf16")
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        near = cosines(templates(opened(sample_pack, ORT), PHOTOS), templates(opened(sample_pack, options), PHOTOS))
        assert near.min() > 0.99 and near.max() < 1 - 1e-7
        return
    with pytest.raises(ConfigError) as refused:
        opened(sample_pack, options)
    assert refused.value.code == "precision_unavailable"


@on_sqlite
def test_the_runtime_is_shown(command: Command) -> None:
    checked = json.loads(command("faces", "check", "sample", "--runtime", "onnxruntime", "--json").stdout)
    assert checked["runtime"].startswith("onnxruntime ") and checked["runtime"].endswith(" f32")
    status = json.loads(command("indexer", "status", "--json", PRESENTE_RUNTIME="onnxruntime").stdout)
    assert status["runtime"] == checked["runtime"]
    wrong = command("indexer", "status", "--runtime", "tensorrt")
    assert wrong.returncode == 2 and "PRESENTE_RUNTIME" in wrong.stderr


def test_no_more_inferences_run_at_once_than_asked_for(sample_pack: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_session(sample_pack.recognition, RuntimeOptions("onnxruntime", at_once=2))
    port = session.get_inputs()[0]
    feeds = {port.name: np.zeros((4, 3, 112, 112), dtype=np.float32)}
    running, most, lock = 0, 0, threading.Lock()
    plain = session._run  # type: ignore[attr-defined]

    def counted(*given: object) -> object:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return plain(*given)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(session, "_run", counted)
    threads = [threading.Thread(target=session.run, args=(None, feeds)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 2


# -- flip --------------------------------------------------------------------------------------------------------------


def with_flip(pack: ModelPack, folder: Path, flip: object) -> Path:
    made = folder / "mine"
    made.mkdir()
    for path in (pack.detection, pack.recognition):
        (made / path.name).symlink_to(path)
    described = {"detection": pack.detection.name, "recognition": pack.recognition.name, "dim": pack.dim, "flip": flip}
    (made / "pack.json").write_text(json.dumps(described))
    return made


def test_a_flipping_pack_knows_a_face_and_its_mirror_image_as_one(sample_pack: ModelPack, tmp_path: Path) -> None:
    pack = load_pack(str(with_flip(sample_pack, tmp_path, True)), [])
    assert pack.flip and pack.tag.endswith("+flip") and not sample_pack.tag.endswith("+flip")
    flipping, plain = opened(pack, ORT), opened(sample_pack, ORT)
    crops = [flipping.read_portrait(path.read_bytes())[1].crop for path in PHOTOS[:3]]
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    made = flipping.recogniser.embed(crops)
    assert np.allclose(made, flipping.recogniser.embed(mirrored), atol=1e-5)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert cosines(plain.recogniser.embed(crops), plain.recogniser.embed(mirrored)).max() < 0.9999
    assert cosines(made, plain.recogniser.embed(crops)).min() > 0.5


def test_flip_is_true_or_false(sample_pack: ModelPack, tmp_path: Path) -> None:
    with pytest.raises(PackError) as refused:
        load_pack(str(with_flip(sample_pack, tmp_path, "yes")), [])
    assert refused.value.code == "pack_invalid" and "flip" in str(refused.value)
