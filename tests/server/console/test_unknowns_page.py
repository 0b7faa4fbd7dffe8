"""Unknown people in a real browser: cards, who it is, joined and split, forgotten."""

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from faces.embedder import FaceEmbedder
from faces.packs.model_pack import ModelPack
from presente.composition import open_store
from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of, enter, key_of, violations
from tests.server.people import wait_until
from tests.server.sample import ANA, KEYS
from tests.server.strangers import faces_of

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

OWN, OTHER = ANA["clase"], "IA-102"


@pytest.fixture
def strangers(sample_gallery: None, environment: dict[str, str], sample_pack: ModelPack) -> None:
    """Four strangers are kept: the first of three days, the second twice under two cards, two more once."""
    embedder = FaceEmbedder(sample_pack, pictures=True)
    with contextlib.closing(open_store(environment["PRESENTE_STORE"])) as store:
        for stranger, days, clases in ((1, (23, 24, 25), (OWN, OTHER, "")), (2, (26,), (OTHER,)), (3, (27,), ("",))):
            first, *others = faces_of(stranger, embedder, days, clases)
            (made,) = store.unknowns.add([(first, 0)])
            store.unknowns.add([(face, made.group) for face in others])
        _, again = faces_of(2, embedder, (26, 28), ("", ""))
        store.unknowns.add([(again, 0)])


def cards(page: "Page") -> list[str]:
    return page.locator("#unknowns li strong").all_inner_texts()


@pytest.mark.usefixtures("strangers")
@on_sqlite
def test_a_stranger_is_enrolled_from_the_card(serve: Serve, page: "Page") -> None:
    running, complaints = serve(PRESENTE_UNKNOWNS="keep"), complaints_of(page)
    page.goto(f"{running.address}/#/unknowns")
    page.wait_for_selector("#unknowns li")
    assert cards(page) == ["Vista 1 vez", "Vista 1 vez", "Vista 1 vez en 1 clase", "Vista 3 veces en 2 clases"]
    page.select_option("#order", "visits")
    page.click("#unknowns li:first-child:has-text('3 veces') a")
    page.wait_for_selector("#faces li:nth-child(3)")
    assert violations(page) == []
    page.locator("#faces input").nth(0).check()
    page.locator("#faces input").nth(1).check()
    page.click("#enrol")
    assert page.input_value("#clase") == OWN
    assert violations(page) == []
    page.fill("#matricula", ANA["matricula"])
    page.fill("#nombre_del_alumno", "Nadia Sol")
    page.click("#enrol-form button.main")
    page.wait_for_selector("#refused:has-text('matrícula'), #matricula-wrong")  # it is someone else's
    complaints.clear()  # the browser complains of every refusal
    page.fill("#matricula", "A9001")
    page.click("#enrol-form button.main")
    page.wait_for_selector("#student-title:has-text('Nadia Sol')")
    page.wait_for_selector("#photos li:nth-child(2)")
    assert running.ask("/v1/students/A9001")["images"] == 2
    assert len(running.ask("/v1/unknowns")["unknowns"]) == 3  # the third face went with them
    assert complaints == []


