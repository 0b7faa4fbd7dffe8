"""Liveness packs are found, described, checked, listed and pulled like the other packs, and told from them."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from insightface.addons import ADDON_CATALOG

from faces.embedder import EmbedderSettings, FaceEmbedder
from faces.liveness.description import LivenessDescription
from faces.liveness.liveness_pack import liveness_description, load_liveness_pack
from faces.liveness.published import PUBLISHED_LIVENESS, PublishedLiveness
from faces.liveness.reader import LivenessReader
from faces.packs.download import pull
from faces.packs.model_pack import ModelPack, Terms, load_pack
from faces.packs.published import PUBLISHED, ModelFile
from faces.pose.pose_pack import load_pose_pack
from faces.pose.published import PUBLISHED_POSES
from faces.runtime.session import RuntimeOptions
from presente.composition import open_liveness, open_liveness_reader
from presente.errors import ConfigError, PackError
from presente.settings import Settings
from presente.settings.liveness import LivenessModes
from tests.conftest import ROOT, SAMPLE, SHARED, Command, on_sqlite
from tests.faces import liveness_models
from tests.faces.liveness_models import DESCRIBED

PLAIN = RuntimeOptions("onnxruntime")
CROP, INPUT, OUTPUT = (DESCRIBED["models"][0][name] for name in ("crop", "input", "output"))
WEIGHTS = SHARED / "models" / "liveness"


def error_of(name: str, *places: Path) -> PackError:
    with pytest.raises(PackError) as caught:
        load_liveness_pack(name, places)
    return caught.value


def test_a_pack_is_found_by_its_name_and_its_tag_has_all_that_decides(tmp_path: Path) -> None:
    liveness_models.folder(tmp_path / "later" / "mine")
    liveness_models.folder(tmp_path / "first" / "mine", name="alive", licence="CC0", use="anyone")
    pack = load_liveness_pack("mine", [tmp_path / "first", tmp_path / "later"])
    assert (pack.name, pack.terms) == ("alive", Terms("CC0", "anyone"))
    assert pack.tag == f"alive@{pack.digest[:12]}" and len(pack.digest) == 64
    same = load_liveness_pack(str(tmp_path / "later" / "mine"), [])
    assert same.digest == pack.digest and same.terms == Terms("not stated", "not stated")
    changes: list[dict[str, Any]] = [
        {"crop": CROP | {"scale": 2.5}},
        {"crop": CROP | {"beyond": "reflect"}},
        {"crop": CROP | {"least_seen": 0.6}},
        {"input": INPUT | {"colours": "bgr"}},
        {"output": OUTPUT | {"live": 1}},
        {"threshold": 0.6},
        {"least_face": 41},
    ]
    others = set()
    for number, change in enumerate(changes):
        folder = liveness_models.folder(tmp_path / str(number) / "mine", **change)
        others.add(load_liveness_pack(str(folder), []).digest)
    assert len(others) == len(changes) and pack.digest not in others


def test_one_that_is_not_there(tmp_path: Path) -> None:
    error = error_of("minifasnet", tmp_path)
    assert error.code == "pack_not_found" and "faces pull minifasnet" in error.fix and str(tmp_path) in error.what
    error = error_of("nonesuch", tmp_path)
    assert error.code == "pack_not_found" and "minifasnet" in error.fix and "faces list" in error.fix


def test_packs_of_different_kinds_are_not_taken_for_each_other(tmp_path: Path) -> None:
    for other in ("sample", "sample_pose"):
        error = error_of(other, SAMPLE / "models")
        assert error.code == "unsuitable_model" and "liveness.json" in str(error)
    liveness_models.folder(tmp_path / "mine")
    with pytest.raises(PackError, match="liveness pack") as caught:
        load_pack("mine", [tmp_path])
    assert caught.value.code == "unsuitable_model"
    with pytest.raises(PackError, match=r"pose\.json") as caught:
        load_pose_pack("mine", [tmp_path])
    assert caught.value.code == "unsuitable_model"


def test_a_missing_or_changed_file_is_named(tmp_path: Path) -> None:
    folder = liveness_models.folder(tmp_path / "mine", file="other.onnx")
    assert error_of("mine", tmp_path).code == "pack_incomplete" and "other.onnx" in str(error_of("mine", tmp_path))
    sha256 = hashlib.sha256((folder / "live.onnx").read_bytes()).hexdigest()
    liveness_models.folder(folder, sha256=sha256)
    assert load_liveness_pack("mine", [tmp_path]).files == ((folder / "live.onnx").resolve(),)
    (folder / "live.onnx").write_bytes(b"other")
    error = error_of("mine", tmp_path)
    assert error.code == "checksum_mismatch" and sha256 in str(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"models": []}, "models"),
        ({"models": DESCRIBED["models"] * 2}, "different files"),
        ({"treshold": 0.5}, "treshold"),
        ({"threshold": 1.5}, "threshold"),
        ({"least_face": 0}, "least_face"),
        ({"file": "../live.onnx"}, "in the folder"),
        ({"file": "live.bin"}, "ONNX"),
        ({"sha256": "123"}, "sha256"),
        ({"use": "friends"}, "use"),
        ({"crop": {"around": "box", "beyond": "shrink"}}, "scale"),
        ({"crop": CROP | {"around": "nose"}}, "around"),
        ({"crop": CROP | {"scale": 20}}, "scale"),
        ({"crop": CROP | {"beyond": "black"}}, "beyond"),
        ({"crop": CROP | {"beyond": "reflect", "least_seen": 0.3}}, "least_seen"),
        ({"crop": CROP | {"around": "landmarks"}}, "warped"),
        (
            {"crop": CROP | {"around": "landmarks", "beyond": "repeat"}, "input": INPUT | {"width": 96}},
            "square",
        ),
        ({"input": INPUT | {"scale": 0}}, "above 0"),
        ({"input": INPUT | {"height": 8}}, "height"),
        ({"output": OUTPUT | {"live": 3}}, "counted from 0"),
        ({"output": OUTPUT | {"form": "votes"}}, "form"),
    ],
)
def test_a_wrong_description_says_what_is_wrong(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    liveness_models.folder(tmp_path / "mine", **change)
    error = error_of("mine", tmp_path)
    assert error.code == "pack_invalid" and said in error.what and "liveness.json" in error.what


def test_a_description_that_is_no_json_or_no_object(tmp_path: Path) -> None:
    folder = liveness_models.folder(tmp_path / "mine")
    for text in ("nonsense", "[]", ""):
        (folder / "liveness.json").write_text(text)
        assert error_of("mine", tmp_path).code == "pack_invalid"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": INPUT | {"height": 80}}, "it takes"),
        ({"input": INPUT | {"layout": "nhwc"}}, "it takes"),
        ({"output": OUTPUT | {"classes": 2}}, "it gives"),
        ({"output": {"form": "probabilities", "classes": 3}, "input": INPUT | {"scale": 1}}, "beyond 0 and 1"),
    ],
)
def test_a_model_that_is_another_than_described_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    pack = load_liveness_pack(str(liveness_models.folder(tmp_path / "mine", **change)), [])
    with pytest.raises(PackError, match=said) as caught:
        LivenessReader(pack, PLAIN)
    assert caught.value.code == "unsuitable_model" and "liveness.json" in caught.value.fix


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    folder = liveness_models.folder(tmp_path / "mine")
    (folder / "live.onnx").write_bytes(b"no model")
    with pytest.raises(PackError) as caught:
        LivenessReader(load_liveness_pack(str(folder), []), PLAIN)
    assert caught.value.code == "damaged_model"


def test_what_is_published_is_complete() -> None:
    assert not PUBLISHED_LIVENESS.keys() & (PUBLISHED.keys() | PUBLISHED_POSES.keys())
    for name, pack in PUBLISHED_LIVENESS.items():
        assert name == pack.name and pack.url is None and pack.terms.startswith("https://")
        assert [model.file for model in pack.description.models] == [file.name for file in pack.files]
        for file, model in zip(pack.files, pack.description.models, strict=True):
            assert len(file.sha256) == 64 and model.sha256 == file.sha256 and file.size > 1_000_000
            assert file.folder_url.startswith("https://")
    addon, ours = ADDON_CATALOG["liveness"], PUBLISHED_LIVENESS["insightface_liveness"].files[0]
    assert (addon.filename, addon.sha256, addon.size_bytes) == (ours.name, ours.sha256, ours.size)
    assert addon.url == f"{ours.folder_url}/{ours.name}"


def test_the_page_has_descriptions_that_can_be_used(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "liveness.md").read_text(encoding="utf-8")
    texts = [part.partition("```")[0] for part in page.split("```json\n")[1:]]
    assert len(texts) == 3
    published = {pack.files[0].sha256: pack for pack in PUBLISHED_LIVENESS.values()}
    for number, text in enumerate(texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "liveness.json").write_text(text, encoding="utf-8")
        described = liveness_description(folder)
        assert described is not None and described.least_face == 40
        if described.models[0].sha256:  # the add-on, as it is published
            theirs = published[described.models[0].sha256].description
            assert described.models[0].crop.scale == pytest.approx(theirs.models[0].crop.scale, abs=1e-4)
            assert (described.models[0].input, described.threshold) == (theirs.models[0].input, theirs.threshold)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A site with the two networks of a pair."""
    served = tmp_path / "served"
    liveness_models.model(served / "first.onnx")
    liveness_models.model(served / "second.onnx", np.eye(3) * 2)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_published_pair_is_pulled_and_used(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [tmp_path / "served" / name for name in ("first.onnx", "second.onnx")]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in made]
    files = tuple(
        ModelFile(file.name, digest, file.stat().st_size, site) for file, digest in zip(made, digests, strict=True)
    )
    like = DESCRIBED["models"][0]
    models = [{**like, "file": file.name, "sha256": file.sha256} for file in files]
    described = msgspec.convert({"models": models, "threshold": 0.5, "use": "anyone"}, LivenessDescription)
    pack = PublishedLiveness("offered", files, described, "https://there")
    folder = pull(pack, tmp_path / "packs", lambda *_: None)
    assert sorted(path.name for path in folder.iterdir()) == ["first.onnx", "second.onnx"]
    assert liveness_description(folder) is None  # its name is no published one
    monkeypatch.setitem(PUBLISHED_LIVENESS, "offered", pack)
    opened = load_liveness_pack("offered", [tmp_path / "packs"])
    LivenessReader(opened, PLAIN)
    assert opened.terms == Terms("not stated", "anyone")
    (folder / "second.onnx").write_bytes(made[0].read_bytes())
    error = error_of("offered", tmp_path / "packs")
    assert error.code == "checksum_mismatch" and digests[1] in str(error)
    (folder / "first.onnx").unlink()
    error = error_of("offered", tmp_path / "packs")
    assert error.code == "pack_incomplete" and "faces pull offered" in error.fix


