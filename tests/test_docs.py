"""Documentation that is checked: every command, setting, route, error code and file it names."""

import re
from pathlib import Path

import pytest

from presente.config import SETTINGS
from server.app import create_app
from server.service import Holder
from tests.conftest import ROOT

INDEXERS = {"same_student", "photo_not_found", "ambiguous_photo"}
"""Codes of the gallery's that only the indexer's commands can meet."""
NEVER_SERVED = {
    "unknown_pack",
    "store_too_new",
    "invalid_fpir",
    "too_few_people",
    "too_few_searches",
    "unsuitable_scores",
    "enrolled_twice",
    "stale_log",
}
"""Codes of commands; a running server does not come across them."""

WORKED_OUT = {"threshold", "timezone", "workers"}
"""Settings whose default is worked out where the program runs; the page says how, in words."""

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "data_sample" / "README.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    page = text("docs/commands.md")
    for setting in SETTINGS:
        row = next((line for line in page.splitlines() if line.startswith(f"| `{setting.variable}`")), None)
        assert row, setting.variable
        shown = row.split("|")[2].strip()
        if setting.name in WORKED_OUT:
            assert shown and "`" not in shown, row
        else:
            assert shown == (f"`{setting.default}`" if setting.default else ""), row


def test_every_setting_of_the_tests_is_documented_with_its_default() -> None:
    page = text("docs/tests.md")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    read = dict(re.findall(r'environ\.get\("(PRESENTE_TEST_[A-Z]+)"(?:, "([^"]*)")?\)', source))
    assert len(read) > 8
    for variable, default in read.items():
        assert f"| `{variable}` | {f'`{default}` ' if default else ''}|" in page, variable


def test_every_command_is_documented() -> None:
    import benchmarks
    import evaluation.__main__
    import faces.__main__
    import indexer.__main__

    page = text("docs/commands.md")
    for program, parser in (
        ("faces", faces.__main__.build_parser()),
        ("indexer", indexer.__main__.build_parser()),
        ("evaluation", evaluation.__main__.build_parser()),
    ):
        for name in parser._subparsers._group_actions[0].choices:  # type: ignore[union-attr]
            assert f"`python -m {program} {name}" in page, f"{program} {name}"
    for module in Path(benchmarks.__path__[0]).glob("*.py"):
        if "__main__" in module.read_text(encoding="utf-8"):
            assert f"python -m benchmarks.{module.stem}" in page
    targets = re.findall(r"^([a-z]+):.*## ", text("Makefile"), flags=re.MULTILINE)
    assert {"run", "test", "lint"} <= set(targets)
    for target in targets:
        assert f"`make {target}`" in page or target == "clean", target


def test_every_route_is_documented() -> None:
    page = text("docs/http.md")
    for rule in create_app(Holder(), 1).url_map.iter_rules():
        if rule.rule.startswith("/page/"):
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:  # type: ignore[operator]
            assert re.search(rf"`{method} {re.escape(rule.rule)}[`?]", page), f"{method} {rule.rule}"


def test_every_error_code_of_a_request_is_documented() -> None:
    page = text("docs/http.md")
    pattern = re.compile(
        r"(?:InvalidInput|PhotoRefused|NotFound|Unauthorized|Forbidden|Conflict|StoreError|Busy)\(\s*\"([a-z_0-9]+)\""
    )
    checked = 0
    for folder in ("server", "faces", "gallery"):
        for module in (ROOT / folder).rglob("*.py"):
            for code in pattern.findall(module.read_text(encoding="utf-8")):
                checked += 1
                if code in INDEXERS:
                    assert f"`{code}`" in text("docs/commands.md")
                elif code not in NEVER_SERVED:
                    assert f"`{code}`" in page, f"{module.name}: {code}"
    assert checked > 100


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
