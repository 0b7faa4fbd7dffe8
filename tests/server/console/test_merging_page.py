"""Merging two records of one person in a real browser."""

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.pages import complaints_of, violations
from tests.server.sample import ANA

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

MATRICULA = ANA["matricula"]
PROBE = (SAMPLE / "probes" / MATRICULA / "1.jpg").read_bytes()
JPEG = {"Content_Type": "image/jpeg"}


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_two_records_of_one_person_are_merged_after_a_look_at_both(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    _enrolled_twice(running)
    before = running.ask(f"/v1/students/{MATRICULA}")["images"]
    assert running.fetch("POST", f"/v1/students/{MATRICULA}/images", PROBE, **JPEG).status == 201
    session = json.dumps({"clase": ANA["clase"]}).encode()
    made = running.fetch("POST", "/v1/sessions", session, Content_Type="application/json").json
    assert running.fetch("POST", f"/v1/sessions/{made['id']}/photos", PROBE, **JPEG).status == 200
    page.goto(f"{running.address}/#/students/of/{MATRICULA}")
    page.click("text=Unir con otro")
    page.fill("#other", "nadie se llama así")
    page.press("#other", "Enter")
    page.wait_for_selector("#others:has-text('No hay alumnos así')")
    page.fill("#other", "doble")
    page.press("#other", "Enter")
    page.click("#others button:has-text('A9999')")
    page.wait_for_selector("#after")
    assert page.locator("#after dd").all_inner_texts()[1:] == [
        MATRICULA,
        f"{ANA['clase']}, IA-777",
        str(before + 1),
        "1",
    ]
    assert page.locator("#moves dd").all_inner_texts()[0] == "1"
    assert page.locator("#goes dd").all_inner_texts() == ["0", "0", "1"]  # the photo of the open session
    page.wait_for_selector("#session-photos:has-text('Las fotos de clase en que puede estar se borran')")
    assert page.locator(".compared li:has-text('en los dos')").count() == 2  # on either side
    assert violations(page) == []
    page.click("#turn")  # the other way round
    page.wait_for_selector("#after dd:has-text('A9999')")
    page.click("#turn")
    page.wait_for_selector(f"#after dd:has-text('{MATRICULA}')")
    assert running.fetch("GET", "/v1/students/A9999").status == 200  # nothing is done yet
    page.click("#merge")
    page.wait_for_selector("dialog", state="detached")
    page.wait_for_selector("#facts dd:has-text('IA-777')")
    assert running.fetch("GET", "/v1/students/A9999").status == 404
    assert running.ask(f"/v1/students/{MATRICULA}")["images"] == before + 1
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_other_record_can_be_the_one_that_stays(serve: Serve, page: "Page") -> None:
    running = serve()
    _enrolled_twice(running)
    page.goto(f"{running.address}/#/students/of/{MATRICULA}")
    page.click("text=Unir con otro")
    page.fill("#other", "A9999")
    page.press("#other", "Enter")
    page.click("#others button")
    page.click("#turn")
    page.wait_for_selector("#after dd:has-text('A9999')")
    page.click("#merge")
    page.wait_for_selector("#facts dd:has-text('A9999')")
    assert running.fetch("GET", f"/v1/students/{MATRICULA}").status == 404


def _enrolled_twice(running: Running) -> None:
    fields = {"matricula": "A9999", "nombre_del_alumno": "Doble", "clase": "IA-777"}
    body = json.dumps(fields | {"image": _data_url(PROBE)}).encode()
    made = running.fetch("POST", "/v1/students?force=true", body, Content_Type="application/json")
    assert made.status == 201, made.body


def _data_url(content: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()