@on_sqlite
def test_the_commands_know_the_kind(command: Command, tmp_path: Path) -> None:
    liveness_models.folder(tmp_path / "packs" / "mine", licence="CC0", use="anyone")
    models = {"PRESENTE_MODELS": str(tmp_path / "packs")}
    listed = json.loads(command("faces", "list", "--json", **models).stdout)
    assert {listed["kinds"][name] for name in ("mine", "sample_liveness", "minifasnet", "celeba_spoof")} == {"liveness"}
    assert listed["kinds"]["sample"] == "faces" and listed["kinds"]["sample_pose"] == "pose"
    assert listed["terms"]["mine"] == {"licence": "CC0", "use": "anyone"} and "mine" in listed["here"]
    assert listed["terms"]["insightface_liveness"]["use"] == "research only"
    checked = json.loads(command("faces", "check", "mine", "--json", **models).stdout)
    assert (checked["name"], checked["threshold"], checked["models"][0]["crop"]) == ("mine", 0.5, "2 x box, shrink")
    assert "number 0 of 3 is live" in command("faces", "check", "mine", **models).stdout
    (tmp_path / "packs" / "mine" / "liveness.json").write_text("{}")
    broken = command("faces", "check", "mine", **models)
    assert broken.returncode == 1 and "pack_invalid" in broken.stderr
    assert command("faces", "list", **models).returncode == 0
    unasked = command("faces", "pull", "insightface_liveness")
    assert unasked.returncode == 1 and "licence_not_accepted" in unasked.stderr and "research" in unasked.stderr


