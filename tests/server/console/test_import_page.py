"""Importing a sheet in a real browser: each row before it is enrolled, columns corrected, progress, what came of it."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SAMPLE, browser_page, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import PHONE, complaints_of, violations
from tests.server.people import wait_until
from tests.server.sample import ANA, EVA, photos

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

HEADER = "Alumno,Nombre completo,Grupo,Fotos,Apodo\n"
SHEET = (
    HEADER + f"{ANA['matricula']},{ANA['nombre_del_alumno']},IA-909,ana.jpg,Anita\n"  # 2: another class
    "B0001,Persona Nueva,IA-103,nueva.jpg,Nue\n"  # 3
    "B0002,-Sin Foto,IA-103,perdida.jpg,Sin\n"  # 4: not sent
    "B0003,Foto Mala,IA-103,mala.jpg,Mala\n"  # 5: sent, and no one is in it
    f"{EVA['matricula']},{EVA['nombre_del_alumno']},{EVA['clase']},eva.jpg,Eva\n"  # 6: the same
)


def files() -> list[Any]:
    stranger = (SAMPLE / "strangers" / "01.jpg").read_bytes()
    named = {
        "alumnos.csv": SHEET.encode(),
        "ana.jpg": photos(ANA)[0],
        "nueva.jpg": stranger,
        "mala.jpg": b"no photo at all",
        "eva.jpg": photos(EVA)[0],
    }
    return [{"name": name, "mimeType": "", "buffer": content} for name, content in named.items()]


def outcomes(page: "Page") -> dict[str, str]:
    """What the last column says of each line."""
    rows = page.locator("#rows tbody tr").all()
    return {str(row.get_attribute("data-line")): row.locator("td").last.inner_text() for row in rows}


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize("screen", [PHONE, {}], ids=["phone", "desktop"])
def test_a_sheet_is_looked_through_corrected_run_and_come_back_to(serve: Serve, screen: dict[str, Any]) -> None:
    running = serve()
    with browser_page(**screen) as page:
        complaints = complaints_of(page)
        page.goto(f"{running.address}/#/students")
        page.click("text=Importar una lista")
        page.wait_for_selector(".empty:has-text('No hay importaciones')")
        assert page.is_disabled("#preview")
        page.set_input_files("#files", files()[1:])
        page.wait_for_selector("#chosen:has-text('falta')")
        page.set_input_files("#files", files()[:1])  # the sheet comes to the photos
        page.click("#preview:enabled")
        _names_its_columns_by_hand(page)
        page.wait_for_selector("#rows tbody tr")
        found = outcomes(page)
        assert "cambia" in found["2"] and f"Clase: {ANA['clase']} → IA-909" in found["2"]
        assert "alumno nuevo" in found["3"] and "alumno nuevo" in found["5"] and "sin cambios" in found["6"]
        assert "No se envió ninguna de sus fotos" in found["4"]
        assert page.locator("#sorts dd").all_inner_texts() == ["2", "1", "1", "1"]
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0 and violations(page) == []

        page.select_option("#column-clase", "Apodo")
        page.click("#columns-again")
        page.wait_for_selector("tr[data-line='3']:has-text('Nue')")
        page.wait_for_selector("#columns-again[aria-busy=false]:disabled")  # it is done, and nothing was changed since
        page.select_option("#column-clase", "Grupo")
        page.click("#columns-again")
        page.wait_for_selector("tr[data-line='3']:has-text('IA-103')")
        assert len(running.ask("/v1/imports")["imports"]) == 1  # those with other columns are gone
        page.uncheck("tr[data-line='2'] input")
        assert page.is_disabled("tr[data-line='4'] input")
        page.click("#run:has-text('Importar 3 filas')")
        page.wait_for_selector("#outcome:has-text('Importadas: 2. Rechazadas: 1')")
        _tells_what_came_of_it(page)
        page.click("text=← Importar una lista")
        page.click("#imports tbody tr:has-text('terminada') a")  # come back to
        page.wait_for_selector("#outcome")
        page.click("#drop")
        page.wait_for_selector(".empty:has-text('No hay importaciones')")
        assert not [each for each in complaints if "400" not in each]  # the columns that were unclear
    assert running.ask("/v1/students/B0001")["clase"] == "IA-103"
    assert running.ask(f"/v1/students/{ANA['matricula']}")["clase"] == ANA["clase"]  # which was left out


def _names_its_columns_by_hand(page: "Page") -> None:
    page.wait_for_selector("#by-hand [role=alert]")
    page.fill("#by-hand #matricula", "Alumno")
    page.fill("#by-hand #nombre_del_alumno", "Nombre completo")
    page.click("#preview")


def _tells_what_came_of_it(page: "Page") -> None:
    found = outcomes(page)
    assert "inscrito" in found["3"] and "sin cambios" in found["6"]
    assert "rechazada" in found["5"] and "El archivo no es una foto" in found["5"]
    page.click(".kinds button:has-text('Rechazadas')")
    assert list(outcomes(page)) == ["5"]
    with page.expect_download() as saved:
        page.click("#refused")
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8-sig"))))
    assert [(row["linea"], row["matricula"], row["fotos"]) for row in rows] == [
        ("4", "B0002", "perdida.jpg"),
        ("5", "B0003", "mala.jpg"),
    ]
    assert rows[0]["nombre_del_alumno"] == "'-Sin Foto"  # no formula in a spreadsheet
    assert rows[1]["motivo"] == "El archivo no es una foto."


FAULTY = (
    "matricula,nombre,clase,fecha,fotos\n"
    "B0001,Persona Nueva,IA-103,31/02/2026,nueva.jpg\n"  # 2
    "B0002,,IA-103,,nueva.jpg\n"  # 3
    f"B0003,Otra {ANA['nombre_del_alumno']},IA-103,,ana.jpg\n"  # 4: her face
    f"B0003,Otra {ANA['nombre_del_alumno']},IA-103,,ana.jpg\n"  # 5: the same again
    "B0003,Alguien Más,IA-103,,ana.jpg\n"  # 6
)


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_rows_say_in_spanish_what_is_wrong_with_them_and_whom_they_resemble(serve: Serve, page: "Page") -> None:
    running = serve()
    page.goto(f"{running.address}/#/students/import")
    page.set_input_files("#files", {"name": "vacia.csv", "mimeType": "text/csv", "buffer": b""})
    page.click("#preview:enabled")
    page.wait_for_selector(".notice.wrong:has-text('La lista no tiene alumnos')")
    assert page.locator("#by-hand").count() == 0
    page.click("text=Quitar todo")
    sheet = {"name": "alumnos.csv", "mimeType": "text/csv", "buffer": FAULTY.encode()}
    page.set_input_files("#files", [sheet, *(each for each in files() if each["name"] in ("ana.jpg", "nueva.jpg"))])
    page.click("#preview:enabled")
    page.wait_for_selector("#rows tbody tr")
    found = outcomes(page)
    assert list(found) == ["2", "3", "4", "6"]
    assert "La fecha de inscripción no se entiende" in found["2"] and "31/02/2026" in found["2"]
    assert "El nombre necesita" in found["3"] and "fila 5" in found["4"] and "La fila 4 tiene" in found["6"]
    assert page.locator("#rows [lang=en]").count() == 0
    assert "B0002" in page.inner_text("tr[data-line='3']") and "Alguien Más" in page.inner_text("tr[data-line='6']")
    page.click("#run")
    page.wait_for_selector("#outcome")
    assert page.inner_text(".kinds button:has-text('Nuevas') small") == page.locator("#sorts dd").first.inner_text()
    page.click(f"tr[data-line='4'] .lookalikes a:has-text('{ANA['matricula']}')")
    page.wait_for_selector(f"#student-title:has-text('{ANA['nombre_del_alumno']}')")
    page.goto(f"{running.address}/#/students/of/B0003")
    page.wait_for_selector(f".lookalikes a:has-text('{ANA['matricula']}')")


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_an_archive_is_dropped_and_an_import_goes_on_without_the_page(serve: Serve, page: "Page") -> None:
    running = serve()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("curso/alumnos.csv", "matricula,nombre,clase,fotos\nB0001,Persona Nueva,IA-103,a/uno.jpg\n")
        package.write(SAMPLE / "strangers" / "01.jpg", "curso/a/uno.jpg")
    page.goto(f"{running.address}/#/students/import")
    page.wait_for_selector("#files", state="attached")
    dropped = page.evaluate_handle(
        """bytes => { const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "curso.zip")); return data; }""",
        list(out.getvalue()),
    )
    page.dispatch_event(".drop >> nth=0", "drop", {"dataTransfer": dropped})
    page.click("#preview:enabled")
    page.wait_for_selector("tr[data-line='2']:has-text('alumno nuevo')")
    page.click("#run")
    page.goto(f"{running.address}/#/students")  # left at once
    wait_until(lambda: running.ask("/v1/imports")["imports"][0]["state"] == "done")
    assert running.ask("/v1/students/B0001")["images"] == 1
    page.goto(f"{running.address}/#/students/import")
    page.click("#imports tbody a")
    page.wait_for_selector("#outcome:has-text('Importadas: 1')")


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_progress_is_shown_while_an_import_runs(serve: Serve, page: "Page") -> None:
    """The server's answers are held at one row of three, and then let go: no clock decides what is seen."""
    running = serve()
    page.goto(f"{running.address}/#/students/import")
    page.set_input_files("#files", [each for each in files() if each["name"] != "alumnos.csv"])
    sheet = SHEET.replace("Alumno,", "matricula,", 1).encode()
    page.set_input_files("#files", {"name": "alumnos.csv", "mimeType": "text/csv", "buffer": sheet})
    page.click("#preview:enabled")
    page.wait_for_selector("#rows tbody tr")
    held = [True]

    def held_back(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        if held[0] and body["state"] != "ready":
            body |= {"state": "running", "counts": body["counts"] | {"chosen": 4, "done": 1}}
        route.fulfill(response=answer, body=json.dumps(body))

    page.route("**/v1/imports/*?limit=1", held_back)
    page.click("#run")
    page.wait_for_selector("label:has-text('1 de 4 filas')")
    assert (page.get_attribute("#progress", "max"), page.evaluate("document.getElementById('progress').value")) == (
        "4",
        1,
    )
    page.click("header nav a:has-text('Alumnos')")  # left, and come back to
    page.click("text=Importar una lista")
    page.click("#imports tbody a")
    page.wait_for_selector("label:has-text('1 de 4 filas'), #outcome")
    held[0] = False
    page.wait_for_selector("#outcome:has-text('Importadas: 3. Rechazadas: 1')")
