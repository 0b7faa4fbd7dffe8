"""Pose packs are found, described, checked, listed and pulled like face packs, and each kind is told from the other."""

import hashlib
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faces.declared_network import NetworkInput
from faces.packs.download import pull
from faces.packs.model_pack import Terms, load_pack
from faces.packs.published import PUBLISHED, ModelFile
from faces.pose.description import PoseDescription, PoseOutput
from faces.pose.pose_pack import load_pose_pack, pose_description
from faces.pose.published import PUBLISHED_POSES, PublishedPose
from faces.pose.reader import PoseReader
from faces.runtime.session import RuntimeOptions
from presente.composition import open_pose, raise_rule
from presente.errors import PackError
from presente.settings import Settings
from tests.conftest import SAMPLE, Command, on_sqlite
from tests.faces import pose_models

DESCRIBED: dict[str, Any] = {
    "model": "pose.onnx",
    "input": {"height": 192, "width": 192, "layout": "nhwc"},
    "output": {"form": "movenet"},
}


def pose_folder(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    pose_models.movenet(folder / "pose.onnx")
    (folder / "pose.json").write_text(json.dumps(DESCRIBED | changes))
    return folder


def error_of(name: str, *places: Path) -> PackError:
    with pytest.raises(PackError) as caught:
        load_pose_pack(name, places)
    return caught.value


def test_a_pack_is_found_by_its_name_and_has_a_tag(tmp_path: Path) -> None:
    pose_folder(tmp_path / "later" / "mine")
    pose_folder(tmp_path / "first" / "mine", name="arms", licence="CC0", use="anyone")
    pack = load_pose_pack("mine", [tmp_path / "first", tmp_path / "later"])
    assert (pack.name, pack.terms) == ("arms", Terms("CC0", "anyone"))
    assert pack.tag == f"arms@{pack.digest[:12]}" and len(pack.digest) == 64
    same, other = (load_pose_pack(str(tmp_path / "later" / "mine"), []), pack.digest)
    assert same.digest == other and same.terms == Terms("not stated", "not stated")
    pose_folder(tmp_path / "scaled" / "mine", input=DESCRIBED["input"] | {"scale": 2})
    assert load_pose_pack("mine", [tmp_path / "scaled"]).digest != other


def test_one_that_is_not_there(tmp_path: Path) -> None:
    error = error_of("rtmpose_s", tmp_path)
    assert error.code == "pack_not_found" and "faces pull rtmpose_s" in error.fix and str(tmp_path) in error.what
    error = error_of("nonesuch", tmp_path)
    assert error.code == "pack_not_found" and "rtmpose_s" in error.fix and "faces list" in error.fix


def test_a_face_pack_is_no_pose_pack_and_the_other_way_round(tmp_path: Path) -> None:
    error = error_of("sample", SAMPLE / "models")
    assert error.code == "unsuitable_model" and "pose.json" in str(error)
    pose_folder(tmp_path / "mine")
    with pytest.raises(PackError) as caught:
        load_pack("mine", [tmp_path])
    assert caught.value.code == "unsuitable_model" and "pose pack" in caught.value.what


def test_a_missing_or_changed_file_is_named(tmp_path: Path) -> None:
    folder = pose_folder(tmp_path / "mine", model="other.onnx")
    assert error_of("mine", tmp_path).code == "pack_incomplete" and "other.onnx" in str(error_of("mine", tmp_path))
    sha256 = hashlib.sha256((folder / "pose.onnx").read_bytes()).hexdigest()
    (folder / "pose.json").write_text(json.dumps(DESCRIBED | {"sha256": sha256}))
    assert load_pose_pack("mine", [tmp_path]).model == (folder / "pose.onnx").resolve()
    (folder / "pose.onnx").write_bytes(b"other")
    error = error_of("mine", tmp_path)
    assert error.code == "checksum_mismatch" and sha256 in str(error)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nonsense", "JSON"),
        ([], "object"),
        ({"model": "pose.onnx"}, "input"),
        (DESCRIBED | {"modell": "x"}, "modell"),
        (DESCRIBED | {"model": "../pose.onnx"}, "in the folder"),
        (DESCRIBED | {"model": "pose.bin"}, "ONNX"),
        (DESCRIBED | {"input": {"height": 192, "width": 8}}, "width"),
        (DESCRIBED | {"input": {"height": 192, "width": 192, "scale": 0}}, "above 0"),
        (DESCRIBED | {"input": {"height": 192, "width": 192, "scale": [1, 2]}}, "scale"),
        (DESCRIBED | {"input": {"height": 192, "width": 192, "colours": "hsv"}}, "colours"),
        (DESCRIBED | {"output": {"form": "boxes"}}, "form"),
        (DESCRIBED | {"output": {"form": "simcc", "split_ratio": 0}}, "split_ratio"),
        (DESCRIBED | {"keypoints": ["nose", "left_wrist"]}, "left_shoulder"),
        (DESCRIBED | {"keypoints": "halpe"}, "keypoints"),
        (DESCRIBED | {"sha256": "123"}, "sha256"),
        (DESCRIBED | {"use": "friends"}, "use"),
    ],
)
def test_a_wrong_description_says_what_is_wrong(tmp_path: Path, wrong: Any, said: str) -> None:
    folder = pose_folder(tmp_path / "mine")
    (folder / "pose.json").write_text(wrong if isinstance(wrong, str) else json.dumps(wrong))
    error = error_of("mine", tmp_path)
    assert error.code == "pack_invalid" and said in error.what and "pose.json" in error.what


