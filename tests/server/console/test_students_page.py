"""The students page in a real browser: who is enrolled, a new student, changes, erasure."""

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of
from tests.server.sample import STUDENTS

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

pytestmark = pytest.mark.untraced


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_students_are_found_enrolled_changed_and_erased(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/students")
    page.wait_for_selector("#students tbody tr")
    assert page.locator("#students tbody tr").count() == len(STUDENTS)
    page.fill("#q", "itzel")
    page.press("#q", "Enter")
    page.wait_for_selector("#students tbody tr:only-child:has-text('Itzel Barragán Núñez')")
    page.fill("#q", "nadie se llama así")
    page.press("#q", "Enter")
    page.wait_for_selector(".empty:has-text('No hay alumnos así')")

    page.click("text=Alumno nuevo")
    page.fill("#matricula", "B0001")
    page.fill("#nombre_del_alumno", "Persona de Prueba")
    page.fill("#clase", "IA-103")
    page.fill("#texto", "aviso de privacidad 3")
    page.set_input_files("#photo", {"name": "x.png", "mimeType": "image/png", "buffer": _no_one()})
    page.click("#send")
    page.wait_for_selector(".notice.wrong:has-text('No hay una cara en la foto')")
    page.click(".thumbnails button")  # leaves it out
    page.set_input_files("#photo", sorted((SAMPLE / "strangers").glob("*.jpg"))[0])
    page.click("#send")
    page.wait_for_selector("#student-title:has-text('Persona de Prueba')")
    assert running.ask("/v1/students/B0001")["consentimiento"]["texto"] == "aviso de privacidad 3"

    page.click("text=Editar")
    page.fill("dialog #nombre_del_alumno", "Persona Cambiada")
    page.fill("dialog #otras_clases", "IA-101, IA-102")
    page.click("dialog button.main")
    page.wait_for_selector("#student-title:has-text('Persona Cambiada')")
    assert running.ask("/v1/students/B0001")["otras_clases"] == ["IA-101", "IA-102"]

    page.click("text=Borrar")
    assert page.is_disabled("#erase")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.click("text=Borrar")
    page.fill("#sure", "B0001")
    page.click("#erase")
    page.wait_for_selector("#students")
    assert running.fetch("GET", "/v1/students/B0001").status == 404
    assert not [each for each in complaints if "422" not in each]  # the one that was meant to be refused


def _no_one() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 90)).save(stream, "PNG")
    return stream.getvalue()
