"""A camera of the room is watched while a session is open; who is seen is recorded, and no password is shown."""

import logging
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import pytest

from faces.embedder import FaceEmbedder
from faces.film.frames import FilmFrame, FilmFrames, FilmLimits
from gallery.documents.attendance import EntryFilter
from gallery.documents.class_sessions import ClassSession, StoredSession
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.clock import MACHINE_CLOCK
from presente.errors import FilmRefused, NotFound
from presente.logs import HidingFormatter
from presente.settings import load_settings
from presente.settings.values import named_cameras
from server.commands.watch import Watch, main
from server.live.camera import CameraSource, LiveCamera, find_camera
from server.live.session_watch import SessionWatch
from server.service import Service
from tests.conftest import on_sqlite
from tests.films import SAMPLE, SEATED, drawn_frames, write_film

STRANGER = SAMPLE / "strangers" / "01.jpg"
UNAUTHORIZED = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
STUDENTS = [SAMPLE / "students" / name / "1.jpg" for name in SEATED]


@pytest.fixture
def service(school: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Service:
    return Service(embedder, school, PhotoExport(tmp_path / "export"), lambda _: None)


def begin(service: Service, clase: str = "IA-101") -> StoredSession:
    today = MACHINE_CLOCK.today()
    return service.session_log.begin(
        ClassSession(clase, today, "08:00", None, None, "camera", "open", "", "test", f"{today}T08:00:00+00:00")
    )


def present(service: Service, stored: StoredSession) -> set[str]:
    roll = service.session_log.roll(stored)
    return {line.student.matricula for line in roll if line.stored and line.stored.entry.status == "present"}


def test_a_camera_is_named_or_given_and_its_password_is_never_shown() -> None:
    cameras = dict(named_cameras("A-12=rtsp://cam:s3cr3t@10.0.0.5/live\n B-3=/dev/video2"))
    assert find_camera("A-12", cameras).source == "rtsp://cam:s3cr3t@10.0.0.5/live"
    assert find_camera("0", cameras).source == "/dev/video0"
    assert find_camera("B-3", cameras).shown == "B-3 (/dev/video2)"
    for word in ("A-12", "rtsp://cam:s3cr3t@10.0.0.5/live"):
        camera = find_camera(word, cameras)
        assert "s3cr3t" not in camera.shown + repr(camera) and "10.0.0.5" in camera.shown
        assert "cam" not in camera.shown
    with pytest.raises(NotFound) as refused:
        find_camera("A-13", cameras)
    assert refused.value.code == "camera_not_found" and "A-12" in refused.value.fix
    assert "s3cr3t" not in str(refused.value)
    for wrong in ("A-12", "=x", "A=1 A=2"):
        with pytest.raises(ValueError, match="NAME=ADDRESS"):
            named_cameras(wrong)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://cam@10.0.0.5:554/live?channel=1", "rtsp://10.0.0.5:554/..."),
        ("rtsp://10.0.0.5/user=cam&password=s3cr3t", "rtsp://10.0.0.5/..."),
        ("http://10.0.0.5?token=s3cr3t", "http://10.0.0.5/..."),
        ("rtsp://cam:s3c@r3t@[::1]", "rtsp://[::1]"),
        ("rtsp://cam:s3c/r3t@10.0.0.5/live", "rtsp://***/..."),
    ],
)
def test_of_an_address_the_host_is_shown(address: str, expected: str) -> None:
    assert CameraSource(address, address).shown == expected
    line = logging.LogRecord("x", 20, "x", 1, "Camera %s: It is tried again.", (find_camera(address, {}).shown,), None)
    assert HidingFormatter("%(message)s").format(line) == f"Camera {expected}: It is tried again."


def test_a_camera_that_wants_a_password_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as camera:

        def refuse() -> None:
            connection, _ = camera.accept()
            with connection:
                for _ in range(3):
                    connection.recv(4096)
                    connection.sendall(
                        b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
                    )

        threading.Thread(target=refuse, daemon=True).start()
        address = f"rtsp://cam:s3cr3t@127.0.0.1:{camera.getsockname()[1]}/live"
        with closing(FilmFrames(address, live=True)) as frames, pytest.raises(FilmRefused) as refused:
            list(frames)
    assert refused.value.code == "camera_unavailable" and "does not accept the user" in refused.value.what
    assert "127.0.0.1" not in str(refused.value)


def test_the_setting_of_cameras_is_shown_to_no_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENTE_CAMERAS", "A-12=rtsp://cam:s3cr3t@10.0.0.5/live")
    settings = load_settings(None)
    assert dict(settings.cameras)["A-12"].endswith("/live")
    assert "s3cr3t" not in repr(settings.described()) + repr(settings)


def serve_briefly(port: int, times: int) -> None:
    """A camera that speaks MPEG-TS over TCP, and goes away after two seconds of film; so often."""
    for _ in range(times):
        with av.open(f"tcp://127.0.0.1:{port}?listen=1", "w", format="mpegts") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for pixels in drawn_frames(2, fps=5, size=(320, 240)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())


