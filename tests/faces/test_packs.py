"""Packs are found, checked, and pulled from a local server that behaves like the real one."""

import hashlib
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from faces.liveness.published import PUBLISHED_LIVENESS
from faces.packs.download import pull
from faces.packs.model_pack import ModelPack, find_pack, installed, load_pack
from faces.packs.published import PUBLISHED, ModelFile, PublishedPack
from faces.pose.published import PUBLISHED_POSES
from presente.errors import PackError
from tests.conftest import SAMPLE, Command, on_sqlite

DETECTION = (SAMPLE / "models" / "sample" / "det.onnx").read_bytes()
RECOGNITION = (SAMPLE / "models" / "sample" / "rec.onnx").read_bytes()


def model_file(name: str, content: bytes) -> ModelFile:
    return ModelFile(name, hashlib.sha256(content).hexdigest(), len(content))


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(f"nested/{name}.onnx", content)
        zipped.writestr("nested/2d106det.onnx", b"a model that no one asked for")
    return stream.getvalue()


class Site(BaseHTTPRequestHandler):
    """Serves one body, honours ranges, and can hang up half way."""

    body = b""
    hang_up_after: int | None = None
    ranges: list[str] = []  # noqa: RUF012  # shared by every request on purpose

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        start = int(wanted[6:].split("-")[0]) if wanted else 0
        self.ranges.append(wanted)
        if self.path != "/pack.zip":
            self.send_error(404)
            return
        if start >= len(self.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        self.wfile.write(self.body[start:][: self.hang_up_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.body, Site.hang_up_after, Site.ranges = archive(det=DETECTION, rec=RECOGNITION), None, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/pack.zip"
    server.shutdown()
    server.server_close()


def offered(url: str, recognition: bytes = RECOGNITION) -> PublishedPack:
    return PublishedPack("offered", url, model_file("det.onnx", DETECTION), model_file("rec.onnx", recognition), 128)


def nothing(_done: int, _total: int) -> None:
    pass


def code_of(pack: PublishedPack, into: Path) -> str:
    with pytest.raises(PackError) as caught:
        pull(pack, into, nothing)
    return caught.value.code


def test_a_pack_is_pulled_and_used(site: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = pull(offered(site), tmp_path, lambda done, total: seen.append((done, total)))
    assert sorted(path.name for path in folder.iterdir()) == ["det.onnx", "rec.onnx"]
    assert seen[-1] == (len(Site.body), len(Site.body))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["offered"]
    pack = load_pack("offered", [tmp_path])
    assert (pack.name, pack.dim, pack.recognition.name) == ("offered", 128, "rec.onnx")


def test_a_download_that_was_cut_off_is_continued(site: str, tmp_path: Path) -> None:
    Site.hang_up_after = 100_000
    assert code_of(offered(site), tmp_path) == "download_failed"
    assert not (tmp_path / "offered").exists()
    Site.hang_up_after = None
    pull(offered(site), tmp_path, nothing)
    first, second = Site.ranges
    assert first == "" and 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_what_does_not_match_its_checksum_is_not_installed(site: str, tmp_path: Path) -> None:
    altered = RECOGNITION[:-1] + bytes([RECOGNITION[-1] ^ 1])
    assert code_of(offered(site, altered), tmp_path) == "checksum_mismatch"
    assert list(tmp_path.iterdir()) == []


def test_a_page_instead_of_an_archive(site: str, tmp_path: Path) -> None:
    Site.body = b"<html>log in to continue</html>"
    assert code_of(offered(site), tmp_path) == "checksum_mismatch"
    assert list(tmp_path.iterdir()) == []


def test_an_archive_without_the_model(site: str, tmp_path: Path) -> None:
    Site.body = archive(det=DETECTION)
    assert code_of(offered(site), tmp_path) == "pack_incomplete"


def test_a_wrong_archive_is_not_taken_for_a_beginning(site: str, tmp_path: Path) -> None:
    whole = Site.body
    for wrong, code in ((archive(det=DETECTION), "pack_incomplete"), (whole[:5000] + bytes(200) + whole[5200:], None)):
        Site.body = wrong
        assert code_of(offered(site), tmp_path) == (code or "checksum_mismatch")
        assert list(tmp_path.iterdir()) == []
    Site.body = whole
    assert pull(offered(site), tmp_path, nothing).is_dir()


def test_a_place_that_cannot_be_written_is_named(site: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert code_of(offered(site), tmp_path / "file" / "models") == "download_failed"


def test_no_network_says_which_file_goes_where(tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        pull(offered("http://127.0.0.1:9/pack.zip"), tmp_path, nothing)
    assert caught.value.code == "download_failed"
    for part in (str(tmp_path / "offered" / "det.onnx"), str(tmp_path / "offered" / "rec.onnx"), "faces check offered"):
        assert part in str(caught.value)


def test_a_missing_page_is_a_failed_download(site: str, tmp_path: Path) -> None:
    assert code_of(offered(site.replace("pack", "other")), tmp_path) == "download_failed"


@on_sqlite
def test_the_command_shows_the_licence_and_asks(command: Command, site: str) -> None:
    unasked = command("faces", "pull", "buffalo_s", "--url", site)
    assert unasked.returncode == 1 and "non-commercial" in unasked.stderr and "licence_not_accepted" in unasked.stderr
    wrong = command("faces", "pull", "buffalo_s", "--accept-licence", "--url", site)
    assert wrong.returncode == 1 and "pack_incomplete" in wrong.stderr
    unknown = command("faces", "pull", "nonesuch")
    assert unknown.returncode == 2 and "buffalo_l" in unknown.stderr


@on_sqlite
def test_list_and_check(command: Command) -> None:
    listed = json.loads(command("faces", "list", "--json").stdout)
    assert {"sample", "sample_pose", "sample_liveness"} <= set(listed["here"])
    assert set(listed["can_be_pulled"]) == {*PUBLISHED, *PUBLISHED_POSES, *PUBLISHED_LIVENESS}
    checked = json.loads(command("faces", "check", "sample", "--json").stdout)
    assert checked["dim"] == 128 and checked["licence"] == "MIT"


def test_an_unknown_pack_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        load_pack("buffalo_l", [tmp_path])
    assert caught.value.code == "pack_not_found"
    assert str(tmp_path / "buffalo_l") in str(caught.value) and "faces pull buffalo_l" in str(caught.value)


def test_a_folder_is_told_apart_by_its_graphs(tmp_path: Path, sample_pack: ModelPack) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(sample_pack.detection, folder / "first.onnx")
    shutil.copy(sample_pack.recognition, folder / "second.onnx")
    pack = load_pack(str(folder), [])
    assert (pack.detection.name, pack.recognition.name, pack.dim) == ("first.onnx", "second.onnx", 128)
    assert pack.tag.startswith("mine@") and pack.tag != sample_pack.tag
    assert pack.digest == sample_pack.digest
    assert installed([tmp_path]) == [("mine", folder)]
    shutil.copy(sample_pack.recognition, folder / "third.onnx")
    with pytest.raises(PackError, match=r"pack\.json"):
        load_pack(str(folder), [])


def test_a_known_name_with_other_weights_is_refused(tmp_path: Path, sample_pack: ModelPack) -> None:
    folder = tmp_path / "buffalo_s"
    folder.mkdir()
    shutil.copy(sample_pack.detection, folder / "det_500m.onnx")
    shutil.copy(sample_pack.recognition, folder / "w600k_mbf.onnx")
    with pytest.raises(PackError) as caught:
        load_pack("buffalo_s", [tmp_path])
    assert caught.value.code == "checksum_mismatch"


@pytest.mark.parametrize(
    "text", ["not json", "[]", '{"detection": "det.onnx"}', '{"detection": "a", "recognition": "b", "dim": "x"}']
)
def test_a_wrong_description_is_named(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "det.onnx").write_bytes(b"")
    (folder / "pack.json").write_text(text)
    with pytest.raises(PackError) as caught:
        load_pack(str(folder), [])
    assert caught.value.code == "pack_invalid" and "pack.json" in str(caught.value)


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "det.onnx").write_bytes(b"not a model at all")
    with pytest.raises(PackError, match=r"det\.onnx"):
        load_pack(str(folder), [])
    assert find_pack(str(folder), []) == folder
