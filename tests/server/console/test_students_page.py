"""The students' pages in a real browser: the list, a new student, the record with its photos, changes, erasure."""

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of, enter, key_of, violations
from tests.server.people import wait_until
from tests.server.sample import ANA, KEYS, STUDENTS

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

MATRICULA = ANA["matricula"]


def column(page: "Page", number: int) -> list[str]:
    return page.locator(f"#students tbody td:nth-child({number})").all_inner_texts()


def sorted_by(page: "Page") -> list[str | None]:
    return [each.get_attribute("aria-sort") for each in page.locator("#students th").all()]


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_list_is_searched_filtered_and_sorted_and_the_address_keeps_it(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/students")
    page.wait_for_selector("#students tbody tr")
    assert len(column(page, 1)) == len(STUDENTS)
    assert sorted_by(page) == ["none", "ascending", "none", "none", None, None, None]
    page.click("th button:has-text('Nombre')")
    wait_until(lambda: column(page, 1)[0] == "Abril Montemayor Ríos" and sorted_by(page)[0] == "ascending")
    page.focus("th button:has-text('Nombre')")
    page.keyboard.press("Enter")  # by keyboard, and the other way round
    wait_until(lambda: sorted_by(page)[0] == "descending" and column(page, 1)[-1] == "Abril Montemayor Ríos")
    page.select_option("#clase", "IA-102")
    wait_until(lambda: set(column(page, 3)) == {"IA-102"})
    count = len(column(page, 1))
    assert page.inner_text("#shown") == f"{count} alumnos"
    page.check("#without_consent")
    page.wait_for_selector("#students tbody tr:has-text('sin consentimiento')")
    page.check("#without_photos")
    page.wait_for_selector(".empty:has-text('No hay alumnos así')")
    page.go_back()
    wait_until(lambda: len(column(page, 1)) == count and not page.is_checked("#without_photos"))
    page.reload()
    wait_until(lambda: len(column(page, 1)) == count and page.input_value("#clase") == "IA-102")
    assert sorted_by(page)[0] == "descending" and page.is_checked("#without_consent")
    page.click("#students tbody tr >> nth=1 >> a")
    page.click("text=← Alumnos")  # the list as it was
    wait_until(lambda: len(column(page, 1)) == count and sorted_by(page)[0] == "descending")
    page.click("#all")
    wait_until(lambda: len(column(page, 1)) == len(STUDENTS))
    page.fill("#q", "itzel")
    page.press("#q", "Enter")
    page.wait_for_selector("#students tbody tr:only-child:has-text('Itzel Barragán Núñez')")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_students_are_enrolled_changed_and_erased(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/students")
    page.click("text=Alumno nuevo")
    page.fill("#nombre_del_alumno", "Persona de Prueba")
    page.fill("#clase", "IA-103")
    page.fill("#texto", "aviso de privacidad 3")
    page.check("#agreed")
    page.set_input_files("#photo", {"name": "x.png", "mimeType": "image/png", "buffer": _no_one()})
    page.wait_for_selector(".collection li.refused:has-text('No se ve ninguna cara')")
    assert page.is_disabled("#send")  # it would be refused
    page.set_input_files("#photo", sorted((SAMPLE / "strangers").glob("*.jpg"))[0])
    page.wait_for_selector(".collection li.good")
    page.click("#send")
    page.wait_for_selector("#matricula-wrong")
    page.fill("#matricula", "N/1")
    page.click("#send")
    page.wait_for_selector("#matricula-wrong:has-text('sin «/»')")
    page.fill("#matricula", "B0001")
    page.click("#send")  # without the one that is no good
    page.wait_for_selector("#student-title:has-text('Persona de Prueba')")
    complaints.clear()  # the matricula that was refused
    stored = running.ask("/v1/students/B0001")
    assert stored["consentimiento"]["texto"] == "aviso de privacidad 3" and stored["images"] == 1

    page.click("text=Editar")
    page.fill("dialog #nombre_del_alumno", "Persona Cambiada")
    page.fill("dialog #otras_clases", "IA-101, IA-102")
    page.fill("dialog #fecha_de_registro", "2026-01-15")
    page.click("dialog button.main")
    page.wait_for_selector("#student-title:has-text('Persona Cambiada')")
    stored = running.ask("/v1/students/B0001")
    assert (stored["otras_clases"], stored["fecha_de_registro"]) == (["IA-101", "IA-102"], "2026-01-15")
    assert stored["consentimiento"]["texto"] == "aviso de privacidad 3"

    page.click("button.danger:has-text('Borrar')")
    page.wait_for_selector("dialog #goes")
    assert page.locator("dialog #goes dd").all_inner_texts() == ["1", "1", "0", "0", "0", "0"]
    assert page.is_disabled("#erase") and violations(page) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.click("button.danger:has-text('Borrar')")
    page.fill("#sure", "B0001")
    page.click("#erase:enabled")
    page.wait_for_selector("#students")
    assert running.fetch("GET", "/v1/students/B0001").status == 404
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_photos_that_show_someone_else_are_added_only_by_one_who_insists(serve: Serve, page: "Page") -> None:
    running = serve()
    before = running.ask(f"/v1/students/{MATRICULA}")["images"]
    page.goto(f"{running.address}/#/students/of/{MATRICULA}")
    page.set_input_files("#photo", SAMPLE / "strangers" / "01.jpg")
    page.wait_for_selector(".collection li.good strong")
    page.click("#send")
    page.wait_for_selector("dialog:has-text('La foto no es de este alumno')")
    page.click("dialog button.main")
    page.wait_for_selector("dialog", state="detached")
    assert running.ask(f"/v1/students/{MATRICULA}")["images"] == before
    page.click("#send")
    page.click("#insist")
    page.wait_for_selector("dialog", state="detached")
    wait_until(lambda: running.ask(f"/v1/students/{MATRICULA}")["images"] == before + 1)


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_record_shows_photos_with_their_faults_consent_and_classes(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/students/of/{MATRICULA}")
    photos = running.ask(f"/v1/students/{MATRICULA}/images")["photos"]
    page.wait_for_selector("#photos img")
    wait_until(lambda: page.locator("#photos img").count() == len(photos))
    judged = [not each["faults"] for each in photos]
    assert [text.strip() == "buena" for text in page.locator("#photos small").all_inner_texts()] == judged
    page.click("#photos button >> nth=0")
    page.wait_for_selector("dialog .photo .frame")
    frame = page.locator("dialog .frame rect >> nth=0")
    assert float(frame.get_attribute("x") or 0) == photos[0]["box"][0]
    assert violations(page) == []
    page.click("text=Borrar esta foto")
    page.click("text=No, dejarla")
    page.click("text=Borrar esta foto")
    page.click("#erase-photo")
    page.wait_for_selector("dialog", state="detached")
    wait_until(lambda: page.locator("#photos img").count() == len(photos) - 1)
    assert photos[0]["id"] not in str(running.ask(f"/v1/students/{MATRICULA}/images"))

    page.click("text=Registrar el consentimiento")
    assert page.is_disabled("#give")
    page.fill("dialog #texto", "Aviso de privacidad 9")
    page.check("dialog #agreed")
    page.click("#give")
    page.wait_for_selector("section:has(#consent-title):has-text('Aviso de privacidad 9')")
    assert running.ask(f"/v1/students/{MATRICULA}")["consentimiento"]["texto"] == "Aviso de privacidad 9"
    page.wait_for_selector("#by-class th:has-text('IA-101')")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize("role", ["teacher", "attendance"])
def test_who_does_not_manage_reads_and_sees_photos_only_where_allowed(serve: Serve, page: "Page", role: str) -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)
    grant = f'{{"name": "luz", "role": "{role}"' + (', "classes": ["IA-101"]}' if role == "teacher" else "}")
    enter(page, running, key_of(running, grant), "students")
    complaints = complaints_of(page)
    page.wait_for_selector("#students tbody tr")
    mine = [each for each in STUDENTS if role == "attendance" or each["clase"] == "IA-101"]
    assert len(column(page, 1)) == len(mine)
    assert page.locator("text=Alumno nuevo").count() == page.locator("text=Importar una lista").count() == 0
    page.click(f"text={ANA['nombre_del_alumno']}")
    page.wait_for_selector("#by-class")
    assert page.locator("#photos li").count() == (len(ANA["fotos"].split(";")) if role == "teacher" else 0)
    for word in ("Editar", "Unir con otro", "Borrar", "Añadir fotos", "Registrar el consentimiento"):
        assert page.locator(f"main button:has-text('{word}')").count() == 0, word
    if role == "teacher":
        page.click("#photos button >> nth=0")
        page.wait_for_selector("dialog .photo .frame")
        assert page.locator("text=Borrar esta foto").count() == 0
        page.keyboard.press("Escape")
    for place in ("students/new", "students/import"):
        page.goto(f"{running.address}/#/{place}")
        page.wait_for_selector(".empty:has-text('no es para su cuenta')")
    assert complaints == []


def _no_one() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 90)).save(stream, "PNG")
    return stream.getvalue()
