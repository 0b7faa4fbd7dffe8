"""The camera of the students' pages in a real browser: advice while it looks, photos that are taken by themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.films import filmed_page, framed
from tests.server.console.pages import PHONE, complaints_of, violations
from tests.server.people import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

STRANGER = SAMPLE / "strangers" / "01.jpg"


def checks_of(page: "Page") -> list[str]:
    """The frames that a page has sent from now on, and in between the answers to them; the list grows."""
    seen: list[str] = []

    def note(what: str) -> Any:
        return lambda each: seen.append(what) if "/v1/photos/check?detail=portrait" in each.url else None

    page.on("request", note("sent"))
    page.on("response", note("answered"))
    return seen


def enrolment(page: "Page", address: str) -> None:
    page.goto(f"{address}/#/students/new")
    page.fill("#matricula", "B0001")
    page.fill("#nombre_del_alumno", "Persona de Prueba")
    page.fill("#clase", "IA-103")


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize("screen", [PHONE, {}], ids=["phone", "desktop"])
def test_a_photo_is_taken_by_itself_once_all_is_good(serve: Serve, tmp_path: Path, screen: dict[str, Any]) -> None:
    running = serve(PRESENTE_CONSENT="required", PRESENTE_CONSENT_TEXT="Aviso de privacidad 7")
    with filmed_page(tmp_path, framed(STRANGER), **screen) as page:
        complaints, checks = complaints_of(page), checks_of(page)
        enrolment(page, running.address)
        assert page.input_value("#texto") == "Aviso de privacidad 7"
        page.check("#agreed")
        page.click("#camera")
        page.wait_for_selector("#advice.good:has-text('Así está bien')")
        page.wait_for_selector(".viewfinder rect.good", state="attached")
        page.wait_for_selector(".collection li.good")
        page.wait_for_selector(".collection li.good >> nth=1")  # and another one, after a pause
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.uncheck("#alone")
        page.click("#take")
        page.wait_for_selector(".collection li.good >> nth=2")
        assert checks[:4] == ["sent", "answered"] * 2 and "sent sent" not in " ".join(checks)  # one at a time
        page.click("#send")
        page.wait_for_selector("#student-title:has-text('Persona de Prueba')")
        assert complaints == []
    stored = running.ask("/v1/students/B0001")
    assert stored["consentimiento"]["texto"] == "Aviso de privacidad 7"
    assert stored["images"] >= 1  # frames of a film that stands still may be one and the same photo


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (framed(STRANGER, brightness=0.25), "oscuro"),
        (framed(STRANGER, height=60), "Acérquese"),
        (framed(None), "ninguna cara"),
    ],
    ids=["dark", "far", "empty"],
)
def test_what_is_wrong_is_said_on_the_picture(serve: Serve, tmp_path: Path, frame: bytes, words: str) -> None:
    running = serve()
    with filmed_page(tmp_path, frame) as page:
        checks = checks_of(page)
        enrolment(page, running.address)
        page.click("#camera")
        page.wait_for_selector(f"#advice:has-text('{words}')")
        wait_until(lambda: page.wait_for_timeout(50) or checks.count("answered") > 5)
        assert page.locator(".collection li").count() == 0  # nothing is taken by itself
        page.click("#language")
        page.wait_for_selector(f"#advice:not(:has-text('{words}'))")


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_no_frame_is_sent_while_the_page_is_hidden_or_after_it_is_left(serve: Serve, tmp_path: Path) -> None:
    running = serve()
    with filmed_page(tmp_path, framed(None)) as page:
        checks = checks_of(page)
        enrolment(page, running.address)
        page.click("#camera")
        page.wait_for_selector("#advice:has-text('ninguna cara')")
        page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })")
        page.wait_for_timeout(700)  # for the one that was on its way
        sent = checks.count("sent")
        page.wait_for_timeout(1500)
        assert checks.count("sent") == sent
        page.evaluate("delete document.hidden")
        wait_until(lambda: page.wait_for_timeout(50) or checks.count("sent") > sent)
        page.click("header nav a:has-text('Hoy')")
        page.wait_for_timeout(700)
        sent = checks.count("sent")
        page.wait_for_timeout(1500)
        assert checks.count("sent") == sent