def test_the_settings_open_it_or_leave_it(tmp_path: Path) -> None:
    assert open_liveness(Settings()) is None
    watched = LivenessModes(identify="observe")
    own = open_liveness(Settings(liveness=watched))
    assert own is not None and own.pack.name == "sample_liveness"
    shutil.copytree(SAMPLE / "models" / "sample", tmp_path / "real")
    real = Settings(pack=str(tmp_path / "real"), liveness=watched)
    with pytest.raises(ConfigError) as caught:  # never a net for drawings, for real people
        open_liveness(real)
    assert caught.value.code == "no_liveness_pack" and "PRESENTE_LIVENESS_PACK" in caught.value.fix
    assert open_liveness(Settings(pack=str(tmp_path / "real"))) is None
    liveness_models.folder(tmp_path / "packs" / "mine")
    named = Settings(pack="real", liveness_pack="mine", models=(tmp_path / "packs",))
    assert open_liveness(named) is None and open_liveness_reader(named).pack.name == "mine"
    with pytest.raises(PackError):
        open_liveness_reader(Settings(liveness_pack="nonesuch"))


@pytest.fixture(scope="module")
def judging(real_pack: ModelPack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FaceEmbedder]:
    """The real networks that are in ../shared, as the page describes them, by name."""
    if not WEIGHTS.is_dir():
        pytest.skip("the real liveness weights are not here (../shared/models/liveness)")
    page = (ROOT / "docs" / "liveness.md").read_text(encoding="utf-8")
    found = {}
    for name, text in zip(("minifasnet", "celeba_spoof"), page.split("```json\n")[1:3], strict=True):
        folder = tmp_path_factory.mktemp(name)
        (folder / "liveness.json").write_text(text.partition("```")[0], encoding="utf-8")
        for model in json.loads(text.partition("```")[0])["models"]:
            shutil.copy(WEIGHTS / model["file"], folder)
        reader = LivenessReader(load_liveness_pack(str(folder), []), PLAIN)
        found[name] = FaceEmbedder(real_pack, EmbedderSettings(runtime=PLAIN), liveness=reader)
    return found


