"""A picture that is held up, in a browser: the student waits, and a teacher settles it with a key."""

from typing import TYPE_CHECKING

import pytest

from tests.conftest import SAMPLE, on_sqlite
from tests.server.conftest import Serve
from tests.server.console.pages import complaints_of, counts, violations, wait_for_counts

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs

PHOTO = SAMPLE / "attacks" / "phone_in_class.jpg"
LINE = "tr[data-matricula=A0227]"


@pytest.mark.usefixtures("sample_gallery")
@on_sqlite
def test_a_picture_that_is_held_up_is_settled_with_a_key(serve: Serve, page: "Page") -> None:
    running = serve(PRESENTE_LIVENESS="enforce")
    complaints = complaints_of(page)
    begun = running.ask(
        "/v1/sessions", b'{"clase": "IA-101", "starts": "00:00", "late_after": null}', "application/json"
    )
    page.goto(f"{running.address}/#/session/{begun['id']}")
    page.wait_for_selector("#roll")
    page.set_input_files("#photo", str(PHOTO))
    page.wait_for_selector(f"{LINE} td.waiting:has-text('Parece una foto o una pantalla')")
    waits, present, absent = [6, 0, 1, 0, 5], [7, 0, 0, 0, 5], [6, 0, 0, 0, 6]
    assert counts(page) == waits
    page.wait_for_selector(".frame.waiting")
    assert page.locator(".frame.waiting text").all_text_contents() == ["Jimena?"]
    for key, said in (("1", present), ("0", absent)):
        page.click(f"{LINE} >> text=Revisar")
        page.wait_for_selector("dialog:has-text('Parece una foto o una pantalla') canvas")
        page.wait_for_selector("dialog >> text=está aquí")
        assert not violations(page)
        page.keyboard.press("9")  # there are not so many
        page.keyboard.press(key)
        wait_for_counts(page, said)
        assert page.locator("dialog").count() == 0
        if key == "1":
            page.click(f"{LINE} >> text=Deshacer")
            wait_for_counts(page, waits)
    page.goto(f"{running.address}/#/identify")
    page.set_input_files("#photo", str(PHOTO))
    page.wait_for_selector("#faces td.undecided:has-text('Puede ser una foto de Jimena')")
    told = page.locator("#faces td[data-label='¿En persona?']").all_inner_texts()
    assert sorted(text.split()[0] for text in told) == ["parece", *["sí"] * 6]
    assert not violations(page) and not complaints
