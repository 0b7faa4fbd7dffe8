"""Strangers in photos of every kind become cards, and no one waits for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from faces.film.frames import FilmFrame
from faces.film.values import FilmAppearance, FilmReading, FilmView
from faces.film.views import thumbnail
from faces.liveness.values import LivenessScore
from faces.packs.model_pack import ModelPack
from gallery.documents.jobs import Job, JobRequest
from gallery.documents.unknown_people import UnknownFace, UnknownGroup
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from gallery.unknowns.keeper import UnknownKeeper
from presente.clock import Clock
from presente.composition import open_store
from presente.liveness import LivenessPoint
from server import unknown_faces
from server.app import create_app
from server.films.reading import ReadFilm, face_sheet
from server.live.session_watch import SessionWatch
from server.operations.films import finish_job
from server.service import Service, ServiceHandle
from server.unknown_faces import UnknownFaces
from tests.conftest import SAMPLE, on_sqlite
from tests.films import drawn_frames
from tests.server.conftest import Serve
from tests.server.sample import ANA, CLASS, JPEG, PROBE, STRANGER, send
from tests.server.scraped import Scraped

OTHER = (SAMPLE / "strangers" / "02.jpg").read_bytes()


class School:
    """A service that keeps unknown faces, at a moment that the test chooses, and what became of each face."""

    def __init__(self, gallery: Gallery, pack: ModelPack, folder: Path) -> None:
        self.moment = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)  # 08:05 in Mexico City
        self.outcomes: Counter[str] = Counter()
        self.embedder = FaceEmbedder(pack, pictures=True)
        self.faces = UnknownFaces(gallery, lambda outcome: self.outcomes.update([outcome]))
        export = PhotoExport(folder / "export")
        clock = Clock("America/Mexico_City", lambda: self.moment)
        self.service = Service(self.embedder, gallery, export, export.forget, clock, unknown_faces=self.faces)
        self.handle = ServiceHandle()
        self.handle.put(self.service)
        self.client: FlaskClient = create_app(self.handle, 4_000_000).test_client()

    def at(self, hours: int, minutes: int) -> None:
        """Set the clock to a time of the school's day."""
        self.moment = datetime(2026, 11, 20, hours + 6, minutes, tzinfo=UTC)

    def cards(self) -> list[UnknownGroup]:
        """The cards, once everything is kept."""
        self.faces.settle()
        return self.service.gallery.store.unknowns.groups("open", "visits", None, 99)

    def face(self, card: UnknownGroup) -> UnknownFace:
        """The first face of a card."""
        return self.service.gallery.store.unknowns.faces(card.id, 0, 1)[0].face


@pytest.fixture
def keeping(school: Gallery, sample_pack: ModelPack, tmp_path: Path) -> Iterator[School]:
    made = School(school, sample_pack, tmp_path)
    with closing(made.faces):
        yield made


def test_a_stranger_of_every_kind_of_photo_is_one_card(keeping: School) -> None:
    client = keeping.client
    found = client.post("/v1/identify", data=STRANGER, headers=JPEG).get_json()["faces"][0]
    assert found["nombre"] == "Desconocido"
    client.post("/v1/identify", data=PROBE, headers=JPEG)  # Ana is known
    (card,) = keeping.cards()
    face = keeping.face(card)
    assert (card.visits, card.looks, face.source, face.clase, face.session) == (1, 1, "identify", "", 0)
    assert face.at == face.last_at == "2026-11-20T14:05:00+00:00" and face.worth > 0.5 and face.quality["size"] > 80
    keeping.at(9, 0)
    assert send(client, STRANGER).status_code == 200
    keeping.at(9, 5)
    number = client.post("/v1/sessions", json={"clase": CLASS, "starts": "09:00"}).get_json()["id"]
    client.post(f"/v1/sessions/{number}/photos", data=STRANGER, headers=JPEG)
    client.post(f"/v1/sessions/{number}/photos", data=STRANGER, headers=JPEG)  # the same photo says nothing new
    (card,) = keeping.cards()
    assert (card.visits, card.looks, card.clases) == (3, 3, (CLASS,))  # a visit is of one class and session
    picture = keeping.service.gallery.store.unknowns.picture(card.cover)
    assert picture is not None
    _, shown = keeping.embedder.embed_portrait(picture)
    assert float(shown.template @ face.vector) > 0.9
    client.post("/v1/identify", data=OTHER, headers=JPEG)
    assert len(keeping.cards()) == 2 and keeping.outcomes == Counter(added=4)


def test_whom_only_a_part_of_the_school_does_not_know_is_not_kept(keeping: School) -> None:
    """Students of another class, where a teacher asks, or a request for one class, or for a higher threshold."""
    client = keeping.client
    found = client.post("/v1/identify?threshold=0.9999", data=PROBE, headers=JPEG).get_json()["faces"][0]
    assert found["nombre"] == "Desconocido"
    other = next(each for each in ("IA-101", "IA-102") if each != ANA["clase"])
    assert client.post(f"/v1/identify?clase={other}", data=PROBE, headers=JPEG).status_code == 200
    assert keeping.cards() == [] and keeping.outcomes == Counter(known=2)


def test_a_picture_that_is_held_up_is_no_visitor(keeping: School) -> None:
    face = keeping.embedder.embed(keeping.embedder.read_faces(STRANGER).faces)[0]
    live_from = LivenessPoint(0.5, "test")
    keeping.service.keep_unknown([replace(face, liveness=LivenessScore(0.2, "p"))], live_from, "session", CLASS, 3)
    assert keeping.cards() == []
    for score in (LivenessScore(None, "p", "too_tight"), LivenessScore(0.7, "p")):
        keeping.service.keep_unknown([replace(face, liveness=score)], live_from, "session", CLASS, 3)
    (card,) = keeping.cards()
    assert card.looks == 2 and keeping.face(card).session == 3


