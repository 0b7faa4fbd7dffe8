"""What holds for every page of the console: accessibility, size, languages, a server that goes away."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of, violations
from tests.server.people import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

PAGES = {
    "today": "#class-IA-101",
    "sessions": ".empty",
    "identify": "#photo",
    "unknowns": ".empty",
    "students": "#students",
    "students/of/A0178": "#student-title",
    "students/new": "#matricula",
    "statistics": ".empty",
    "students/import": "#imports-title",
    "health": ".empty",
    "calibration": "#now-title",
    "groups": ".empty",
    "system": "#status",
    "system/settings": "#settings",
    "system/jobs": "#jobs-title",
    "system/keys": "#keys-title",
    "system/log": "#log",
}
"""Where each page is, and what is there once it is loaded."""


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_fits_a_phone_and_asks_this_server_alone(
    serve: Serve, page: "Page", scheme: Any, tmp_path: Path
) -> None:
    running = serve()
    complaints = complaints_of(page)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.emulate_media(color_scheme=scheme)
    for place, there in PAGES.items():
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{running.address}/#/{place}")
            page.wait_for_selector(there, state="attached")
            page.screenshot(path=tmp_path / f"{place.replace('/', '-')}-{width}-{scheme}.png")
            assert violations(page) == [], (place, width)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (place, width)
    assert complaints == []
    assert all(url.startswith((running.address, "blob:")) for url in asked), asked


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_language_is_the_browsers_until_one_is_chosen(serve: Serve, page: "Page") -> None:
    running = serve()
    page.goto(f"{running.address}/#/system")
    page.wait_for_selector("h1:has-text('Sistema')")
    assert page.get_attribute("html", "lang") == "es"
    page.click("#language")
    page.wait_for_selector("h1:has-text('System')")
    assert page.get_attribute("html", "lang") == "en"
    page.reload()
    page.wait_for_selector("h1:has-text('System')")
    assert page.title() == "System · Presente"


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_page_waits_for_a_server_that_is_restarted(serve: Serve, page: "Page") -> None:
    running = serve()
    port = running.address.rpartition(":")[2]
    page.goto(f"{running.address}/#/system")
    page.wait_for_selector("#status")
    page.wait_for_load_state("networkidle")  # the other pages' scripts are here, too
    running.stop()
    page.click("header nav a:has-text('Alumnos')")
    page.wait_for_selector("#away:has-text('El servidor no responde')")
    serve(int(port))
    page.wait_for_selector("#students tbody tr")
    page.wait_for_selector("#away", state="detached")


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_slow_network_is_waited_for_and_is_sent_little(serve: Serve, page: "Page") -> None:
    running = serve()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 200, "downloadThroughput": 60_000, "uploadThroughput": 30_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.goto(f"{running.address}/#/students")
    page.wait_for_selector("main [role=status]")  # it says that it waits
    page.wait_for_selector("#students tbody tr")
    page.wait_for_load_state("networkidle")
    sizes = page.evaluate("performance.getEntriesByType('resource').map((each) => [each.name, each.transferSize])")
    assert sum(size for _, size in sizes) < 450_000, sizes
    page.reload()
    page.wait_for_selector("#students tbody tr")
    page.wait_for_load_state("networkidle")
    again = page.evaluate("performance.getEntriesByType('resource').map((each) => each.transferSize)")
    assert sum(again) < 60_000, again  # files that have not changed are asked about, and not sent again


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_long_names_wrap_and_the_menu_shows_where_one_is(serve: Serve, page: "Page") -> None:
    running = serve()
    name, clase = "Wolfeschlegelsteinhausenbergerdorff" * 5, "Taller" * 19
    photo = (SAMPLE / "strangers" / "01.jpg").read_bytes()
    student = {"matricula": "X" * 60, "nombre_del_alumno": name, "clase": clase}
    body = json.dumps(student | {"image": f"data:image/jpeg;base64,{base64.b64encode(photo).decode()}"}).encode()
    assert running.fetch("POST", "/v1/students", body, Content_Type="application/json").status == 201
    made = running.fetch("POST", "/v1/sessions", json.dumps({"clase": clase}).encode(), Content_Type="application/json")
    places = {
        "today": f"text={clase}",
        "students": "#students",
        f"students/of/{'X' * 60}": "#student-title",
        f"session/{made.json['id']}": "#roll",
        "statistics": ".charts, .empty",
        f"statistics/class/{clase}": "main h1, main h2",
        "students/new": "#matricula",
    }
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        for place, there in places.items():
            page.goto(f"{running.address}/#/{place}")
            page.wait_for_selector(there, state="attached")
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (place, width)
        page.goto(f"{running.address}/#/today")
        page.click(f"section:has-text('{clase}') >> text=Horario")
        _is_within(page, "dialog", width)
        page.keyboard.press("Escape")
        for place, shown in (("system", "Sistema"), ("today", "Hoy")):
            page.goto(f"{running.address}/#/{place}")
            page.wait_for_selector(f"header nav a[aria-current]:has-text('{shown}')", state="attached")
            _is_within(page, "header nav a[aria-current]", width)


def _is_within(page: "Page", selector: str, width: int) -> None:
    def holds() -> bool:
        box = page.locator(selector).evaluate("(each) => each.getBoundingClientRect().toJSON()")
        return bool(box["left"] >= 0 and box["right"] <= width)

    wait_until(holds)
