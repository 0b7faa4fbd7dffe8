"""What goes wrong while attendance is taken in a browser: photos, other teachers, a refusing server, and the end."""

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Running, Serve
from tests.server.console.pages import PHONE, complaints_of, counts, violations, wait_for_counts
from tests.server.people import wait_until
from tests.server.sample import STUDENTS, photo

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

GROUP = SAMPLE / "groups" / "group_02.jpg"
CLASS = "IA-102"
LINE = "tr[data-matricula=A0283]"
PERSON = next(student for student in STUDENTS if student["clase"] == CLASS)


def post(running: Running, path: str, **said: Any) -> Any:
    return running.ask(path, json.dumps(said).encode(), "application/json")


def begin(page: "Page", running: Running) -> int:
    """Open the page of a new session; photos come after its end, so that no one is late."""
    session = int(post(running, "/v1/sessions", clase=CLASS, starts="00:00", ends="00:01")["id"])
    page.goto(f"{running.address}/#/session/{session}")
    page.wait_for_selector("#roll")
    return session


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def file(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "application/pdf" if name.endswith("pdf") else "image/jpeg", "buffer": content}


def on_a_phone(page: "Page") -> None:
    page.set_viewport_size(PHONE["viewport"])


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_photos_that_are_not_good_are_named_and_the_others_count(serve: Serve, page: "Page", tmp_path: Path) -> None:
    running = serve()
    complaints = complaints_of(page)
    on_a_phone(page)
    begin(page, running)
    held: list[Any] = []
    page.route("**/v1/sessions/*/photos", lambda route: held.append(route) if len(held) == 0 else route.continue_())
    with Image.open(GROUP) as group:
        scale = (41e6 / (group.width * group.height)) ** 0.5  # more pixels than the server takes
        huge = jpeg(group.convert("RGB").resize((round(group.width * scale), round(group.height * scale))))
    sent = [
        file("notas.jpg", b"no photo"),
        file("huge.jpg", huge),
        file("lista.pdf", b"%PDF"),
        file("1.jpg", jpeg(blank())),
    ]
    page.set_input_files("#photo", sent)
    page.wait_for_selector(".sending:has-text('Enviando 3 fotos')")
    wait_until(lambda: page.title() and held)  # asking the page lets its requests in
    held[0].continue_()
    page.unroute("**/v1/sessions/*/photos")
    page.wait_for_selector(".notice:has-text('En 1 foto no se encontró ninguna cara.')")
    assert page.locator("#not-used li").all_inner_texts() == [
        "lista.pdf: El archivo no es una foto.",
        "notas.jpg: El archivo no es una foto.",
    ]
    assert page.locator(".sending").inner_text() == ""
    wait_until(lambda: counts(page)[0] >= 8)
    page.click(".notice >> text=Deshacer")
    wait_for_counts(page, [0, 0, 0, 0, 12])
    page.wait_for_selector("section:has(.photo)", state="detached")

    page.set_input_files("#photo", GROUP)
    wait_for_counts(page, [9, 0, 0, 0, 3])
    page.wait_for_selector(".frame.present")
    page.set_input_files("#photo", GROUP)
    page.wait_for_selector(".notice:has-text('Esa foto ya estaba.')")
    assert page.locator(".notice:has-text('Esa foto ya estaba.') >> text=Deshacer").count() == 0
    wait_for_counts(page, [9, 0, 0, 0, 3])

    page.set_input_files("#photo", [file("vacía.jpg", jpeg(blank(shade=90)))])
    empty = page.locator("section:has-text('No se encontró ninguna cara en esta foto')")
    empty.wait_for()
    empty.locator("text=Quitar esta foto").click()
    empty.wait_for(state="detached")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for cell in (
        f"{LINE} th",
        f"{LINE} select",
        f"{LINE} button >> nth=0",
    ):  # a card: the name, and what is done with it
        box = page.locator(cell).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["viewport"]["width"], cell
    page.screenshot(path=tmp_path / "roll.png", full_page=True)
    assert violations(page) == []
    assert [each for each in complaints if "422" not in each and "415" not in each and "400" not in each] == []


def blank(shade: int = 128) -> Image.Image:
    return Image.new("RGB", (640, 480), (shade, shade, shade))


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_page_shows_what_others_do_and_what_was_not_saved(serve: Serve, page: "Page") -> None:
    running = serve()
    page.clock.install()
    session = begin(page, running)
    post(running, f"/v1/sessions/{session}/entries", matricula="A0283", status="excused")  # another teacher
    page.evaluate("dispatchEvent(new Event('focus'))")
    page.clock.run_for(30_000)
    page.wait_for_selector(f"{LINE} .excused")
    post(running, f"/v1/sessions/{session}/entries", matricula="A0283", status="present")
    page.clock.run_for(30_000)
    page.wait_for_selector(f"{LINE} .present")
    page.clock.resume()

    refusal = {"status": 409, "content_type": "application/problem+json", "body": '{"code": "session_closed"}'}
    page.route("**/entries", lambda route: route.fulfill(**refusal))
    page.select_option(f"{LINE} select", "absent")
    page.wait_for_selector(".notice.wrong:has-text('La sesión está cerrada')")
    wait_until(lambda: page.input_value(f"{LINE} select") == "present")
    page.unroute("**/entries")
    post(running, f"/v1/sessions/{session}/close")
    page.select_option(f"{LINE} select", "absent")  # the page finds out what the other teacher did
    page.wait_for_selector("#reopen")
    assert page.locator(f"{LINE} td.present").count() == 1


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_session_is_not_closed_over_faces_to_confirm_without_a_question(serve: Serve, page: "Page") -> None:
    running = serve()
    content = photo(PERSON)
    image = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    twin = {"matricula": "T1", "nombre_del_alumno": "Gemelo", "clase": CLASS, "image": image}
    post(running, "/v1/students?force=true", **twin)
    begin(page, running)
    page.set_input_files("#photo", [file("gemelos.jpg", content)])
    page.wait_for_selector("#counts .waiting:has-text('2')")
    page.click("#close")
    page.wait_for_selector("dialog:has-text('2 alumnos siguen por confirmar'):has-text('se borran sus fotos')")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.wait_for_selector(".frame.ambiguous")
    page.click("#close")
    page.click("#sure")
    page.wait_for_selector("#reopen")
    assert page.locator(".frame").count() == 0
