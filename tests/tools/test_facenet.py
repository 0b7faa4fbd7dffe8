"""A second kind of pack: FaceNet's architecture with random weights, its preprocessing, and the file they come in.

No test has the real weights: they are 107 MB, and a developer who has them gives them to ``python -m tools.facenet``.
"""

import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from evaluation.pipelines import PRESENT, makers
from faces.alignment import cut_box
from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack, Preprocessing, load_pack
from presente.errors import PackError, PhotoRefused
from presente.files import sha256_file
from tests.conftest import SAMPLE, Command, on_sqlite
from tools.facenet.convert import PREPROCESSING, convert, folded, inception_resnet_v1, taken_from
from tools.facenet.torch_file import read_tensors

PHOTOS = [path.read_bytes() for path in sorted((SAMPLE / "strangers").glob("*.jpg"))[:3]]


class RandomWeights(dict[str, np.ndarray]):
    """Random weights of any name and shape."""

    chance = np.random.default_rng(7)

    def __call__(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        spread = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.1
        values = self.chance.normal(0, spread, shape)
        if name.endswith(("running_var", "bn.weight")):
            values = 1 + np.abs(values)
        self[name] = values.astype(np.float32)
        return self[name]


@pytest.fixture(scope="module")
def weights() -> RandomWeights:
    made = RandomWeights()
    inception_resnet_v1(made)
    return made


@pytest.fixture(scope="module")
def pack(weights: RandomWeights, sample_pack: ModelPack, tmp_path_factory: pytest.TempPathFactory) -> ModelPack:
    folder = tmp_path_factory.mktemp("facenet")
    save(folder / "weights.pt", weights, legacy=False)
    return convert(folder / "weights.pt", sample_pack, folder / "pack", sha256_file(folder / "weights.pt"))


def test_the_architecture_is_facenet_pytorchs(weights: RandomWeights) -> None:
    trained = {name: tensor.size for name, tensor in weights.items() if "running" not in name}
    assert sum(trained.values()) == 23_482_624  # parameters of InceptionResnetV1 without its classifier
    assert {"repeat_1.4.branch2.2.conv.weight", "mixed_6a.branch0.bn.bias", "block8.conv2d.bias"} < trained.keys()
    assert weights["repeat_2.0.branch1.1.conv.weight"].shape == (128, 128, 1, 7)
    onnx.checker.check_model(
        inception_resnet_v1(weights.__getitem__.__call__ if False else lambda name, _: weights[name])
    )


def test_a_normalisation_is_folded_into_the_layer_before_it() -> None:
    chance = np.random.default_rng(1)
    state = {
        "bn.weight": chance.normal(size=4),
        "bn.bias": chance.normal(size=4),
        "bn.running_mean": chance.normal(size=4),
        "bn.running_var": chance.uniform(0.1, 2, 4),
    }
    weight, x = chance.normal(size=(4, 3)), chance.normal(size=3)
    expected = (weight @ x - state["bn.running_mean"]) / np.sqrt(state["bn.running_var"] + 1e-3)
    expected = expected * state["bn.weight"] + state["bn.bias"]
    new, bias = folded(taken_from(state, "here"), weight, "bn")
    assert np.allclose(new @ x + bias, expected)


def test_templates_of_length_one_through_the_same_door(pack: ModelPack) -> None:
    embedder = FaceEmbedder(pack)
    face = embedder.read_portrait(PHOTOS[0])[1]
    (made,) = embedder.embed([face])
    assert made.template.shape == (512,) and np.linalg.norm(made.template) == pytest.approx(1, abs=1e-5)
    assert face.crop.shape == (160, 160, 3)
    # By hand: RGB, (x - 127.5) / 128, straight into the model.
    given = ((face.crop.astype(np.float64) - 127.5) / 128).transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(str(pack.recognition), providers=["CPUExecutionProvider"])
    row = session.run(None, {"faces": given})[0][0]
    assert np.allclose(embedder.recogniser.features([face.crop])[0], row, rtol=1e-4, atol=1e-4)
    assert row @ made.template == pytest.approx(np.linalg.norm(row), rel=1e-5)
    # The pipeline that ``compare --packs`` runs makes the same template; quality is measured as for any pack.
    compared = makers(embedder, PRESENT).gallery.make(PHOTOS[0]).template
    assert compared is not None and np.allclose(compared, row, rtol=1e-4, atol=1e-4)
    assert face.quality == FaceEmbedder(load_pack("sample", [SAMPLE / "models"])).read_portrait(PHOTOS[0])[1].quality


def test_known_landmarks_find_the_box_that_is_cut_out(pack: ModelPack) -> None:
    embedder = FaceEmbedder(pack)
    photo = embedder.decode(PHOTOS[1])
    detected = embedder.portrait(photo)
    known = embedder.portrait(photo, detected.face.landmarks)
    assert np.array_equal(known.face.box, embedder.detect(photo)[0].face.box) and known.crop.shape == (160, 160, 3)
    with pytest.raises(PhotoRefused) as refused:
        embedder.portrait(photo, detected.face.landmarks * 0)
    assert refused.value.code == "no_face"


def test_a_box_is_cut_out_to_the_pixel() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    same = cut_box(pixels, np.array([20.9, 10.2, 180.9, 170.9]), 160, 0)
    assert np.array_equal(same, pixels[10:170, 20:180])  # of its size already: rounded towards zero, no filter
    # Twice as large: Pillow's bilinear filter is a triangle as wide as two pixels of the result.
    large = cut_box(pixels, np.array([0.0, 0.0, 200.0, 200.0]), 100, 0).astype(float)
    assert np.abs(large - halved(pixels[:200, :200])).max() <= 1.01
    # 40 of 160 around a box of 60 is 60 * 40 / 120: ten on either side, as far as the photo goes.
    wide, edge = (cut_box(pixels, np.array(box), 160, 40.0) for box in ([50.0, 50, 110, 110], [0.0, 0, 60, 60]))
    assert np.array_equal(wide, cut_box(pixels, np.array([40.0, 40, 120, 120]), 160, 0))
    assert np.array_equal(edge, cut_box(pixels, np.array([0.0, 0, 70, 70]), 160, 0))
    assert cut_box(pixels, np.array([5.2, 5.2, 5.9, 5.9]), 160, 0).shape == (160, 160, 3)


def halved(pixels: np.ndarray) -> np.ndarray:
    """Every pixel from four on either axis, weighing 1, 3, 3, 1; at the edge from those there are."""
    filtered = pixels.astype(float)
    for axis in (0, 1):
        moved = np.moveaxis(filtered, axis, 0)
        sums = np.zeros((len(moved) // 2, *moved.shape[1:]))
        total = np.zeros(len(moved) // 2)
        for offset, weight in ((-1, 1), (0, 3), (1, 3), (2, 1)):
            places = 2 * np.arange(len(sums)) + offset
            inside = (places >= 0) & (places < len(moved))
            sums[inside] += weight * moved[places[inside]]
            total[inside] += weight
        filtered = np.moveaxis(sums / total[:, None, None], 0, axis)
    return filtered


def test_the_preprocessing_is_declared_and_part_of_the_tag(pack: ModelPack) -> None:
    assert pack.preprocessing == PREPROCESSING and pack.dim == 512
    description = pack.recognition.parent / "pack.json"
    said = json.loads(description.read_text())
    assert said["input"] == {"size": 160, "mean": 127.5, "scale": 128.0, "colours": "rgb", "crop": "box", "margin": 0.0}
    try:
        said["input"]["margin"] = 22.4
        description.write_text(json.dumps(said))
        assert load_pack(str(description.parent), []).tag != pack.tag  # other templates: another pack
        for wrong in ({"margin": 160}, {"crop": "circle"}, {"scale": 0}, {"size": "160"}, {"gamma": 1}):
            description.write_text(json.dumps({**said, "input": {**said["input"], **wrong}}))
            with pytest.raises(PackError) as caught:
                load_pack(str(description.parent), [])
            assert caught.value.code == "pack_invalid"
        description.write_text(json.dumps({**said, "input": {**said["input"], "size": 112, "margin": 0}}))
        with pytest.raises(PackError, match=r"160.*112x112"):
            FaceEmbedder(load_pack(str(description.parent), []))
    finally:
        said["input"] = {**said["input"], "margin": 0.0}
        description.write_text(json.dumps(said))


def test_bgr_and_no_standardisation_can_be_declared_too(pack: ModelPack) -> None:
    crop = np.random.default_rng(3).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    plain = FaceEmbedder(pack).recogniser
    plain._network._preprocessing = Preprocessing(160, 127.5, 128.0, "bgr", "box", 0.0)
    swapped = plain.features([crop])
    assert np.allclose(swapped, FaceEmbedder(pack).recogniser.features([crop[:, :, ::-1].copy()]), atol=1e-5)


# -- the file -----------------------------------------------------------------------------------------------------


class Tensor:
    """A tensor that pickles as torch's do: a function of torch's, called with a storage that lies elsewhere."""

    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, values

    def __reduce__(self) -> tuple[Any, ...]:
        steps = tuple(step // self.values.itemsize for step in self.values.strides)
        function = sys.modules["torch._utils"]._rebuild_tensor_v2
        return function, (self, 0, self.values.shape, steps, False, OrderedDict())


class Storage:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def save(path: Path, state: dict[str, np.ndarray], legacy: bool) -> None:
    """Write a file as ``torch.save`` does, in its older or its newer form."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    kinds = {"f": type("FloatStorage", (), {}), "i": type("LongStorage", (), {})}
    for kind in kinds.values():
        kind.__module__ = "torch"
        setattr(torch, kind.__name__, kind)

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: object) -> object:
            if not isinstance(thing, Storage):
                return None
            own = thing.tensor
            view = (None,) if legacy else ()
            return ("storage", kinds[own.values.dtype.kind], own.key, "cpu", own.values.size, *view)

    tensors = OrderedDict((name, Tensor(str(i), values)) for i, (name, values) in enumerate(state.items()))
    reduce = Tensor.__reduce__
    held = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    try:
        sys.modules["torch"], sys.modules["torch._utils"] = torch, utils
        Tensor.__reduce__ = lambda self: (reduce(self)[0], (Storage(self), *reduce(self)[1][1:]))  # type: ignore[method-assign]
        path.write_bytes(b"")
        if legacy:
            with path.open("wb") as stream:
                for thing in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
                    pickle.dump(thing, stream, protocol=2)
                Pickler(stream, protocol=2).dump(tensors)
                keys = [tensor.key for tensor in tensors.values()]
                pickle.dump(keys, stream, protocol=2)
                for tensor in tensors.values():
                    stream.write(struct.pack("<q", tensor.values.size) + tensor.values.tobytes("A"))
        else:
            with zipfile.ZipFile(path, "w") as archive:
                with archive.open("archive/data.pkl", "w") as entry:
                    Pickler(entry, protocol=2).dump(tensors)
                for tensor in tensors.values():
                    archive.writestr(f"archive/data/{tensor.key}", tensor.values.tobytes("A"))
    finally:
        Tensor.__reduce__ = reduce  # type: ignore[method-assign]
        for name, module in held.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_are_read_without_torch(tmp_path: Path, legacy: bool) -> None:
    chance = np.random.default_rng(4)
    state = {
        "a.weight": chance.normal(size=(4, 3, 2, 2)).astype(np.float32),
        "turned": chance.normal(size=(3, 5)).astype(np.float32).T,
        "count": np.array(12),
    }
    save(tmp_path / "weights.pt", state, legacy)
    read = read_tensors(tmp_path / "weights.pt")
    assert list(read) == list(state) and all(np.array_equal(read[name], state[name]) for name in state)
    whole = (tmp_path / "weights.pt").read_bytes()
    for wrong in (whole[:-30], b"", b"no weights at all", pickle.dumps(["a"]), pickle.dumps(print)):
        (tmp_path / "weights.pt").write_bytes(wrong)
        with pytest.raises(PackError) as caught:
            read_tensors(tmp_path / "weights.pt")
        assert caught.value.code == "unreadable_weights"


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    with zipfile.ZipFile(tmp_path / "weights.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": Harmful()}))
    with pytest.raises(PackError, match="names"):
        read_tensors(tmp_path / "weights.pt")
    assert not (tmp_path / "ran").exists()


def test_what_is_missing_or_another_is_named(tmp_path: Path, sample_pack: ModelPack) -> None:
    path = tmp_path / "20180402-114759-vggface2.pt"
    with pytest.raises(PackError, match=r"There is no .*vggface2\.pt.*github\.com.*281cebca") as caught:
        convert(path, sample_pack, tmp_path / "pack")
    assert caught.value.code == "weights_not_found"
    save(path, {"conv2d_1a.conv.weight": np.zeros((1, 3, 3, 3), np.float32)}, legacy=True)
    with pytest.raises(PackError) as other:
        convert(path, sample_pack, tmp_path / "pack")
    assert other.value.code == "checksum_mismatch"
    with pytest.raises(PackError, match=r"1a\.conv\.weight is \(1, 3, 3, 3\); it must be \(32, 3, 3, 3\)") as shape:
        convert(path, sample_pack, tmp_path / "pack", sha256_file(path))
    assert shape.value.code == "unsuitable_weights" and not (tmp_path / "pack").exists()


@on_sqlite
def test_the_command_says_where_to_get_them(command: Command, weights: RandomWeights, tmp_path: Path) -> None:
    missing = command("tools.facenet", "nowhere.pt")
    assert missing.returncode == 1 and "weights_not_found" in missing.stderr and "releases/download" in missing.stderr
    save(tmp_path / "weights.pt", weights, legacy=True)
    done = command(
        *("tools.facenet", "weights.pt", "--out", "pack", "--sha256", sha256_file(tmp_path / "weights.pt"), "--json")
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tag"] == load_pack(str(tmp_path / "pack"), []).tag
