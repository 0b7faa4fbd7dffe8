"""bf16 and int8 behind the check: what passes is used and named in the tag, what loses or changed is refused."""

import json
import shutil
from dataclasses import replace
from importlib import util
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.packs.model_pack import ModelPack, load_pack
from faces.precision import check as precision_check
from faces.precision.check import GateLimits, PrecisionResult, check_precision
from faces.precision.gate import compare, faults, most_loss
from faces.precision.photos import divided, labelled_photos, read_faces, shipped_photos
from faces.precision.quantization import quantized
from faces.runtime.session import RuntimeOptions, bf16_is_available
from presente.errors import ConfigError, InvalidInput, PackError, PresenteError
from tests.conftest import SAMPLE, Command, on_sqlite, unit

INT8 = RuntimeOptions("onnxruntime", "int8")
LIMITS = GateLimits(loss=0.05)
needs_bf16 = pytest.mark.skipif(not bf16_is_available(), reason="no OpenVINO (`make openvino`), or no bf16 in this CPU")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with the sample pack, without any check."""
    folder = tmp_path / "sample"
    folder.mkdir()
    for path in (SAMPLE / "models" / "sample").iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return folder


def checked(folder: Path, options: RuntimeOptions = INT8, limits: GateLimits = LIMITS) -> PrecisionResult:
    return check_precision(load_pack(str(folder), []), options, shipped_photos(), limits, lambda _: None)


def code_of(folder: Path, precision: str = "int8", runtime: RuntimeOptions = INT8) -> str:
    """The code that a pack in a precision is refused with."""
    with pytest.raises(PresenteError) as refused:
        FaceEmbedder(load_pack(str(folder), [], precision), EmbedderSettings(runtime=runtime))
    assert refused.value.fix
    return refused.value.code


# -- what passes -------------------------------------------------------------------------------------------------------


def test_int8_that_loses_nothing_is_used_and_named(copied: Path) -> None:
    f32 = load_pack(str(copied), [])
    assert code_of(copied) == "precision_unchecked"
    result = checked(copied)
    assert result.faults == () and result.calibrated_with > 0 and result.comparison.mated == 120
    pack = load_pack(str(copied), [], "int8")
    assert pack.tag.endswith("+int8") and pack.tag.partition("+")[0] != f32.tag  # other templates: another pack
    assert load_pack(str(copied), []).tag == f32.tag
    operators = {node.op_type for node in onnx.load(str(pack.graph)).graph.node}
    assert "QuantizeLinear" in operators and pack.recognition == f32.recognition
    plain = FaceEmbedder(f32, EmbedderSettings(runtime=replace(INT8, precision="f32")))
    other = FaceEmbedder(pack, EmbedderSettings(runtime=INT8))
    assert other.runtime.endswith(" int8")
    faces = [plain.read_portrait(path.read_bytes())[1] for path in sorted((SAMPLE / "strangers").glob("*.jpg"))]
    pairs = zip(plain.embed(faces), other.embed(faces), strict=True)
    cosines = [float(one.template @ two.template) for one, two in pairs]
    assert min(cosines) > 0.98 and max(cosines) < 1 - 1e-6


def test_the_same_photos_give_the_same_graph(copied: Path) -> None:
    checked(copied)
    tag = load_pack(str(copied), [], "int8").tag
    checked(copied)
    assert load_pack(str(copied), [], "int8").tag == tag
    assert len(list((copied / "int8").iterdir())) == 2


@needs_bf16
def test_bf16_is_used_once_it_was_checked(copied: Path) -> None:
    options = RuntimeOptions("openvino", "bf16")
    assert code_of(copied, "bf16", options) == "precision_unchecked"
    assert checked(copied, options).faults == ()
    pack = load_pack(str(copied), [], "bf16")
    assert pack.tag.endswith("+bf16") and pack.graph == pack.recognition
    FaceEmbedder(pack, EmbedderSettings(runtime=options))


@needs_bf16
def test_what_was_checked_on_one_runtime_is_not_run_on_another(copied: Path) -> None:
    checked(copied, RuntimeOptions("openvino", "int8"))
    assert code_of(copied) == "precision_unchecked"
    FaceEmbedder(load_pack(str(copied), [], "int8"), EmbedderSettings(runtime=RuntimeOptions("openvino", "int8")))


@pytest.mark.real
def test_a_real_pack_in_int8_loses_nothing(real_pack: ModelPack, real_faces: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mbf"
    folder.mkdir()
    for path in (real_pack.detection, real_pack.recognition):
        (folder / path.name).symlink_to(path)
    photos = labelled_photos(real_faces / "orl")
    result = check_precision(load_pack(str(folder), []), INT8, photos, GateLimits(loss=0.03), lambda _: None)
    assert result.faults == () and result.comparison.agreement.median > 0.99


# -- what is refused ---------------------------------------------------------------------------------------------------


def spoiled(pack: ModelPack, crops: list[np.ndarray]) -> bytes:
    """A quantized graph, one of whose tensors of weights is shuffled."""
    model = onnx.load_from_string(quantized(pack, crops))
    weights = max(
        (each for each in model.graph.initializer if len(each.dims) == 4), key=lambda each: np.prod(each.dims)
    )
    values = np.random.default_rng(0).permutation(numpy_helper.to_array(weights).reshape(-1))
    weights.CopyFrom(numpy_helper.from_array(values.reshape(weights.dims), weights.name))
    return bytes(model.SerializeToString())


def test_a_graph_that_loses_is_refused_and_not_installed(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_check, "quantized", spoiled)
    result = checked(copied)
    assert result.comparison.agreement.median < 0.99 and any("cosine" in reason for reason in result.faults)
    assert not (copied / "int8").exists() and code_of(copied) == "precision_unchecked"


def test_other_model_files_need_another_check(copied: Path) -> None:
    checked(copied)
    model = onnx.load(str(copied / "rec.onnx"))
    model.producer_name = "another"
    onnx.save(model, str(copied / "rec.onnx"))
    assert code_of(copied) == "precision_outdated"


def test_a_graph_that_changed_or_is_gone_is_refused(copied: Path) -> None:
    checked(copied)
    (graph,) = (copied / "int8").glob("*.onnx")
    graph.write_bytes(graph.read_bytes() + b"\0")
    assert code_of(copied) == "checksum_mismatch"
    graph.unlink()
    assert code_of(copied) == "checksum_mismatch"
    (copied / "int8" / "check.json").write_text("{}")
    assert code_of(copied) == "pack_invalid"


def test_a_pack_that_was_opened_in_f32_is_not_run_in_int8(copied: Path) -> None:
    assert code_of(copied, "f32") == "precision_unchecked"


def test_a_model_with_nothing_to_quantize_is_refused(tmp_path: Path, sample_pack: ModelPack) -> None:
    from onnx import TensorProto, helper

    shapes = [("data", [1, 3, 112, 112]), ("out", [1, 37632])]
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    graph = helper.make_graph([helper.make_node("Flatten", ["data"], ["out"])], "net", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path / "flat.onnx"
    onnx.save(model, str(path))
    crop = np.zeros((112, 112, 3), np.uint8)
    with pytest.raises(PackError) as refused:
        quantized(replace(sample_pack, recognition=path), [crop])
    assert refused.value.code == "not_quantizable"


def test_too_few_photos_are_refused(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        labelled_photos(tmp_path / "nowhere")
    assert refused.value.code == "unreadable_folder"
    with pytest.raises(InvalidInput) as refused:
        labelled_photos(copied)
    assert refused.value.code == "empty_source"
    few = shipped_photos()[:12]
    with pytest.raises(InvalidInput) as refused:
        check_precision(load_pack(str(copied), []), INT8, few, LIMITS, lambda _: None)
    assert refused.value.code == "too_few_photos" and "--photos" in refused.value.fix


@on_sqlite
def test_the_command_checks_and_a_gallery_of_f32_is_not_mixed(command: Command, copied: Path) -> None:
    here = {"PRESENTE_PACK": str(copied), "PRESENTE_RUNTIME": "onnxruntime"}
    assert command("indexer", "add", str(SAMPLE / "students.csv"), **here).returncode == 0
    unchecked = command("indexer", "status", "--json", "--precision", "int8", **here)
    assert json.loads(unchecked.stdout)["error"]["code"] == "precision_unchecked"
    needs = command("faces", "check", str(copied), "--precision", "int8", "--most-loss", "0.001", "--json", **here)
    assert needs.returncode == 1 and json.loads(needs.stdout)["error"]["code"] == "precision_loses"
    assert "searches" in needs.stderr and not (copied / "int8").exists()
    passed = command("faces", "check", str(copied), "--precision", "int8", "--json", **here)
    shown = json.loads(passed.stdout)
    assert passed.returncode == 0 and shown["tag"].endswith("+int8") and shown["searches"] == 120
    mixed = command("indexer", "add", str(SAMPLE / "students.csv"), "--json", PRESENTE_PRECISION="int8", **here)
    assert json.loads(mixed.stdout)["error"]["code"] == "pack_mismatch"
    synced = command("indexer", "sync", "--json", PRESENTE_PRECISION="int8", **here)
    assert synced.returncode == 0, synced.stderr
    status = json.loads(command("indexer", "status", "--json", PRESENTE_PRECISION="int8", **here).stdout)
    assert status["pack"].endswith("+int8") and status["runtime"].endswith(" int8")


@on_sqlite
def test_a_pack_for_people_is_not_checked_on_drawn_faces(command: Command, copied: Path) -> None:
    described = json.loads((copied / "pack.json").read_text()) | {"name": "people"}
    (copied / "pack.json").write_text(json.dumps(described))
    asked = command("faces", "check", str(copied), "--precision", "int8", "--json", "--runtime", "onnxruntime")
    error = json.loads(asked.stdout)["error"]
    assert (asked.returncode, error["code"]) == (2, "photos_needed") and "--photos" in error["fix"]


# -- the comparison ----------------------------------------------------------------------------------------------------


def test_the_bound_is_tangos() -> None:
    """Without a search that differs it is z^2 / (n + z^2); it holds the truth in 95 of 100 draws and more."""
    square = 1.6448536269514722**2
    assert most_loss(0, 0, 100) == pytest.approx(square / (100 + square), abs=1e-9)
    assert most_loss(0, 0, 10_000) < 0.0003
    assert most_loss(8, 8, 1000) > most_loss(2, 2, 1000) > most_loss(2, 6, 1000) > 0
    chance = np.random.default_rng(3)
    draws = chance.multinomial(500, [0.03, 0.01, 0.96], 2000)
    held = np.mean([most_loss(int(lost), int(gained), 500) >= 0.02 for lost, gained, _ in draws])
    assert 0.93 < held < 0.97


def test_searches_are_counted_as_by_hand() -> None:
    """Two photos of a, two of b, one of c. In the other precision b's second photo has become like c's."""
    axes = np.eye(4, dtype=np.float32)
    f32 = unit(np.stack([axes[0], axes[0] + 0.01 * axes[3], axes[1], axes[1] + 0.1 * axes[3], axes[2]]))
    other = f32.copy()
    other[3] = unit(axes[2] + 0.1 * axes[3])
    found = compare(f32, other, ["a", "a", "b", "b", "c"], fpir=0.2)
    assert (found.mated, found.non_mated, found.lost, found.gained) == (4, 5, 2, 0)
    assert (found.f32.fnir, found.other.fnir) == (0.0, 0.5)
    assert found.agreement.median == pytest.approx(1) and found.agreement.least == pytest.approx(0.0099, abs=1e-3)
    assert len(faults(found, 0.05)) == 2 and found.most_loss > 0.5
    assert faults(compare(f32, f32, ["a", "a", "b", "b", "c"], 0.2), 0.9) == []


def test_people_that_calibrate_are_not_compared(embedder: FaceEmbedder) -> None:
    faces = list(read_faces(shipped_photos(), embedder, 1, lambda _: None))
    calibration, compared = divided(faces)
    people = [{face.photo.person for face in part} for part in (calibration, compared)]
    assert calibration and not people[0] & people[1] and len(faces) == len(calibration) + len(compared)


def test_openvino_is_what_bf16_needs(monkeypatch: pytest.MonkeyPatch, copied: Path) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as refused:
        checked(copied, RuntimeOptions("auto", "bf16"))
    assert refused.value.code == "precision_unavailable" and not bf16_is_available()
