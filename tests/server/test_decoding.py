"""Decoding in the server: admitted by what it costs, in processes that a clock ends, and given back."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

import faces.image.decoder
import faces.reading
from benchmarks.costly_images import encoded, gradient, plain, repeated_scans, webp
from benchmarks.heif_files import Item, grid_of, heif, picture_of, size_box
from faces.embedder import FaceEmbedder
from faces.image.cost import Cost
from faces.image.decode import ImageLimits, decode, expected_cost
from faces.packs.model_pack import ModelPack
from gallery.gallery import Gallery
from presente.errors import Busy, PhotoRefused
from server.decoding.admission import Lane, default_memory, make_admission
from server.decoding.decoder import AdmittedDecoder, open_decoder
from server.decoding.processes import DecodingProcesses
from tests.conftest import ROOT, SAMPLE, on_sqlite
from tests.server.conftest import client_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked at as Linux does")

LIMITS = ImageLimits()
PHOTO = (SAMPLE / "strangers" / "01.jpg").read_bytes()
MB = 1_000_000


@pytest.fixture
def decoder() -> Iterator[AdmittedDecoder]:
    made = open_decoder(make_admission(1_200 * MB, 2))
    yield made
    made.close()


@pytest.fixture
def make_workers() -> Iterator[Callable[..., DecodingProcesses]]:
    made: list[DecodingProcesses] = []

    def make(memory: int = 400 * MB, seconds: float = 60.0) -> DecodingProcesses:
        made.append(DecodingProcesses(memory, seconds=seconds))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


def decoded(workers: DecodingProcesses, data: bytes, enough: int | None = None) -> np.ndarray:
    return workers.decode(data, LIMITS, enough, expected_cost(data, LIMITS, enough)).pixels


def resident(*processes: int) -> int:
    """Bytes in memory of these processes, what they share counted once."""
    total = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) * 1024
    return total


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_pixels_are_those_of_decoding_at_home(decoder: AdmittedDecoder) -> None:
    made = [
        encoded(gradient(333, 211).convert(mode), kind)
        for mode, kind in (
            ("RGB", "JPEG"),
            ("CMYK", "JPEG"),
            ("RGBA", "PNG"),
            ("P", "PNG"),
            ("RGB", "WEBP"),
            ("L", "PPM"),
            ("RGB", "AVIF"),
            ("RGBA", "TIFF"),
        )
    ]
    made += [(ROOT / "tests" / "faces" / "photos" / f"{name}.heic").read_bytes() for name in ("iphone", "flat_444")]
    large = encoded(gradient(3001, 2003), "JPEG")
    for data, enough in [(data, None) for data in [*made, PHOTO]] + [(large, 1500), (large, 1280), (large, 300)]:
        with decoder.opened(data, LIMITS, enough) as photo:
            here = decode(data, LIMITS, enough)
            assert (photo.pixels == here.pixels).all()
            assert (photo.media_type, photo.size) == (here.media_type, here.size)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_image"),
        (b"hello", "not_an_image"),
        (b"GIF89a" + bytes(50), "unsupported_format"),
        ((ROOT / "tests" / "faces" / "photos" / "iphone.heic").read_bytes()[:2500], "damaged_image"),
        (encoded(gradient(200, 200), "PNG")[:900], "damaged_image"),
        (repeated_scans(64, 64, 300), "too_costly"),
        (encoded(plain(8, 100), "PNG"), "too_small"),
    ],
)
def test_refusals_are_those_of_decoding_at_home(decoder: AdmittedDecoder, data: bytes, code: str) -> None:
    with pytest.raises(PhotoRefused) as here:
        decode(data)
    with pytest.raises(PhotoRefused) as there, decoder.opened(data, LIMITS, None):
        pass
    assert (there.value.code, there.value.what, there.value.fix) == (code, here.value.what, here.value.fix)
    assert decoder.admission.cheap.used == decoder.admission.costly.used == 0


@on_sqlite
def test_no_route_decodes_in_the_server_itself(
    gallery: Gallery, sample_pack: ModelPack, tmp_path: Path, decoder: AdmittedDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(gallery, FaceEmbedder(sample_pack, decoder=decoder), tmp_path)

    def never(*_: object) -> None:
        raise AssertionError("decoded in the server's own process")

    monkeypatch.setattr(faces.image.decoder, "decode", never)
    monkeypatch.setattr(faces.reading, "decode", never)
    photos = [path.read_bytes() for path in sorted((SAMPLE / "students").rglob("*.jpg"))[:2]]
    fields = {"matricula": "A1", "nombre_del_alumno": "Ana", "clase": "IA-101"}
    files = [(photo, f"{number}.jpg", "image/jpeg") for number, photo in enumerate(photos)]

    def multipart() -> dict[str, object]:
        return fields | {"image": [(io.BytesIO(content), name, kind) for content, name, kind in files]}

    assert client.post("/v1/students?force=true", data=multipart()).status_code == 201
    for route in ("/v1/identify", "/v1/verify?matricula=A1", "/v1/attendance?clase=IA-101"):
        reply = client.post(route, data=photos[0], content_type="image/jpeg")
        assert reply.status_code == 200, reply.text
    assert decoder.admission.cheap.used == 0


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bomb",
    [webp(), encoded(plain(7400, 5400), "JPEG"), encoded(plain(7400, 5400), "JPEG", progressive=True, subsampling=0)],
    ids=["webp", "jpeg", "progressive"],
)
def test_eight_at_once_stay_within_the_budget_and_give_it_back(bomb: bytes, decoder: AdmittedDecoder) -> None:
    with decoder.opened(PHOTO, LIMITS, None):
        before = resident(os.getpid(), *decoder.processes)
    peak, ended = before, threading.Event()
    outcomes: list[int | str] = []

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.02):
            peak = max(peak, resident(os.getpid(), *decoder.processes))

    def send() -> None:
        try:
            with decoder.opened(bomb, LIMITS, None) as photo:
                outcomes.append(int(photo.pixels[-1, -1, 0]))
        except Busy as busy:
            outcomes.append(busy.code)

    watching = threading.Thread(target=watch)
    watching.start()
    senders = [threading.Thread(target=send) for _ in range(8)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    ended.set()
    watching.join()
    assert sum(isinstance(outcome, int) for outcome in outcomes) >= 1
    assert set(outcomes) <= {"busy", *(outcome for outcome in outcomes if isinstance(outcome, int))}
    assert peak - before < 1_200 * MB
    assert decoder.admission.cheap.used == decoder.admission.costly.used == 0
    wait_for(lambda: resident(os.getpid(), *decoder.processes) < before + 120 * MB)


def test_a_photo_that_alone_is_too_much_is_refused_at_once() -> None:
    decoder = open_decoder(make_admission(200 * MB, 2))
    try:
        with pytest.raises(PhotoRefused) as refused, decoder.opened(webp(), LIMITS, None):
            pass
        assert refused.value.code == "too_much_memory"
        assert "PRESENTE_MEMORY_MB" in refused.value.fix
    finally:
        decoder.close()


def test_a_process_takes_no_more_than_it_may(make_workers: Callable[..., DecodingProcesses]) -> None:
    workers = make_workers(memory=-150 * MB)
    with pytest.raises(PhotoRefused) as refused:
        decoded(workers, encoded(plain(6000, 6000), "JPEG"))
    assert refused.value.code in ("too_costly", "damaged_image")
    assert decoded(workers, PHOTO).shape[2] == 3


def test_what_libraries_print_of_a_damaged_photo_is_not_in_the_log(
    make_workers: Callable[..., DecodingProcesses], capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(encoded(gradient(300, 200), "TIFF", compression="tiff_adobe_deflate"))
    data[60:90] = bytes(30)
    with pytest.raises(PhotoRefused):
        decode(bytes(data), LIMITS)
    assert "ZIPDecode" in capfd.readouterr().err  # here, libtiff prints
    with pytest.raises(PhotoRefused) as refused:
        decoded(make_workers(), bytes(data))
    assert refused.value.code == "damaged_image"
    assert capfd.readouterr().err == ""


def heic_of_24_megapixels() -> bytes:
    """As a phone writes it: in tiles of some 250 x 300 pixels, 3 MB."""
    tile = picture_of((ROOT / "tests" / "faces" / "photos" / "plain.heic").read_bytes())
    message = (4_000).to_bytes(4) + b"\x4e\1" + bytes(3_998)
    tile = Item(tile.kind, message + tile.content, tile.properties)
    rows, columns = 15, 24
    ids = list(range(2, 2 + rows * columns))
    size = (5712, 4284)
    return heif(
        [Item(b"grid", grid_of(rows, columns, *size), (size_box(*size),), True, {b"dimg": ids}), *[tile] * len(ids)]
    )


def test_the_default_is_enough_for_every_accepted_photo_and_no_more_than_half_of_a_machine() -> None:
    for cores in (1, 2, 16):
        admission = make_admission(default_memory(cores, 64_000 * MB), cores)
        assert admission.lane_of(expected_cost(webp(), LIMITS)) is admission.costly
        ordinary = encoded(gradient(5600, 4200), "JPEG", quality=90)
        assert admission.lane_of(expected_cost(ordinary, LIMITS)) is admission.cheap
        assert admission.lane_of(expected_cost(heic_of_24_megapixels(), LIMITS)) is admission.cheap
        assert admission.cheap.at_once == cores and admission.costly.at_once == 1
    assert default_memory(2, 1_000 * MB) == 500 * MB


# --- turns ------------------------------------------------------------------------------------------------------------

COSTLY = Cost(900 * MB, 120 * MB, 3.0)
CHEAP = Cost(10 * MB, 3 * MB, 0.05)


def test_cheap_photos_have_a_lane_of_their_own() -> None:
    admission = make_admission(1_400 * MB, 2)
    slow = Cost(10 * MB, 3 * MB, 2.0)
    assert admission.lane_of(COSTLY) is admission.lane_of(slow) is admission.costly
    with admission.lane_of(COSTLY).turn(COSTLY), admission.lane_of(CHEAP).turn(CHEAP):
        assert admission.costly.used == COSTLY.peak_bytes and admission.cheap.used == CHEAP.peak_bytes
        assert admission.cheap.memory + admission.costly.memory == 1_400 * MB


def test_once_decoded_only_the_pixels_are_held() -> None:
    lane = Lane(1_000 * MB, 1, 4)
    with lane.turn(COSTLY) as done:
        done()
        assert lane.used == COSTLY.result_bytes
        with lane.turn(Cost(880 * MB, MB, 3.0)):  # another is decoded while this one's faces are looked for
            pass
    assert lane.used == 0


def test_memory_is_given_back_after_an_error() -> None:
    lane = Lane(1_000 * MB, 1, 4)
    for after in (False, True):
        with pytest.raises(ZeroDivisionError), lane.turn(COSTLY) as done:
            if after:
                done()
            raise ZeroDivisionError
        assert lane.used == 0


def test_turns_come_in_the_order_of_arrival() -> None:
    lane, order = Lane(100 * MB, 4, 64), []

    def send(name: str, memory: int) -> None:
        with lane.turn(Cost(memory * MB, 0, 0.1)):
            order.append(name)

    threads = []
    with lane.turn(Cost(60 * MB, 0, 0.1)):
        for name, memory in (("large", 90), ("small", 10), ("smaller", 5)):
            threads.append(threading.Thread(target=send, args=(name, memory)))
            threads[-1].start()
            wait_for(lambda: len(lane._queue) == len(threads))
        assert order == []
    for each in threads:
        each.join()
    assert order[0] == "large" and set(order) == {"large", "small", "smaller"}


def test_who_finds_too_many_waiting_is_told_at_once_and_who_waits_too_long_is_told_then() -> None:
    lane = Lane(100 * MB, 1, 1, patience_s=0.3)
    outcomes: list[str] = []

    def send() -> None:
        try:
            with lane.turn(CHEAP):
                outcomes.append("done")
        except Busy as busy:
            outcomes.append(busy.what)

    with lane.turn(CHEAP):
        waiting = threading.Thread(target=send)
        waiting.start()
        wait_for(lambda: len(lane._queue) == 1)
        send()
        assert len(outcomes) == 1 and "as many photos as may wait" in outcomes[0]
        waiting.join()
        assert "waited" in outcomes[1]
    send()
    assert outcomes[2] == "done" and lane.used == 0


# --- processes --------------------------------------------------------------------------------------------------------


def test_the_clock_ends_a_decode_and_the_next_photo_finds_another_process(
    make_workers: Callable[..., DecodingProcesses], caplog: pytest.LogCaptureFixture
) -> None:
    workers = make_workers(seconds=0.05)  # less than a process takes to start
    with pytest.raises(PhotoRefused) as refused:
        decoded(workers, webp())
    assert refused.value.code == "too_costly" and refused.value.fix
    assert "was ended" in caplog.text
    replaced = workers.processes
    assert len(replaced) == 1
    workers._seconds = 60.0
    assert (decoded(workers, PHOTO) == decode(PHOTO).pixels).all()
    assert workers.processes == replaced


def test_a_crash_costs_its_photo_only(
    make_workers: Callable[..., DecodingProcesses], caplog: pytest.LogCaptureFixture
) -> None:
    workers = make_workers()
    workers.start(1)
    (process,) = workers.processes
    os.kill(process, signal.SIGSTOP)  # so that the photo is under way for sure
    threading.Timer(0.3, os.kill, (process, signal.SIGSEGV)).start()
    threading.Timer(0.3, os.kill, (process, signal.SIGCONT)).start()
    with pytest.raises(PhotoRefused) as refused:
        decoded(workers, PHOTO)
    assert refused.value.code == "crashed"
    assert "SIGSEGV" in caplog.text
    assert (decoded(workers, PHOTO) == decode(PHOTO).pixels).all()
    assert process not in workers.processes and gone(process)


def test_a_process_that_was_killed_meanwhile_is_replaced(make_workers: Callable[..., DecodingProcesses]) -> None:
    workers = make_workers()
    workers.start(1)
    assert decoded(workers, PHOTO).shape[2] == 3
    (process,) = workers.processes
    (idle,) = workers._idle
    os.kill(process, signal.SIGKILL)
    wait_for(lambda: idle.process.poll() is not None)
    assert decoded(workers, PHOTO).shape[2] == 3
    assert process not in workers.processes


def test_processes_are_used_again_and_stand_back_where_they_shall(decoder: AdmittedDecoder) -> None:
    for _ in range(20):
        with decoder.opened(PHOTO, LIMITS, None):
            pass
    cheap, other = decoder.processes
    with decoder.opened(webp(), LIMITS, None):
        pass
    (costly,) = set(decoder.processes) - {cheap, other}
    wait_for(lambda: os.getpriority(os.PRIO_PROCESS, costly) == os.getpriority(os.PRIO_PROCESS, cheap) + 10)


def test_processes_know_no_keys(
    monkeypatch: pytest.MonkeyPatch, make_workers: Callable[..., DecodingProcesses]
) -> None:
    monkeypatch.setenv("PRESENTE_API_KEYS", "admin:0123456789abcdef0123")
    workers = make_workers()
    decoded(workers, PHOTO)
    (process,) = workers.processes
    assert b"0123456789abcdef0123" not in Path(f"/proc/{process}/environ").read_bytes()


SERVER = """
import sys, threading
from faces.image.decode import ImageLimits
from server.decoding.admission import make_admission
from server.decoding.decoder import open_decoder
from benchmarks.costly_images import webp

