"""Where it is asked whether faces are live: what replies say, and who does not pass.

Here a face is an attack when it is blue all around it."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image

from faces.embedder import FaceEmbedder
from faces.film.frames import FilmFrame
from faces.liveness.liveness_pack import load_liveness_pack
from faces.liveness.reader import LivenessReader
from faces.packs.model_pack import ModelPack
from gallery.documents.class_sessions import ClassSession
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.face_json import UNDECIDED
from presente.liveness import LivenessPolicy
from presente.recognition import IdentifyQuery
from presente.settings import load_settings
from presente.settings.liveness import LivenessMode, LivenessModes, TargetBpcer
from server.films.reading import read_for_session
from server.live.session_watch import SessionWatch
from server.service import Service, ServiceHandle
from server.telemetry.telemetry import Telemetry
from server.webhook.message import message_of
from tests.conftest import SAMPLE, on_sqlite
from tests.faces import liveness_models
from tests.films import write_film
from tests.server.conftest import client_of
from tests.server.sample import CLASS, DAY, HERE, JPEG, asistencias, present, problem, send

WHO = HERE[0]
BLUE = (0, 0, 255)
THRESHOLD = 0.25
"""The score is the logistic function of five times how much redder than blue a crop is, from 0 to 1."""
OpenClient = Callable[..., FlaskClient]


def pack_in(folder: Path) -> Path:
    liveness_models.folder(folder, output={"form": "logits", "classes": 1}, threshold=THRESHOLD)
    liveness_models.model(folder / "live.onnx", np.array([[5.0], [0.0], [-5.0]]))
    return folder


@pytest.fixture(scope="module")
def judging(sample_pack: ModelPack, tmp_path_factory: pytest.TempPathFactory) -> FaceEmbedder:
    pack = load_liveness_pack(str(pack_in(tmp_path_factory.mktemp("packs") / "blue")), [])
    return FaceEmbedder(sample_pack, liveness=LivenessReader(pack))


@cache
def portrait(matricula: str) -> bytes:
    return (SAMPLE / "probes" / matricula / "1.jpg").read_bytes()


@cache
def cut(embedder: FaceEmbedder, matricula: str, around: float | None, colour: tuple[int, int, int] | None) -> bytes:
    """The student's photo: what is around the face painted, or cut off."""
    pixels = embedder.decode(portrait(matricula)).pixels
    x1, y1, x2, y2 = embedder.read_faces(portrait(matricula)).faces[0].face.box
    middle, half = ((x1 + x2) / 2, (y1 + y2) / 2), max(x2 - x1, y2 - y1) / 2 * (around or 1.25)
    box = [round(float(edge)) for edge in (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)]
    face = Image.fromarray(pixels).crop(tuple(box))  # type: ignore[arg-type]
    if colour is not None:
        picture = Image.new("RGB", (pixels.shape[1] * 2, pixels.shape[0] * 2), colour)
        picture.paste(face, (pixels.shape[1] // 2, pixels.shape[0] // 2))
        face = picture
    out = io.BytesIO()
    face.save(out, "JPEG", quality=95)
    return out.getvalue()


def held_up(embedder: FaceEmbedder, matricula: str = WHO) -> bytes:
    return cut(embedder, matricula, None, BLUE)


def policy(embedder: FaceEmbedder, mode: LivenessMode, **other: Any) -> LivenessPolicy:
    assert embedder.liveness is not None
    return LivenessPolicy(LivenessModes(mode, mode, mode), embedder.liveness.pack.tag, THRESHOLD, **other)


@pytest.fixture
def ask(school: Gallery, judging: FaceEmbedder, tmp_path: Path) -> OpenClient:
    """Opens a client of a server in a mode."""
    return lambda mode, **other: client_of(school, judging, tmp_path, liveness=policy(judging, mode, **other))


def identify(client: FlaskClient, photo: bytes) -> dict[str, Any]:
    reply = client.post("/v1/identify?k=3", data=photo, headers=JPEG).get_json()
    (face,) = reply["faces"]
    assert ("liveness" in reply["timings_ms"]) == (face["liveness"] is not None)
    return dict(face)


@on_sqlite
def test_a_face_is_told_and_only_a_live_one_is_known(ask: OpenClient, judging: FaceEmbedder) -> None:
    tight = cut(judging, WHO, 1.2, None)
    for mode in ("off", "observe", "enforce"):
        client = ask(mode)
        live, picture, unjudged = (identify(client, each) for each in (portrait(WHO), held_up(judging), tight))
        assert (live["decision"], live["matricula"], live["reason"]) == ("known", WHO, None)
        if mode == "off":
            assert live["liveness"] is picture["liveness"] is unjudged["liveness"] is None
            continue
        said = [(each["liveness"]["decision"], each["liveness"]["reason"]) for each in (live, picture, unjudged)]
        assert said == [("live", None), ("attack", None), ("not_judged", "too_tight")]
        assert live["liveness"]["score"] > live["liveness"]["threshold"] == THRESHOLD > picture["liveness"]["score"]
        assert unjudged["liveness"]["score"] is None and live["liveness"]["pack"].startswith("blue@")
        for face, reason in ((picture, "not_live"), (unjudged, "liveness_not_judged")):
            if mode == "observe":
                assert (face["decision"], face["matricula"], face["reason"]) == ("known", WHO, None)
            else:
                assert (face["decision"], face["matricula"], face["reason"]) == ("undecided", None, reason)
                assert face["nombre"] == UNDECIDED and face["candidates"][0]["matricula"] == WHO
    client = ask("enforce")
    stranger = identify(client, (SAMPLE / "strangers" / "01.jpg").read_bytes())
    assert (stranger["decision"], stranger["reason"]) == ("unknown", "below_threshold")


@on_sqlite
def test_a_picture_beside_the_student_takes_no_name(ask: OpenClient, judging: FaceEmbedder) -> None:
    """The picture is the enrolled photo itself, and resembles the student more than the student does."""
    client, out = ask("enforce"), io.BytesIO()
    enrolled = (SAMPLE / "students" / WHO / "1.jpg").read_bytes()
    with Image.open(io.BytesIO(portrait(WHO))) as live, Image.open(io.BytesIO(enrolled)) as picture:
        both = Image.new("RGB", (live.width + 2 * picture.width, 2 * max(live.height, picture.height)), BLUE)
        both.paste(live, (0, 0))
        x1, y1, x2, y2 = judging.read_faces(enrolled).faces[0].face.box
        face = picture.crop((round(x1 - 12), round(y1 - 12), round(x2 + 12), round(y2 + 12)))
        both.paste(face, (live.width + picture.width // 2, picture.height // 2))
    both.save(out, "JPEG", quality=95)
    faces = client.post("/v1/identify", data=out.getvalue(), headers=JPEG).get_json()["faces"]
    scores = {face["liveness"]["decision"]: face["score"] for face in faces}
    assert scores["attack"] > scores["live"]
    assert {(face["liveness"]["decision"], face["decision"]) for face in faces} == {
        ("live", "known"),
        ("attack", "undecided"),
    }
    taken = send(client, out.getvalue()).get_json()
    assert taken["counts"] == {"duplicate": 1, "present": 1}
    assert present(client) == [WHO]


@on_sqlite
@pytest.mark.parametrize(("mode", "same"), [("off", True), ("observe", True), ("enforce", False)])
def test_a_picture_is_not_the_same_person(ask: OpenClient, judging: FaceEmbedder, mode: str, same: bool) -> None:
    client = ask(mode)
    asked = f"/v1/verify?matricula={WHO}"
    live = client.post(asked, data=portrait(WHO), headers=JPEG).get_json()
    picture = client.post(asked, data=held_up(judging), headers=JPEG).get_json()
    other = client.post(f"/v1/verify?matricula={HERE[1]}", data=held_up(judging), headers=JPEG).get_json()
    assert (live["same_person"], live["reason"]) == (True, None)
    assert (picture["same_person"], picture["reason"]) == (same, None if same else "not_live")
    assert picture["score"] >= picture["threshold"] and (other["same_person"], other["reason"]) == (False, None)
    assert [each["face"]["liveness"] and each["face"]["liveness"]["decision"] for each in (live, picture)] == (
        [None, None] if mode == "off" else ["live", "attack"]
    )


@pytest.mark.parametrize("mode", ["off", "observe", "enforce"])
def test_a_student_whose_picture_is_held_up_waits(
    ask: OpenClient, school: Gallery, judging: FaceEmbedder, mode: str
) -> None:
    client = ask(mode)
    (face,) = send(client, held_up(judging)).get_json()["faces"]
    (line,) = client.get(f"/v1/attendance?fecha={DAY}").get_json()["attendance"]
    stored = school.student(WHO)
    (news,) = message_of(school.store.attendance.entries_since(0, 9), (), {stored.id: stored.student}).events
    if mode != "enforce":
        assert (face["status"], face["reason"], line["status"], line["reason"]) == ("present", None, "present", None)
        assert (line["liveness"] and line["liveness"]["decision"]) == {"off": None, "observe": "attack"}[mode]
        assert asistencias(client, WHO) == 1
        return
    assert (face["status"], face["reason"], face["matricula"], face["recorded"]) == ("waiting", "not_live", WHO, True)
    assert face["entries"] == [{"id": line["id"], "status": "waiting", "reason": "not_live"}]
    assert (line["status"], line["reason"], line["liveness"]["decision"]) == ("waiting", "not_live", "attack")
    assert (news.status, news.reason) == ("waiting", "not_live")  # type: ignore[union-attr]
    csv = client.get(f"/v1/attendance?clase={CLASS}&fecha={DAY}&format=csv").text.splitlines()
    (row,) = [each.split(",") for each in csv if WHO in each]
    assert (row[4], row[-1]) == ("waiting", "not_live") and csv[0].endswith("id,reason")
    assert present(client) == [] and asistencias(client, WHO) == 0
    (settled,) = client.patch(f"/v1/attendance/{line['id']}", json={"status": "present"}).get_json()["entries"]
    assert (settled["status"], settled["source"], settled["reason"], settled["liveness"]) == (
        "present",
        "hand",
        None,
        None,
    )
    assert present(client) == [WHO] and asistencias(client, WHO) == 1


@on_sqlite
def test_in_a_session_the_student_comes_later(ask: OpenClient, judging: FaceEmbedder) -> None:
    client = ask("enforce")
    made = client.post("/v1/sessions", json={"clase": CLASS, "starts": "00:00", "ends": "00:01"}).get_json()
    address = f"/v1/sessions/{made['id']}"

    def photo(content: bytes) -> Any:
        return client.post(f"{address}/photos", data=content, headers=JPEG).get_json()

    sent = photo(held_up(judging))
    (line,) = sent["roll"]
    assert (line["matricula"], line["status"], line["reason"]) == (WHO, "waiting", "not_live")
    assert sent["photos"][0]["faces"][0]["liveness"]["decision"] == "attack"
    (shown,) = client.get(f"{address}/photos").get_json()["photos"]
    (face,) = shown["faces"]
    assert (face["status"], face["matricula"], face["entries"][0]["reason"]) == ("waiting", WHO, "not_live")
    counts = client.get(address).get_json()["counts"]
    assert (counts["waiting"], counts["present"]) == (1, 0)
    assert f"{WHO},,A" not in client.get(f"{address}/roll?format=moodle").text  # Moodle keeps what it has
    photo(portrait(WHO))
    assert client.get(address).get_json()["counts"]["present"] == 1
    (line,) = photo(held_up(judging, HERE[1]))["roll"]
    said = client.post(f"{address}/entries", json={"photo": line["photo"], "face": line["face"]}).get_json()
    assert [(each["matricula"], each["status"]) for each in said["roll"]] == [(HERE[1], "absent")]
    assert not photo(held_up(judging, HERE[1]))["roll"]
    exported = client.get(f"{address}/roll?format=csv").text.splitlines()
    assert exported[0].endswith("entry,reason")


@on_sqlite
def test_frames_of_a_browser_are_one_piece_of_evidence(ask: OpenClient, judging: FaceEmbedder) -> None:
    client = ask("enforce")
    made = client.post("/v1/sessions", json={"clase": CLASS, "starts": "00:00", "ends": "00:01"}).get_json()

    def frame(content: bytes) -> tuple[str, str]:
        asked = f"/v1/sessions/{made['id']}/photos?frame=true"
        (photo,) = client.post(asked, data=content, headers=JPEG).get_json()["photos"]
        (face,) = photo["faces"]
        return face["liveness"]["decision"], face["status"]

    seen = [frame(content) for content in [held_up(judging)] * 3 + [portrait(WHO)] * 4]
    assert seen == [("attack", "waiting")] * 5 + [("live", "present")] * 2


def filmed(photo: bytes) -> list[NDArray[np.uint8]]:
    """A few seconds of a photo that sways a little before a grey wall."""
    with Image.open(io.BytesIO(photo)) as opened:
        picture = opened.convert("RGB")
    frames = []
    for number in range(20):
        wall = Image.new("RGB", (picture.width + 60, picture.height + 60), (110, 110, 110))
        wall.paste(picture, (round(30 + 6 * np.sin(number)), round(30 + 5 * np.cos(number))))
        frames.append(np.asarray(wall))
    return frames


@on_sqlite
@pytest.mark.parametrize(("held", "status", "reason"), [(True, "waiting", "not_live"), (False, "present", "")])
def test_a_camera_sees_who_is_there(
    school: Gallery, judging: FaceEmbedder, tmp_path: Path, held: bool, status: str, reason: str
) -> None:
    service = Service(judging, school, PhotoExport(tmp_path / "e"), lambda _: None, liveness=policy(judging, "enforce"))
    session = ClassSession(CLASS, DAY, "08:00", None, None, "camera", "open", "", "t", DAY)
    stored = service.session_log.begin(session)
    watch = SessionWatch(service, stored, None)
    for number, pixels in enumerate(filmed(held_up(judging) if held else portrait(WHO))):
        watch.see(FilmFrame(float(number), pixels))
    lines = {line.student.matricula: line for line in service.session_log.roll(stored) if line.status != "absent"}
    assert [(each, line.status, line.stored and line.stored.entry.reason) for each, line in lines.items()] == [
        (WHO, status, reason)
    ]
    assert (watch.counts.recorded, watch.counts.decided) == (1, 3 if held else 1)  # who is present is settled
    assert watch._chances == 1  # a picture is no stranger


@pytest.mark.parametrize("asked", ["off", "identify=enforce", "attendance=enforce"])
def test_a_film_is_judged_where_attendance_is(judging: FaceEmbedder, tmp_path: Path, asked: str) -> None:
    settings = load_settings(
        environment={"PRESENTE_LIVENESS": asked, "PRESENTE_LIVENESS_PACK": str(pack_in(tmp_path / "blue"))},
        folder=tmp_path,
    )
    film = write_film(tmp_path / "film.mp4", filmed(held_up(judging)), fps=10)
    (found,) = read_for_session(settings, film, lambda *_: None).reading.appearances
    if asked != "attendance=enforce":
        assert found.liveness is None
        return
    assert found.liveness is not None and found.liveness.score is not None and found.liveness.score < THRESHOLD
    assert all(view.liveness is not None for view in found.views) and len(found.views) >= 2


@on_sqlite
def test_status_says_what_holds(ask: OpenClient) -> None:
    assert ask("off").get("/v1/status").get_json()["liveness"] is None
    told = ask("enforce", asked=0.3, came_from="PRESENTE_LIVENESS_THRESHOLD").get("/v1/status").get_json()["liveness"]
    assert (told["identify"], told["verify"], told["attendance"]) == ("enforce",) * 3
    assert (told["threshold"], told["threshold_source"]) == (0.3, "PRESENTE_LIVENESS_THRESHOLD")
    assert told["pack"].startswith("blue@")
    uncalibrated = ask("observe", asked=TargetBpcer(0.01))
    told = uncalibrated.get("/v1/status").get_json()["liveness"]
    assert told["threshold"] is None and "no calibration" in told["threshold_source"]
    for path in (f"/v1/attendance?clase={CLASS}&fecha={DAY}", "/v1/identify", f"/v1/verify?matricula={WHO}"):
        refused = uncalibrated.post(path, data=portrait(WHO), headers=JPEG)
        assert "bpcer" in problem(refused, 503, "liveness_not_calibrated")


@on_sqlite
def test_decisions_are_counted(school: Gallery, judging: FaceEmbedder, tmp_path: Path) -> None:
    telemetry = Telemetry(ServiceHandle())
    service = Service(
        judging,
        school,
        PhotoExport(tmp_path / "e"),
        lambda _: None,
        observer=telemetry,
        liveness=replace(policy(judging, "observe"), modes=LivenessModes(identify="observe", verify="off")),
    )
    for photo in (portrait(WHO), held_up(judging), held_up(judging), cut(judging, WHO, 1.2, None)):
        service.identify(photo, IdentifyQuery())
        service.verify(photo, WHO, None)
    counted = [line for line in telemetry.exposition().decode().splitlines() if line.startswith("presente_liveness")]
    assert sorted(counted) == [
        f'presente_liveness_total{{decision="{name}",task="identify"}} {number}'
        for name, number in (("attack", 2.0), ("live", 1.0), ("not_judged", 1.0))
    ]
