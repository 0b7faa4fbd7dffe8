"""A student's own page in a real browser: the record, photos, attendance, and photos that are added where allowed."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.films import filmed_page, framed
from tests.server.console.pages import PHONE, complaints_of, enter, key_of, violations
from tests.server.people import wait_until
from tests.server.sample import ADMIN, ANA, KEYS

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

MATRICULA = ANA["matricula"]
GRANT = f'{{"name": "ana", "role": "student", "matricula": "{MATRICULA}"}}'
PROBE = SAMPLE / "probes" / MATRICULA / "1.jpg"


def images(running: Running) -> int:
    return int(running.fetch("GET", f"/v1/students/{MATRICULA}", X_API_Key=ADMIN).json["images"])


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_student_sees_the_own_record_and_nothing_else(serve: Serve, page: "Page") -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)
    session = f'{{"clase": "{ANA["clase"]}", "starts": "00:00"}}'.encode()
    by_admin = {"X_API_Key": ADMIN, "Content_Type": "application/json"}
    number = running.fetch("POST", "/v1/sessions", session, **by_admin).json["id"]
    entry = f'{{"matricula": "{MATRICULA}", "status": "late"}}'.encode()
    assert running.fetch("POST", f"/v1/sessions/{number}/entries", entry, **by_admin).status == 200
    enter(page, running, key_of(running, GRANT), "")
    complaints = complaints_of(page)
    page.wait_for_selector(f"#student-title:has-text('{ANA['nombre_del_alumno']}')")
    assert page.locator("header nav a").all_inner_texts() == ["Mi registro", "Estadísticas"]
    wait_until(lambda: page.locator("#photos img").count() == images(running))
    assert page.locator("#by-class td").all_inner_texts()[:4] == ["0", "1", "0", "0"]
    page.click("summary")
    page.wait_for_selector(".meetings li:has-text('tarde')")
    assert violations(page) == []
    page.click("#photos button >> nth=0")
    page.wait_for_selector("dialog .photo .frame")
    assert page.locator("dialog .danger").count() == 0
    page.keyboard.press("Escape")
    assert page.locator("#photo").count() == 0
    page.wait_for_selector("text=las fotos las añade la administración")
    page.goto(f"{running.address}/#/students")
    page.wait_for_selector(".empty:has-text('no es para su cuenta')")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_student_adds_a_photo_by_phone_where_the_school_lets_students(serve: Serve, tmp_path: Path) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS, PRESENTE_STUDENT_PHOTOS="true")
    before = images(running)
    with filmed_page(tmp_path, framed(PROBE), **PHONE) as page:
        enter(page, running, key_of(running, GRANT), "record")
        complaints = complaints_of(page)
        page.click("#camera")
        page.wait_for_selector(".viewfinder.mirrored #advice.good")
        page.wait_for_selector(".collection li.good strong")
        page.uncheck("#alone")
        page.click("#send:enabled")
        page.wait_for_selector(".notice.done:has-text('Se añadi')")
        wait_until(lambda: page.locator("#photos img").count() == images(running) > before)
        assert complaints == []
