"""Sessions of other days: where the console leads to them, and that they can still be corrected and closed."""

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import violations

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

LINE = "tr[data-matricula=A0283]"


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_session_of_another_day_is_found_corrected_and_closed(serve: Serve, page: "Page") -> None:
    running = serve()
    today = date.fromisoformat(running.ask("/v1/status")["today"])
    made = {}
    for days, clase in ((1, "IA-102"), (8, "IA-102"), (8, "IA-101")):
        fecha = str(today - timedelta(days=days))
        body = json.dumps({"clase": clase, "fecha": fecha, "starts": "08:00"}).encode()
        made[clase, days] = running.ask("/v1/sessions", body, "application/json")["id"]
    running.ask(f"/v1/sessions/{made['IA-101', 8]}/close", b"{}", "application/json")

    page.goto(running.address)
    page.wait_for_selector("#left li >> nth=1")
    assert page.locator("#left li").count() == 2
    page.click(f"#left a[href='#/session/{made['IA-102', 1]}']")
    page.select_option(f"{LINE} select", "excused")
    page.wait_for_selector(f"{LINE} td.excused")
    page.click("#close")
    page.wait_for_selector("#reopen")
    page.click("text=← Sesiones")
    page.wait_for_selector("#sessions tbody tr >> nth=1")
    assert page.locator("#sessions tbody tr").count() == 2 and page.input_value("#clase") == "IA-102"
    page.check("#open")
    page.wait_for_selector("#sessions tbody tr >> nth=1", state="detached")
    page.click("#all")
    page.wait_for_selector("#sessions tbody tr >> nth=2")
    page.fill("#hasta", str(today - timedelta(days=2)))
    page.dispatch_event("#hasta", "change")
    page.wait_for_selector("#sessions tbody tr >> nth=2", state="detached")
    page.select_option("#clase", "IA-101")
    page.wait_for_selector("#sessions tbody tr >> nth=1", state="detached")
    page.wait_for_selector("#sessions td:has-text('cerrada')")
    assert violations(page) == []
    page.goto(running.address)
    page.wait_for_selector("#left li")
    assert page.locator("#left li").count() == 1
    page.click("section:has(#class-IA-102) >> text=2 sesiones")
    page.wait_for_selector("#sessions tbody tr >> nth=1")

    link = f"a[href='#/session/{made['IA-102', 1]}']"
    page.goto(f"{running.address}/#/statistics/class/IA-102?period=all")
    page.click("section[aria-labelledby=class-time-title] button >> nth=0")
    page.wait_for_selector(f"#class-time-table {link}")
    page.goto(f"{running.address}/#/students/of/A0283")
    page.click("summary")
    page.click(f"details {link}")
    page.wait_for_selector(f"{LINE} td.excused")
