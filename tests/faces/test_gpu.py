"""What a GPU changes, on the CPU: inputs of threads are joined, batches grow while that pays, no silent CPU."""

import threading
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from faces.detection.networks import face_network
from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.packs.model_pack import ModelPack
from faces.runtime import cuda, session
from faces.runtime.batching import BatchSize
from faces.runtime.coalescing import CoalescingSession, can_coalesce
from faces.runtime.session import RuntimeOptions, chosen_runtime, joined, plain_session
from indexer.pipeline.stages import embed_in_batches, reading_threads
from presente.errors import ConfigError
from tests.conftest import SAMPLE

CUDA = RuntimeOptions("cuda")


def noise(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).uniform(0, 255, (count, 1, 3, 112, 112)).astype(np.float32)


class Slow:
    """A session whose first inference waits until it is let go, and that notes how many items each had."""

    def __init__(self, real: session.Session) -> None:
        self.real, self.get_inputs, self.get_outputs = real, real.get_inputs, real.get_outputs
        self.started, self.go_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        (given,) = feeds.values()
        self.sizes.append(len(given))
        self.started.set()
        assert self.go_on.wait(30)
        if np.isnan(given).any():
            raise RuntimeError("not a face")
        return self.real.run(names, feeds)


def asked_at_once(slow: Slow, inputs: Sequence[NDArray[np.float32]], most: int) -> list[Any]:
    """The outputs of as many threads, the first of which is under way before the others come; or their errors."""
    joining = CoalescingSession(slow, at_once=1, most=most)
    name = slow.get_inputs()[0].name
    results: list[Any] = [None] * len(inputs)

    def ask(place: int) -> None:
        try:
            results[place] = joining.run(None, {name: inputs[place]})[0]
        except RuntimeError as error:
            results[place] = error

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(inputs))]
    threads[0].start()
    assert slow.started.wait(30)
    for thread in threads[1:]:
        thread.start()
    until = time.monotonic() + 30
    while len(joining._waiting) < len(inputs) - 1 and time.monotonic() < until:
        time.sleep(0.01)
    slow.go_on.set()
    for thread in threads:
        thread.join(30)
    return results


def test_inputs_that_wait_are_one_inference(sample_pack: ModelPack) -> None:
    plain = plain_session(sample_pack.recognition)
    slow, inputs = Slow(plain), noise(6)
    made = asked_at_once(slow, list(inputs), most=64)
    assert slow.sizes == [1, 5]
    for each, given in zip(made, inputs, strict=True):
        assert np.allclose(each, plain.run(None, {plain.get_inputs()[0].name: given})[0], atol=1e-4)


def test_an_inference_takes_no_more_than_it_may(sample_pack: ModelPack) -> None:
    slow = Slow(plain_session(sample_pack.recognition))
    asked_at_once(slow, list(noise(6)), most=2)
    assert slow.sizes[0] == 1 and sorted(slow.sizes[1:]) == [1, 2, 2]


def test_an_input_that_fails_costs_no_other(sample_pack: ModelPack) -> None:
    slow, inputs = Slow(plain_session(sample_pack.recognition)), noise(4)
    inputs[2] = np.nan
    made = asked_at_once(slow, list(inputs), most=64)
    assert [isinstance(each, RuntimeError) for each in made] == [False, False, True, False]
    assert slow.sizes == [1, 3, 1, 1, 1]


def test_sizes_are_not_mixed(sample_pack: ModelPack) -> None:
    """A detector is given canvases of many sizes."""
    detector = plain_session(sample_pack.detection)
    shapes = [(64, 96), (64, 96), (96, 64), (64, 96)]
    inputs = [np.zeros((1, 3, *shape), np.float32) for shape in shapes]
    slow = Slow(detector)
    made = asked_at_once(slow, inputs[:1] + inputs[2:3], most=64)
    assert slow.sizes == [1, 1] and all(isinstance(each, np.ndarray) for each in made)


