"""The pages of admins in a real browser: what an audit finds and mends, the threshold, settings and jobs."""

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, Command, on_sqlite
from tests.planted_faults import plant
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of, violations
from tests.server.people import wait_until
from tests.server.sample import STUDENTS

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page  # which only CI installs


def number_in(page: "Page", selector: str) -> int:
    """The number in brackets at the end of a button."""
    return int(page.locator(selector).inner_text().rpartition("(")[2].rstrip(")"))


@on_sqlite
def test_findings_are_looked_at_and_mended(serve: Serve, command: Command, page: "Page", tmp_path: "Path") -> None:
    command("indexer", "add", plant(tmp_path), "--force", PRESENTE_SHEET_ROOT=str(SAMPLE))
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/health")
    page.wait_for_selector(".empty:has-text('Todavía no se ha revisado')")
    page.click("#audit")
    page.wait_for_selector("progress")
    page.click("header nav a:has-text('Alumnos')")  # the work goes on
    page.wait_for_selector("#students")
    page.click("header nav a:has-text('Salud')")
    page.wait_for_selector(".finding")
    every = page.locator(".finding").count()
    assert every == number_in(page, "[role=group] button >> nth=0") == 5
    wait_until(lambda: page.locator(".finding >> nth=0 >> img").evaluate_all("all => all.every(e => e.naturalWidth)"))
    assert page.locator(".finding >> nth=0 >> .stored img").count() == 2  # side by side

    page.click(".finding >> nth=0 >> .aside")
    wait_until(lambda: page.locator(".finding").count() == every - 1)
    page.click(".notice.done >> text=Deshacer")
    wait_until(lambda: page.locator(".finding").count() == every)
    page.click(".finding >> nth=-1 >> .aside")
    wait_until(lambda: number_in(page, "#aside") == 1)
    page.click("#aside")
    wait_until(lambda: page.locator(".finding").count() == 1)
    page.click("text=Volver a mostrar")
    page.wait_for_selector(".empty:has-text('No hay nada apartado')")
    page.click("[role=group] button >> nth=0")
    wait_until(lambda: page.locator(".finding").count() == every)

    same = page.locator(".finding:has-text('la misma persona con dos nombres')")
    same.locator("button:has-text('Unir a')").click()
    page.keyboard.press("Escape")
    assert running.fetch("GET", "/v1/students/B0001").status == 200
    same.locator("button:has-text('Unir a')").click()
    page.wait_for_selector("dialog:has-text('No se puede deshacer')")
    page.click("#mend")
    same.wait_for(state="detached")
    assert running.fetch("GET", "/v1/students/B0001").status == 404
    before = running.ask("/v1/students/A0295")["images"]
    page.locator(".finding:has-text('Borrar la foto de') button.danger").last.click()
    page.click("#mend")
    page.wait_for_selector(".notice:has-text('La foto se borró')")
    wait_until(lambda: page.locator(".finding").count() < every - 1)
    assert before > 0
    page.locator(".stored button").first.click()
    page.wait_for_selector("dialog .whole img")
    page.keyboard.press("Escape")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_threshold_is_calibrated_and_chosen(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/calibration")
    page.wait_for_selector(".empty:has-text('no está calibrada')")
    page.click("#calibrate")
    page.wait_for_selector("#one-in")
    page.wait_for_selector(".curve[data-drawn=yes] canvas")
    page.focus("#rate")
    page.keyboard.press("Home")
    page.wait_for_selector("#rate-means:has-text('1 de cada 10 desconocidos')")
    assert "1 de cada 10 desconocidos" in str(page.get_attribute("#rate", "aria-valuetext"))
    page.click("#use-rate")
    page.wait_for_selector(".notice:has-text('Ahora vale 1 de cada 10')")
    assert running.ask("/v1/calibration")["calibration"]["fpir"] == 0.1
    assert page.is_disabled("#use-rate")
    page.click("summary")
    assert 4 < page.locator("#rates tbody tr").count() <= 10
    page.click("#language")
    page.wait_for_selector("#rate-means:has-text('1 in 10 strangers')")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_groups_are_compared_once_a_report_was_made(
    serve: Serve, page: "Page", command: Command, tmp_path: "Path"
) -> None:
    running = serve()
    assert running.ask("/v1/reports/groups") == {"report": None}
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/groups")
    page.wait_for_selector(".empty:has-text('Aún no hay un informe')")
    lines = [
        f"{student['matricula']},{('mañana', 'tarde')[place % 2]},{place % 3}" for place, student in enumerate(STUDENTS)
    ]
    (tmp_path / "sheet.csv").write_text("\n".join(["matricula,turno,grupo", *lines]), "utf-8")
    done = command("evaluation", "groups", tmp_path / "sheet.csv", "--least-people", "5", "--json")
    assert done.returncode == 0, done.stderr
    report = running.ask("/v1/reports/groups")["report"]
    assert [each["too_small"] for each in report["attributes"]] == [
        each["too_small"] for each in json.loads(done.stdout)["attributes"]
    ]
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        page.wait_for_selector("table.groups tr:has-text('tarde')")
        assert page.locator("table.groups svg.interval").count() >= 4
        assert violations(page) == [], width
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        page.screenshot(path=tmp_path / f"groups-{width}.png", full_page=True)
    page.click("#language")
    page.wait_for_selector("table.groups :text('Taken for another person')")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_settings_and_jobs_are_shown(serve: Serve, page: "Page") -> None:
    running = serve(PRESENTE_MARGIN="0.03")
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/system/settings")
    page.wait_for_selector("#settings tr:has-text('PRESENTE_MARGIN'):has-text('0.03')")
    page.wait_for_selector("#settings tr:has-text('PRESENTE_PORT'):has-text('--port')")
    page.wait_for_selector("#settings tr:has-text('PRESENTE_PACK'):has-text('de fábrica')")
    page.click("nav.tabs a:has-text('Trabajos')")
    page.wait_for_selector(".empty:has-text('Todavía no se ha pedido')")
    page.click("#compact")
    page.wait_for_selector("#jobs tr:has-text('Índice nuevo'):has-text('Terminado')")
    running.ask("/v1/jobs", b'{"kind": "calibrate", "fpir": 0.01}', "application/json")
    wait_until(lambda: running.ask("/v1/jobs")["jobs"][0]["state"] == "done")
    page.reload()
    page.wait_for_selector("#jobs tr:has-text('Calibración'):has-text('Terminado')")
    assert complaints == []
