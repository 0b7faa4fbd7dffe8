"""Notices and forms in a real browser: where and how long they tell what went wrong; nothing is sent twice."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import log_in, set_up, violations
from tests.server.people import wait_until
from tests.server.sample import ANA

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs


def sent(page: "Page", method: str, path: str) -> list[Any]:
    """The requests of a method to a path from now on; the list grows."""
    found: list[Any] = []
    page.on("request", lambda each: found.append(each) if each.method == method and each.url.endswith(path) else None)
    return found


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_dialog_tells_what_went_wrong_at_its_field_and_sends_once(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve(PRESENTE_ACCOUNTS="on")
    set_up(page, running, tmp_path)
    page.click(".cards section:has(#class-IA-101) button.main")
    page.fill("#starts", "09:00")
    page.fill("#ends", "08:00")
    page.click("dialog button.main")
    page.wait_for_selector("dialog #ends-wrong:has-text('el fin va después del inicio')")
    assert page.input_value("#starts") == "09:00"  # what was typed is still there
    page.keyboard.press("Escape")
    page.goto(f"{running.address}/#/students/of/{ANA['matricula']}")
    page.click("text=Editar")
    page.fill("dialog #nombre_del_alumno", " ")
    page.click("dialog button.main")
    page.wait_for_selector("dialog #nombre_del_alumno-wrong:has-text('El nombre necesita')")
    page.fill("dialog #nombre_del_alumno", "Ana Cambiada")
    changes = sent(page, "PATCH", ANA["matricula"])
    page.dblclick("dialog button.main")
    page.wait_for_selector("dialog", state="detached")
    page.wait_for_selector("#student-title:has-text('Ana Cambiada')")
    assert len(changes) == 1 and page.locator(".wrong[role=alert]:not(:empty), .notice.wrong").count() == 0


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_notices_end_with_their_page_their_dialog_and_their_reader(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve(PRESENTE_ACCOUNTS="on")
    set_up(page, running, tmp_path)
    page.click(".cards section:has(#class-IA-101) >> text=Horario")
    for _ in range(8):  # one per day, then one that has to be filled in
        page.click("#add-meeting")
    page.click("#save-timetable")
    page.wait_for_selector("#timetable tr.faulty:has-text('Falta la hora')")
    assert page.locator("#timetable tr.faulty").count() == 1
    page.fill("#timetable tr.faulty input >> nth=0", "08:00")
    page.wait_for_selector("#timetable tr.faulty:has-text('Ya hay otra igual')")
    page.fill("#timetable tr.faulty input >> nth=0", "10:00")
    page.fill("#timetable tr >> nth=8 >> input >> nth=1", "09:30")
    page.wait_for_selector("#timetable tr.faulty:has-text('Termina antes de empezar')")
    page.click("#timetable tr.faulty button")
    page.route("**/timetable", lambda route: route.abort())
    page.click("#save-timetable")
    page.wait_for_selector("dialog .notice.wrong:has-text('Compruebe la conexión')")
    page.click("#save-timetable")
    page.wait_for_selector("#save-timetable:enabled")
    assert page.locator(".notice.wrong:has-text('Compruebe la conexión')").count() == 1
    assert page.locator("dialog .notice.wrong").count() == page.locator(".notice.wrong").count()  # none behind it
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.locator(".notice.wrong:not(#away)").count() == 0

    page.click(".cards section:has(#class-IA-101) button.main")
    page.click("dialog button.main")
    page.select_option("#roll select >> nth=0", "excused")
    page.wait_for_selector(".notice.done button:has-text('Deshacer')")
    page.click("header nav a:has-text('Hoy')")
    page.wait_for_selector("#class-IA-101")
    assert page.locator(".notice:has-text('Deshacer')").count() == 0
    page.go_back()
    page.select_option("#roll select >> nth=1", "excused")
    page.wait_for_selector(".notice.done button:has-text('Deshacer')")
    wait_until(lambda: page.locator("#roll td.excused").count() == 2)
    page.context.clear_cookies()  # the session is over
    page.select_option("#roll select >> nth=2", "excused")
    page.wait_for_selector("#login")
    wait_until(lambda: page.locator(".notice").all_inner_texts() != [])
    assert page.locator(".notice:has-text('Deshacer')").count() == 0 and page.locator(".notice").count() == 1
    log_in(page, "direccion", "#roll")
    assert page.locator(".notice").count() == 0