def test_twice_the_same_keypoint_is_refused(tmp_path: Path) -> None:
    names = [*pose_description_order(), "nose"]
    folder = pose_folder(tmp_path / "mine", keypoints=names)
    assert "different names" in error_of(str(folder)).what


def pose_description_order() -> tuple[str, ...]:
    return PoseDescription("a.onnx", NetworkInput(192, 192), PoseOutput("movenet")).order


class Site(BaseHTTPRequestHandler):
    """Serves files by the last part of their address."""

    files: dict[str, bytes] = {}  # noqa: RUF012  # shared by every request on purpose

    def do_GET(self) -> None:
        body = self.files.get(self.path.rpartition("/")[2])
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    model = pose_models.movenet(tmp_path / "served.onnx").read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        zipped.writestr("20230831/rtmpose_onnx/end2end.onnx", model)
        zipped.writestr("20230831/rtmpose_onnx/pipeline.json", "{}")
    Site.files = {"pose.zip": stream.getvalue(), "end2end.onnx": model}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def offered(site: str, archived: bool, sha256: str = "", size: int = 0) -> PublishedPose:
    model = Site.files["end2end.onnx"]
    file = ModelFile("end2end.onnx", sha256 or hashlib.sha256(model).hexdigest(), size, site)
    described = PoseDescription(
        file.name, NetworkInput(192, 192, "nhwc"), PoseOutput("movenet"), sha256=file.sha256, licence="Apache-2.0"
    )
    return PublishedPose("offered", f"{site}/pose.zip" if archived else None, file, described, "https://there")


