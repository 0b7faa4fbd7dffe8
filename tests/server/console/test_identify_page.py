"""The page that says who is in a photo, and what stands before it, in a real browser."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import ROOT, SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

GROUP = SAMPLE / "groups" / "group_02.jpg"


def expected(name: str) -> list[str]:
    """The matriculas of a photo's faces, as the page shows them."""
    faces = json.loads((SAMPLE / "groups" / "groups.json").read_text())[name]
    return sorted(face["matricula"] or "–" for face in faces)


def shown(page: "Page") -> list[str]:
    page.wait_for_selector("#faces tbody tr")
    return sorted(page.locator("#faces tbody tr > td:nth-child(3)").all_inner_texts())


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_the_page_names_the_people_in_a_photo(serve: Serve, page: "Page") -> None:
    running = serve()
    complaints = complaints_of(page)
    page.goto(f"{running.address}/#/identify")
    page.set_input_files("#photo", GROUP)
    assert shown(page) == expected("group_02.jpg")
    assert page.locator("td.unknown").all_inner_texts() == ["Desconocido"]
    assert page.locator(".frame").count() == len(expected("group_02.jpg"))
    page.click("#language")
    page.wait_for_selector("td.unknown:has-text('Unknown')")
    page.click("#language")
    page.set_input_files("#photo", {"name": "x.png", "mimeType": "image/png", "buffer": _gif()})
    page.wait_for_selector(".notice.wrong:has-text('no se lee aquí')")
    page.set_input_files("#photo", ROOT / "tests" / "faces" / "photos" / "iphone.heic")
    page.wait_for_selector("#not-shown")  # and says who is in it
    assert page.locator("#faces tbody tr").count() == 1
    page.set_input_files("#photo", GROUP)
    page.wait_for_selector(".photo img")
    assert not [each for each in complaints if "415" not in each]  # the one that was meant to fail


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
@pytest.mark.parametrize("name", ["phone_class.jpg", "close_up.jpg"])
def test_the_page_offers_photos_of_the_sample_class(serve: Serve, page: "Page", name: str) -> None:
    page.goto(f"{serve().address}/#/identify")
    page.click(f"#samples button:has(img[src='/console/sample/{name}'])")
    assert shown(page) == expected(name)


@on_sqlite
def test_the_console_asks_for_a_key_where_one_is_needed(serve: Serve, page: "Page", tmp_path: Path) -> None:
    key = "attendance-0123456789"
    running = serve(PRESENTE_API_KEYS=f"attendance:{key}")
    page.goto(f"{running.address}/#/identify")
    page.wait_for_selector("#access")
    assert page.locator("header nav a").count() == 0 and page.input_value("#key") == ""
    page.screenshot(path=tmp_path / "asks.png")
    page.fill("#key", "wrong-0123456789abc")
    page.press("#key", "Enter")
    page.wait_for_selector("#refused:has-text('Esa clave no es de este servidor')")
    page.fill("#key", f" {key} ")
    page.click("#access button")
    page.wait_for_selector("#photo", state="attached")
    page.set_input_files("#photo", GROUP)
    page.wait_for_selector("#faces tbody tr")
    page.reload()  # the tab remembers, and only the tab
    page.wait_for_selector("#photo", state="attached")
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
    assert key not in page.url and key not in page.content()
    page.click("#logout")
    page.wait_for_selector("#access")
    assert page.evaluate("sessionStorage.length") == 0


def _gif() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 32)).save(stream, "GIF")
    return stream.getvalue()


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_person_says_that_a_face_is_not_the_student_and_takes_it_back(serve: Serve, page: "Page") -> None:
    complaints = complaints_of(page)
    page.goto(f"{serve().address}/#/identify")
    page.set_input_files("#photo", GROUP)
    before = shown(page)
    row = page.locator("#faces tbody tr:has(td.known)").first
    name = row.locator("td.known").evaluate("cell => cell.firstChild.textContent")
    matricula = row.locator("td:nth-child(3)").inner_text()
    row.get_by_role("button", name="No es esta persona").click()
    page.wait_for_selector("td.unknown:has-text('una persona dijo que no lo es')")
    page.wait_for_selector(f".notice:has-text('no es {name}')")
    assert sorted([*shown(page), matricula]) == sorted([*before, "–"])
    page.click(".notice button:has-text('Deshacer')")
    page.wait_for_selector(f"#faces td:has-text('{matricula}')")
    assert shown(page) == before and not complaints
