"""A camera that keeps running in a session: who passes by is recorded, may say that it was a mistake, and stays out."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.films import filmed_page, framed
from tests.server.console.pages import PHONE, complaints_of
from tests.server.people import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

GAEL = "Gael Figueroa Méndez"
GROUP = SAMPLE / "groups" / "group_02.jpg"


def wait_for_frames(page: "Page", count: int) -> None:
    """Until so many more frames have been answered."""
    for _ in range(count):
        with page.expect_response(lambda reply: "frame=true" in reply.url):
            pass


def begin_session(page: "Page", running: Running) -> None:
    page.goto(running.address)
    page.click("section:has(#class-IA-102) button")
    page.fill("#starts", "00:00")
    page.fill("#ends", "00:01")
    page.click("dialog button.main")
    page.wait_for_selector("#roll")
    page.click("#kiosk")


def present(running: Running) -> set[str]:
    roll = running.ask("/v1/sessions/1")["roll"]
    return {line["nombre_del_alumno"] for line in roll if line["status"] == "present"}


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_people_pass_by_and_one_is_not_the_one_named(serve: Serve, tmp_path: Path) -> None:
    running = serve()
    with filmed_page(tmp_path, framed(GROUP, height=440, size=(1280, 720)), **PHONE) as page:
        complaints = complaints_of(page)
        begin_session(page, running)
        page.wait_for_selector(f".seen li:has-text('{GAEL}')")
        assert page.locator(".seen li").count() == len(present(running)) > 5
        page.click(f"[aria-label='No es {GAEL}']")
        wait_until(lambda: GAEL not in present(running))
        wait_for_frames(page, 3)  # the same face passes by again and again
        assert GAEL not in present(running)
        assert page.locator(f".seen li:has-text('{GAEL}')").count() == 0
        page.click(".notice button:has-text('Deshacer')")  # it was Gael after all
        wait_until(lambda: GAEL in present(running))
        page.click("#kiosk")
        page.wait_for_selector("video", state="detached")
        assert complaints == []
    photos = running.ask("/v1/sessions/1/photos")["photos"]
    assert 1 <= sum(photo["kept"] for photo in photos) <= 3  # only those that said something new


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_an_empty_room_leaves_nothing_and_a_closed_session_ends_the_camera(serve: Serve, tmp_path: Path) -> None:
    running = serve()
    with filmed_page(tmp_path, framed(None)) as page:
        begin_session(page, running)
        wait_for_frames(page, 2)
        page.context.set_offline(True)
        page.wait_for_selector("#kiosk-problem:has-text('El servidor no responde')")
        page.context.set_offline(False)
        wait_for_frames(page, 1)
        wait_until(lambda: page.inner_text("#kiosk-problem") == "" and page.locator(".notice").count() == 0)
        running.ask("/v1/sessions/1/close", b"{}", "application/json")  # by another teacher
        page.wait_for_selector("#reopen")
        assert page.locator("video").count() == 0
        assert page.locator(".notice").all_inner_texts() == [
            "La sesión está cerrada. Ábrala otra vez para cambiarla.\n×"
        ]
    session = running.ask("/v1/sessions/1")
    assert session["photos"] == 0 and running.ask("/v1/sessions/1/photos")["photos"] == []