@pytest.mark.real
@pytest.mark.parametrize("name", ["minifasnet", "celeba_spoof"])
def test_real_networks_tell_the_photos_of_silent_face_apart(
    name: str, judging: dict[str, FaceEmbedder], real_faces: Path
) -> None:
    folder = real_faces / "liveness"
    if not folder.is_dir():
        pytest.skip("the three photos are not here (../shared/faces/liveness)")
    embedder = judging[name]
    scores = {}
    for photo in ("T1", "F1", "F2"):
        faces = embedder.read_faces((folder / f"{photo}.jpg").read_bytes()).faces
        assert len(faces) == 1
        scores[photo] = embedder.judged(faces)[0].score or 0.0
    assert scores["T1"] > 0.99 and scores["F1"] < 0.2 and scores["F2"] < 0.05, scores


@pytest.mark.real
def test_the_network_at_hand_is_the_one_that_is_published(judging: dict[str, FaceEmbedder]) -> None:
    liveness = judging["celeba_spoof"].liveness
    assert liveness is not None
    published = PUBLISHED_LIVENESS["celeba_spoof"]
    assert hashlib.sha256(liveness.pack.files[0].read_bytes()).hexdigest() == published.files[0].sha256
    ours, theirs = liveness.pack.description.models[0], published.description.models[0]
    assert (ours.crop, ours.input, ours.output) == (theirs.crop, theirs.input, theirs.output)
