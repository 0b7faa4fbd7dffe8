"""Consents, receipts and the privacy report in a real browser."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gallery.privacy.receipts import Receipt, check_receipt
from tests.conftest import on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.pages import complaints_of, enter, key_of, violations
from tests.server.people import wait_until
from tests.server.sample import ANA, EVA, KEYS

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

MATRICULA = ANA["matricula"]


def consent_in(running: Running) -> dict[str, str]:
    found: dict[str, str] = running.ask(f"/v1/students/{MATRICULA}")["consentimiento"]
    return found


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_guardians_consent_is_recorded_withdrawn_and_given_anew(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/students/of/{MATRICULA}")
    page.click("text=Registrar el consentimiento")
    page.check("dialog #agreed")
    page.select_option("#consent-otorgado_por", "tutor")
    assert page.is_disabled("#give")  # a guardian has a name
    page.fill("#consent-tutor", "Rosa Ruiz")
    page.fill("#consent-parentesco", "madre")
    page.fill("#consent-hasta", "2099-07-31")
    assert violations(page) == []
    page.click("#give")
    page.wait_for_selector("section:has(#consent-title):has-text('por Rosa Ruiz (madre)')")
    given = consent_in(running)
    assert (given["otorgado_por"], given["tutor"], given["hasta"]) == ("tutor", "Rosa Ruiz", "2099-07-31")

    page.click("section:has(#consent-title) button:has-text('Retirar el consentimiento')")
    page.click("#withdraw")
    code = page.inner_text("#receipt-code")
    assert len(code) == 32 and violations(page) == []
    page.click("#close-withdrawn")
    page.wait_for_selector("#withdrawn:has-text('Retirado:')")
    assert consent_in(running)["motivo"] == "withdrawn"
    assert running.ask(f"/v1/students/{MATRICULA}")["templates"] == 0
    page.goto(f"{running.address}/#/students?consent_ended=true")
    page.wait_for_selector("#students tbody tr:only-child .mark:has-text('retirado')")
    page.click(f"text={ANA['nombre_del_alumno']}")
    page.click("text=Registrar uno nuevo")
    page.check("dialog #agreed")
    page.fill("dialog #texto", "Aviso 9")
    page.click("#give")
    page.wait_for_selector("#withdrawn", state="detached")
    assert running.ask(f"/v1/students/{MATRICULA}")["templates"] == len(ANA["fotos"].split(";"))
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_an_erasure_downloads_its_receipt_and_the_data_an_archive(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/students/of/{MATRICULA}")
    with page.expect_download() as archive:
        page.click("#data")
    assert archive.value.suggested_filename == f"{MATRICULA}.zip"
    page.click("main button:has-text('Borrar') >> nth=0")
    page.wait_for_selector("#goes")
    page.check("#asked")
    page.fill("dialog input[name=sure]", MATRICULA)
    assert violations(page) == []
    with page.expect_download() as download:
        page.click("#erase")
    download.value.save_as(tmp_path / "receipt.json")
    receipt = Receipt.of_text((tmp_path / "receipt.json").read_text())
    key = running.ask("/v1/receipts/key")["key"]
    assert check_receipt(receipt, key, MATRICULA).is_valid and receipt.stated["asked"] is True
    page.wait_for_selector("#students tbody tr")
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_counts_names_on_request_and_carries_out(serve: Serve, page: "Page", width: int) -> None:
    running = serve(PRESENTE_WITHDRAWAL_DAYS="0", PRESENTE_RETENTION="attendance_faces=90d")
    complaints = complaints_of(page)
    page.set_viewport_size({"width": width, "height": 800})
    running.fetch("POST", f"/v1/students/{MATRICULA}/consent/withdraw")
    consent = {"fecha": "2026-01-01", "texto": "x", "hasta": "2099-12-31"}
    changed = json.dumps({"consentimiento": consent}).encode()
    running.ask(f"/v1/students/{EVA['matricula']}", changed, "application/json", "PATCH")
    page.goto(f"{running.address}/#/system/privacy")
    page.wait_for_selector("#consents")
    assert "attendance_faces=90d" in page.inner_text("section:has(#periods-title)")
    page.wait_for_selector("#overdue:has-text('borrado: 1')")
    page.click("#list-overdue summary")
    page.wait_for_selector(f"#list-overdue a:has-text('{ANA['nombre_del_alumno']}')")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#language")
    page.wait_for_selector("text=What is held")
    page.click("#retention")
    page.wait_for_selector("#overdue", state="detached", timeout=20_000)
    wait_until(lambda: running.fetch("GET", f"/v1/students/{MATRICULA}").status == 404)
    assert complaints == []


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_student_reads_and_withdraws_the_own(serve: Serve, page: "Page") -> None:
    running = serve(PRESENTE_API_KEYS=KEYS)
    grant = json.dumps({"name": "ana", "role": "student", "matricula": MATRICULA})
    enter(page, running, key_of(running, grant), "record")
    complaints = complaints_of(page)
    with page.expect_download():
        page.click("#own-data")
    page.click("text=Retirar el consentimiento")
    page.click("#withdraw")
    page.wait_for_selector("#receipt-code")
    page.click("#close-withdrawn")
    page.wait_for_selector("#withdrawn")
    assert violations(page) == []
    assert complaints == []