def test_a_request_that_is_repeated_counts_once(keeping: School) -> None:
    for _ in range(2):
        assert send(keeping.client, STRANGER, headers={"Idempotency-Key": "one"}).status_code == 200
    (card,) = keeping.cards()
    assert card.looks == 1


def test_a_film_shows_strangers_when_it_showed_them(keeping: School) -> None:
    photo = keeping.embedder.decode(STRANGER)
    aligned = keeping.embedder.portrait(photo)
    template = keeping.embedder.embed([aligned])[0].template
    x1, y1, x2, y2 = (float(value) for value in aligned.face.box)
    view = FilmView(70.0, (x1, y1, x2, y2), 0.8, thumbnail(photo.pixels, aligned.face.box), measured=aligned.quality)
    height, width = photo.size
    shown = FilmAppearance(template, (view,), ((60.0, 120.0), (300.0, 360.0)), looks=30)
    reading = FilmReading(
        400.0, width, height, 600, 120, (shown, replace(shown, views=(replace(view, measured=None),)))
    )
    number = keeping.client.post("/v1/sessions", json={"clase": CLASS, "starts": "08:00"}).get_json()["id"]
    keeping.at(17, 0)
    arguments = {"session": number, "film": "0" * 32, "sha256": "ab", "starts": "08:00:30"}
    job = Job(1, JobRequest("film", arguments, "user:ruiz", "teacher", "2026-11-20T20:00:00+00:00"))
    for again in range(2):
        job = replace(job, asked=replace(job.asked, at=f"2026-11-20T20:0{again}:00+00:00"))
        finish_job(keeping.service, job, ReadFilm(reading, face_sheet(reading.appearances)).packed())
    (card,) = keeping.cards()
    face = keeping.face(card)
    assert (face.at, face.last_at) == ("2026-11-20T14:01:30+00:00", "2026-11-20T14:06:30+00:00")
    assert (face.source, face.clase, face.session, card.looks) == ("film", CLASS, number, 1)
    picture = keeping.service.gallery.store.unknowns.picture(card.cover)
    assert picture is not None
    _, found = keeping.embedder.embed_portrait(picture)
    assert float(found.template @ template) > 0.8


@on_sqlite
def test_a_camera_shows_strangers(keeping: School) -> None:
    number = keeping.client.post("/v1/sessions", json={"clase": CLASS, "starts": "08:00"}).get_json()["id"]
    watch = SessionWatch(keeping.service, keeping.service.session_log.session(number), None)
    frames = drawn_frames(3, fps=2, photos=[SAMPLE / "strangers" / "01.jpg"])
    for place, pixels in enumerate(frames):
        watch.see(FilmFrame(place * 0.5, pixels))
    (card,) = keeping.cards()
    assert keeping.face(card).source == "session" and card.visits == 1 and keeping.outcomes["added"] == 1


def test_an_erasure_waits_for_what_a_photo_has_just_shown(keeping: School, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, go_on = UnknownKeeper.keep, threading.Event()
    kept: list[str] = []

    def slowly(keeper: UnknownKeeper, face: UnknownFace) -> str:
        assert go_on.wait(60)
        kept.append(keep(keeper, face))
        return kept[-1]

    monkeypatch.setattr(UnknownKeeper, "keep", slowly)
    keeping.client.post("/v1/identify", data=STRANGER, headers=JPEG)  # is not waited for
    threading.Timer(0.2, go_on.set).start()
    assert keeping.client.delete(f"/v1/students/{ANA['matricula']}").status_code in (200, 204)
    assert kept == ["added"]


def test_what_cannot_be_kept_is_counted(keeping: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_faces, "_GOOD", replace(unknown_faces._GOOD, min_size=1000.0))
    keeping.client.post("/v1/identify", data=STRANGER, headers=JPEG)
    monkeypatch.undo()
    store, go_on = keeping.service.gallery.store, threading.Event()

    def fails(*_: object) -> None:
        assert go_on.wait(60)
        raise ZeroDivisionError

    monkeypatch.setattr(type(store.unknowns), "epoch", fails)
    monkeypatch.setattr(keeping.faces._queue, "maxsize", 1)
    for _ in range(4):
        assert keeping.client.post("/v1/identify", data=STRANGER, headers=JPEG).status_code == 200
    go_on.set()
    keeping.faces.settle()
    monkeypatch.undo()
    assert keeping.outcomes["not_good"] == 1 and keeping.outcomes["failed"] >= 1 <= keeping.outcomes["queue_full"]
    assert keeping.outcomes.total() == 5
    keeping.client.post("/v1/identify", data=STRANGER, headers=JPEG)
    assert len(keeping.cards()) == 1


@on_sqlite
def test_a_server_keeps_what_waits_when_it_stops(serve: Serve, store_url: str) -> None:
    running = serve(PRESENTE_UNKNOWNS="keep")
    for _ in range(2):
        running.ask("/v1/identify", STRANGER)
    assert running.stop() == 0
    with closing(open_store(store_url)) as store:
        (card,) = store.unknowns.groups("open", "last_at", None, 9)
        assert card.looks == 2
    running = serve()  # the setting is off
    running.ask("/v1/identify", OTHER)
    assert Scraped.read(running.fetch("GET", "/metrics").body.decode()).sum("presente_unknown_faces_total") == 0
    assert running.stop() == 0
    with closing(open_store(store_url)) as store:
        assert store.unknowns.counts()[0] == 1
