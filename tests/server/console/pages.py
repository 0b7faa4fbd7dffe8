"""What tests of the console's pages share."""

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.server.conftest import Running
from tests.server.people import PASSWORD, setup_code, wait_until
from tests.server.sample import ADMIN

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs


DOCS = ROOT / "docs"
PICTURES = os.environ.get("PRESENTE_TEST_PICTURES")
COLOURS = 256
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
"""A page on a phone."""


def complaints_of(page: "Page") -> list[str]:
    """What a page's console and scripts complain of from now on; the list grows."""
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(f"{message.text} {message.location['url']}") if message.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def keep_picture(page: "Page", name: str, height: int = 800) -> None:
    """Write what a page shows into the folder that PRESENTE_TEST_PICTURES names: the pictures of the docs."""
    page.set_viewport_size({"width": 1280, "height": height})
    shown = page.screenshot(animations="disabled")
    if PICTURES:
        picture = Image.open(io.BytesIO(shown)).convert("RGB").quantize(COLOURS, kmeans=1)
        picture.save(f"{PICTURES}/{name}.png", optimize=True)


def pictures_of_docs() -> set[str]:
    """The names of the console's pictures that the docs show."""
    text = (DOCS / "console.md").read_text(encoding="utf-8")
    return set(re.findall(r"\]\((console-[\w-]+)\.png\)", text))


def violations(page: "Page") -> list[Any]:
    """What axe-core finds that is serious."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (it is in CI)")
    found = axe.Axe().run(page).response["violations"]
    return [
        (each["id"], each["impact"], [node["target"] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def key_of(running: Running, grant: str) -> str:
    """A new key of the store."""
    headers = {"X_API_Key": ADMIN, "Content_Type": "application/json"}
    return str(running.fetch("POST", "/v1/keys", grant.encode(), **headers).json["key"])


def enter(page: "Page", running: Running, key: str, place: str) -> None:
    """Open a page with a key."""
    page.goto(f"{running.address}/#/{place}")
    page.fill("#key", key)
    page.press("#key", "Enter")


def set_up(page: "Page", running: Running, folder: Path, name: str = "direccion") -> None:
    """The first admin makes the own account, and is in."""
    page.goto(running.address)
    page.fill("#code", setup_code(folder))
    log_in(page, name)


def log_in(page: "Page", name: str, there: str = "#class-IA-101") -> None:
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("#login button")
    page.wait_for_selector(there)


def counts(page: "Page") -> list[int]:
    """Present, late, to confirm, excused, absent."""
    return [int(text) for text in page.locator("#counts dd").all_inner_texts()]


def wait_for_counts(page: "Page", expected: list[int]) -> None:
    wait_until(lambda: counts(page) == expected)