@pytest.fixture
def brief_camera() -> Iterator[int]:
    """The port of such a camera, which comes back twice."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=serve_briefly, args=(port, 3))
    process.start()
    yield port
    process.kill()
    process.join()


def test_a_camera_that_goes_away_is_connected_again(
    brief_camera: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.live.camera._FIRST_WAIT_S", 0.1)
    source = CameraSource("A-12", f"tcp://127.0.0.1:{brief_camera}")
    live = LiveCamera(source, FilmLimits(every_s=0.0, still_s=0.0))
    seen: list[float] = []
    connected = 0
    with caplog.at_level(logging.WARNING):
        for frame in live.frames():
            away = sum("no pictures any more" in text for text in caplog.messages)
            connected = max(connected, away + 1)
            seen.append(frame.at_s)
            if connected == 2:
                live.stop()
    assert connected == 2 and seen == sorted(seen) and len(seen) >= 2


def test_a_camera_that_cannot_be_reached_is_tried_until_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.live.camera._FIRST_WAIT_S", 0.1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"rtsp://cam:s3cr3t@127.0.0.1:{free.getsockname()[1]}/live"
    live = LiveCamera(find_camera(address, {}), FilmLimits())
    stop = threading.Timer(4.0, live.stop)
    stop.start()
    with caplog.at_level(logging.WARNING):
        assert list(live.frames()) == []
    stop.cancel()
    assert len(caplog.messages) >= 2 and not any("s3cr3t" in text for text in caplog.messages)
    assert "it refuses the connection" in caplog.text and "Error" not in caplog.text


@on_sqlite
def test_a_file_is_watched_as_a_camera_and_who_sits_there_is_recorded_once(service: Service, tmp_path: Path) -> None:
    stored = begin(service)
    film = write_film(tmp_path / "room.mp4", drawn_frames(4, fps=5, photos=[*STUDENTS, STRANGER]), fps=5)
    watch = Watch(service, find_camera(str(film), {}), lambda: None, every_s=0.4)
    watch.sessions_of("IA-101")
    assert present(service, stored) == set(SEATED)
    assert watch.counts.recorded == len(SEATED) and watch.counts.frames >= 5
    entries = service.attendance_log.store.entries(EntryFilter(session=stored.id))
    assert len(entries) == len(SEATED)  # once each, and nothing of the stranger
    photos = service.gallery.store.session_photos.photos(stored.id)
    assert any(photo.kept and len(photo.faces) >= len(SEATED) for photo in photos)


@on_sqlite
def test_one_glance_decides_nothing_and_a_stranger_who_stays_needs_a_higher_score(service: Service) -> None:
    stored = begin(service)
    watch = SessionWatch(service, stored, None)
    frames = drawn_frames(4, fps=5, photos=[*STUDENTS, STRANGER])
    thresholds: list[float] = []
    for number, pixels in enumerate(frames):
        watch.see(FilmFrame(float(number), pixels))
        if number < 2:
            assert watch.counts.decided == 0 and present(service, stored) == set()
        if watch._fitted is not None:
            thresholds.append(watch._fitted[1])
    assert present(service, stored) == set(SEATED)
    usual = service.gallery.operating_point().threshold
    assert thresholds == sorted(thresholds) and usual == thresholds[0] <= thresholds[-1] <= 1.0
    assert watch._chances > 1


@on_sqlite
def test_a_watch_ends_when_the_session_is_closed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.commands.watch._LOOK_S", 0.1)
    stored = begin(service)
    film = write_film(tmp_path / "room.mp4", drawn_frames(60, fps=1), fps=1)
    watch = Watch(service, find_camera(str(film), {}), lambda: None, every_s=0.5)
    closing = threading.Timer(2.0, lambda: service.session_log.change(stored.id, {"state": "closed"}))
    closing.start()
    watch.session(stored.id)  # the film alone would take a minute
    closing.join()
    assert watch.counts.frames < 20


@on_sqlite
def test_what_is_no_film_is_refused_and_not_tried_again(service: Service, tmp_path: Path) -> None:
    begin(service)
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(FilmRefused, match="no film"):
        Watch(service, find_camera(str(tmp_path / "film.mp4"), {}), lambda: None, 1.0).sessions_of("IA-101")


@on_sqlite
def test_a_session_is_waited_for_and_it_is_said_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.commands.watch._LOOK_S", 0.01)
    watch = Watch(service, find_camera("0", {}), lambda: None, 1.0)
    with pytest.raises(NotFound) as refused:
        watch.sessions_of("NOPE")
    assert refused.value.code == "class_not_found"
    looks = 0

    def look(_: str) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            watch.stop()

    monkeypatch.setattr(watch, "_open_today", look)
    with caplog.at_level(logging.INFO):
        watch.sessions_of("IA-101")
    assert sum("no session of IA-101 is open" in text for text in caplog.messages) == 1


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf", "61"])
def test_how_often_is_looked(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["0", "--clase", "IA-101", "--every", every]) == 2
    assert "0.1 to 60 seconds" in capsys.readouterr().err


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    film = write_film(tmp_path / "room.mp4", drawn_frames(0.2))
    assert main([str(film)]) == 2 and "--clase" in capsys.readouterr().err
    assert main(["nowhere", "--clase", "IA-101"]) == 1 and "camera_not_found" in capsys.readouterr().err
