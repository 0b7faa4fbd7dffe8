"""Recordings of a class in a real browser: chosen, or made with the camera; who appears, settled with a tap."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.films import SEATED, drawn_frames, write_film
from tests.server.conftest import Running, Serve
from tests.server.console.films import filmed_page, framed
from tests.server.console.pages import PHONE, complaints_of, counts, violations, wait_for_counts
from tests.server.people import wait_until
from tests.server.sample import THERE

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page, Route  # which only CI installs

GROUP = SAMPLE / "groups" / "group_02.jpg"


TWO_HOURS_AHEAD = """
    const There = Date;
    window.Date = class extends There {
      constructor(...about) { about.length ? super(...about) : super(There.now() + 7200e3); }
      static now() { return There.now() + 7200e3; }
    };"""
"""A device whose clock is wrong."""


def begin_session(page: "Page", running: Running, clase: str) -> None:
    page.goto(running.address)
    page.click(f"section:has(#class-{clase}) button")
    page.fill("#starts", "00:00")
    page.fill("#ends", "00:01")
    page.click("dialog button.main")
    page.wait_for_selector("#roll")


def leave_and_stay(page: "Page") -> None:
    page.click("nav a[href='#/students']")
    page.wait_for_selector("#leave")
    page.click("dialog >> text=Quedarse")
    assert "#/session/" in page.url and page.locator("dialog").count() == 0


def films_left(folder: Path) -> list[str]:
    return [path.name for path in (folder / "var" / "films").iterdir()]


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_recording_is_chosen_read_and_settled(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve()
    film = write_film(tmp_path / "clase.webm", drawn_frames(3, fps=4), "libvpx", 4)
    complaints = complaints_of(page)
    begin_session(page, running, "IA-101")
    page.set_input_files("#film", film)
    assert page.input_value("#film-starts") == "00:00"  # the session's start
    assert violations(page) == []
    page.fill("#film-starts", "00:00:07")
    page.click("#send-film")
    page.wait_for_selector("[id^=cancel-job]")
    page.wait_for_selector("#film-outcome dd.present:has-text('3')", timeout=60_000)
    wait_for_counts(page, [3, 0, 0, 0, 9])
    assert films_left(tmp_path) == []
    (shown,) = running.ask("/v1/sessions/1/photos")["photos"]
    assert shown["film"]["starts"] == "00:00:07"
    page.wait_for_selector(".appearances li.present img")  # the enrolled photo
    assert page.locator(".appearances li.present .pair canvas").count() == 3
    assert violations(page) == []
    page.click(f".appearances li:has-text('{name_of(running, SEATED[0])}') .picture")
    page.wait_for_selector("dialog .views canvas >> nth=1")
    assert violations(page) == []
    page.click("dialog .options .danger")  # it is none of those whom it looks like
    wait_for_counts(page, [2, 0, 0, 0, 10])
    page.click(".notice.done >> nth=-1 >> text=Deshacer")
    wait_for_counts(page, [3, 0, 0, 0, 9])
    page.set_input_files("#film", film)
    page.fill("#film-starts", "00:00:07")
    page.click("#send-film")
    page.wait_for_selector(".notice:has-text('Esa grabación ya se había leído')")
    page.set_viewport_size(PHONE["viewport"])
    page.wait_for_selector(".appearances li.present img")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    assert violations(page) == []
    page.click("text=Quitar esta grabación")
    wait_for_counts(page, [0, 0, 0, 0, 12])
    assert page.locator(".appearances").count() == 0

    page.set_input_files("#film", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"no film"})
    page.click("#send-film")
    page.wait_for_selector("#film-outcome.wrong:has-text('no es una grabación')", timeout=60_000)

    def read_later(route: "Route") -> None:
        failed, read = route.fetch().json()["jobs"]
        read["result"]["film"] |= {"claimed_s": 24.2, "duration_s": 11.9}
        route.fulfill(json={"jobs": [read, failed]})

    page.route("**/sessions/1/video", read_later)
    page.reload()
    page.wait_for_selector("#film-outcome:has-text('Duraba 0:24 según el archivo, se leyeron 0:12')")
    page.wait_for_selector("#failed-films li:has-text('no es una grabación')")
    assert complaints == [] and films_left(tmp_path) == []


def name_of(running: Running, matricula: str) -> str:
    return str(running.ask(f"/v1/students/{matricula}")["nombre_del_alumno"])


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_camera_records_and_a_recording_that_was_not_sent_is_kept(serve: Serve, tmp_path: Path) -> None:
    """Chromium's own MediaRecorder, whose webm says nothing of how long it is."""
    running = serve()
    with filmed_page(tmp_path, framed(GROUP, height=440, size=(1280, 720))) as page:
        page.add_init_script(TWO_HOURS_AHEAD)
        begin_session(page, running, "IA-102")
        page.click("#record")
        page.wait_for_selector("#stop-recording:has-text('0:01')")
        here = page.url
        leave_and_stay(page)
        page.wait_for_selector("#stop-recording:has-text('0:02')")
        page.context.set_offline(True)
        page.click("#stop-recording")
        page.wait_for_selector("#send-film")
        assert page.locator("video").count() == 0 and running.ask("/v1/sessions/1/video")["jobs"] == []
        leave_and_stay(page)  # what was not sent is not lost either
        asked: list[str] = []

        def stay(question: "Dialog") -> None:
            asked.append(question.type)
            question.dismiss()

        page.once("dialog", stay)
        with page.expect_event("dialog"):
            page.evaluate("setTimeout(() => location.reload())")
        assert asked == ["beforeunload"] and page.url == here
        page.context.set_offline(False)
        page.click("#send-film")
        page.wait_for_selector("#film-outcome dd.present", timeout=60_000)
        wait_until(lambda: counts(page)[0] >= 7)
        (shown,) = running.ask("/v1/sessions/1/photos")["photos"]
        assert shown["film"]["duration_s"] > 1.5
        began = datetime.strptime(shown["film"]["starts"], "%H:%M:%S")
        passed = (datetime.now() - began).seconds  # of the day; the school's clock is this machine's
        assert passed < 600
        found = {line["matricula"] for line in running.ask("/v1/sessions/1")["roll"] if line["status"] == "present"}
        assert found <= set(THERE) and {"unknown"} <= {face["status"] for face in shown["faces"]}
        assert films_left(tmp_path) == []
        page.click("nav a[href='#/students']")
        page.wait_for_selector(".page-students")  # nothing would be lost any more
        page.evaluate("location.hash = '#/sessions/1'")  # which is none
        page.wait_for_selector("main:has-text('Esta página no existe')")
