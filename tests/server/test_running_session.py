"""Which session a film is of whose sender does not say: the first page knows neither class nor date."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from faces.embedder import FaceEmbedder
from gallery.gallery import Gallery
from gallery.photo_export import PhotoExport
from presente.clock import Clock
from server.app import create_app
from server.films.folder import FilmFolder
from server.service import Service, ServiceHandle
from tests.conftest import on_sqlite
from tests.server.sample import problem

FILM = (b'--x\r\nContent-Disposition: form-data; name="video"; filename="blob"\r\n\r\nfilm\r\n--x--', "x")


class Page:
    """The first page on a Friday, whose clock the test sets."""

    def __init__(self, gallery: Gallery, embedder: FaceEmbedder, folder: Path, hands: bool) -> None:
        self.moment = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)  # 08:05 in Mexico City
        export, clock = PhotoExport(folder / "export"), Clock("America/Mexico_City", lambda: self.moment)
        handle = ServiceHandle()
        self.jobs = gallery.store.jobs
        handle.put(Service(embedder, gallery, export, export.forget, clock, sees_hands=hands))
        app = create_app(handle, 4_000_000, films=FilmFolder(folder / "films", 1_000_000))
        self.client: FlaskClient = app.test_client()

    def at(self, hours: int, minutes: int) -> None:
        self.moment = datetime(2026, 11, 20, hours + 6, minutes, tzinfo=UTC)

    def begin(self, clase: str, starts: str) -> int:
        made = self.client.post("/v1/sessions", json={"clase": clase, "starts": starts})
        return int(made.get_json()["id"])

    def send(self, call: str = "assistance", more: bytes = b"") -> Any:
        """The film, as the page sends it."""
        self.more = getattr(self, "more", 0) + 1
        content = FILM[0].replace(b"film", b"film %d" % self.more)
        kind = "multipart/form-data; boundary=x"
        return self.client.post(f"/upload-{call}", data=more + content, headers={"Content-Type": kind})

    def session(self) -> int:
        reply = self.send()
        assert reply.status_code == 202, reply.text
        return int(reply.get_json()["session"])


@pytest.fixture
def page(school: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> Page:
    return Page(school, embedder, tmp_path, hands=True)


@on_sqlite
def test_a_film_goes_to_the_session_that_runs(page: Page) -> None:
    problem(page.send(), 409, "no_session")
    late = page.begin("IA-101", "10:00")
    assert page.session() == late  # the next one
    early = page.begin("IA-102", "07:00")
    assert page.session() == early  # which runs
    page.at(10, 1)
    assert page.session() == late
    page.client.post(f"/v1/sessions/{late}/close")
    assert page.session() == early  # which ended long ago, and is open
    other = page.begin("IA-101", "07:00")
    detail = problem(page.send(), 409, "several_sessions")
    assert "IA-101, IA-102" in detail and "07:00" in detail
    page.client.post(f"/v1/sessions/{early}/close")
    for call, message in (("assistance", "Asistencias actualizadas"), ("parti", "Participaciones actualizadas")):
        extra = b'--x\r\nContent-Disposition: form-data; name="type"\r\n\r\nvideo\r\n'  # it may send more
        reply = page.send(call, extra).get_json()
        assert (reply["message"], reply["session"]) == (message, other)
        job = page.client.get(f"/v1/jobs/{reply['job']}").get_json()
        assert (job["kind"], job["session"], job["state"]) == ("film", other, "queued")
    page.moment = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
    problem(page.send(), 409, "no_session")  # it is the next day


@on_sqlite
def test_without_a_session_the_timetable_says_which_class_meets(page: Page) -> None:
    meetings = [{"weekday": 5, "starts": "08:00", "ends": "09:30", "late_after": 10}, {"weekday": 4, "starts": "08:01"}]
    page.client.put("/v1/classes/IA-102/timetable", json={"meetings": meetings})
    made = page.session()
    session = page.client.get(f"/v1/sessions/{made}").get_json()["session"]
    assert {name: session[name] for name in ("clase", "fecha", "starts", "ends", "late_after", "made_by")} == {
        "clase": "IA-102", "fecha": "2026-11-20", "starts": "08:00", "ends": "09:30", "late_after": 10,
        "made_by": "local",
    }  # fmt: skip
    assert page.session() == made
    page.client.post(f"/v1/sessions/{made}/close")
    problem(page.send(), 409, "no_session")  # the class has met


@on_sqlite
def test_hands_that_are_not_looked_for(school: Gallery, embedder: FaceEmbedder, tmp_path: Path) -> None:
    page = Page(school, embedder, tmp_path, hands=False)
    page.begin("IA-101", "08:00")
    problem(page.send("parti"), 501, "hands_off")
    assert page.send().status_code == 202