@pytest.mark.parametrize("archived", [True, False])
def test_a_published_pack_is_pulled_and_used(
    site: str, tmp_path: Path, archived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = offered(site, archived, size=len(Site.files["end2end.onnx"]) if archived else 0)
    seen: list[tuple[int, int]] = []
    folder = pull(pack, tmp_path / "packs", lambda done, total: seen.append((done, total)))
    assert [path.name for path in folder.iterdir()] == ["end2end.onnx"]
    assert seen[-1][0] == len(Site.files["pose.zip" if archived else "end2end.onnx"])
    assert pose_description(folder) is None  # its name is no published one
    monkeypatch.setitem(PUBLISHED_POSES, "offered", pack)
    opened = load_pose_pack("offered", [tmp_path / "packs"])
    PoseReader(opened, RuntimeOptions("onnxruntime"))
    assert opened.terms == Terms("Apache-2.0", "not stated")
    (folder / "end2end.onnx").write_bytes(b"other")
    assert error_of("offered", tmp_path / "packs").code == "checksum_mismatch"


@pytest.mark.parametrize("archived", [True, False])
def test_what_is_not_what_was_published_is_not_installed(site: str, tmp_path: Path, archived: bool) -> None:
    pack = offered(site, archived, "0" * 64, len(Site.files["end2end.onnx"]))
    with pytest.raises(PackError) as caught:
        pull(pack, tmp_path / "packs", lambda *_: None)
    assert caught.value.code == "checksum_mismatch" and not (tmp_path / "packs" / "offered").exists()
    del Site.files["pose.zip"], Site.files["end2end.onnx"]
    with pytest.raises(PackError) as caught:
        pull(pack, tmp_path / "packs", lambda *_: None)
    assert caught.value.code == "download_failed" and str(tmp_path / "packs" / "offered" / "end2end.onnx") in str(
        caught.value
    )


def test_what_is_published_is_complete() -> None:
    assert not PUBLISHED.keys() & PUBLISHED_POSES.keys()
    for name, pack in PUBLISHED_POSES.items():
        assert name == pack.name and pack.description.model == pack.model.name
        assert len(pack.model.sha256) == 64 and pack.description.sha256 == pack.model.sha256
        assert (pack.url or pack.model.folder_url).startswith("https://") and pack.terms.startswith("https://")
        assert pack.model.size > 10_000_000 or pack.url is None  # an archive's member is read up to its size
        assert "Apache-2.0" in pack.licence
    assert (
        PUBLISHED_POSES["rtmpose_s"].use == "not stated"
        and "out of its scope" in PUBLISHED_POSES["movenet_thunder"].terms
    )


@on_sqlite
def test_the_commands_know_both_kinds(command: Command, tmp_path: Path) -> None:
    pose_folder(tmp_path / "packs" / "mine", licence="CC0", use="anyone")
    models = {"PRESENTE_MODELS": str(tmp_path / "packs")}
    listed = json.loads(command("faces", "list", "--json", **models).stdout)
    assert listed["kinds"]["mine"] == listed["kinds"]["sample_pose"] == listed["kinds"]["rtmpose_t"] == "pose"
    assert listed["kinds"]["sample"] == listed["kinds"]["opencv_zoo"] == "faces"
    assert listed["terms"]["mine"] == {"licence": "CC0", "use": "anyone"} and "mine" in listed["here"]
    checked = json.loads(command("faces", "check", "mine", "--json", **models).stdout)
    assert (checked["name"], checked["output"], checked["keypoints"]) == ("mine", "movenet", 17)
    (tmp_path / "packs" / "mine" / "pose.json").write_text("{}")
    broken = command("faces", "check", "mine", **models)
    assert broken.returncode == 1 and "pack_invalid" in broken.stderr
    assert command("faces", "list", **models).returncode == 0
    unasked = command("faces", "pull", "movenet_lightning")
    assert unasked.returncode == 1 and "licence_not_accepted" in unasked.stderr and "out of its scope" in unasked.stderr


def test_the_settings_open_it_or_turn_it_off(tmp_path: Path) -> None:
    opened = open_pose(Settings())
    assert opened is not None and opened.pack.name == "sample_pose"
    assert open_pose(Settings(pose="off")) is None
    shutil.copytree(SAMPLE / "models" / "sample", tmp_path / "real")
    assert open_pose(Settings(pack=str(tmp_path / "real"))) is None  # never drawings for real people by itself
    pose_folder(tmp_path / "packs" / "mine")
    own = open_pose(Settings(pose="mine", pack="real", models=(tmp_path / "packs",)))
    assert own is not None and own.pack.name == "mine"
    with pytest.raises(PackError):
        open_pose(Settings(pose="nonesuch"))
    assert raise_rule(Settings()).seconds == 1 and raise_rule(Settings(raise_seconds=2.5)).seconds == 2.5
