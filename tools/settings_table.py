"""``python -m tools.settings_table``: write the table of settings in docs/commands.md anew, from their declarations."""

from __future__ import annotations

from presente.installation import IMPORT_ROOT as ROOT
from presente.settings import SETTINGS
from presente.settings.declaration import Setting

PAGE = ROOT / "docs" / "commands.md"
_BEGIN, _END = "<!-- settings: python -m tools.settings_table -->\n", "<!-- end of settings -->\n"


def settings_table() -> str:
    """The table, in Markdown, a row per setting."""
    head = "| variable | flag | default | means |\n|---|---|---|---|\n"
    return head + "".join(_row(each) for each in SETTINGS)


def documented_table(page: str) -> str:
    """The table that a page holds.

    Raises:
        ValueError: the page lacks the two comments between which the table stands.
    """
    return page[page.index(_BEGIN) + len(_BEGIN) : page.index(_END)]


def _row(each: Setting) -> str:
    flag = f"`{each.flag}`" if each.flag else "none: a list of processes shows flags"
    default = ": ".join(part for part in (f"`{each.default}`" if each.default else "", each.default_means) if part)
    means = ". ".join(part for part in (each.meaning, each.details) if part)
    return f"| `{each.variable}` | {flag} | {default} | {means} |\n"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page.replace(documented_table(page), settings_table()), encoding="utf-8")
