"""What tests of the console's pages share."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page  # which only CI installs


def complaints_of(page: "Page") -> list[str]:
    """What a page's console and scripts complain of from now on; the list grows."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints
