"""What a film that was read records: attendance by first sight, participations by raised hands, and what people say
of it afterwards."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from faces.embedder import FaceEmbedder
from faces.film.frames import FilmFrame
from faces.film.values import FilmAppearance, FilmRaise, FilmReading, FilmView
from faces.liveness.values import LivenessScore
from gallery.documents.attendance import EntryFilter
from gallery.documents.jobs import Job, JobRequest
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.clock import Clock
from presente.liveness import NOT_JUDGED, LivenessPolicy
from presente.settings.liveness import LivenessMode, LivenessModes
from server.app import create_app
from server.films.reading import ReadFilm, face_sheet
from server.live.session_watch import SessionWatch
from server.operations.films import finish_job
from server.service import Service, ServiceHandle
from tests.conftest import SAMPLE, on_sqlite
from tests.films import drawn_frames
from tests.server.sample import problem

CLASS, DAY = "IA-101", "2026-11-20"
ANA, EVA, LEO = "A0178", "A0184", "A0189"
OTHER = "A0241"
"""Of another class."""
STRANGER = "strangers/01.jpg"


def thumbnail() -> bytes:
    out = BytesIO()
    Image.new("RGB", (100, 90), "gray").save(out, "JPEG")
    return out.getvalue()


@cache
def seen(embedder: FaceEmbedder, photo: str, *spans: tuple[float, float], views: int = 2) -> FilmAppearance:
    """Someone who appears in a film as on a photo."""
    face = embedder.embed([embedder.portrait(embedder.decode((SAMPLE / photo).read_bytes()))])[0]
    shown = tuple(
        FilmView(spans[0][0] + 0.5 * each, (10.0, 10.0, 60.0, 70.0), 0.9 - 0.1 * each, thumbnail())
        for each in range(views)
    )
    return FilmAppearance(face.template, shown, spans, looks=9)


def photo_of(matricula: str) -> str:
    return f"students/{matricula}/1.jpg"


RAISES = (FilmRaise(0, 3.2, 5.0), FilmRaise(1, 40.4, 42.0), FilmRaise(0, 40.9, 43.0), FilmRaise(3, 50.0, 51.0))


@pytest.fixture
def reading(embedder: FaceEmbedder) -> FilmReading:
    """Ana from the beginning, Eva a minute later, one of another class, a stranger."""
    appearances = (
        seen(embedder, photo_of(ANA), (0.0, 20.0), (30.0, 55.0)),
        seen(embedder, photo_of(EVA), (11.0, 59.0), views=6),
        seen(embedder, photo_of(OTHER), (12.0, 13.0)),
        seen(embedder, STRANGER, (20.0, 52.0)),
    )
    return FilmReading(60.0, 640, 480, 600, 120, appearances, RAISES, claimed_s=90.0)


class Recorder:
    """Records readings as the server does that has read them."""

    def __init__(
        self,
        gallery: Gallery,
        embedder: FaceEmbedder,
        folder: Path,
        keeps: bool = True,
        liveness: LivenessPolicy = NOT_JUDGED,
    ) -> None:
        export = PhotoExport(folder / "export")
        clock = Clock("America/Mexico_City", lambda: datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
        self.service = Service(
            embedder, gallery, export, export.forget, clock, keeps_session_photos=keeps, liveness=liveness
        )
        handle = ServiceHandle()
        handle.put(self.service)
        self.client: FlaskClient = create_app(handle, 4_000_000).test_client()
        made = self.client.post("/v1/sessions", json={"clase": CLASS, "starts": "08:00", "late_after": 1})
        self.number = int(made.get_json()["id"])
        self._jobs = 0

    def film(self, reading: FilmReading, starts: str = "08:00:50", sha256: str = "ab") -> dict[str, Any]:
        sheet = face_sheet(reading.appearances) if reading.appearances else None
        self._jobs += 1
        at = f"2026-11-20T20:00:{self._jobs:02}+00:00"
        arguments = {"session": self.number, "film": "0" * 32, "sha256": sha256, "starts": starts}
        job = Job(self._jobs, JobRequest("film", arguments, "user:ruiz", "teacher", at))
        return dict(finish_job(self.service, job, ReadFilm(reading, sheet).packed()))

    def roll(self) -> dict[str, str]:
        lines = self.client.get(f"/v1/sessions/{self.number}").get_json()["roll"]
        return {line["matricula"]: line["status"] for line in lines if line["status"] != "absent"}

    def raised(self) -> list[tuple[str, str]]:
        """Who took part and when, of what counts."""
        found = self.client.get(f"/v1/participations?clase={CLASS}").get_json()
        assert {each["kind"] for each in found["participations"]} <= {"raised_hand"}
        assert found["count"] == len(found["participations"])
        return sorted((each["matricula"], each["at"][11:19]) for each in found["participations"])

    def shown(self) -> list[Any]:
        (photo,) = self.client.get(f"/v1/sessions/{self.number}/photos").get_json()["photos"]
        return list(photo["faces"])

    def say(self, what: str, **said: Any) -> Any:
        reply = self.client.post(f"/v1/sessions/{self.number}/{what}", json=said)
        assert reply.status_code == 200, reply.text
        return reply.get_json()


@pytest.fixture
def recorder(school: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Recorder:
    return Recorder(school, embedder, tmp_path)


ANAS, EVAS = [(ANA, "14:00:53"), (ANA, "14:01:30")], [(EVA, "14:01:30")]


def looking(appearance: FilmAppearance, *scores: float | None) -> FilmAppearance:
    """Someone who appears, whose views look so live, from 0 to 1."""
    judged = [LivenessScore(score, "lives@1", None if score else "too_small") for score in scores]
    views = zip(appearance.views, judged, strict=True)
    return replace(appearance, views=tuple(replace(view, liveness=score) for view, score in views))


@pytest.mark.parametrize("keeps", [True, False])
def test_who_may_be_a_picture_waits_and_raises_no_hand(
    school: Gallery, embedder: FaceEmbedder, tmp_path: Path, reading: FilmReading, keeps: bool
) -> None:
    policy = LivenessPolicy(LivenessModes(attendance="enforce"), "lives@1", 0.5)
    recorder = Recorder(school, embedder, tmp_path, keeps, policy)
    ana, eva, other, stranger = reading.appearances
    shown = (looking(ana, 0.1, 0.2), looking(eva, 0.9, 0.8, 0.1, 0.7, 0.9, 0.05), other, stranger)
    made = recorder.film(replace(reading, appearances=shown))
    assert (made["present"], made["late"], made["waiting"], made["raises"]) == (0, 1, 1, 1)
    assert recorder.roll() == {ANA: "waiting", EVA: "late"} and recorder.raised() == EVAS
    said = recorder.say("entries", photo=1, face=1, matricula=ANA)
    assert [(line["matricula"], line["status"], line["reason"]) for line in said["roll"]] == [(ANA, "present", None)]
    assert recorder.raised() == (ANAS + EVAS if keeps else EVAS)
    recorder.say("undo", entry=said["roll"][0]["entry"])
    assert recorder.roll() == {ANA: "waiting", EVA: "late"} and recorder.raised() == EVAS
    recorder.say("undo", photo=1)
    assert recorder.roll() == {} and recorder.raised() == []


@pytest.mark.parametrize(
    ("mode", "scores", "status", "reason"),
    [
        ("enforce", (), "waiting", "liveness_not_judged"),  # read where it was off
        ("enforce", (None, None), "waiting", "liveness_not_judged"),
        ("enforce", (None, 0.9), "present", None),
        ("observe", (0.1, 0.1), "present", None),
        ("off", (0.1, 0.1), "present", None),
    ],
)
@on_sqlite
def test_the_policy_of_the_server_holds_for_films(
    school: Gallery,
    embedder: FaceEmbedder,
    tmp_path: Path,
    reading: FilmReading,
    mode: LivenessMode,
    scores: tuple[float | None, ...],
    status: str,
    reason: str | None,
) -> None:
    recorder = Recorder(
        school, embedder, tmp_path, liveness=LivenessPolicy(LivenessModes(attendance=mode), "lives@1", 0.5)
    )
    ana = reading.appearances[0]
    recorder.film(replace(reading, appearances=(looking(ana, *scores) if scores else ana,), raises=()))
    (line,) = recorder.client.get(f"/v1/attendance?clase={CLASS}").get_json()["attendance"]
    assert (line["status"], line["reason"]) == (status, reason)
    assert (line["liveness"] is None) == (mode == "off" or not scores)


def test_a_film_is_recorded_once(recorder: Recorder, reading: FilmReading) -> None:
    first = recorder.film(reading)
    assert first == {
        "photo": 1, "repeated": False, "duration_s": 60.0, "claimed_s": 90.0, "damaged": False,
        "appearances": 4, "present": 1, "late": 1, "waiting": 0, "off_roster": 1, "unknown": 1, "raises": 3,
    }  # fmt: skip
    assert recorder.roll() == {ANA: "present", EVA: "late"}  # who came at 08:01:01
    assert recorder.raised() == ANAS + EVAS
    jitter = tuple(replace(each, from_s=each.from_s + 0.3) for each in reversed(RAISES))
    other_order = replace(reading, raises=jitter)
    assert recorder.film(other_order) == first | {"repeated": True}
    assert (recorder.raised(), len(recorder.shown())) == (ANAS + EVAS, 4)
    assert recorder.film(replace(reading, raises=None), sha256="cd")["raises"] is None
    assert recorder.raised() == ANAS + EVAS


@on_sqlite
def test_what_is_shown_of_those_who_appear(recorder: Recorder, reading: FilmReading) -> None:
    recorder.film(reading)
    (photo,) = recorder.client.get(f"/v1/sessions/{recorder.number}/photos").get_json()["photos"]
    assert photo["film"] == {"starts": "08:00:50", "duration_s": 60.0, "hands": True}
    ana, eva, other, stranger = photo["faces"]
    assert [face["status"] for face in photo["faces"]] == ["present", "present", "off_roster", "unknown"]
    assert (ana["film"]["first_s"], ana["film"]["last_s"]) == (0.0, 55.0)
    assert ana["film"]["spans"] == [[0.0, 20.0], [30.0, 55.0]] and len(eva["film"]["views"]) == 4
    assert [each["from_s"] for each in ana["film"]["raises"]] == [3.2, 40.9] and other["film"]["raises"] == []
    assert all(each["participation"] for each in ana["film"]["raises"] + eva["film"]["raises"])
    assert [each["participation"] for each in stranger["film"]["raises"]] == [None]
    sheet = Image.open(BytesIO(recorder.client.get(f"/v1/sessions/{recorder.number}/photos/1").data))
    assert sheet.size == (photo["width"], photo["height"]) == (1536, 256)
    boxes = [view["box"] for face in photo["faces"] for view in face["film"]["views"]]
    assert len({tuple(box) for box in boxes}) == 10  # none lies on another
    for x1, y1, x2, y2 in boxes:
        middle = np.asarray(sheet)[int(y1 + y2) // 2, int(x1 + x2) // 2]
        assert x2 <= sheet.width and y2 <= sheet.height and abs(int(middle[0]) - 128) < 9


def test_a_person_says_whom_a_face_shows_and_the_hands_follow(recorder: Recorder, reading: FilmReading) -> None:
    recorder.film(reading)
    recorder.say("entries", photo=1, face=1, matricula=LEO)
    assert recorder.roll() == {LEO: "present", EVA: "late"}
    leos = [(LEO, at) for _, at in ANAS]
    assert recorder.raised() == EVAS + leos
    (entry,) = [each["id"] for each in recorder.shown()[0]["entries"] if each["status"] == "present"]
    recorder.say("undo", entry=entry)
    assert recorder.roll() == {ANA: "present", EVA: "late"} and recorder.raised() == ANAS + EVAS
    recorder.say("entries", photo=1, face=2)  # it is not Eva
    assert recorder.roll() == {ANA: "present"} and recorder.raised() == ANAS
    recorder.say("entries", photo=1, face=4, matricula=EVA)  # the stranger is
    assert recorder.roll() == {ANA: "present", EVA: "late"}  # who is first seen at 08:01:10
    assert recorder.raised() == [*ANAS, (EVA, "14:01:40")]


def test_taking_back_a_film_takes_back_its_participations(recorder: Recorder, reading: FilmReading) -> None:
    recorder.film(reading)
    by_hand = recorder.client.post("/v1/participations", json={"matricula": ANA, "kind": "raised_hand"}).get_json()
    mistaken = recorder.shown()[0]["film"]["raises"][0]["participation"]
    assert recorder.client.delete(f"/v1/participations/{mistaken}").status_code == 204
    assert recorder.shown()[0]["film"]["raises"][0]["participation"] is None
    recorder.say("undo", photo=1)
    recorder.say("undo", photo=1)
    assert recorder.roll() == {} and [matricula for matricula, _ in recorder.raised()] == [ANA]
    assert recorder.client.delete(f"/v1/participations/{by_hand['id']}").status_code == 204
    again = recorder.film(reading)
    assert (again["raises"], again["repeated"]) == (2, True)
    assert recorder.raised() == ANAS[1:] + EVAS  # what a person took back stays so
    assert recorder.roll() == {ANA: "present", EVA: "late"}


def test_a_film_goes_with_the_student(recorder: Recorder, reading: FilmReading, school: Gallery) -> None:
    recorder.film(reading)
    school.remove([LEO])  # of the class; no one knows that he is not on it
    (photo,) = recorder.client.get(f"/v1/sessions/{recorder.number}/photos").get_json()["photos"]
    assert (photo["kept"], photo["film"], photo["faces"]) == (False, None, [])
    assert recorder.client.get(f"/v1/sessions/{recorder.number}/photos/1").status_code == 404
    school.remove([ANA])
    found = recorder.client.get(f"/v1/participations?clase={CLASS}").get_json()["participations"]
    assert [(each["matricula"], each["kind"]) for each in found] == [(None, ""), (EVA, "raised_hand"), (None, "")]
    said = school.store.attendance.participations(EntryFilter(clase=CLASS))
    assert {each.entry.request.partition(" ")[0] for each in said if each.entry.subject is None} == {"erased"}
    assert recorder.film(reading)["raises"] == 1  # Eva's
    recorder.client.post(f"/v1/sessions/{recorder.number}/close")
    assert not school.store.session_photos.photos(recorder.number)[0].kept


@on_sqlite
def test_nothing_is_kept_where_nothing_may_be(
    school: Gallery, embedder: FaceEmbedder, reading: FilmReading, tmp_path: Path
) -> None:
    recorder = Recorder(school, embedder, tmp_path, keeps=False)
    assert recorder.film(reading)["raises"] == 3 and recorder.roll() == {ANA: "present", EVA: "late"}
    assert not school.store.session_photos.photos(recorder.number)[0].kept
    problem(recorder.client.get(f"/v1/sessions/{recorder.number}/photos/1"), 404, "photo_not_found")
    empty = replace(reading, appearances=(), raises=())
    assert recorder.film(empty, sha256="ef")["appearances"] == 0
    recorder.say("undo", photo=1)
    assert recorder.roll() == {} and recorder.raised() == []


@on_sqlite
def test_a_hand_is_no_participation_of_one_who_is_not_there(recorder: Recorder, reading: FilmReading) -> None:
    recorder.say("entries", matricula=ANA, status="absent")
    assert recorder.film(reading)["raises"] == 1
    assert recorder.roll() == {EVA: "late"} and recorder.raised() == EVAS


def test_a_later_word_about_the_student_is_followed(recorder: Recorder, reading: FilmReading) -> None:
    recorder.say("entries", matricula=ANA, status="absent")
    recorder.film(reading)
    recorder.say("entries", matricula=ANA, status="late")
    assert recorder.raised() == ANAS + EVAS
    said = recorder.say("entries", matricula=EVA, status="absent")
    assert recorder.raised() == ANAS
    recorder.say("undo", entry=said["roll"][0]["entry"])
    assert recorder.raised() == ANAS + EVAS
    entry = recorder.client.get(f"/v1/sessions/{recorder.number}").get_json()["roll"][0]
    assert entry["matricula"] == ANA
    rejected = recorder.client.patch(f"/v1/attendance/{entry['entry']}", json={"status": "rejected"})
    assert rejected.status_code == 200, rejected.text
    assert recorder.raised() == EVAS


@on_sqlite
def test_late_by_a_film_is_to_the_second_and_stays_so_after_midnight(recorder: Recorder, reading: FilmReading) -> None:
    session = {"clase": CLASS, "fecha": "2026-11-19", "starts": "23:49", "ends": "23:59", "late_after": 10}
    recorder.number = recorder.client.post("/v1/sessions", json=session).get_json()["id"]
    recorder.film(reading, starts="23:58:49")  # Eva is seen after 11 seconds
    assert recorder.roll() == {ANA: "present", EVA: "present"}
    recorder.say("undo", photo=1)
    recorder.film(reading, starts="23:58:50")
    assert recorder.roll() == {ANA: "present", EVA: "late"}
    recorder.say("undo", photo=1)
    recorder.film(reading, starts="23:59:55")
    assert recorder.roll() == {ANA: "late", EVA: "late"}
    recorder.say("entries", photo=1, face=4, matricula=LEO)
    assert recorder.roll()[LEO] == "late" and recorder.raised()[0] == (ANA, "05:59:58")


def test_two_recordings_of_one_class_count_a_hand_once(recorder: Recorder, reading: FilmReading) -> None:
    recorder.film(reading)
    early = replace(reading, raises=tuple(replace(each, from_s=each.from_s + 8.9) for each in RAISES))
    assert recorder.film(early, starts="08:00:41", sha256="cd")["raises"] == 3
    assert recorder.raised() == ANAS + EVAS
    _, second = recorder.client.get(f"/v1/sessions/{recorder.number}/photos").get_json()["photos"]
    assert all(each["participation"] for each in second["faces"][0]["film"]["raises"])
    recorder.say("undo", photo=1)
    assert recorder.raised() == ANAS + EVAS  # by the other
    recorder.say("undo", photo=2)
    assert recorder.raised() == []


class Hands:
    """Everyone raises a hand after one second."""

    def __init__(self) -> None:
        self._tracks: set[int] = set()

    def see(self, _at_s: float, _pixels: Any, tracks: Any, _boxes: Any) -> None:
        self._tracks |= {int(track) for track in tracks}

    def raises(self) -> list[tuple[int, float, float]]:
        return [(track, 1.0, 2.0) for track in sorted(self._tracks)]


def watched(recorder: Recorder) -> int:
    """How many raises count once three seconds were watched."""
    stored = recorder.service.session_log.session(recorder.number)
    watch = SessionWatch(recorder.service, stored, Hands())  # type: ignore[arg-type]
    for number, pixels in enumerate(drawn_frames(4, fps=1)):
        watch.see(FilmFrame(float(number), pixels))
    return watch.counts.raises


@on_sqlite
def test_a_hand_that_a_camera_saw_goes_with_the_face_and_the_frame(recorder: Recorder) -> None:
    def who() -> list[str]:
        return [matricula for matricula, _ in recorder.raised()]

    recorder.say("entries", matricula=LEO, status="absent")
    watched(recorder)
    watched(recorder)  # another watch, or the same one once more
    assert who() == [ANA, EVA]
    recorder.say("entries", matricula=LEO, status="present")
    watched(recorder)
    assert who() == [ANA, EVA, LEO]
    (line,) = [each for each in recorder.client.get(f"/v1/sessions/{recorder.number}").get_json()["roll"]
               if each["matricula"] == ANA]  # fmt: skip
    recorder.say("entries", matricula=LEO, status="absent")
    said = recorder.say("entries", photo=line["photo"], face=line["face"], matricula=OTHER)
    assert who() == [EVA, OTHER]
    entry = next(each["entry"] for each in said["roll"] if each["matricula"] == OTHER)
    recorder.say("undo", entry=entry)
    assert who() == [ANA, EVA]
    recorder.say("entries", photo=line["photo"], face=line["face"])
    assert who() == [EVA]
    recorder.say("undo", photo=line["photo"])
    assert who() == []
    recorder.say("entries", matricula=EVA, status="present")
    assert who() == []  # it was taken back
