"""Documentation that is checked: every command, setting, route, error code and file it names."""

import re
from pathlib import Path

import pytest

from presente.settings import SETTINGS
from server.app import create_app
from server.service import ServiceHandle
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

DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "data_sample" / "README.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    page = text("docs/commands.md")
    for setting in SETTINGS:
        row = next((line for line in page.splitlines() if line.startswith(f"| `{setting.variable}`")), None)
        assert row, setting.variable
        assert setting.default in row or setting.name == "workers"


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
    for target in re.findall(r"^([a-z]+):.*## ", text("Makefile"), flags=re.MULTILINE):
        assert f"`make {target}`" in page or target == "clean", target


def test_every_route_is_documented() -> None:
    page = text("docs/http.md")
    for rule in create_app(ServiceHandle(), 1).url_map.iter_rules():
        if rule.rule.startswith("/page/"):
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:  # type: ignore[operator]
            assert re.search(rf"`{method} {re.escape(rule.rule)}[`?]", page), f"{method} {rule.rule}"


def test_every_error_code_of_a_request_is_documented() -> None:
    page = text("docs/http.md")
    pattern = re.compile(
        r"(?:InvalidInput|PhotoRefused|NotFound|Unauthorized|Forbidden|Conflict|StoreError|Busy)\(\s*\"([a-z_0-9]+)\""
    )
    for folder in ("server", "faces", "gallery"):
        for module in (ROOT / folder).rglob("*.py"):
            for code in pattern.findall(module.read_text(encoding="utf-8")):
                if code in INDEXERS:
                    assert f"`{code}`" in text("docs/commands.md")
                elif code not in NEVER_SERVED:
                    assert f"`{code}`" in page, f"{module.name}: {code}"


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