def test_only_a_model_that_takes_several_is_joined(sample_pack: ModelPack) -> None:
    embedder, detector = plain_session(sample_pack.recognition), plain_session(sample_pack.detection)
    assert can_coalesce(embedder, 0.014) and isinstance(joined(embedder), CoalescingSession)
    assert not can_coalesce(detector, 0.014)  # its input is one photo
    given = np.zeros((1, 3, 64, 96), np.float32)
    name = detector.get_inputs()[0].name
    for ours, theirs in zip(joined(detector).run(None, {name: given}), detector.run(None, {name: given}), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.real
def test_the_real_detector_is_joined_and_finds_the_same(real_pack: ModelPack, real_faces: Path) -> None:
    plain = plain_session(real_pack.detection)
    joining = joined(plain)
    assert isinstance(joining, CoalescingSession)
    canvas = np.full((192, 192, 3), 90, np.uint8)
    assert len(face_network(joining, 0.5).faces(canvas)[0]) == len(face_network(plain, 0.5).faces(canvas)[0])


# -- batches -----------------------------------------------------------------------------------------------------------


def played(seconds_per_call: float, seconds_per_face: float, most: int) -> BatchSize:
    sizes = BatchSize(most)
    for _ in range(100):
        faces = sizes.next()
        sizes.took(faces, seconds_per_call + faces * seconds_per_face)
    return sizes


def test_batches_grow_while_that_is_quicker_per_face() -> None:
    assert played(0.0, 0.005, most=64).chosen == 4  # a CPU: every face costs the same
    assert played(0.002, 0.0001, most=64).chosen == 64  # a GPU: a call costs as much as many faces
    assert played(0.002, 0.001, most=64).chosen == 32
    assert played(0.002, 0.0001, most=16).chosen == 16


def test_one_disturbed_call_decides_nothing() -> None:
    sizes = BatchSize(16)
    for number in range(40):
        faces = sizes.next()
        sizes.took(faces, (10.0 if number % 3 == 0 else 0.002) + faces * 0.0001)
    assert sizes.chosen == 16


def test_the_size_is_measured_while_photos_are_embedded(
    sample_pack: ModelPack, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = FaceEmbedder(sample_pack, EmbedderSettings(runtime=RuntimeOptions("onnxruntime")))
    face = embedder.read_portrait(next((SAMPLE / "strangers").glob("*.jpg")).read_bytes())[1]
    with caplog.at_level("INFO"):
        embedded = list(embed_in_batches(embedder, ((number, face) for number in range(300)), 2))
    assert [number for number, _ in embedded] == list(range(300))
    assert embedder.batch_size.chosen in (4, 8, 16) and "faces per call" in caplog.text
    assert reading_threads(embedder, 2) == 2 and not embedder.on_gpu
    embedder.on_gpu = True
    assert reading_threads(embedder, 2) == 6


# -- what is refused ---------------------------------------------------------------------------------------------------


def builds(monkeypatch: pytest.MonkeyPatch, *installed: str) -> None:
    def version(name: str) -> str:
        if name in installed:
            return "1.31.1"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)


def test_a_build_without_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    builds(monkeypatch, "onnxruntime")
    with pytest.raises(ConfigError) as refused:
        chosen_runtime(CUDA)
    assert refused.value.code == "runtime_not_installed" and "make cuda" in refused.value.fix


def test_two_builds_in_one_place_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    builds(monkeypatch, "onnxruntime", "onnxruntime-gpu")
    with pytest.raises(ConfigError) as refused:
        chosen_runtime(CUDA)
    assert refused.value.code == "runtime_conflict" and "pip uninstall" in refused.value.fix


def test_a_gpu_that_onnxruntime_left_for_the_cpu_is_refused(
    sample_pack: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it ends where CUDA is built in and there is no GPU: ONNX Runtime itself goes on."""
    builds(monkeypatch, "onnxruntime-gpu")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cuda.PROVIDER, "CPUExecutionProvider"])
    monkeypatch.setattr(session, "cuda_providers", lambda _: [])
    with pytest.raises(ConfigError) as refused:
        FaceEmbedder(sample_pack, EmbedderSettings(runtime=CUDA))
    assert refused.value.code == "gpu_unavailable" and "nvidia-smi" in refused.value.fix


def test_a_session_on_the_gpu_never_changes_to_the_cpu() -> None:
    forbidden: list[bool] = []
    fake = SimpleNamespace(
        get_providers=lambda: [cuda.PROVIDER, "CPUExecutionProvider"], disable_fallback=lambda: forbidden.append(True)
    )
    cuda.check_taken(fake, Path("model.onnx"))
    assert forbidden == [True]


def test_the_gpus_memory_is_bounded_as_asked() -> None:
    assert "gpu_mem_limit" not in cuda.cuda_providers(0)[0][1]
    ((name, options),) = cuda.cuda_providers(2048)
    assert name == cuda.PROVIDER and options["gpu_mem_limit"] == str(2**31) and options["use_tf32"] == "0"


def test_a_gpu_computes_in_f32(monkeypatch: pytest.MonkeyPatch) -> None:
    builds(monkeypatch, "onnxruntime-gpu")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cuda.PROVIDER])
    assert chosen_runtime(CUDA) == "cuda"
    assert session.described_runtime(CUDA) == "cuda 1.31.1 f32"
    assert session.described_runtime(RuntimeOptions("onnxruntime")) == "onnxruntime 1.31.1 f32"
    with pytest.raises(ConfigError) as refused:
        chosen_runtime(RuntimeOptions("cuda", "int8"))
    assert refused.value.code == "precision_unavailable"
