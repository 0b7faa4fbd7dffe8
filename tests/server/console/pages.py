"""What tests of the console's pages share."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs


def complaints_of(page: "Page") -> list[str]:
    """What a page's console and scripts complain of from now on; the list grows."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def violations(page: "Page") -> list[Any]:
    """What axe-core finds that is serious."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (it is in CI)")
    found = axe.Axe().run(page).response["violations"]
    return [
        (each["id"], each["impact"], [node["target"] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