decoder = open_decoder(make_admission(1_200_000_000, 2))
bomb = webp()
def work():
    while True:
        with decoder.opened(bomb, ImageLimits(), None):
            pass
with decoder.opened(bomb, ImageLimits(), None):
    pass
print(*decoder.processes, flush=True)
work()
"""


def test_no_process_outlives_a_server_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            processes = [int(word) for word in server.stdout.readline().split()]
            assert len(processes) == 3 and not any(gone(process) for process in processes)
        finally:
            server.kill()
    wait_for(lambda: all(gone(process) for process in processes))


# --- over HTTP --------------------------------------------------------------------------------------------------------


@on_sqlite
def test_a_photo_that_finds_no_turn_may_be_sent_again(
    gallery: Gallery, sample_pack: ModelPack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = open_decoder(make_admission(200 * MB, 2))
    decoder.admission.cheap._waiting = 0
    client: FlaskClient = client_of(gallery, FaceEmbedder(sample_pack, decoder=decoder), tmp_path)
    photo = next((SAMPLE / "probes").rglob("*.jpg")).read_bytes()
    student = {"matricula": "A1", "nombre_del_alumno": "Ana", "image": base64.b64encode(photo).decode()}
    send = {"data": json.dumps(student), "content_type": "application/json", "headers": {"Idempotency-Key": "k1"}}
    try:
        with decoder.admission.cheap.turn(Cost(99 * MB, 0, 0.1)):
            refused = client.post("/v1/students", **send)
            assert refused.status_code == 503 and refused.get_json()["code"] == "busy"
            assert int(refused.headers["Retry-After"]) >= 1
            assert "Traceback" not in caplog.text
        assert client.post("/v1/students", **send).status_code == 201
        refused = client.post("/v1/identify", data=webp(), content_type="image/webp")
        assert (refused.status_code, refused.get_json()["code"]) == (422, "too_much_memory")
    finally:
        decoder.close()
