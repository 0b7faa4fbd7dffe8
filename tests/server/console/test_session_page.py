"""Taking attendance in a real browser: a session, a photo, corrections, undo, the end, the roll as a file."""

from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of, counts, wait_for_counts
from tests.server.people import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_teacher_takes_attendance(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(running.address)
    page.click("section:has(#class-IA-102) button")
    page.fill("#starts", "00:00")
    page.fill("#ends", "00:01")  # a photo after the end makes no one late
    page.click("dialog button.main")
    page.wait_for_selector("#roll")
    assert counts(page) == [0, 0, 0, 0, 12]
    page.set_input_files("#photo", SAMPLE / "groups" / "group_02.jpg")
    wait_for_counts(page, [9, 0, 0, 0, 3])
    page.wait_for_selector(".frame.unknown")
    assert page.locator(".frame.present").count() == 9 and page.locator(".frame.unknown").count() == 1

    page.click(".frame.present >> nth=0")
    page.click("dialog .options .danger")  # the teacher says that it is none of those whom it looks like
    wait_for_counts(page, [8, 0, 0, 0, 4])
    page.click(".notice.done >> nth=-1 >> text=Deshacer")
    wait_for_counts(page, [9, 0, 0, 0, 3])
    page.select_option("tr[data-matricula=A0283] select", "excused")
    wait_for_counts(page, [9, 0, 0, 1, 2])
    page.reload()  # nothing is lost, the photo included
    page.wait_for_selector(".frame.present")
    wait_for_counts(page, [9, 0, 0, 1, 2])
    page.click("text=Quitar esta foto")
    wait_for_counts(page, [0, 0, 0, 1, 11])

    page.set_input_files("#photo", SAMPLE / "groups" / "group_02.jpg")
    page.set_input_files("#photo", SAMPLE / "groups" / "phone_class.jpg")
    wait_until(lambda: counts(page)[0] > 9)
    with page.expect_download() as roll:
        page.click("text=CSV")
    assert roll.value.path().read_text(encoding="utf-8-sig").count("present") > 9
    page.click("#close")
    page.wait_for_selector("#reopen")
    assert page.locator("#photo, .frame, #roll select").count() == 0
    session = running.ask("/v1/sessions")["sessions"][0]
    assert (session["clase"], session["state"], session["starts"]) == ("IA-102", "closed", "00:00")
    page.click("text=Hoy")
    page.wait_for_selector("section:has(#class-IA-102) li:has-text('cerrada')")
    assert complaints == []