@pytest.mark.usefixtures("strangers")
@on_sqlite
def test_cards_are_joined_split_marked_and_forgotten_with_a_way_back(serve: Serve, page: "Page") -> None:
    running, complaints = serve(PRESENTE_UNKNOWNS="keep"), complaints_of(page)
    page.goto(f"{running.address}/#/unknowns")
    page.click("#unknowns li:first-child a")  # the second stranger, who was seen last
    page.wait_for_selector("#same li")
    page.click("#same button")
    page.wait_for_selector("#faces li:nth-child(2)")
    page.click(".notice button:has-text('Deshacer')")
    wait_until(lambda: len(running.ask("/v1/unknowns")["unknowns"]) == 4)
    page.goto(f"{running.address}/#/unknowns?order=visits")
    page.click("#unknowns li:first-child a")
    page.locator("#faces input").nth(0).check()
    page.click("#split")
    page.wait_for_selector("#faces li:nth-child(3)", state="detached")
    page.click(".notice button:has-text('Deshacer')")
    page.wait_for_selector("#faces li:nth-child(3)")
    page.fill("#note", "cartero")
    page.click("#save-note")
    page.wait_for_selector("#save-note", state="detached")
    page.click("#mark")
    page.wait_for_selector("#facts:has-text('No es de aquí')")
    page.click(".notice:has-text('No volverá') button:has-text('Deshacer')")
    page.wait_for_selector("#facts:has-text('Por ver')")
    page.click("#mark")
    page.wait_for_selector("#facts:has-text('No es de aquí')")
    page.goto(f"{running.address}/#/unknowns?state=not_ours")
    page.wait_for_selector("#unknowns li:has-text('cartero')")
    page.click("#unknowns a")
    page.click("#forget")
    page.wait_for_selector("dialog")
    assert violations(page) == []
    page.check("#asked")
    page.click("#sure")
    page.wait_for_selector("#unknowns-title")
    assert running.ask("/v1/unknowns?state=not_ours")["unknowns"] == [] and complaints == []


@pytest.mark.usefixtures("strangers")
@on_sqlite
def test_a_card_is_a_student_and_one_is_forgotten_by_photo(serve: Serve, page: "Page") -> None:
    running = serve(PRESENTE_UNKNOWNS="keep")
    page.goto(f"{running.address}/#/unknowns?order=visits")
    page.click("#unknowns li:first-child a")
    page.click("#is-student")
    page.fill("#who", ANA["nombre_del_alumno"])
    page.press("#who", "Enter")
    page.click("#found button")
    page.click("#merge")
    page.wait_for_selector("#insist")  # the photos clearly are someone else's
    assert violations(page) == []
    page.click("#insist")
    page.wait_for_selector(f"#student-title:has-text('{ANA['nombre_del_alumno']}')")
    page.goto(f"{running.address}/#/unknowns")
    page.click("#forget-by-photo")
    page.set_input_files("#photo", SAMPLE / "strangers" / "02.jpg")
    page.click("#sure")
    page.wait_for_selector("#gone:has-text('2 rostros')")
    page.keyboard.press("Escape")
    wait_until(lambda: len(cards(page)) == 1)


@pytest.mark.usefixtures("strangers")
@on_sqlite
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit_a_phone(serve: Serve, page: "Page", scheme: Any, tmp_path: Any) -> None:
    running, complaints = serve(PRESENTE_UNKNOWNS="keep"), complaints_of(page)
    page.emulate_media(color_scheme=scheme)
    number = running.ask("/v1/unknowns?order=visits")["unknowns"][0]["id"]
    for place, there in {"unknowns": "#unknowns img[src]", f"unknowns/{number}": "#faces img[src]"}.items():
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{running.address}/#/{place}")
            page.wait_for_selector(there)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=tmp_path / f"{place.replace('/', '-')}-{width}-{scheme}.png", full_page=True)
            assert violations(page) == [], (place, width)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (place, width)
    assert complaints == []


@pytest.mark.usefixtures("strangers")
@on_sqlite
def test_a_teacher_looks_at_those_of_the_own_class(serve: Serve, page: "Page") -> None:
    running = serve(PRESENTE_UNKNOWNS="keep", PRESENTE_API_KEYS=KEYS)
    teacher = key_of(running, f'{{"name": "t", "role": "teacher", "classes": ["{OTHER}"]}}')
    enter(page, running, teacher, "unknowns")
    page.wait_for_selector("#unknowns li")
    assert sorted(cards(page)) == ["Vista 1 vez en 1 clase"] * 2
    page.click("#unknowns li:first-child a")
    page.wait_for_selector("#faces li img")
    assert page.locator("main button").count() == 0 and page.locator("#faces li").count() == 1
