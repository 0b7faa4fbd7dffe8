"""From an empty installation to a closed session and its statistics, as a school goes, with the docs' pictures."""

import io
import re
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.pages import DOCS, complaints_of, keep_picture, pictures_of_docs
from tests.server.people import PASSWORD, logged_in_at, setup_code, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

CLASS = "IA-102"
MEETINGS = 8


def sheet() -> bytes:
    """The sample class as a school sends it: a sheet and its photos, packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.write(SAMPLE / "students.csv", "students.csv")
        for photo in sorted((SAMPLE / "students").rglob("*.jpg")):
            package.write(photo, photo.relative_to(SAMPLE))
    return out.getvalue()


def earlier_meetings(running: Running, headers: dict[str, str], today: str) -> None:
    """A meeting per week before this one, with a photo each."""
    photos = [(SAMPLE / "groups" / name).read_bytes() for name in ("group_02.jpg", "phone_class.jpg")]
    took_part = b'{"matricula": "A0250", "clase": "IA-102"}'
    for week in range(1, MEETINGS):
        day = (date.fromisoformat(today) - timedelta(weeks=week)).isoformat()
        body = f'{{"clase": "{CLASS}", "fecha": "{day}", "starts": "08:00"}}'.encode()
        made = running.fetch("POST", "/v1/sessions", body, Content_Type="application/json", **headers).json
        sent = running.fetch(
            "POST", f"/v1/sessions/{made['id']}/photos", photos[week % 2], Content_Type="image/jpeg", **headers
        )
        assert sent.status == 200, sent.body
        entry = '{"matricula": "A0241", "status": "excused"}' if week % 3 == 0 else '{"matricula": "A0245"}'
        said = f"/v1/sessions/{made['id']}/entries"
        for path, body in ((said, entry.encode()), ("/v1/participations", took_part)):
            assert running.fetch("POST", path, body, Content_Type="application/json", **headers).status < 300


@on_sqlite
def test_from_an_empty_installation_to_statistics(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve(PRESENTE_ACCOUNTS="on")
    complaints = complaints_of(page)
    page.goto(running.address)
    page.fill("#code", setup_code(tmp_path))
    page.fill("#name", "direccion")
    page.fill("#password", PASSWORD)
    keep_picture(page, "console-1-setup")
    page.click("#login button")
    page.wait_for_selector(".empty:has-text('Todavía no hay clases')")
    keep_picture(page, "console-2-empty")
    imports_the_class(page)
    page.click("header nav a:has-text('Alumnos')")
    page.wait_for_selector("#students tbody tr")
    keep_picture(page, "console-4-students")
    takes_attendance(page)
    headers = logged_in_at(running, "direccion")
    earlier_meetings(running, headers, running.fetch("GET", "/v1/status", None, **headers).json["today"])
    assert running.fetch("GET", "/v1/students/A0241", None, **headers).json["participaciones"] == 1
    page.goto(f"{running.address}/#/statistics/class/{CLASS}")
    page.wait_for_selector(".chart svg, .chart canvas")
    keep_picture(page, "console-9-statistics", height=1100)
    assert not [each for each in complaints if not each.endswith("/v1/session")]  # 401 before anyone has logged in


def imports_the_class(page: "Page") -> None:
    page.click("header nav a:has-text('Alumnos')")
    page.click("text=Importar una lista")
    page.set_input_files("#files", {"name": "clase.zip", "mimeType": "application/zip", "buffer": sheet()})
    page.click("#preview:enabled")
    page.wait_for_selector("#rows tbody tr")
    keep_picture(page, "console-3-import", height=1100)
    page.click("#run")
    page.wait_for_selector("#outcome:has-text('Importadas: 24')", timeout=120_000)


def takes_attendance(page: "Page") -> None:
    page.click("header nav a:has-text('Hoy')")
    page.wait_for_selector(f"#class-{CLASS}")
    keep_picture(page, "console-5-today")
    page.click(f"section:has(#class-{CLASS}) button")
    page.fill("#starts", "00:00")
    page.fill("#ends", "00:01")
    page.click("dialog button.main")
    page.wait_for_selector("#roll")
    page.set_input_files("#photo", SAMPLE / "groups" / "group_02.jpg")
    page.wait_for_selector(".frame.unknown")
    keep_picture(page, "console-6-session", height=1500)
    page.click(".frame.present >> nth=0")
    page.wait_for_selector("dialog .enrolled img")
    keep_picture(page, "console-7-face")
    page.keyboard.press("Escape")
    page.select_option("tr[data-matricula=A0283] select", "excused")
    wait_until(lambda: "justificado" in page.inner_text("tr[data-matricula=A0283]"))
    page.click("[aria-label='Gael Figueroa Méndez participó']")
    page.wait_for_selector(".notice:has-text('Participación de Gael Figueroa Méndez anotada')")
    page.click("#close")
    page.wait_for_selector("#reopen")
    page.evaluate("scrollTo(0, 0)")
    keep_picture(page, "console-8-closed", height=1000)


def test_the_docs_show_what_the_tests_take() -> None:
    shown = pictures_of_docs()
    taken = {name for path in Path(__file__).parent.glob("*.py") for name in pictures_taken(path)}
    assert shown and shown == taken
    for name in shown:
        assert (DOCS / f"{name}.png").stat().st_size < 300_000, name


def pictures_taken(path: Path) -> set[str]:
    return set(re.findall(r'keep_picture\(page, "([\w-]+)"', path.read_text(encoding="utf-8")))
