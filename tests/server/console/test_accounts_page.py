"""Accounts and keys in a real browser: made, repaired and disabled by an admin, and what is refused."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import set_up, violations
from tests.server.people import PASSWORD, logged_in_at, wait_until
from tests.server.sample import ANA

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

OTHER = "otra larga contraseña"


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_an_admin_makes_repairs_and_disables_accounts(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve(PRESENTE_ACCOUNTS="on")
    set_up(page, running, tmp_path)
    page.goto(f"{running.address}/#/system/users")
    page.click("text=Cuenta nueva")
    page.fill("dialog #name", "peña")
    page.fill("dialog #password", PASSWORD)
    page.click("dialog button.main")
    page.wait_for_selector("dialog #others-wrong:has-text('al menos una clase')")
    page.check("dialog input[value='IA-101']")
    page.click("dialog button.main")
    page.wait_for_selector("dialog #name-wrong:has-text('letras sin acento')")
    page.fill("dialog #name", "ruiz")
    assert violations(page) == []
    page.click("dialog button.main")
    page.wait_for_selector("#users tr:has-text('ruiz') >> text=IA-101")
    page.click("text=Cuenta nueva")
    page.fill("dialog #name", "RUIZ")
    page.select_option("dialog #role", "student")
    page.fill("dialog #matricula", "nadie")
    page.fill("dialog #password", PASSWORD)
    page.click("dialog button.main")
    page.wait_for_selector("dialog #matricula-wrong:has-text('Ese alumno no existe')")
    page.fill("dialog #matricula", ANA["matricula"])
    page.click("dialog button.main")
    page.wait_for_selector("dialog #name-wrong:has-text('otras mayúsculas')")
    page.fill("dialog #name", "ana")
    page.click("dialog button.main")
    page.wait_for_selector(f"#users tr:has-text('ana') a:has-text('{ANA['matricula']}')")

    page.click("#users tr:has-text('ruiz') >> text=Cambiar")
    assert page.is_checked("dialog input[value='IA-101']")
    page.check("dialog input[value='IA-102']")
    page.fill("dialog #password", OTHER)
    page.click("dialog button.main")
    page.wait_for_selector("#users tr:has-text('ruiz') >> text=IA-101, IA-102")
    assert running.fetch("GET", "/v1/session", None, **logged_in_at(running, "ruiz", OTHER)).json["role"] == "teacher"
    page.click("#users tr:has-text('direccion') >> text=Cambiar")
    page.select_option("dialog #role", "viewer")
    page.click("dialog button.main")
    page.wait_for_selector("dialog #refused:has-text('última cuenta de administración')")
    page.keyboard.press("Escape")
    page.click("#users tr:has-text('ruiz') >> text=Desactivar")
    assert violations(page) == []
    page.click("#sure")
    page.wait_for_selector("#users tr:has-text('ruiz') >> text=desactivada")
    page.click("#users tr:has-text('ruiz') >> text=Activar")
    wait_until(lambda: page.locator("#users tr:has-text('ruiz') >> text=Desactivar").count() == 1)
